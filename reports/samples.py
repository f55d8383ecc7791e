"""Station 6: the few texts a page shows, fetched by their ids.

In: the run and the ids that scores.json names or the table of texts has chosen. Out: those texts with every
classifier's answer; all other rows are passed over while streaming.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from classifiers.contract import Scalar
from prompts.taxonomy import Path
from reports.answers import RunData

LONGEST_TEXT = 700
LONGEST_REPLY = 400


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one classifier said to one text.

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
    answers: dict[str, Answer] = field(default_factory=dict)


def named(scores: Mapping[str, Any]) -> set[str]:
    """Return the ids that scores.json names as examples."""
    wanted = {id_ for group in scores["examples"] for id_ in group["ids"]}
    for one in scores["classifiers"].values():
        wanted.update(id_ for ids in one["failures"]["examples"].values() for id_ in ids)
    for pair in scores["pairs"]:
        for level in pair["levels"]:
            wanted.update(id_ for ids in level["examples"].values() for id_ in ids)
    wanted.update(entry["id"] for entry in scores["label_quality"]["review"])
    return wanted


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
    display = run.taxonomy.display_names
    for classifier in run.classifiers:
        for row in classifier.predictions:
            sample = samples.get(row["id"])
            if sample is not None:
                path = tuple(row["path"])
                sample.answers[classifier.name] = Answer(
                    path=path,
                    right=tuple(path[: k + 1] == sample.gold[: k + 1] for k in range(len(path))),
                    confidence=_confidence(path, row["scores"], display),
                    failure=row["failure"],
                    raw=None if row["raw"] is None else cut(row["raw"], LONGEST_REPLY),
                )
    return samples


def _confidence(
    path: Path, scores: Sequence[Mapping[str, float]] | None, display: Mapping[Path, str]
) -> tuple[float | None, ...]:
    return tuple(
        level.get(display.get(path[: k + 1], "")) for k, level in enumerate((scores or ())[: len(path)])
    )


def cut(text: str, longest: int) -> str:
    """Return the text, or its first characters and an ellipsis, `longest` in all."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
