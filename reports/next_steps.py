"""Station 6: what a reader of the verdict can do next.

In: scores.json. Out: short sentences for the first screen, the most useful first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.cascade_page import rivals
from reports.choice import against, shown, unbeaten_among
from reports.seeds import judged
from reports.sentences import about, rows_for_choice
from reports.verdict import SMALL_LLM, much_cut
from reports.wording import Words, count, percent, points, rate, usd

MOST_STEPS = 4
FEWEST_RIGHT = 0.70  # who gets less right doubts more right labels than wrong ones
NEGLIGIBLE_USD = 0.01  # per 1,000 texts, $10 a million: nobody gives up accuracy for less


def next_steps(scores: Mapping[str, Any], words: Words) -> list[str]:
    """Return one to four sentences."""
    everyone = scores["classifiers"]
    steps = [_choose(scores, words)]
    # Texts that were not read to their end come before more of them.
    at = 0 if scores["verdict"]["choice"]["reason"] == "undecided" else 1
    steps[at:at] = _read_more(scores, words)
    small = [name for name, one in everyone.items() if one["identity"].get("model") == SMALL_LLM]
    if small:
        steps.append(words("next.small_llm", name=small[0]))
    if (cascade := _cascade(scores, words)) is not None:
        steps.append(cascade)
    agreed = scores["label_quality"]["agreed"]
    if agreed and all(share >= FEWEST_RIGHT for share in right_of_doubters(scores).values()):
        steps.append(words("next.labels", agreed=count(agreed)))
    if scores["verdict"]["valid"] and any(
        "machine_usd_per_hour" in one["cost"]["missing"] for one in everyone.values()
    ):
        steps.append(words("next.machine_price"))
    return steps[:MOST_STEPS]


def _read_more(scores: Mapping[str, Any], words: Words) -> list[str]:
    return [
        words("next.read_more", name=name, max_length=count(cut[1]), share=percent(cut[0]))
        for name in judged(scores["classifiers"])
        if (cut := much_cut(scores["classifiers"][name])) is not None
    ][:1]


def right_of_doubters(scores: Mapping[str, Any]) -> dict[str, float]:
    """Return by classifier that doubts a gold label which share of the texts it gets right itself."""
    return {
        name: scores["classifiers"][name]["levels"][-1]["accuracy"]["value"]
        for name, one in scores["label_quality"]["classifiers"].items()
        if one["suspects"]
    }


def _choose(scores: Mapping[str, Any], words: Words) -> str:
    choice = scores["verdict"]["choice"]
    candidates: list[str] = choice["candidates"]
    match choice["reason"]:
        case "accuracy":
            return _take(scores, choice["name"], words)
        case "equivalent":
            unbeaten = unbeaten_among(scores, candidates, scores["verdict"]["levels"])
            return _cheapest_or_fastest(scores, unbeaten, words, "next.equivalent")
        case "undecided":
            return _more_texts(scores, words) + words("next.join") + _until_then(scores, candidates, words)
        case "levels_differ" | "level_decides":
            return words("next.levels_differ", candidates=words.listed(candidates))
        case "nothing_to_compare" if not scores["verdict"]["left_out"]:
            return words("next.alone")
    return words("next.mend")


def _take(scores: Mapping[str, Any], name: str, words: Words) -> str:
    """Say what the chosen one costs more than the cheapest of the others, if it does and one would notice."""
    price = _price(scores, name)
    others = {
        other: other_price
        for other in scores["verdict"]["levels"][-1]["ranking"]
        if other != name and (other_price := _price(scores, other)) is not None
    }
    if price is None or price < NEGLIGIBLE_USD or not others:
        return _take_plainly(scores, name, words)
    other = min(others, key=lambda one: others[one])
    if others[other] >= price or usd(others[other]) == usd(price):
        return _take_plainly(scores, name, words)
    leads = {
        level["level"]: against(scores, name, other, level["level"] - 1)["difference"]
        for level in shown(scores["verdict"]["levels"])
    }
    level = max(leads, key=lambda one: (leads[one], one))
    return words(
        "next.take_if_worth",
        name=name,
        other=other,
        difference=points(leads[level], sign=False),
        where=words.level(level, scores["levels"]),
        usd=usd(price),
        other_usd=usd(others[other]),
    )


def _take_plainly(scores: Mapping[str, Any], name: str, words: Words) -> str:
    """Name it among those compared, and what is still wrong with it."""
    compared = len(scores["verdict"]["levels"][-1]["ranking"])
    accuracy = scores["classifiers"][name]["levels"][-1]["accuracy"]
    if accuracy["right"] == accuracy["n"]:
        return words("next.take", name=name, n=compared)
    sentence = "next.take_read" if scores["levels"] > 1 else "next.take_read.only"
    return words(sentence, name=name, n=compared, wrong=percent(1 - accuracy["value"]))


def _more_texts(scores: Mapping[str, Any], words: Words) -> str:
    rows = rows_for_choice(scores, scores["verdict"])
    if rows is None:
        return words("next.undecided")
    return words("next.undecided.rows", rows=about(rows), now=count(scores["rows"]))


def _until_then(scores: Mapping[str, Any], candidates: Sequence[str], words: Words) -> str:
    """Name the cheapest or fastest candidate, of those that no other one surely beats at a level shown."""
    unbeaten = unbeaten_among(scores, candidates, scores["verdict"]["levels"])
    if not unbeaten:
        return words("next.until_then.level")
    if len(unbeaten) == 1:
        return words("next.until_then.unbeaten", name=unbeaten[0])
    return _cheapest_or_fastest(scores, unbeaten, words, "next.until_then")


def _cheapest_or_fastest(
    scores: Mapping[str, Any], candidates: Sequence[str], words: Words, sentence: str
) -> str:
    prices = {name: price for name in candidates if (price := _price(scores, name)) is not None}
    if len(prices) == len(candidates) and len({usd(price) for price in prices.values()}) > 1:
        name = min(prices, key=lambda one: prices[one])
        return words(f"{sentence}.cheapest", name=name, usd=usd(prices[name]))
    speeds = {
        name: speed
        for name in candidates
        if (speed := scores["classifiers"][name]["time"]["items_per_s"]) is not None
    }
    if len(speeds) == len(candidates) and len({rate(speed) for speed in speeds.values()}) > 1:
        name = max(speeds, key=lambda one: speeds[one])
        return words(f"{sentence}.fastest", name=name, rate=rate(speeds[name]))
    return words(sentence, candidates=words.listed(candidates))


def _cascade(scores: Mapping[str, Any], words: Words) -> str | None:
    """Recommend two, one after the other, where that is more accurate, or cheaper and as accurate."""
    choice = scores["cascade"]["choice"]
    if choice is None or choice["advice"] not in ("more_accurate", "as_accurate"):
        return None
    price = choice["cost"]["per_1000_usd"]
    if choice["advice"] == "as_accurate":
        others = [name for name in rivals(scores, choice) if name != choice["first"]]  # that one is beaten
        alone = [_price(scores, name) for name in others]
        if price is None or any(one is None or price >= one or usd(price) == usd(one) for one in alone):
            return None
    return words(
        f"next.cascade.{choice['advice']}",
        first=choice["first"],
        second=choice["second"],
        share=percent(choice["share_sent"]),
        accuracy=percent(choice["levels"][-1]["accuracy"]["value"]),
        where=words.level(scores["levels"], scores["levels"]),
        margin=points(scores["margin"], sign=False),
        usd=usd(price),
    )


def _price(scores: Mapping[str, Any], name: str) -> float | None:
    cost = scores["classifiers"][name]["cost"]
    price: float | None = cost["per_1000_usd"] if cost["known"] else None
    return price
