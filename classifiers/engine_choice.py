"""Chooses the engine that answers: the fastest whose answers on the dev texts are those of torch float32.

In: a trained model and dev examples. Out: `engine.json` beside the weights, with what every engine took and
got right, and the choice with its reason. It holds for these weights on this device with these packages.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifiers.contract import Classifier, Example
from classifiers.devices import choose_device, choose_precision, describe_device
from classifiers.encoders import weights_sha256
from classifiers.engine_trials import Candidate, Trial, judge, run, warm_up
from classifiers.engines import Engine, EngineName, OutOfMemory, installed_version, require
from classifiers.onnx_export import GRAPHS
from classifiers.settings import BertSettings
from classifiers.torch_engine import FORMATS
from prompts.errors import ClassifierError

__all__ = [
    "Candidate",
    "Choice",
    "Trial",
    "candidates",
    "choose",
    "conditions",
    "read_choice",
    "unmeasured",
    "write_choice",
]

FILE = "engine.json"

TEXTS = 256
"""Dev texts at most, evenly taken from all."""

TEXTS_AT_LEAST = 30
"""With fewer, engines are not compared: that they agree would say little."""

_PACKAGES = ("torch", "transformers", "tokenizers", "onnx", "onnxscript", "onnxruntime", "openvino")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The engine that answers.

    Attributes:
        chosen: which.
        reason: why, in words.
        texts: on how many dev texts the candidates were tried.
        trials: one per candidate, torch float32 first; where nothing was compared, those that lack packages.
        took_s: seconds that the comparison took, or None where nothing was compared.
    """

    chosen: Candidate
    reason: str
    texts: int = 0
    trials: tuple[Trial, ...] = ()
    took_s: float | None = None


def conditions(settings: BertSettings, folder: Path) -> dict[str, Any]:
    """Return what a choice holds for: weights, device, packages, kinds of graphs, and how texts are read.

    Raises:
        ClassifierError: there are no weights, or no such device.
    """
    return {
        "weights_sha256": weights_sha256(folder),
        "device": describe_device(choose_device(settings.device)),
        "packages": {package: installed_version(package) for package in _PACKAGES},
        "graphs": {**GRAPHS, "torch": FORMATS},
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
            chosen=Candidate(**kept["chosen"]),
            reason=kept["reason"],
            texts=kept["texts"],
            trials=trials,
            took_s=kept.get("took_s"),  # not in files of earlier versions
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # of another version, or cut off
        return None


def write_choice(choice: Choice, settings: BertSettings, folder: Path) -> None:
    """Keep a choice in `folder`, replacing the file in one step.

    Raises:
        ClassifierError: there are no weights, no such device, or the folder cannot be written.
    """
    kept = {"holds_for": conditions(settings, folder), **dataclasses.asdict(choice)}
    half = folder / f"{FILE}.part"
    try:
        half.write_text(json.dumps(kept, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        half.replace(folder / FILE)
    except OSError as exc:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        raise ClassifierError(
            f"the choice of an engine cannot be written to {folder} ({exc}); make room there, "
            "or set engine = 'torch'"
        ) from exc


def unmeasured(settings: BertSettings, why: str) -> Choice:
    """Return the choice where nothing was compared: torch, in float32 unless a precision is set."""
    return _unmeasured(_in_torch(settings), why)


def candidates(settings: BertSettings) -> list[Candidate]:
    """Return what may answer on the device of the settings, torch float32 first.

    Raises:
        ClassifierError: no such device.
    """
    found = _in_torch(settings)
    match choose_device(settings.device).type:
        case "cpu":
            others: tuple[EngineName, ...] = ("onnx-int8", "openvino", "onnx")
            found += [Candidate(engine=engine) for engine in others]
        case "cuda":
            found.append(Candidate(engine="torch-compile", precision=found[-1].precision))
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

    The fastest is the one that would be done first with `engine_trials.PLANNED` texts, its start included.

    Nothing is measured on fewer than `TEXTS_AT_LEAST` texts, nor where the first alone can run.

    Args:
        dev: examples with gold paths, at least one.
        tried: the candidates, the reference first.
        open_engine: opens a candidate; a `ClassifierError` puts it out of the running.
        answer_with: makes the classifier that would answer with an engine.
        progress: called with the candidates done and the candidates in all.

    Raises:
        ClassifierError: the reference itself cannot answer.
    """
    began = time.perf_counter()
    missing = _missing(tried)
    if all(one in missing for one in tried[1:]):
        return _unmeasured(tried, _alone(tried[0], missing), missing)
    if len(dev) < TEXTS_AT_LEAST:
        few = "1 dev text is" if len(dev) == 1 else f"{len(dev)} dev texts are"
        why = f"{few} too few to compare engines on: {TEXTS_AT_LEAST} are needed"
        return _unmeasured(tried, why, missing)
    examples = [dev[i * len(dev) // TEXTS] for i in range(TEXTS)] if len(dev) > TEXTS else list(dev)
    reference, *others = tried
    in_float32 = answer_with(open_engine(reference))
    warm_up(in_float32, examples)  # what a process does but once is no candidate's
    expected = run(in_float32, examples)
    trials = [judge(reference, expected, expected)]
    progress(1, len(tried))
    for done, candidate in enumerate(others, start=2):
        try:
            trials.append(judge(candidate, run(answer_with(open_engine(candidate)), examples), expected))
        except (ClassifierError, OutOfMemory, MemoryError) as exc:
            trials.append(Trial(candidate=candidate, rejected=str(exc) or "out of memory"))
        progress(done, len(tried))
    best = min((trial for trial in trials if trial.rejected is None), key=lambda trial: trial.planned_s)
    return Choice(
        chosen=best.candidate,
        reason=_reason(best, trials, len(examples)),
        texts=len(examples),
        trials=tuple(trials),
        took_s=round(time.perf_counter() - began, 3),
    )


def _missing(tried: Sequence[Candidate]) -> dict[Candidate, str]:
    missing: dict[Candidate, str] = {}
    for candidate in tried:
        try:
            require(candidate.engine)
        except ClassifierError as exc:
            missing[candidate] = str(exc)
    return missing


def _alone(only: Candidate, missing: Mapping[Candidate, str]) -> str:
    if missing:
        return "no other engine is installed"
    if only.stated:
        return f"precision = {only.precision!r} is set and no other engine runs on this device"
    return "nothing else runs on this device"


def _unmeasured(
    tried: Sequence[Candidate], why: str, missing: Mapping[Candidate, str] | None = None
) -> Choice:
    chosen = next((one for one in tried if one.stated), tried[0])
    out = tuple(Trial(candidate=one, rejected=reason) for one, reason in (missing or {}).items())
    return Choice(chosen=chosen, reason=f"{chosen}, as {why}", trials=out)


def _reason(best: Trial, trials: Sequence[Trial], texts: int) -> str:
    reference, *others = trials
    if best is reference:
        tried = ", ".join(str(trial.candidate) for trial in others if trial.s_per_text is not None)
        than = f"; tried beside it: {tried}" if tried else "; no other engine could be tried"
        return f"{best.candidate} ({_seconds(best) * 1000:.3g} ms a text{than})"
    start = f" after {best.first_s:.0f} s of compiling" if best.candidate.engine == "torch-compile" else ""
    words = (
        f"{best.candidate} ({_seconds(best) * 1000:.3g} ms a text{start}; {reference.candidate} "
        f"{_seconds(reference) * 1000:.3g} ms; labels equal on {best.equal} of {texts} dev texts"
    )
    stated = [one.candidate.precision for one in trials if one.candidate.stated]
    if stated and not best.candidate.is_torch:
        words += f"; precision = {stated[0]!r} concerns torch alone"
    return f"{words})"


def _seconds(trial: Trial) -> float:
    return math.inf if trial.s_per_text is None else trial.s_per_text


def _in_torch(settings: BertSettings) -> list[Candidate]:
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    if settings.precision == "auto" and precision == "float32" and device.type != "cpu":
        # Such a GPU still multiplies in float16. Its range is narrow, so only the comparison may take it.
        precision = "float16"
    formats = dict.fromkeys(["float32", precision])
    return [Candidate(engine="torch", precision=one, stated=one == settings.precision) for one in formats]
