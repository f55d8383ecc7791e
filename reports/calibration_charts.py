"""Station 6: the charts on how sure the classifiers are and how often they are right.

In: `calibration` of scores.json. Out: `Chart`s, at level 1 and at the deepest: reliability and risk-coverage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reports.plots import Chart, Scale, Series
from reports.seeds import is_whole, judged
from reports.wording import Words, percent

DRAWN = (0.5, 0.9)  # shares kept that the words of a curve tell


def charts(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int]) -> list[Chart]:
    """Return the charts of the levels at which a classifier gives probabilities."""
    everyone = scores["classifiers"]
    names = [name for name in judged(everyone) if is_whole(everyone[name])]
    drawn = []
    for level in sorted({1, scores["levels"]}):
        entries = {
            name: entry
            for name in names
            for entry in everyone[name]["calibration"]["levels"]
            if entry["level"] == level
        }
        if entries:
            where = words.level(level, scores["levels"])
            drawn += [_reliability(entries, level, where, words, colour)]
            drawn += [_risk_coverage(entries, level, where, words, colour)]
    return drawn


def _reliability(
    entries: Mapping[str, Any], level: int, where: str, words: Words, colour: Mapping[str, int]
) -> Chart:
    told, lines = [], []
    for name, entry in entries.items():
        bins = entry["bins_equal_mass"]
        told.append(
            words(
                "calibration.reliability_told",
                name=name,
                bins=words.listed(
                    [
                        words(
                            "calibration.bin",
                            said=percent(one["confidence"], 0),
                            right=percent(one["accuracy"]["value"], 0),
                        )
                        for one in _ends(bins)
                    ],
                    "clauses",
                ),
            )
        )
        lines.append(
            Series(
                name=name,
                points=tuple((one["confidence"], one["accuracy"]["value"]) for one in bins),
                colour=colour[name],
                form="line_and_dots",
                # The bands of several lie over each other until none can be read.
                band=tuple(
                    (one["confidence"], one["accuracy"]["low"], one["accuracy"]["high"]) for one in bins
                )
                if len(entries) == 1
                else (),
            )
        )
    same = Series(name=words("calibration.as_said"), points=((0.0, 0.0), (1.0, 1.0)), form="dashed")
    return Chart(
        key=f"reliability-{level}",
        title=words("calibration.reliability", where=where),
        alternative=" ".join(told),
        across=Scale(title=words("calibration.said"), kind="share", low=0, high=1),
        up=Scale(title=words("calibration.right"), kind="share", low=0, high=1),
        series=(same, *lines),
    )


def _risk_coverage(
    entries: Mapping[str, Any], level: int, where: str, words: Words, colour: Mapping[str, int]
) -> Chart:
    told, lines = [], []
    for name, entry in entries.items():
        points = [(one["coverage"], one["accuracy"]) for one in entry["risk_coverage"]]
        told.append(
            words(
                "calibration.coverage_told",
                name=name,
                points=words.listed(
                    [
                        words("calibration.kept", kept=percent(kept, 0), right=percent(right))
                        for kept, right in _told(points)
                    ],
                    "clauses",
                ),
            )
        )
        lines.append(
            Series(
                name=name, points=tuple(points), colour=colour[name], form="line" if points[1:] else "dots"
            )
        )
    return Chart(
        key=f"risk-coverage-{level}",
        title=words("calibration.coverage", where=where),
        alternative=" ".join(told),
        across=Scale(title=words("calibration.share_kept"), kind="share", low=0, high=1),
        up=Scale(title=words("calibration.right_kept"), kind="share", high=1),
        series=tuple(lines),
    )


def _ends(bins: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return bins if len(bins) < 3 else [bins[0], bins[len(bins) // 2], bins[-1]]


def _told(points: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """The points nearest to the shares that are told, and the last, at which all are kept."""
    nearest = {min(points, key=lambda point: abs(point[0] - share)) for share in DRAWN}
    yield from sorted({*nearest, points[-1]})
