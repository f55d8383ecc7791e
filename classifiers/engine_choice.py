"""Chooses the engine that answers: the fastest whose answers on the dev texts are those of torch float32.

In: a trained model and dev examples. Out: `engine.json` beside the weights, with what every engine took and
got right, and the choice with its reason. It holds for these weights on this device with these packages.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from classifiers.contract import Classifier, Example
from classifiers.devices import choose_device, choose_precision, describe_device
from classifiers.encoders import weights_sha256
from classifiers.engines import Engine, EngineName
from classifiers.settings import BertSettings
from prompts.errors import ClassifierError

FILE = "engine.json"

EQUAL_SHARE = 0.995
"""Of the texts, how many must get the same labels as in torch float32."""

LOST_ACCURACY = 0.002
"""How much lower the accuracy may be, as a fraction."""

TEXTS = 256
"""Dev texts at most, evenly taken from all."""

_WARM_UP = 16
_PASSES, _ENOUGH_S = 3, 2.0  # a pass over few texts of a small model is repeated, and the quickest counts
_PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "onnxscript", "onnxruntime", "openvino")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An engine that may answer; the precision is torch's, the others have their own."""

    engine: EngineName
    precision: str = "auto"

    def __str__(self) -> str:
        return f"torch {self.precision}" if self.engine == "torch" else self.engine


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of a candidate.

    Attributes:
        candidate: which.
        s_per_text: seconds per text over all texts, or None where it did not run.
        equal: how many texts got the same labels as in torch float32, or None.
        accuracy: the fraction of texts whose whole path is right, or None.
        rejected: why it may not answer, or None where it may.
    """

    candidate: Candidate
    s_per_text: float | None = None
    equal: int | None = None
    accuracy: float | None = None
    rejected: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The engine that answers.

    Attributes:
        chosen: which.
        reason: why, in words.
        texts: on how many dev texts the candidates were tried.
        trials: one per candidate, torch float32 first; none where there was nothing to try them on.
    """

    chosen: Candidate
    reason: str
    texts: int = 0
    trials: tuple[Trial, ...] = ()


def conditions(settings: BertSettings, folder: Path) -> dict[str, Any]:
    """Return what a choice holds for: the weights, the device, the packages, and how texts are read.

    Raises:
        ClassifierError: there are no weights, or no such device.
    """
    return {
        "weights_sha256": weights_sha256(folder),
        "device": describe_device(choose_device(settings.device)),
        "packages": {package: _version(package) for package in _PACKAGES},
        "settings": settings.model_dump(include={"max_length", "truncation", "precision"}),
    }


def read_choice(settings: BertSettings, folder: Path) -> Choice | None:
    """Return the choice kept in `folder`, or None where there is none that holds here and now.

    Raises:
        ClassifierError: there are no weights, or no such device.
    """
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if kept["holds_for"] != conditions(settings, folder):
            return None
        trials = tuple(
            Trial(**{**trial, "candidate": Candidate(**trial["candidate"])}) for trial in kept["trials"]
        )
        return Choice(
            chosen=Candidate(**kept["chosen"]), reason=kept["reason"], texts=kept["texts"], trials=trials
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # of another version, or cut off
        return None


def write_choice(choice: Choice, settings: BertSettings, folder: Path) -> None:
    """Keep a choice in `folder`, replacing the file in one step."""
    kept = {"holds_for": conditions(settings, folder), **dataclasses.asdict(choice)}
    half = folder / f"{FILE}.part"
    half.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    half.replace(folder / FILE)


def unmeasured(settings: BertSettings, why: str) -> Choice:
    """Return the choice where nothing was compared: torch, in float32 unless a precision is set."""
    chosen = _in_torch(settings)[0 if settings.precision == "auto" else -1]
    return Choice(chosen=chosen, reason=f"{chosen}, as {why}")


def candidates(settings: BertSettings) -> list[Candidate]:
    """Return what may answer on the device of the settings, torch float32 first.

    Raises:
        ClassifierError: no such device.
    """
    found = _in_torch(settings)
    if choose_device(settings.device).type == "cpu":
        others: tuple[EngineName, ...] = ("onnx-int8", "openvino", "onnx")
        found += [Candidate(engine=engine) for engine in others]
    return found


def choose(
    dev: Sequence[Example],
    tried: Sequence[Candidate],
    *,
    open_engine: Callable[[Candidate], Engine],
    answer_with: Callable[[Engine], Classifier],
    progress: Callable[[int, int], None],
) -> Choice:
    """Let every candidate answer dev texts, and take the fastest that keeps to the first one's answers.

    Args:
        dev: examples with gold paths, at least one.
        tried: the candidates, the reference first.
        open_engine: opens a candidate; a `ClassifierError` puts it out of the running.
        answer_with: makes the classifier that would answer with an engine.
        progress: called with the candidates done and the candidates in all.

    Raises:
        ClassifierError: the reference itself cannot answer.
    """
    examples = [dev[i * len(dev) // TEXTS] for i in range(TEXTS)] if len(dev) > TEXTS else list(dev)
    reference, *others = tried
    expected = _run(answer_with(open_engine(reference)), examples)
    trials = [_judge(reference, expected, expected)]
    progress(1, len(tried))
    for done, candidate in enumerate(others, start=2):
        try:
            trials.append(_judge(candidate, _run(answer_with(open_engine(candidate)), examples), expected))
        except ClassifierError as exc:
            trials.append(Trial(candidate=candidate, rejected=str(exc)))
        progress(done, len(tried))
    best = min((trial for trial in trials if trial.rejected is None), key=_seconds)
    return Choice(
        chosen=best.candidate,
        reason=_reason(best, trials, len(examples)),
        texts=len(examples),
        trials=tuple(trials),
    )


@dataclass(frozen=True, kw_only=True)
class _Answers:
    paths: list[tuple[str, ...]]
    right: int
    seconds: float


def _run(classifier: Classifier, examples: Sequence[Example]) -> _Answers:
    texts = [example.text for example in examples]
    list(classifier.classify(texts[:_WARM_UP]))
    passes: list[float] = []
    paths: dict[int, tuple[str, ...]] = {}
    while len(passes) < _PASSES and sum(passes) < _ENOUGH_S:
        began = time.perf_counter()
        paths = {answer.index: answer.path for answer in classifier.classify(texts)}
        passes.append(time.perf_counter() - began)
    right = sum(paths[i] == example.gold for i, example in enumerate(examples))
    return _Answers(paths=[paths[i] for i in range(len(texts))], right=right, seconds=min(passes))


def _judge(candidate: Candidate, answers: _Answers, expected: _Answers) -> Trial:
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
        equal=equal,
        accuracy=answers.right / count,
        rejected=rejected,
    )


def _reason(best: Trial, trials: Sequence[Trial], texts: int) -> str:
    reference, *others = trials
    if best is reference:
        tried = ", ".join(str(trial.candidate) for trial in others if trial.s_per_text is not None)
        than = f"; tried beside it: {tried}" if tried else "; no other engine could be tried"
        return f"{best.candidate} ({_seconds(best) * 1000:.3g} ms a text{than})"
    return (
        f"{best.candidate} ({_seconds(best) * 1000:.3g} ms a text; {reference.candidate} "
        f"{_seconds(reference) * 1000:.3g} ms; labels equal on {best.equal} of {texts} dev texts)"
    )


def _seconds(trial: Trial) -> float:
    return math.inf if trial.s_per_text is None else trial.s_per_text


def _in_torch(settings: BertSettings) -> list[Candidate]:
    precision = choose_precision(settings.precision, choose_device(settings.device))
    formats = dict.fromkeys(["float32", precision])
    return [Candidate(engine="torch", precision=one) for one in formats]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
