"""Station 5: what the answers took and what they cost.

In: the clock of a classifier and its answers. Out: the `time` and `cost` objects of scores.json. Unknown is
None, never 0; a replayed answer never counts as time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.answers import ClassifierRun
from reports.arrays import FAILURES, FIRST_FAILURE, ClassifierAnswers

HOUR_S = 3600


def describe_time(classifier: ClassifierRun, answers: ClassifierAnswers) -> dict[str, Any]:
    """Return the `time` object: seconds, and items per second of live answers."""
    timing = classifier.timing
    timed = answers.asked if timing.measured_in else answers.asked & ~answers.reused
    latency_s = answers.latency_s[timed & ~np.isnan(answers.latency_s)]
    percentiles = np.percentile(latency_s, [50, 95, 99]) if len(latency_s) else (None, None, None)
    return {
        "load_s": figure(timing.load_s),
        "train_s": figure(timing.train_s),
        "answer_s": figure(timing.answer_s),
        "answered": timing.answered,
        "items_per_s": figure(timing.answered / timing.answer_s if timing.answer_s > 0 else None),
        "reused": timing.reused,
        "reused_from": timing.reused_from,
        "measured_in": timing.measured_in,
        "latency_s": {
            "n": len(latency_s),
            **{name: figure(value) for name, value in zip(("p50", "p95", "p99"), percentiles, strict=True)},
        },
        "concurrency": classifier.facts.get("concurrency"),
        "device": classifier.facts.get("device"),
        "facts": dict(sorted(classifier.facts.items())),
    }


def describe_cost(
    classifier: ClassifierRun,
    answers: ClassifierAnswers,
    *,
    machine_usd_per_hour: float | None,
    machine_price_source: str | None,
) -> dict[str, Any]:
    """Return the `cost` object: what these answers cost in US dollars.

    Paid tokens are summed up from the answers, also those taken over from an earlier run, and from failures
    that were asked again. What ran on this machine costs its share of an hour; where some of the answers were
    taken over, they are counted at the speed of the live ones.

    A request that failed reports no tokens: whether it was paid for is unknown, and so is the total. Where
    these alone have no price, `per_1000_usd` is that of the `per_1000_n` others.
    """
    asked = int(answers.asked.sum())
    known = answers.cost_usd[answers.asked & ~np.isnan(answers.cost_usd)]
    live = answers.cost_usd[answers.asked & ~answers.reused & ~np.isnan(answers.cost_usd)]
    spent_usd = float(live.sum()) + answers.superseded_usd
    priced_usd = float(known.sum()) + answers.superseded_usd
    on_this_machine = len(known) == 0 and runs_here(classifier)
    timing = classifier.timing
    unpriced = 0 if on_this_machine else asked - len(known)
    failed = answers.status == FIRST_FAILURE + FAILURES.index("request_failed")
    unpriced_requests = 0 if on_this_machine else int((failed & np.isnan(answers.cost_usd)).sum())
    total_usd: float | None = None
    if on_this_machine and machine_usd_per_hour is not None and timing.answered:
        total_usd = machine_usd_per_hour / HOUR_S * timing.answer_s / timing.answered * asked
    elif not on_this_machine and asked and not unpriced:
        total_usd = priced_usd
    rests_on, each_usd = asked, None if total_usd is None else total_usd / asked
    if len(known) and unpriced and unpriced == unpriced_requests:
        rests_on, each_usd = len(known), priced_usd / len(known)
    train_s = timing.train_s
    if machine_usd_per_hour is not None and train_s is not None:
        training_usd: float | None = machine_usd_per_hour / HOUR_S * train_s
    else:
        training_usd = None
    return {
        "known": total_usd is not None,
        "basis": "machine" if on_this_machine else "tokens",
        "total_usd": figure(total_usd),
        "per_1000_usd": figure(None if each_usd is None else each_usd * 1000),
        "per_1000_n": None if each_usd is None else rests_on,
        "training_usd": figure(training_usd),
        "unpriced_answers": unpriced,
        "unpriced_requests": unpriced_requests,
        "priced_usd": figure(priced_usd if len(known) else None),
        "spent_usd": figure(spent_usd if len(known) and not unpriced else None),
        "superseded_usd": figure(answers.superseded_usd if len(known) else None),
        "tokens": dict(answers.tokens) if answers.tokens is not None else None,
        "machine_usd_per_hour": machine_usd_per_hour,
        "price_source": (machine_price_source if on_this_machine else classifier.facts.get("price_source")),
    }


def runs_here(classifier: ClassifierRun) -> bool:
    """Tell whether the classifier computes on this machine rather than behind someone's endpoint."""
    return classifier.kind != "llm" or str(classifier.identity.get("model", "")).startswith("local:")


def figure(value: float | None, digits: int = 9) -> float | None:
    """Round a figure for scores.json, so that equal input gives equal bytes."""
    return None if value is None else round(float(value), digits)
