"""Station 6: whether two classifiers one after the other are worth it, in sentences and charts.

In: scores.json with its cascade. Out: the sentences, and the charts for `reports.drawing`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reports.plots import INK, Chart, Scale, Series
from reports.wording import Words, count, percent, points, seconds, usd

MOST_OTHERS = 3  # pairs drawn beside the chosen one


def sentences(scores: Mapping[str, Any], words: Words) -> list[str]:
    """Return the recommendation and what it rests on; nothing of it hangs on a price or a time."""
    cascade = scores["cascade"]
    if not cascade["pairs"]:
        return [words("cascade.none")]
    told = []
    if (choice := cascade["choice"]) is None:
        told.append(words("cascade.nothing"))
    else:
        told.append(_advice(scores, choice, words))
        if choice["folds_of_another_pair"]:
            told.append(
                words("cascade.unlike_folds", n=choice["folds_of_another_pair"], folds=cascade["folds"])
            )
    for pair in cascade["pairs"]:
        names = {"first": pair["first"], "second": pair["second"]}
        if pair["skipped"] is not None:
            told.append(words(f"cascade.skipped.{pair['skipped']}", **names))
        elif pair["kept_first"]:
            told.append(words("cascade.kept", n=count(pair["kept_first"]), **names))
    return told


def cost_sentence(scores: Mapping[str, Any], words: Words) -> str | None:
    """Return what the recommended pair costs beside each alone, None where nothing is sent on.

    Whether that is worth it is judged against whoever is as good or may be: all that the pair does not surely
    beat, and in any case the most accurate one.
    """
    if (choice := _recommended(scores)) is None:
        return None
    both = choice["cost"]["per_1000_usd"]
    if both is None:
        return words("cascade.cost_unknown")
    alone = {one["name"]: _of(scores, one["name"])["cost"]["per_1000_usd"] for one in choice["against"]}
    sentence = words("cascade.cost", usd=usd(both), singles=_singles(alone, usd, words))
    prices = {name: alone[name] for name in rivals(scores, choice) if alone[name] is not None}
    if not prices:
        return sentence
    no_dearer = [name for name, price in prices.items() if price <= both or usd(price) == usd(both)]
    as_good = [name for name in no_dearer if name not in _beaten(choice)]
    if not no_dearer:
        shares = [
            words(
                "cascade.cost_share",
                share=percent(1 - both / price, 0 if both < 0.99 * price else 1),
                name=name,
            )
            for name, price in prices.items()
        ]
        saved = words("cascade.cost_saves", shares=words.listed(shares, "clauses"))
    elif as_good:
        saved = words("cascade.cost_saves_nothing", names=words.listed(as_good))
    else:
        saved = words("cascade.cost_of_accuracy", names=words.listed(no_dearer))
    return words("verdict.join").join([sentence, saved])


def time_sentence(scores: Mapping[str, Any], words: Words) -> str | None:
    """Return how long the recommended pair takes beside each alone, None where that is unknown."""
    choice = _recommended(scores)
    if choice is None or choice["time"]["per_1000_s"] is None:
        return None
    alone = {one["name"]: _of(scores, one["name"])["time"]["per_1000_s"] for one in choice["against"]}
    return words(
        "cascade.time",
        time=seconds(choice["time"]["per_1000_s"]),
        singles=_singles(alone, seconds, words),
    )


def _of(scores: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    one: Mapping[str, Any] = scores["classifiers"][name]
    return one


def _singles(alone: Mapping[str, float | None], write: Callable[[float | None], str], words: Words) -> str:
    return words.listed(
        [
            words("cascade.alone", name=name, spent=words("word.unknown") if value is None else write(value))
            for name, value in alone.items()
        ],
        "clauses",
    )


def rivals(scores: Mapping[str, Any], choice: Mapping[str, Any]) -> list[str]:
    """Return whose price a pair has to beat: the most accurate alone, and who is not surely beaten."""
    names = [one["name"] for one in choice["against"]]  # the leader is among them
    leader = max(names, key=lambda name: _of(scores, name)["levels"][-1]["accuracy"]["right"])
    return [name for name in names if name == leader or name not in _beaten(choice)]


def _beaten(choice: Mapping[str, Any]) -> set[str]:
    """Who is surely less accurate than the pair."""
    return {one["name"] for one in choice["against"] if one["levels"][-1]["verdict"] == "better"}


def _recommended(scores: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choice: Mapping[str, Any] | None = scores["cascade"]["choice"]
    worthy = ("more_accurate", "as_accurate", "undecided", "trade_off")
    return choice if choice is not None and choice["advice"] in worthy else None


def _advice(scores: Mapping[str, Any], choice: Mapping[str, Any], words: Words) -> str:
    first, *others = choice["against"]

    def alone(name: str) -> str:
        return percent(scores["classifiers"][name]["levels"][-1]["accuracy"]["value"])

    if choice["advice"] == "more_accurate":
        singles = words.listed(
            [
                words("cascade.single", name=one["name"], accuracy=alone(one["name"]))
                for one in choice["against"]
            ]
        )
    else:
        singles = words.listed([_against(one, alone(one["name"]), words) for one in others], "clauses")
    return words(
        f"cascade.{choice['advice']}",
        first=choice["first"],
        second=choice["second"],
        share=percent(choice["share_sent"]),
        threshold=threshold(choice["threshold"]),
        accuracy=percent(choice["levels"][-1]["accuracy"]["value"]),
        where=words.level(scores["levels"], scores["levels"]),
        alone=alone(first["name"]),
        kept=count(_kept(scores["cascade"], choice)),
        singles=singles,
        rows=count(scores["rows"]),
        margin=points(scores["margin"], sign=False),
    )


def _kept(cascade: Mapping[str, Any], choice: Mapping[str, Any]) -> int:
    pair = (choice["first"], choice["second"])
    return sum(one["kept_first"] for one in cascade["pairs"] if (one["first"], one["second"]) == pair)


def _against(one: Mapping[str, Any], alone: str, words: Words) -> str:
    found = one["levels"][-1]
    low, high = found["interval_95"]
    return words(
        "cascade.against",
        name=one["name"],
        accuracy=alone,
        difference=points(found["difference"]),
        low=points(low, sign=False),
        high=points(high, sign=False),
    )


def threshold(value: float | None) -> str:
    """Write a probability so that 0.9996 does not read as 1."""
    if value is None:
        return "\N{EN DASH}"
    digits = next((digits for digits in (2, 3, 4, 5, 6) if round(value, digits) < 1), 9)
    return f"{value:.{digits}f}"


def charts(scores: Mapping[str, Any], words: Words, colour: Mapping[str, int]) -> list[Chart]:
    """Return the accuracy of the whole path over the share sent on, of the chosen pair and of `MOST_OTHERS`.

    Six classifiers can make fifteen pairs, too many to look at; the table has them all.

    Args:
        colour: 1 to 6 by the name of a classifier.
    """
    looked_at = [pair for pair in scores["cascade"]["pairs"] if pair["skipped"] is None]
    return [
        _chart(scores, pair, number, words, colour)
        for number, pair in enumerate(_drawn(scores, looked_at), start=1)
    ]


def drawn_sentence(scores: Mapping[str, Any], words: Words) -> str | None:
    """Return which pairs are drawn, None where all are."""
    looked_at = [pair for pair in scores["cascade"]["pairs"] if pair["skipped"] is None]
    if len(looked_at) <= 1 + MOST_OTHERS:
        return None
    return words("cascade.drawn", n=MOST_OTHERS, pairs=len(looked_at))


def _drawn(scores: Mapping[str, Any], looked_at: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the chosen pair and those that get most right, the fewer sent the better; ties as listed."""
    choice = scores["cascade"]["choice"]

    def place(pair: Mapping[str, Any]) -> tuple[bool, int, int]:
        chosen = all(pair[key] == choice[key] for key in ("first", "second"))
        return not chosen, -pair["levels"][-1]["accuracy"]["right"], pair["sent"]

    return sorted(looked_at, key=place)[: 1 + MOST_OTHERS]


def _chart(
    scores: Mapping[str, Any],
    pair: Mapping[str, Any],
    number: int,
    words: Words,
    colour: Mapping[str, int],
) -> Chart:
    levels = scores["levels"]
    names = {"first": pair["first"], "second": pair["second"]}
    where = words.level(levels, levels)
    alone = {name: scores["classifiers"][name]["levels"][-1]["accuracy"]["value"] for name in names.values()}
    at = [(point["share_sent"], point["levels"][-1]["accuracy"]) for point in pair["curve"]]
    measured = pair["levels"][-1]["accuracy"]
    title = words("cascade.chart", **names)
    return Chart(
        key=f"cascade-{number}",
        file="cascade-{first}-{second}".format(**names),
        title=title,
        alternative=words(
            "cascade.alternative",
            title=title,
            first_accuracy=percent(alone[pair["first"]]),
            second_accuracy=percent(alone[pair["second"]]),
            share=percent(pair["share_sent"]),
            accuracy=percent(measured["value"]),
            **names,
        ),
        across=Scale(title=words("cascade.axis.sent", **names), kind="share", low=0, high=1),
        up=Scale(title=words("cascade.axis.accuracy", where=where), kind="share"),
        series=(
            Series(
                name=words("cascade.series.curve"),
                points=tuple((share, accuracy["value"]) for share, accuracy in at),
                band=tuple((share, accuracy["low"], accuracy["high"]) for share, accuracy in at),
                colour=INK,
            ),
            *(
                Series(name=name, points=((0, value), (1, value)), colour=colour[name], form="dashed")
                for name, value in alone.items()
            ),
            Series(
                name=words("cascade.series.chosen"),
                points=((pair["share_sent"], measured["value"]),),
                colour=INK,
                form="dots",
            ),
        ),
    )
