"""Station 5: what the classifiers are worth together: at a volume, and one after the other.

In: scores.json up to its verdict. Out: its `cost`, the comparing part of its `time`, and its `cascade`, each
with its sentences.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports import cascade_page, economics_page
from reports.arrays import ClassifierAnswers, TestSet
from reports.cascade import describe_cascade
from reports.economics import compare_costs, compare_times, running_cost, running_time
from reports.seeds import judged
from reports.wording import Words


def add_worth(
    scores: dict[str, Any], test: TestSet, answers: Mapping[str, ClassifierAnswers], words: Words
) -> None:
    """Add to scores.json, in place; who is left out of the verdict is left out here."""
    classifiers = scores["classifiers"]
    for one in classifiers.values():
        one["cost"] |= running_cost(one)
        one["time"] |= running_time(one)
    names = [name for name in judged(classifiers) if name not in scores["verdict"]["left_out"]]
    scores["cost"] = compare_costs(scores, names)
    scores["time"] |= compare_times(scores, names)
    scores["cost"]["sentences"] = economics_page.cost_sentences(scores, words)
    scores["time"]["sentences"] = economics_page.time_sentences(scores, words)
    scores["cascade"] = describe_cascade(scores, names, test, answers)
    scores["cascade"] |= {
        "sentences": cascade_page.sentences(scores, words),
        "cost": {"sentence": cascade_page.cost_sentence(scores, words)},
        "time": {"sentence": cascade_page.time_sentence(scores, words)},
    }
