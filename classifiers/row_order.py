"""In which order a training meets its rows: a draw of its own for every epoch, near lengths together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class RowOrder:
    """Draws as many rows an epoch as there are; order and draw depend on seed and epoch alone.

    So every process of a training on several GPUs, and a training that goes on, meets the same rows.

    Args:
        lengths: tokens of each row.
        weights: how likely each row is drawn, with replacement; None takes every row once.
        group: rows of a step, which are sorted by length within 50 such groups.
        seed: of the training.

    Attributes:
        epoch: the one that is drawn next, from 0.
    """

    def __init__(
        self, lengths: Sequence[int], *, weights: Sequence[float] | None, group: int, seed: int
    ) -> None:
        self._lengths, self._weights, self._group, self._seed = lengths, weights, group, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        import torch
        from transformers.trainer_pt_utils import get_length_grouped_indices

        # Mixed, so that equal sums of seed and epoch do not give equal draws.
        mixed = int(np.random.SeedSequence([self._seed, self.epoch]).generate_state(1, np.uint64)[0])
        generator = torch.Generator().manual_seed(mixed % 2**63)
        rows = list(range(len(self)))
        if self._weights is not None:
            weights = torch.tensor(self._weights, dtype=torch.float64)
            rows = torch.multinomial(weights, len(self), replacement=True, generator=generator).tolist()
        lengths = [self._lengths[row] for row in rows]
        places = get_length_grouped_indices(lengths, self._group, generator=generator)
        return iter([rows[place] for place in places])


def balancing_weights(labels: Sequence[int]) -> list[float]:
    """Return a weight per row, so that every label is drawn as often as any other."""
    counts = np.bincount(np.asarray(labels))
    return [1.0 / int(counts[label]) for label in labels]
