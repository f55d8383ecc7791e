"""Tries an engine on dev texts: how long it takes, and whether it answers as torch float32 does.

In: a classifier over an engine, and dev examples. Out: a trial, rejected with its reason where labels differ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from classifiers.contract import Classifier, Example
from classifiers.engines import EngineName

EQUAL_SHARE = 0.995
"""Of the texts, how many must get the same labels as in torch float32."""

LOST_ACCURACY = 0.002
"""How much lower the accuracy may be, as a fraction."""

PLANNED = 100_000
"""Texts that an engine is chosen for: over so many, what is lost at its start must come back."""

_WARM_UP = 16
_PASSES, _ENOUGH_S = 3, 2.0  # a pass over few texts of a small model is repeated, and the quickest counts


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An engine that may answer.

    Attributes:
        engine: which.
        precision: torch's; the others have their own.
        stated: whether the settings name this precision, so that it answers where nothing is measured.
    """

    engine: EngineName
    precision: str = "auto"
    stated: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}" if self.is_torch else self.engine

    @property
    def is_torch(self) -> bool:
        """Whether the precision is its own to say."""
        return self.engine in ("torch", "torch-compile")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a candidate.

    Attributes:
        candidate: which.
        s_per_text: seconds per text over all texts, or None where it did not run.
        first_s: seconds until the first few were answered, at every start: torch-compile compiles then.
        equal: how many texts got the same labels as in torch float32, or None.
        accuracy: the fraction of texts whose whole path is right, or None.
        rejected: why it may not answer, or None where it may.
    """

    candidate: Candidate
    s_per_text: float | None = None
    first_s: float = 0.0
    equal: int | None = None
    accuracy: float | None = None
    rejected: str | None = None

    @property
    def planned_s(self) -> float:
        """Seconds that a start and `PLANNED` texts take; infinite where it did not run."""
        return math.inf if self.s_per_text is None else self.first_s + PLANNED * self.s_per_text


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a classifier answered.

    Attributes:
        paths: one per text.
        right: how many of them are the gold path.
        seconds: that all texts took.
        first_s: that a few took before them.
    """

    paths: list[tuple[str, ...]]
    right: int
    seconds: float
    first_s: float


def warm_up(classifier: Classifier, examples: Sequence[Example]) -> None:
    """Answer the first few texts."""
    list(classifier.classify([example.text for example in examples[:_WARM_UP]]))


def run(classifier: Classifier, examples: Sequence[Example]) -> Answers:
    """Answer the texts of the examples, after a warm-up, and take the time of the quickest pass."""
    texts = [example.text for example in examples]
    began = time.perf_counter()
    warm_up(classifier, examples)
    first_s = time.perf_counter() - began
    passes: list[float] = []
    paths: dict[int, tuple[str, ...]] = {}
    while len(passes) < _PASSES and sum(passes) < _ENOUGH_S:
        began = time.perf_counter()
        paths = {answer.index: answer.path for answer in classifier.classify(texts)}
        passes.append(time.perf_counter() - began)
    right = sum(paths[i] == example.gold for i, example in enumerate(examples))
    return Answers(
        paths=[paths[i] for i in range(len(texts))], right=right, seconds=min(passes), first_s=first_s
    )


def judge(candidate: Candidate, answers: Answers, expected: Answers) -> Trial:
    """Return the trial of a candidate beside what torch float32 answered, `expected`."""
    count = len(expected.paths)
    equal = sum(a == b for a, b in zip(answers.paths, expected.paths, strict=True))
    rejected = None
    if equal / count < EQUAL_SHARE:
        needed = math.ceil(EQUAL_SHARE * count)
        rejected = (
            f"its labels equal those of torch float32 on {equal} of {count} dev texts, {needed} are needed"
        )
    elif (expected.right - answers.right) / count > LOST_ACCURACY:
        rejected = f"it gets {answers.right} of {count} dev texts right, torch float32 {expected.right}"
    return Trial(
        candidate=candidate,
        s_per_text=answers.seconds / count,
        first_s=answers.first_s,
        equal=equal,
        accuracy=answers.right / count,
        rejected=rejected,
    )
