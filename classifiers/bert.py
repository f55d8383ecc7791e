"""The `bert` classifier: answers with a fine-tuned encoder, one forward pass for all levels.

Station 3 of 6. In: the folder that `train_bert` wrote (or any that transformers saves whose labels are the
leaves of the taxonomy). Out: predictions with scores.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.contract import Prediction, Scalar
from classifiers.encoders import sha256_of
from classifiers.engines import Engine
from classifiers.leaf_scores import LeafScores
from classifiers.transformer_models import fit_lengths, load_skeleton, load_tokenizer
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

WINDOW = 1024
"""Texts that are tokenised and sorted by length together; memory grows with this, not with the test set."""


@dataclass(frozen=True, kw_only=True)
class _Encoded:
    index: int
    inputs: Mapping[str, list[int]]

    @property
    def tokens(self) -> int:
        return len(self.inputs["input_ids"])


class BertClassifier:
    """Classify with the model in `folder`.

    Args:
        name: unique in a run.
        taxonomy: its leaves, by display name, are the labels of the model.
        folder: as transformers saves it.
        max_length: tokens read of a text; clipped to the positions of the model.
        engine: with this model in it.
        batch_tokens: padded tokens in one forward pass; None takes what suits the device.

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
        batch_tokens: int | None = None,
    ) -> None:
        self.name = name
        self.taxonomy = taxonomy
        self._engine = engine
        self._tokenizer = load_tokenizer(folder)
        skeleton = load_skeleton(folder)
        self._order = _leaf_order(skeleton, taxonomy, folder)
        lengths = fit_lengths(max_length, skeleton, self._tokenizer)
        self._max_length = lengths.max_length
        self._batch_tokens = batch_tokens or engine.batch_tokens
        self._leaf_scores = LeafScores(taxonomy)
        self._parameters = skeleton.num_parameters()
        self._texts = self._cut = self._tokens = self._unknown = 0
        self.identity: dict[str, Scalar] = {
            "kind": "bert",
            "weights_sha256": sha256_of(folder / "model.safetensors"),
            "tokenizer_sha256": sha256_of(folder / "tokenizer.json"),
            "max_length": self._max_length,
            "precision": engine.precision,
            "engine": engine.name,
            "taxonomy_sha256": taxonomy.sha256,
        }

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """Device, engine and what the tokenizer did to the texts so far; shares are in 0..1."""
        return {
            "device": self._engine.device,
            "engine": self._engine.name,
            "precision": self._engine.precision,
            "batch_tokens": self._batch_tokens,
            "max_length": self._max_length,
            "parameters_m": round(self._parameters / 1e6, 1),
            "texts": self._texts,
            "cut_share": self._cut / self._texts if self._texts else None,
            "unknown_token_share": self._unknown / self._tokens if self._tokens else None,
        }

    def classify(self, texts: list[str]) -> Iterator[Prediction]:
        """Yield one prediction per text, the short texts of each window first."""
        for start in range(0, len(texts), WINDOW):
            begin = time.perf_counter()
            window = self._encode(texts[start : start + WINDOW], start)
            encoding_s = (time.perf_counter() - begin) / len(window)
            for batch in _batches(window, self._batch_tokens):
                begin = time.perf_counter()
                answers = self._leaf_scores.answers(self._probabilities(batch))
                latency_s = time.perf_counter() - begin + encoding_s * len(batch)
                for item, answer in zip(batch, answers, strict=True):
                    yield Prediction(
                        index=item.index, path=answer.path, scores=answer.scores, latency_s=latency_s
                    )

    def _encode(self, texts: list[str], start: int) -> list[_Encoded]:
        encoded = self._tokenizer(texts, truncation=True, max_length=self._max_length)
        self._texts += len(texts)
        self._cut += sum(bool(one.overflowing) for one in encoded.encodings)
        unknown = self._tokenizer.unk_token_id
        for ids, one in zip(encoded["input_ids"], encoded.encodings, strict=True):
            self._tokens += len(ids) - sum(one.special_tokens_mask)
            self._unknown += ids.count(unknown) if unknown is not None else 0
        return [
            _Encoded(index=start + i, inputs={key: encoded[key][i] for key in encoded})
            for i in range(len(texts))
        ]

    def _probabilities(self, batch: Sequence[_Encoded]) -> NDArray[np.float64]:
        fill = {
            "input_ids": self._tokenizer.pad_token_id,
            "token_type_ids": self._tokenizer.pad_token_type_id,
        }
        longest = max(item.tokens for item in batch)
        padded = {
            key: np.full((len(batch), longest), fill.get(key, 0), dtype=np.int64) for key in batch[0].inputs
        }  # each (texts, tokens of the longest)
        for row, item in enumerate(batch):
            for key, ids in item.inputs.items():
                padded[key][row, : len(ids)] = ids
        return softmax(self._engine.logits(padded)[:, self._order])  # (texts, leaves)


def _batches(window: list[_Encoded], batch_tokens: int) -> Iterator[list[_Encoded]]:
    batch: list[_Encoded] = []
    for item in sorted(window, key=lambda item: item.tokens):
        if batch and (len(batch) + 1) * item.tokens > batch_tokens:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _leaf_order(model: PreTrainedModel, taxonomy: Taxonomy, folder: Path) -> list[int]:
    # For each leaf of the taxonomy, which output of the model it is.
    outputs = {str(label): int(i) for i, label in model.config.id2label.items()}
    leaves = [taxonomy.display_names[leaf] for leaf in taxonomy.leaves]
    if set(outputs) != set(leaves):
        lacking = [leaf for leaf in leaves if leaf not in outputs]
        extra = [label for label in outputs if label not in set(leaves)]
        raise ClassifierError(
            f"the model in {folder} was trained on other labels: it lacks {lacking[:3]!r} and has "
            f"{extra[:3]!r} ({len(outputs)} labels, expected {len(leaves)}); train it on this label set"
        )
    return [outputs[leaf] for leaf in leaves]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probabilities of each row, of the same shape."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
