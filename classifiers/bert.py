"""The `bert` classifier: answers with a fine-tuned encoder, one forward pass for all levels.

Station 3 of 6. In: the folder that `train_bert` wrote (or any that transformers saves whose labels are those
of the taxonomy). Out: predictions with scores.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.ahead import one_ahead
from classifiers.batching import Batches, Computed, Row, mean_of_windows
from classifiers.contract import Prediction, Scalar
from classifiers.encoders import sha256_of
from classifiers.engines import Engine
from classifiers.heads import StoredHead, head_of
from classifiers.temperature import TemperatureScaling, read_temperature
from classifiers.transformer_models import fit_lengths, load_skeleton, load_tokenizer
from classifiers.truncation import TokenisedText, Truncation, Truncator
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from numpy.typing import NDArray

WINDOW = 1024
"""Texts that are tokenised and sorted by length together; memory grows with this, not with the test set."""


@dataclass(frozen=True, kw_only=True)
class _Tokenised:
    start: int  # the index of the first text
    texts: list[TokenisedText]
    seconds_per_text: float


@dataclass(frozen=True, kw_only=True)
class _Read:
    index: int
    logits: NDArray[np.float64]  # (outputs,)
    seconds: float


class BertClassifier:
    """Classify with the model in `folder`.

    Args:
        name: unique in a run.
        taxonomy: its leaves, or the nodes of all its levels, are the labels of the model; see `heads`.
        folder: as transformers saves it.
        max_length: tokens read of a text; clipped to the positions of the model.
        engine: with this model in it.
        truncation: which tokens of a longer text are read; see `Truncator`.
        calibrate: whether the scores are scaled by the temperature that is stored with the model, if any.
        batch_tokens: padded tokens in one forward pass; None takes what suits the device.
        engine_facts: why it is this engine; None where nobody chose.

    Raises:
        ClassifierError: no model in the folder, or one with other labels.
    """

    def __init__(
        self,
        name: str,
        taxonomy: Taxonomy,
        folder: Path,
        engine: Engine,
        *,
        max_length: int = 256,
        truncation: Truncation = "head",
        calibrate: bool = True,
        batch_tokens: int | None = None,
        engine_facts: Mapping[str, Scalar] | None = None,
    ) -> None:
        self.name = name
        self.taxonomy = taxonomy
        self._engine = engine
        self._engine_facts = engine_facts or {}
        tokenizer, skeleton = load_tokenizer(folder), load_skeleton(folder)
        self._stored = head_of(skeleton.config.id2label, taxonomy)
        self._scaling = read_temperature(folder) if calibrate else TemperatureScaling()
        self._max_length = fit_lengths(max_length, skeleton, tokenizer).max_length
        self._truncation = truncation
        self._truncator = Truncator(tokenizer, max_length=self._max_length, truncation=truncation)
        self._batches = Batches(
            engine,
            batch_tokens=batch_tokens,
            max_length=self._max_length,
            padding={
                "input_ids": tokenizer.pad_token_id,
                "token_type_ids": tokenizer.pad_token_type_id,
            },
        )
        self._parameters = skeleton.num_parameters()
        self._texts = self._windows = self._cut = self._tokens = self._unknown = 0
        self.identity: dict[str, Scalar] = {
            "kind": "bert",
            "weights_sha256": sha256_of(folder / "model.safetensors"),
            "tokenizer_sha256": sha256_of(folder / "tokenizer.json"),
            "max_length": self._max_length,
            "truncation": truncation,
            "temperature": self._scaling.temperature,
            "precision": engine.precision,
            "engine": engine.name,
            "taxonomy_sha256": taxonomy.sha256,
        }

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """Device, engine and what was read of the texts answered so far.

        Shares are in 0..1: `cut_share` of the texts had tokens that were not read. `batch_tokens` is what
        the next batch would have: less than before where memory ran out.
        """
        facts: dict[str, Scalar] = {
            "device": self._engine.device,
            "engine": self._engine.name,
            **self._engine_facts,
            "precision": self._engine.precision,
            "batch_tokens": self._batches.batch_tokens,
            "max_length": self._max_length,
            "truncation": self._truncation,
            "heads": "levels" if len(self._stored.head.softmaxes) > 1 else "leaves",
            "temperature": self._scaling.temperature,
            "parameters_m": round(self._parameters / 1e6, 1),
            "texts": self._texts,
            "read_tokens": self._tokens,
            "cut_share": self._cut / self._texts if self._texts else None,
            "unknown_token_share": self._unknown / self._tokens if self._tokens else None,
        }
        if self._truncation == "windows":
            facts["windows_per_text"] = self._windows / self._texts if self._texts else None
        return {**facts, **self._engine.facts}

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield one prediction per text, the long texts of each window first."""

        def tokenise(start: int) -> _Tokenised:
            began = time.perf_counter()
            tokenised = self._truncator.tokenise(texts[start : start + WINDOW])
            seconds = time.perf_counter() - began
            return _Tokenised(start=start, texts=tokenised, seconds_per_text=seconds / len(tokenised))

        with closing(one_ahead(tokenise, range(0, len(texts), WINDOW))) as windows:
            for window in windows:
                for prediction in self._predictions(window):
                    self._count(window.texts[prediction.index - window.start])
                    yield prediction

    def logits(self, texts: list[str]) -> NDArray[np.float64]:
        """Return the outputs for texts, of shape (texts, outputs), as the head orders them."""
        batches = self._batches.compute(_rows(self._truncator.tokenise(texts)))
        read = [text for some in _whole_texts(batches, self._stored) for text in some]
        return np.stack([text.logits for text in sorted(read, key=lambda text: text.index)])

    def warm_up(self) -> None:
        """Answer a text that no fact counts, so that the first answer is no slower than the others."""
        texts = self._truncator.tokenise(["warm up"])
        list(self._predictions(_Tokenised(start=0, texts=texts, seconds_per_text=0.0)))

    def _count(self, text: TokenisedText) -> None:
        self._texts += 1
        self._windows += len(text.windows)
        self._cut += text.is_cut
        self._tokens += text.read_tokens
        self._unknown += text.unknown_tokens

    def _predictions(self, window: _Tokenised) -> Iterator[Prediction]:
        rows = _rows(window.texts, window.start)
        for read in _whole_texts(self._batches.compute(rows), self._stored):
            began = time.perf_counter()
            logits = np.stack([text.logits for text in read])  # (texts, outputs)
            answers = self._stored.head.answers(logits, self._scaling.temperature)
            shared_s = window.seconds_per_text * len(read) + time.perf_counter() - began
            for text, answer in zip(read, answers, strict=True):
                yield Prediction(
                    index=text.index,
                    path=answer.path,
                    scores=answer.scores,
                    latency_s=text.seconds + shared_s,
                )


def _rows(texts: Iterable[TokenisedText], start: int = 0) -> Iterator[Row]:
    for index, text in enumerate(texts, start):
        for inputs in text.windows:
            yield Row(text=index, windows=len(text.windows), inputs=inputs)


def _whole_texts(batches: Iterable[Computed], stored: StoredHead) -> Iterator[list[_Read]]:
    # Per batch the texts whose last window was in it; a text took as long as all batches that it was in.
    softmaxes = [softmax.outputs for softmax in stored.head.softmaxes]
    windows: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    seconds: dict[int, float] = defaultdict(float)
    for batch in batches:
        for text in {row.text for row in batch.rows}:
            seconds[text] += batch.seconds
        read = []
        for row, logits in zip(batch.rows, batch.logits[:, stored.order], strict=True):
            windows[row.text].append(logits)
            if len(windows[row.text]) == row.windows:
                whole = mean_of_windows(np.stack(windows.pop(row.text)), softmaxes)
                read.append(_Read(index=row.text, logits=whole, seconds=seconds.pop(row.text)))
        if read:
            yield read
