"""Station 6: the few texts a page shows, fetched by their ids.

In: the run and the ids that scores.json names. Out: those texts with every classifier's answer; all other
rows are passed over while streaming.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prompts.taxonomy import Path
from reports.answers import RunData

LONGEST_TEXT = 700
LONGEST_REPLY = 400


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one classifier said to one text.

    Attributes:
        right: per level of `path`, whether it is the true label.
    """

    path: Path
    right: tuple[bool, ...]
    failure: str | None
    raw: str | None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One text of the test set with its answers by classifier."""

    id: str
    text: str
    gold: Path
    answers: dict[str, Answer] = field(default_factory=dict)


def collect(run: RunData, scores: Mapping[str, Any]) -> dict[str, Sample]:
    """Return the sampled texts by id."""
    wanted = {id_ for group in scores["examples"] for id_ in group["ids"]}
    for one in scores["classifiers"].values():
        wanted.update(id_ for ids in one["failures"]["examples"].values() for id_ in ids)
    samples = {
        example.id: Sample(id=example.id, text=_cut(example.text, LONGEST_TEXT), gold=tuple(example.gold))
        for example in run.test
        if example.id in wanted
    }
    for classifier in run.classifiers:
        for row in classifier.predictions:
            sample = samples.get(row["id"])
            if sample is not None:
                path = tuple(row["path"])
                sample.answers[classifier.name] = Answer(
                    path=path,
                    right=tuple(path[: k + 1] == sample.gold[: k + 1] for k in range(len(path))),
                    failure=row["failure"],
                    raw=None if row["raw"] is None else _cut(row["raw"], LONGEST_REPLY),
                )
    return samples


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
