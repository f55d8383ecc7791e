"""Station 5's way in: one run as it was answered.

In: what the run folder holds, the test set and the predictions streamed as often as wanted. Out: `RunData`,
from which scores and the page are made without a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from classifiers.contract import Example, Scalar, Training
from prompts.taxonomy import Taxonomy


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What timing.json holds.

    Attributes:
        load_s: seconds to load and warm up, or None where that was not measured.
        train_s: seconds of training, or None where nothing was trained.
        answer_s: wall seconds of live answering, summed over interruptions.
        answered: live answers given within `answer_s`.
        reused: answers taken over from an earlier run.
        reused_from: the name of that run.
        measured_in: the run in which `answer_s` was measured, or None where it was this one.
    """

    load_s: float | None
    train_s: float | None
    answer_s: float
    answered: int
    reused: int = 0
    reused_from: str | None = None
    measured_in: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClassifierRun:
    """One classifier's part of a run.

    Attributes:
        kind: bert, llm or baseline.
        identity: all that can change an answer.
        facts: what to say beside the figures; `concurrency` and `device` are shown with the times.
        training: the record of the training, or None where there was none.
        training_identity: all that shaped the training, settings and hashes, or None.
        error: the message that stopped the classifier as a whole, or None.
        predictions: rows of predictions.jsonl; the last row of an id counts, rows may be missing.
        seed: of its training.
        further_seed_of: the classifier of which this is a further training with another seed, which stands
            before it; None where it takes part in the comparison itself.
    """

    name: str
    kind: str
    identity: Mapping[str, Scalar]
    facts: Mapping[str, Scalar]
    timing: Timing
    training: Training | None = None
    training_identity: Mapping[str, Scalar] | None = None
    error: str | None = None
    predictions: Iterable[Mapping[str, Any]]
    seed: int | None = None
    further_seed_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunData:
    """A whole run, read from its folder.

    Attributes:
        name: what the comparison is called.
        created: when the run started, ISO 8601, UTC.
        test: the test set exactly as answered; re-iterable.
        data: data.json: `counts`, `sha256`, `sources` and `characters` by split; `majority`, per level the
            path down to the most frequent training label, or None; `findings` (severity, kind, message,
            where, count); `note`, what the data can and cannot show; `limit` ({"test": [80, 800]} where only
            a part was used).
        environment: environment.json.
        machine_usd_per_hour: what an hour of this machine costs, or None when unknown.
        machine_price_source: who says so.
        margin: differences of accuracy below this do not matter, 0..1.
        allow_leakage: whether the run went on although test texts were found in train or dev.
    """

    name: str
    created: str
    taxonomy: Taxonomy
    test: Iterable[Example]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    classifiers: list[ClassifierRun]
    machine_usd_per_hour: float | None = None
    machine_price_source: str | None = None
    margin: float = 0.02
    allow_leakage: bool = False
    language: Literal["en", "zh"] = "en"
