"""Station 6: the few texts a page shows, fetched by their ids.

In: the run and the ids that scores.json names or the table of texts has chosen. Out: those texts with every
classifier's answer; all other rows are passed over while streaming.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from classifiers.contract import Scalar
from prompts.taxonomy import Path
from reports.answer_rows import read_answer
from reports.answers import RunData

LONGEST_TEXT = 700
LONGEST_REPLY = 400
MOST_PAIRS = 12  # of 24 classifiers there are 276, whose examples alone made a page of 8 MB


@dataclass(frozen=True, kw_only=True)
class ShownAnswer:
    """What one classifier said to one text, as `reports.answer_rows` reads it.

    Attributes:
        right: per level of `path`, whether it is the true label.
        confidence: per level of `path`, the probability given to the answer, or None; () without scores.
    """

    path: Path
    right: tuple[bool, ...]
    confidence: tuple[float | None, ...]
    failure: str | None
    raw: str | None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One text of the test set with its answers by classifier.

    Attributes:
        text: cut at `LONGEST_TEXT` characters.
        characters: of the whole text.
    """

    id: str
    text: str
    characters: int
    gold: Path
    meta: Mapping[str, Scalar]
    answers: dict[str, ShownAnswer] = field(default_factory=dict)


def named(scores: Mapping[str, Any]) -> set[str]:
    """Return the ids of scores.json that the page shows as examples."""
    wanted = {id_ for group in scores["examples"] for id_ in group["ids"]}
    for one in scores["classifiers"].values():
        wanted.update(id_ for ids in one["failures"]["examples"].values() for id_ in ids)
    for pair in pairs_with_examples(scores):
        for level in pair["levels"]:
            wanted.update(id_ for ids in level["examples"].values() for id_ in ids)
    wanted.update(entry["id"] for entry in scores["label_quality"]["review"])
    return wanted


def pairs_with_examples(scores: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the pairs whose examples the page shows, at most 12, those of the verdict first."""
    verdict = scores["verdict"]
    by_rank = zip(*(level["comparisons"] for level in verdict["levels"]), strict=True)
    spoken_of = dict.fromkeys(frozenset((one["name"], one["other"])) for rank in by_rank for one in rank)
    place = {pair: number for number, pair in enumerate(spoken_of)}
    stated = [
        pair
        for pair in scores["pairs"]
        if pair["levels"] and not {pair["a"], pair["b"]} & set(verdict["left_out"])
    ]
    return sorted(stated, key=lambda pair: place.get(frozenset((pair["a"], pair["b"])), len(place)))[
        :MOST_PAIRS
    ]


def collect(run: RunData, wanted: Collection[str]) -> dict[str, Sample]:
    """Return these texts by id, in the order of the test set."""
    samples = {
        example.id: Sample(
            id=example.id,
            text=cut(example.text, LONGEST_TEXT),
            characters=len(example.text),
            gold=tuple(example.gold),
            meta=example.meta,
        )
        for example in run.test
        if example.id in wanted
    }
    for classifier in run.classifiers:
        for row in classifier.predictions:
            sample = samples.get(row["id"])
            if sample is not None:
                answer = read_answer(row, run.taxonomy)
                sample.answers[classifier.name] = ShownAnswer(
                    path=answer.path,
                    right=answer.right(sample.gold),
                    confidence=answer.confidence(run.taxonomy),
                    failure=answer.failure,
                    raw=None if row["raw"] is None else cut(row["raw"], LONGEST_REPLY),
                )
    return samples


def cut(text: str, longest: int) -> str:
    """Return the text, or its first characters and an ellipsis, `longest` in all."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
