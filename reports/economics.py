"""Station 5: what the classifiers cost at a volume, and which of them another one makes superfluous.

In: scores.json with its classifiers and pairs. Out: its `cost` and the part of its `time` that compares, and
what each classifier's own `cost` and `time` gain. An unknown price stays None and is named with its cure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from reports.costs import figure

VOLUMES = (1_000, 10_000, 100_000, 1_000_000)
SCENARIOS = (  # what may change, and the factors on the prices of tokens and on the machine's hour
    ("tokens_half", 0.5, 1.0),
    ("tokens_double", 2.0, 1.0),
    ("machine_half", 1.0, 0.5),
    ("machine_double", 1.0, 2.0),
)


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What a classifier costs, in US dollars.

    Attributes:
        once_usd: its training, 0 where nothing is trained; None when unknown.
        per_text_usd: answering one text; None when unknown.
        by_tokens: whether answering is paid by tokens, otherwise by the machine's hour as training is.
    """

    name: str
    once_usd: float | None
    per_text_usd: float | None
    by_tokens: bool

    @classmethod
    def of(cls, name: str, one: Mapping[str, Any]) -> Bill:
        """Read it from a classifier of scores.json."""
        cost = one["cost"]
        running = cost["per_1000_usd"]
        return cls(
            name=name,
            once_usd=cost["training_usd"] if _is_trained(one) else 0.0,
            per_text_usd=None if running is None else running / 1000,
            by_tokens=cost["basis"] == "tokens",
        )

    def total_usd(self, texts: float) -> float | None:
        """Return what so many texts cost, the training in it."""
        if self.once_usd is None or self.per_text_usd is None:
            return None
        return self.once_usd + texts * self.per_text_usd

    def at_prices(self, *, tokens: float, machine_hour: float) -> Bill:
        """Return the bill with the prices of tokens and of the machine's hour times these factors."""
        running = tokens if self.by_tokens else machine_hour
        return replace(
            self,
            once_usd=None if self.once_usd is None else self.once_usd * machine_hour,
            per_text_usd=None if self.per_text_usd is None else self.per_text_usd * running,
        )


def running_cost(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a classifier's `cost` gains.

    `per_right_usd` has one figure a level, None where no answer is right. In `volumes` the training is in
    `total_usd` and in `per_1000_usd`. `missing` names what keeps a price unknown.
    """
    bill = Bill.of("", one)
    total_usd = one["cost"]["total_usd"]
    rights = [level["accuracy"]["right"] for level in one["levels"]]
    return {
        "per_right_usd": [
            figure(total_usd / right) if total_usd is not None and right else None for right in rights
        ],
        "volumes": [
            {
                "texts": texts,
                "total_usd": figure(total := bill.total_usd(texts)),
                "per_1000_usd": figure(None if total is None else total / texts * 1000),
            }
            for texts in VOLUMES
        ],
        "missing": _missing(one),
    }


def running_time(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a classifier's `time` gains: seconds of answering at the measured rate."""
    rate = one["time"]["items_per_s"]
    return {
        "per_1000_s": figure(1_000 / rate if rate else None),
        "million_s": figure(1_000_000 / rate if rate else None),
    }


def _is_trained(one: Mapping[str, Any]) -> bool:
    return one["kind"] != "llm" or one["time"]["train_s"] is not None


def _missing(one: Mapping[str, Any]) -> list[str]:
    cost, found = one["cost"], []
    if not one["asked"]:
        return ["answers"]
    no_machine_price = cost["machine_usd_per_hour"] is None
    if cost["basis"] == "tokens":
        if cost["unpriced_answers"] > cost["unpriced_requests"]:
            found.append("token_price")
        if cost["unpriced_requests"]:
            found.append("failed_requests")
    elif cost["per_1000_usd"] is None:
        found.append("machine_usd_per_hour" if no_machine_price else "answer_time")
    if _is_trained(one) and cost["training_usd"] is None:
        found.append("training_time" if one["time"]["train_s"] is None else "machine_usd_per_hour")
    return list(dict.fromkeys(found))


def compare_costs(scores: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the top-level `cost`: every two classifiers' break-even, and the frontier at each level shown.

    Args:
        scores: scores.json with its classifiers and pairs.
        names: who is compared: complete, and no further seeds.
    """
    everyone = scores["classifiers"]
    bills = [Bill.of(name, everyone[name]) for name in names]
    spent = {name: everyone[name]["cost"]["per_1000_usd"] for name in names}
    return {
        "break_even": [
            {"a": a.name, "b": b.name, **break_even(a, b), **_sensitivity(a, b)}
            for a, b in combinations(bills, 2)
        ],
        "frontier": [_frontier(scores, spent, level) for level in _levels_shown(scores)],
    }


def compare_times(scores: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return what the top-level `time` gains: the frontier at each level shown; arguments as above."""
    taken = {name: scores["classifiers"][name]["time"]["per_1000_s"] for name in names}
    return {"frontier": [_frontier(scores, taken, level) for level in _levels_shown(scores)]}


def break_even(a: Bill, b: Bill) -> dict[str, Any]:
    """Return from how many texts on the one that costs more to train is the cheaper.

    Returns:
        `case`: `crosses` (`texts` is where the totals are equal; `first` is cheaper below it, `beyond`
        above), `from_first` (their trainings cost the same, `first` = `beyond` runs cheaper), `always`
        (`first` = `beyond` trains for less and runs for no more: the other never pays off), `same`, or
        `unknown`.
    """
    if a.once_usd is None or b.once_usd is None or a.per_text_usd is None or b.per_text_usd is None:
        return {"case": "unknown", "first": None, "beyond": None, "texts": None}
    once, running = a.once_usd - b.once_usd, a.per_text_usd - b.per_text_usd
    if once == 0 and running == 0:
        return {"case": "same", "first": None, "beyond": None, "texts": None}
    if once * running < 0:
        first, beyond = (a, b) if once < 0 else (b, a)
        texts = figure(-once / running, 3)
        return {"case": "crosses", "first": first.name, "beyond": beyond.name, "texts": texts}
    cheaper = (a if once + running < 0 else b).name  # the two have one sign, or one of them is 0
    case = "from_first" if once == 0 else "always"
    return {"case": case, "first": cheaper, "beyond": cheaper, "texts": None}


def _sensitivity(a: Bill, b: Bill) -> dict[str, Any]:
    """Return the break-even under other prices, one changed at a time, and the range it moves in."""
    scenarios = [
        {
            "change": change,
            **break_even(
                a.at_prices(tokens=tokens, machine_hour=machine_hour),
                b.at_prices(tokens=tokens, machine_hour=machine_hour),
            ),
        }
        for change, tokens, machine_hour in SCENARIOS
    ]
    points = [one["texts"] for one in (break_even(a, b), *scenarios) if one["texts"] is not None]
    return {
        "sensitivity": scenarios,
        "texts_low": min(points, default=None),
        "texts_high": max(points, default=None),
        "crosses_at_all_prices": len(points) == 1 + len(scenarios),
    }


def _levels_shown(scores: Mapping[str, Any]) -> list[int]:
    return sorted({1, scores["levels"]})


def _frontier(scores: Mapping[str, Any], spent: Mapping[str, float | None], level: int) -> dict[str, Any]:
    """Return who is beaten by whom in both accuracy and what is spent.

    Another dominates where it spends no more and gets no less right, one of them strictly. That rests on the
    accuracies as measured; `verdict` says what their paired comparison says of the dominating one.
    """
    accuracy = {name: scores["classifiers"][name]["levels"][level - 1]["accuracy"]["value"] for name in spent}
    placed = {
        name: (value, -accuracy[name])
        for name, value in spent.items()
        if value is not None and accuracy[name] is not None
    }
    dominated = {
        name: [
            {"name": other, "verdict": verdict_of(scores, other, name, level)}
            for other, there in placed.items()
            if there != here and all(x <= y for x, y in zip(there, here, strict=True))
        ]
        for name, here in placed.items()
    }
    return {
        "level": level,
        "undominated": [name for name, by in dominated.items() if not by],
        "dominated": {name: by for name, by in dominated.items() if by},
        "unplaced": [name for name in spent if name not in placed],
    }


def verdict_of(scores: Mapping[str, Any], name: str, other: str, level: int) -> str | None:
    """Return the verdict of `pairs` on `name` against `other`, None where they share no row.

    Args:
        level: from 1.
    """
    turned = {"better": "worse", "worse": "better"}
    for pair in scores["pairs"]:
        if {pair["a"], pair["b"]} == {name, other} and pair["levels"]:
            verdict = str(pair["levels"][level - 1]["verdict"])
            return verdict if pair["a"] == name else turned.get(verdict, verdict)
    return None
