"""Runs windows of tokens through an engine in batches, and makes one row of logits of a text's windows.

In: tokenised windows. Out: logits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from classifiers.engines import Batch, Engine, OutOfMemory
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

LENGTH_STEP = 8
"""Tokens that the length of a batch is a multiple of, so that there are few shapes.

In batches of 2,048 tokens, 800 app descriptions (191 tokens on average, 256 at most) took 1.0 % of padding
and 40 shapes without a step, 2.0 % and 23 with 8, 3.0 % and 13 with 16, 5.5 % and 7 with 32; lengths drawn
around 30 took 8 % without a step, 18 % with 8, 31 % with 16.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One window of a text.

    Attributes:
        text: the index of the text.
        windows: how many windows the text has.
        inputs: by the names of the model's inputs, each of shape (tokens,).
    """

    text: int
    windows: int
    inputs: Mapping[str, NDArray[np.integer]]

    @property
    def tokens(self) -> int:
        """How long it is, special tokens included."""
        return len(self.inputs["input_ids"])


@dataclass(frozen=True, kw_only=True)
class Computed:
    """A batch that went through the engine.

    Attributes:
        rows: in it.
        logits: theirs, of shape (rows, outputs).
        seconds: that it took, with padding and the attempts that ran out of memory.
    """

    rows: Sequence[Row]
    logits: NDArray[np.float32]
    seconds: float


class Batches:
    """Cuts rows into batches of at most `batch_tokens` padded tokens.

    The longest rows come first: their length alone settles how many go into a batch, so there is about one
    shape for each length, and where memory is short this shows at once. A backend keeps code and buffers for
    every shape it meets: see the measurement in `classifiers.fine_tuning`.

    Args:
        engine: computes the logits.
        batch_tokens: at most; None takes what the engine says suits it, batch by batch.
        max_length: no batch is longer.
        padding: by the names of the inputs, what fills up a row; 0 where it is not named.
    """

    def __init__(
        self, engine: Engine, *, batch_tokens: int | None, max_length: int, padding: Mapping[str, int]
    ) -> None:
        self._given = batch_tokens
        self._most: float = math.inf
        self._engine = engine
        self._max_length = max_length
        self._padding = padding

    @property
    def batch_tokens(self) -> int:
        """Those of the next batch; what the device had no room for halves them for good."""
        return int(min(self._most, self._given or self._engine.batch_tokens))

    def compute(self, rows: Iterable[Row]) -> Iterator[Computed]:
        """Yield every row once, in batches, the longest first and equally long ones as they were given.

        Raises:
            ClassifierError: the device has no room for a single row.
        """
        todo = sorted(rows, key=lambda row: -row.tokens)
        done = 0
        began = time.perf_counter()
        while done < len(todo):
            length = min(-(-todo[done].tokens // LENGTH_STEP) * LENGTH_STEP, self._max_length)
            batch = todo[done : done + max(1, self.batch_tokens // length)]
            try:
                logits = self._engine.logits(self._padded(batch, length))
            except OutOfMemory as exc:
                if len(batch) == 1:
                    raise ClassifierError(
                        f"one text of {length} tokens has no room on {self._engine.device} ({exc}): "
                        "lower max_length, take precision = 'bfloat16', or device = 'cpu'"
                    ) from exc
                self._most = len(batch) * length // 2
                continue
            yield Computed(rows=batch, logits=logits, seconds=time.perf_counter() - began)
            done += len(batch)
            began = time.perf_counter()

    def _padded(self, batch: Sequence[Row], length: int) -> Batch:
        padded = {
            name: np.full((len(batch), length), self._padding.get(name, 0), dtype=np.int64)
            for name in batch[0].inputs
        }
        for i, row in enumerate(batch):
            for name, values in row.inputs.items():
                padded[name][i, : len(values)] = values
        return padded


def mean_of_windows(
    logits: NDArray[np.floating], softmaxes: Sequence[slice], temperature: float = 1.0
) -> NDArray[np.float64]:
    """Return logits of shape (outputs,) whose probabilities are the mean of those of the windows.

    Args:
        logits: of the windows of one text, (windows, outputs).
        softmaxes: the outputs that make up a probability distribution each.
        temperature: what logits are divided by before they become probabilities, here and later.
    """
    mean: NDArray[np.float64] = logits[0].astype(np.float64)
    if len(logits) == 1:
        return mean
    for outputs in softmaxes:
        scaled = logits[:, outputs].astype(np.float64) / temperature
        log_probabilities = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        mean[outputs] = (np.logaddexp.reduce(log_probabilities, axis=0) - np.log(len(logits))) * temperature
    return mean
