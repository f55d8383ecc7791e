"""Texts as vectors of length 1, so that products are cosines: TF-IDF, or the mean of an encoder's outputs.

In: texts. Out: a matrix (texts, dimensions), sparse for TF-IDF. Nothing heavy is loaded before `learn`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from classifiers.encoders import fingerprint
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_LENGTH = 256
"""Tokens that an encoder reads of a text."""

BATCH_TOKENS = 2048
"""Padded tokens in one forward pass: what suits a CPU."""

WINDOW = 1024
"""Texts that are tokenised together; memory grows with this, not with the texts."""


class TextVectors(Protocol):
    """One way to turn texts into vectors.

    Attributes:
        method: its name, as in the settings.
        base_sha256: a hash of the encoder, or None where there is none.
    """

    @property
    def method(self) -> str: ...
    @property
    def base_sha256(self) -> str | None: ...

    def learn(self, texts: list[str]) -> Any:
        """Take `texts` as all that is known and return their vectors, (texts, dimensions).

        Raises:
            ClassifierError: it cannot work on this machine or with these texts.
        """
        ...

    def of(self, texts: list[str]) -> Any:
        """Return the vectors of further texts, (texts, dimensions)."""
        ...


class TfidfVectors:
    """TF-IDF over words or characters, chosen as the baseline chooses them."""

    method = "tfidf"
    base_sha256 = None

    def __init__(self) -> None:
        self._vectorizer: Any = None

    def learn(self, texts: list[str]) -> Any:
        from classifiers.baseline import choose_analyzer, vectorizer_for

        self._vectorizer = vectorizer_for(choose_analyzer(texts), examples=len(texts))
        try:
            return self._vectorizer.fit_transform(texts)
        except ValueError as exc:
            raise ClassifierError(
                f"examples_by = 'tfidf': the training texts hold no words to compare by ({exc}); "
                "use examples_by = 'label'"
            ) from exc

    def of(self, texts: list[str]) -> Any:
        return self._vectorizer.transform(texts)


class EncoderVectors:
    """The mean of the last hidden states over a text's tokens, on the CPU.

    Args:
        folder: a checked folder, from `encoders.resolve`.
    """

    method = "encoder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._encoder: Any = None

    @cached_property
    def base_sha256(self) -> str:
        return fingerprint(self._folder)

    def learn(self, texts: list[str]) -> NDArray[np.float32]:
        import inspect

        from classifiers.transformer_models import fit_lengths, load_encoder, load_tokenizer

        self._tokenizer = load_tokenizer(self._folder)
        self._encoder = load_encoder(self._folder).eval()
        self._accepted = set(inspect.signature(self._encoder.forward).parameters)
        self._max_length = fit_lengths(MAX_LENGTH, self._encoder, self._tokenizer).max_length
        return self.of(texts)

    def of(self, texts: list[str]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self._encoder.config.hidden_size), dtype=np.float32)
        for start in range(0, len(texts), WINDOW):
            encoded = self._tokenizer(
                texts[start : start + WINDOW], truncation=True, max_length=self._max_length
            )
            lengths = [len(ids) for ids in encoded["input_ids"]]
            for rows in _batches(lengths):
                batch = {key: [encoded[key][row] for row in rows] for key in encoded if key in self._accepted}
                vectors[[start + row for row in rows]] = self._mean(batch)
        return vectors

    def _mean(self, batch: dict[str, list[list[int]]]) -> NDArray[np.float32]:
        import torch

        from classifiers.transformer_models import quiet

        with quiet():  # it would rather pad while it tokenises, before the lengths are known
            padded = self._tokenizer.pad(batch, return_tensors="pt")
        with torch.inference_mode():
            hidden = self._encoder(**padded).last_hidden_state  # (texts, tokens, dimensions)
            mask = padded["attention_mask"].unsqueeze(-1)  # (texts, tokens, 1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            return torch.nn.functional.normalize(mean, dim=-1).numpy()


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    for row in sorted(range(len(lengths)), key=lambda row: (lengths[row], row)):
        if not batches or (len(batches[-1]) + 1) * lengths[row] > BATCH_TOKENS:
            batches.append([])
        batches[-1].append(row)
    return batches
