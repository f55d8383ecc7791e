"""The one contract every classifier keeps: texts in, exactly one `Prediction` per text out.

Station 3 of 6. Whoever runs a classifier (the runner, `harness predict`, the contract tests) uses nothing
but what stands here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from prompts.taxonomy import Path, Taxonomy

Failure = Literal["unreadable", "outside_labels", "refused", "truncated", "empty", "request_failed"]
Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Example:
    """One text with what is known about it.

    Attributes:
        id: unique within its split.
        text: what the classifier reads.
        gold: the true path of labels, root first; () where it is not known.
        meta: the other columns; a categorical one is a slice in the report.
    """

    id: str
    text: str
    gold: Path = ()
    meta: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an answer consumed, all attempts together.

    Attributes:
        calls: requests sent, retries included.
        input_tokens: prompt tokens, the cached ones included.
        cached_input_tokens: prompt tokens served from the provider's cache.
        output_tokens: generated tokens, reasoning included.
        cache_write_tokens: prompt tokens written to the provider's cache, where these are counted apart; none
            is among the cached ones.
        reasoning_tokens: the reasoning within `output_tokens`, for display.
    """

    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The answer to one text: a complete path, or a failure that says why there is none.

    Attributes:
        index: which of the given texts this answers, from 0.
        path: the labels, root first. Complete when `failure` is None; otherwise the levels that were answered
            before it failed, often none, never all.
        failure: why there is no complete path, or None.
        scores: label -> probability, one dict per level, keyed by `Taxonomy.display_names`; None where the
            classifier gives none.
        latency_s: seconds from sending to answer, retries included; for a batch, the time of the batch.
        usage: tokens and calls, or None where nothing is counted.
        cost_usd: US dollars paid for this answer, or None when the price is unknown (unknown is never 0).
        raw: what the model said, or None where it does not speak.
    """

    index: int
    path: Path
    failure: Failure | None = None
    scores: tuple[Mapping[str, float], ...] | None = None
    latency_s: float
    usage: Usage | None = None
    cost_usd: float | None = None
    raw: str | None = None


class Classifier(Protocol):
    """What the runner needs of a classifier; training is not part of it.

    Attributes:
        name: unique in a run.
        taxonomy: the labels it answers with.
        identity: everything that can change an answer, flat and free of secrets; equal identities may share
            answers, so batch size, device, concurrency and time-outs are not in it.
        facts: what the report should say beside the figures (device, engine, concurrency, texts cut);
            complete once `classify` has ended.
    """

    @property
    def name(self) -> str: ...
    @property
    def taxonomy(self) -> Taxonomy: ...
    @property
    def identity(self) -> Mapping[str, Scalar]: ...
    @property
    def facts(self) -> Mapping[str, Scalar]: ...

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield exactly one prediction per text, in any order, each as soon as it is known.

        A bad item never raises: it is a prediction with a `failure`.

        Raises:
            ClassifierError: the classifier as a whole cannot work.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Training:
    """The record of one training, kept beside the weights.

    Attributes:
        train_s: wall seconds of the training alone, loading the base model not counted.
        device: where it ran, in words.
        examples: how many training examples it saw.
        best_epoch: the epoch that was kept, from 1, or None where there are no epochs.
        curve: one dict per epoch: epoch, train_loss, dev_loss, dev_accuracy, ...
        facts: what the report should say about it (precision, steps, ...).
    """

    train_s: float
    device: str
    examples: int
    best_epoch: int | None = None
    curve: tuple[Mapping[str, float], ...] = ()
    facts: Mapping[str, Scalar] = field(default_factory=dict)
