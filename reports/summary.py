"""Station 6 for a terminal: the same figures and sentences as the page, as plain text.

In: scores.json. Out: a table's head and rows, and the sentences to print around it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reports.economics_page import per_1000
from reports.next_steps import next_steps
from reports.seeds import is_whole
from reports.wording import DASH, Words, count, percent, points, rate, seconds


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a person at a terminal is told.

    Attributes:
        warnings: what forbids a recommendation, to be printed first.
        head: the columns' titles; the first column is text, the others are figures.
        rows: one per classifier, as many cells as `head`.
        verdict: the choice first, then what it rests on.
        note: what the experiment says about its data, or None.
        steps: what to do next.
        remarks: what else to keep in mind.
    """

    warnings: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    verdict: tuple[str, ...]
    note: str | None
    steps: tuple[str, ...]
    remarks: tuple[str, ...]


def summary(scores: Mapping[str, Any]) -> Summary:
    """Return the terminal's view of scores.json."""
    words = Words.of(scores["language"])
    verdict = scores["verdict"]
    sentences = verdict["sentences"]
    told = list(zip(scores["problems"], sentences["problems"], strict=True))
    asides = (verdict["time"]["sentence"], verdict["cost"]["sentence"])
    return Summary(
        warnings=tuple(sentence for problem, sentence in told if problem["invalid"]),
        head=(
            words("results.classifier"),
            *(words.column(level + 1, scores["levels"]) for level in range(scores["levels"])),
            words("card.failures"),
            words("results.answer_time"),
            words("results.rate"),
            words("results.cost_1000"),
        ),
        rows=tuple(
            _row(name, one, stated=is_whole(one) and name not in verdict["left_out"], words=words)
            for name, one in scores["classifiers"].items()
        ),
        verdict=(
            sentences["choice"],
            *sentences["accuracy"],
            *sentences["baseline"],
            *sentences.get("seeds", ()),
            *(sentence for sentence in asides if sentence is not None),
        ),
        note=scores["note"] or None,
        steps=tuple(next_steps(scores, words)),
        remarks=tuple(sentence for problem, sentence in told if not problem["invalid"]),
    )


def _row(name: str, one: Mapping[str, Any], *, stated: bool, words: Words) -> tuple[str, ...]:
    def accuracy(found: Mapping[str, Any]) -> str:
        if not stated or found["value"] is None:
            return words("card.not_stated")
        interval = words(
            "word.interval", low=points(found["low"], sign=False), high=points(found["high"], sign=False)
        )
        return f"{percent(found['value'])} ({interval})"

    time = one["time"]
    first = one.get("further_seed_of")
    return (
        f"{name} ({words('seeds.further', name=first)})" if first else name,
        *(accuracy(level["accuracy"]) for level in one["levels"]),
        count(one["failures"]["total"] + one["missing"]),
        seconds(time["answer_s"]) if time["answered"] else DASH,
        rate(time["items_per_s"]),
        per_1000(one, words),
    )
