"""Station 6: accuracy and differences as charts, for files; on the page they are rows that fit any width.

In: scores.json. Out: `Chart`s, one a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.plots import Chart, Scale, Series
from reports.seeds import is_whole
from reports.wording import Words, percent, points


def charts(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int]) -> list[Chart]:
    """Return accuracy by classifier and the differences of the pairs, where they are to be stated."""
    levels = range(1, scores["levels"] + 1)
    found = [_accuracy(scores, words, colour, level) for level in levels]
    found += [_pairs(scores, words, level) for level in levels]
    return [chart for chart in found if chart.series]


def _accuracy(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int], level: int) -> Chart:
    left_out = scores["verdict"]["left_out"]
    rates = {
        name: one["levels"][level - 1]["accuracy"]
        for name, one in scores["classifiers"].items()
        if is_whole(one) and name not in left_out
    }
    floor = scores["floor"][level - 1]["majority_accuracy"]
    title = words("results.chart", where=words.level(level, scores["levels"]))
    told = [
        words(
            "results.chart_row",
            name=name,
            value=percent(rate["value"]),
            low=percent(rate["low"]),
            high=percent(rate["high"]),
        )
        for name, rate in rates.items()
    ]
    across = words("charts.accuracy")
    if floor is not None:
        across = words("charts.accuracy_floor", value=percent(floor))
        told.append(f"{words('results.majority')}: {percent(floor)}")
    return Chart(
        key=f"accuracy-{_place(level, scores['levels'])}",
        title=title,
        alternative=f"{title}: {words.listed(told, 'clauses')}",
        across=Scale(title=across, kind="share", low=0.0, high=1.0),
        up=_rows(list(rates)),
        series=tuple(
            Series(
                name="",
                points=((rate["value"], float(len(rates) - place)),),
                colour=colour[name],
                form="dots",
                names=(percent(rate["value"]),),
                reach=((rate["low"], rate["high"]),),
            )
            for place, (name, rate) in enumerate(rates.items())
        ),
        uprights=() if floor is None else (floor,),
    )


def _pairs(scores: Mapping[str, Any], words: Words, level: int) -> Chart:
    left_out = scores["verdict"]["left_out"]
    found = {
        f"{pair['a']} − {pair['b']}": (pair, one)
        for pair in scores["pairs"]
        if pair["a"] not in left_out and pair["b"] not in left_out
        for one in pair["levels"]
        if one["level"] == level
    }
    title = words("pairs.chart", where=words.level(level, scores["levels"]))
    told = [
        words(
            "pairs.chart_row",
            a=pair["a"],
            b=pair["b"],
            difference=points(one["difference"]),
            low=points(one["interval_95"][0]),
            high=points(one["interval_95"][1]),
        )
        for pair, one in found.values()
    ]
    differences = tuple(
        (one["difference"] * 100, float(len(found) - place)) for place, (_, one) in enumerate(found.values())
    )
    dots = Series(
        name="",
        points=differences,
        form="dots",
        names=tuple(points(one["difference"]) for _, one in found.values()),
        reach=tuple((one["interval_95"][0] * 100, one["interval_95"][1] * 100) for _, one in found.values()),
    )
    return Chart(
        key=f"difference-{_place(level, scores['levels'])}",
        title=title,
        alternative=f"{title}: {words.listed(told, 'clauses')}",
        across=Scale(
            title=words("charts.difference", margin=points(scores["margin"], sign=False)), kind="number"
        ),
        up=_rows(list(found)),
        series=(dots,) if found else (),
        uprights=(0.0,),
        zone=(-scores["margin"] * 100, scores["margin"] * 100),
    )


def _place(level: int, levels: int) -> str:
    return "whole-path" if level == levels > 1 else f"level-{level}"


def _rows(names: list[str]) -> Scale:
    ticks = tuple((float(len(names) - place), name) for place, name in enumerate(names))
    return Scale(title="", kind="number", low=0.5, high=max(len(names), 1) + 0.5, ticks=ticks)
