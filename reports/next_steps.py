"""Station 6: what a reader of the verdict can do next.

In: scores.json. Out: short sentences for the first screen, the most important first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.verdict import SMALL_LLM
from reports.wording import Words, points, rate, usd


def next_steps(scores: Mapping[str, Any], words: Words) -> list[str]:
    """Return at least one sentence."""
    everyone = scores["classifiers"]
    steps = [_choose(scores, words)]
    if any(one["identity"].get("model") == SMALL_LLM for one in everyone.values()):
        steps.append(words("next.small_llm"))
    if scores["verdict"]["valid"] and any(
        not one["cost"]["known"] and one["cost"]["basis"] == "machine" for one in everyone.values()
    ):
        steps.append(words("next.machine_price"))
    return steps


def _choose(scores: Mapping[str, Any], words: Words) -> str:
    choice = scores["verdict"]["choice"]
    candidates: list[str] = choice["candidates"]
    listed = words.listed(candidates)
    match choice["reason"]:
        case "accuracy":
            return _take(scores, choice["name"], words)
        case "equivalent":
            return _cheapest_or_fastest(scores, candidates, words, "next.equivalent")
        case "undecided":
            return words("next.undecided") + words("next.join") + _until_then(scores, candidates, words)
        case "levels_differ":
            return words("next.levels_differ", candidates=listed)
        case "nothing_to_compare" if not scores["verdict"]["left_out"]:
            return words("next.alone")
    return words("next.mend")


def _take(scores: Mapping[str, Any], name: str, words: Words) -> str:
    """Say what the most accurate one costs more than the cheapest of the others, if it does."""
    ranked = scores["verdict"]["levels"][-1]["comparisons"]
    price = _price(scores, name)
    cheaper = [
        (other, found)
        for found in ranked
        if found["name"] == name
        and price is not None
        and (other := _price(scores, found["other"])) is not None
        and other < price
    ]
    if not cheaper:
        return words("next.take", name=name)
    other_price, found = min(cheaper, key=lambda one: one[0])
    return words(
        "next.take_if_worth",
        name=name,
        other=found["other"],
        difference=points(found["difference"], sign=False),
        where=words.level(scores["levels"], scores["levels"]),
        usd=usd(price),
        other_usd=usd(other_price),
    )


def _until_then(scores: Mapping[str, Any], candidates: Sequence[str], words: Words) -> str:
    return _cheapest_or_fastest(scores, candidates, words, "next.until_then")


def _cheapest_or_fastest(
    scores: Mapping[str, Any], candidates: Sequence[str], words: Words, sentence: str
) -> str:
    prices = {name: price for name in candidates if (price := _price(scores, name)) is not None}
    if len(prices) == len(candidates):
        name = min(prices, key=lambda one: prices[one])
        return words(f"{sentence}.cheapest", name=name, usd=usd(prices[name]))
    speeds = {
        name: speed
        for name in candidates
        if (speed := scores["classifiers"][name]["time"]["items_per_s"]) is not None
    }
    if len(speeds) == len(candidates):
        name = max(speeds, key=lambda one: speeds[one])
        return words(f"{sentence}.fastest", name=name, rate=rate(speeds[name]))
    return words(sentence, candidates=words.listed(candidates))


def _price(scores: Mapping[str, Any], name: str) -> float | None:
    cost = scores["classifiers"][name]["cost"]
    price: float | None = cost["per_1000_usd"] if cost["known"] else None
    return price
