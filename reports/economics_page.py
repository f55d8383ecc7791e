"""Station 6: what is worth its price, in sentences and charts.

In: scores.json with its economics. Out: the sentences, plainest first, and the charts for `reports.drawing`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from reports.choice import against
from reports.economics import Bill, verdict_of
from reports.plots import Chart, Scale, Series
from reports.wording import Words, count, percent, points, seconds, usd

SURENESS = ("better", "equivalent", "undecided")  # of what dominates; the surest is told
FEWEST_TEXTS = 100  # a break-even below these decides nothing
PER_1000 = {"cost": "per_1000_usd", "time": "per_1000_s"}
LEAST_SHOWN = 0.2  # of accuracy: an axis cut closer makes a difference of nothing look like one
VOLUMES_DRAWN = tuple(10 ** (exponent / 8) for exponent in range(8, 57))  # 10 to 10,000,000, 8 a decade


def cost_sentences(scores: Mapping[str, Any], words: Words) -> list[str]:
    """Return what the prices say: who is cheaper at which volume, who is superfluous, what is unknown."""
    said = [_break_even(scores, pair, words) for pair in scores["cost"]["break_even"]]
    return [
        *(sentence for sentence in said if sentence is not None),
        *_frontier(scores, "cost", words),
        *_unknown(scores, words),
    ]


def time_sentences(scores: Mapping[str, Any], words: Words) -> list[str]:
    """Return who is superfluous by time."""
    return _frontier(scores, "time", words)


def per_1000(one: Mapping[str, Any], words: Words) -> str:
    """Write what 1,000 texts cost with a classifier of scores.json, and on how many answers that rests."""
    price = one["cost"]["per_1000_usd"]
    if price is None:
        return words("word.unknown")
    rests_on = only_answered(one, words)
    return usd(price) if rests_on is None else words("economics.usd_of", usd=usd(price), of=rests_on)


def only_answered(one: Mapping[str, Any], words: Words) -> str | None:
    """Return how many of the answers the price rests on, None where it is all of them."""
    rests_on = one["cost"]["per_1000_n"]
    if rests_on is None or rests_on == one["asked"]:
        return None
    return words("economics.of_answers", n=count(rests_on), asked=count(one["asked"]))


def about(texts: float) -> str:
    """Write a number of texts with the two figures that a projection deserves."""
    if texts < 10:
        return count(math.ceil(texts))
    digits = 1 - math.floor(math.log10(texts))
    return count(round(texts, digits))


def _break_even(scores: Mapping[str, Any], pair: Mapping[str, Any], words: Words) -> str | None:
    case, first, beyond = pair["case"], pair["first"], pair["beyond"]
    if case == "unknown":
        return None
    if case == "same":
        return words("economics.same", a=pair["a"], b=pair["b"])
    other = pair["b"] if first == pair["a"] else pair["a"]
    if case == "crosses" and pair["texts"] <= 1:
        return words("economics.at_once", first=first, beyond=beyond)
    if case == "crosses" and pair["texts_high"] < FEWEST_TEXTS:
        return None
    if case == "crosses":
        sentence = words("economics.crosses", texts=about(pair["texts"]), first=first, beyond=beyond)
        return words("verdict.join").join([sentence, _range(pair, words)])
    turns = any((one["case"], one["first"]) != (case, first) for one in pair["sensitivity"])
    price = {name: scores["classifiers"][name]["cost"]["per_1000_usd"] for name in (first, other)}
    deepest = scores["levels"]
    bought = against(scores, other, first, deepest - 1)
    sentence = words(
        "economics.always_for_accuracy"
        if case == "always" and bought["verdict"] == "better"
        else f"economics.{case}",
        first=first,
        other=other,
        usd=usd(price[first]),
        other_usd=usd(price[other]),
        difference=points(bought["difference"]),
        where=words.level(deepest, deepest),
    )
    return words("verdict.join").join([sentence, words("economics.turns")]) if turns else sentence


def _range(pair: Mapping[str, Any], words: Words) -> str:
    low, high = about(pair["texts_low"]), about(pair["texts_high"])
    if not pair["crosses_at_all_prices"]:
        return words("economics.range_open", low=low, high=high)
    return words("economics.range_fixed") if low == high else words("economics.range", low=low, high=high)


def _frontier(scores: Mapping[str, Any], spent: str, words: Words) -> list[str]:
    """Return who is superfluous at which levels; what holds at several is said once."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[str]] = {}
    for frontier in scores[spent]["frontier"]:
        where = words.level(frontier["level"], scores["levels"])
        for name, by in frontier["dominated"].items():
            surest = min(by, key=lambda one: SURENESS.index(one["verdict"]))
            key = f"economics.{spent}_dominated.{surest['verdict']}"
            found.setdefault((key, (("by", surest["name"]), ("name", name))), []).append(where)
        if not frontier["dominated"] and (rising := _rising(scores, spent, frontier)) is not None:
            names, sure = rising
            key = f"economics.{spent}_frontier" if sure else f"economics.{spent}_frontier_unsure"
            found.setdefault((key, (("names", words.listed(names)),)), []).append(where)
    return [words(key, where=words.listed(where), **dict(named)) for (key, named), where in found.items()]


def _rising(
    scores: Mapping[str, Any], spent: str, frontier: Mapping[str, Any]
) -> tuple[list[str], bool] | None:
    """Return who spends more and more, and whether each is surely more accurate than the one before.

    None for fewer than two, and where two spend the same: on the frontier they are then equally accurate.
    """
    one, key = scores["classifiers"], PER_1000[spent]
    names = sorted(frontier["undominated"], key=lambda name: one[name][spent][key])
    if len({one[name][spent][key] for name in names}) < max(2, len(names)):
        return None
    verdicts = {verdict_of(scores, dear, cheap, frontier["level"]) for cheap, dear in pairwise(names)}
    return names, verdicts == {"better"}


def _unknown(scores: Mapping[str, Any], words: Words) -> list[str]:
    lacking: dict[str, list[str]] = {}
    for name, one in scores["classifiers"].items():
        if "further_seed_of" not in one:
            for what in one["cost"]["missing"]:
                lacking.setdefault(what, []).append(name)
    return [
        words(f"economics.missing.{what}", names=words.listed(names))
        for what, names in sorted(lacking.items())
    ]


def charts(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int]) -> list[Chart]:
    """Return the charts that have something to show: accuracy over cost and over time, cost over volume.

    Args:
        colour: 1 to 6 by the name of a classifier.
    """
    drawn = [
        _over(scores, "cost", words, colour),
        _over(scores, "time", words, colour),
        _over_volume(scores, words, colour),
    ]
    return [chart for chart in drawn if chart is not None]


def _over(scores: Mapping[str, Any], spent: str, words: Words, colour: Mapping[str, int]) -> Chart | None:
    """Draw the accuracy of the whole path over what 1,000 texts take."""
    frontier = scores[spent]["frontier"][-1]
    one = scores["classifiers"]
    rate = {name: one[name]["levels"][-1]["accuracy"] for name in colour}
    places = {
        name: (one[name][spent][PER_1000[spent]], rate[name]["value"])
        for name in colour
        if name in frontier["undominated"] or name in frontier["dominated"]
    }
    if len(places) < 2:
        return None
    title = words(f"economics.chart.{spent}", where=words.level(scores["levels"], scores["levels"]))
    write = usd if spent == "cost" else seconds
    told = [
        words("economics.chart.point", name=name, accuracy=percent(accuracy), spent=write(value))
        for name, (value, accuracy) in places.items()
    ]
    return Chart(
        key=f"economics-{spent}",
        title=title,
        alternative=_alternative(title, told, words),
        across=Scale(
            title=words("economics.axis.usd_1000" if spent == "cost" else "economics.axis.seconds_1000"),
            kind="usd" if spent == "cost" else "seconds",
            log=all(value > 0 for value, _ in places.values()),
        ),
        up=Scale(title=words("economics.axis.accuracy"), kind="share", least=LEAST_SHOWN),
        series=tuple(
            Series(
                name=name,
                points=(place,),
                colour=colour[name],
                form="dots",
                names=(name,),
                rise=((rate[name]["low"], rate[name]["high"]),),
            )
            for name, place in places.items()
        ),
    )


def _over_volume(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int]) -> Chart | None:
    """Draw what the texts cost in all, with the points where two lines cross."""
    compared = {name for pair in scores["cost"]["break_even"] for name in (pair["a"], pair["b"])}
    bills = [Bill.of(name, scores["classifiers"][name]) for name in colour if name in compared]
    lines = {bill.name: line for bill in bills if (line := _line(bill))}
    if len(lines) < 2:
        return None
    by_name = {bill.name: bill for bill in bills}
    crossings = [
        (pair["texts"], total)
        for pair in scores["cost"]["break_even"]
        if pair["texts"] is not None
        and VOLUMES_DRAWN[0] <= pair["texts"] <= VOLUMES_DRAWN[-1]
        and (total := by_name[pair["a"]].total_usd(pair["texts"]))
    ]
    series = [Series(name=name, points=tuple(line), colour=colour[name]) for name, line in lines.items()]
    if crossings:
        series.append(
            Series(
                name=words("economics.series.break_even"),
                points=tuple(crossings),
                form="dots",
                names=tuple(about(texts) for texts, _ in crossings),
            )
        )
    title = words("economics.chart.volume")
    told = [
        words(
            "economics.chart.line",
            name=name,
            few=count(line[0][0]),
            low=usd(line[0][1]),
            many=count(line[-1][0]),
            high=usd(line[-1][1]),
        )
        for name, line in lines.items()
    ]
    told += [
        f"{words('economics.series.break_even')}: {about(texts)} ({usd(total)})" for texts, total in crossings
    ]
    return Chart(
        key="economics-volume",
        title=title,
        alternative=_alternative(title, told, words),
        across=Scale(title=words("economics.axis.texts"), kind="number", log=True),
        up=Scale(title=words("economics.axis.usd"), kind="usd", log=True),
        series=tuple(series),
    )


def _line(bill: Bill) -> list[tuple[float, float]]:
    """Return the totals at the volumes drawn; none where the price is unknown or zero, which no log shows."""
    totals = [(texts, bill.total_usd(texts)) for texts in VOLUMES_DRAWN]
    return [(texts, total) for texts, total in totals if total]


def _alternative(title: str, told: Sequence[str], words: Words) -> str:
    return f"{title}: {words.listed(told, 'clauses')}"
