"""Station 5: bootstrap intervals for figures that are no plain shares.

In: columns of numbers, a row for each text. Out: how far a figure made from them moves when the texts are
drawn again. Rows that are alike are drawn together, as counts, so that 1,000,000 texts fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from reports.arrays import Floats, Integers

Counts = NDArray[np.int64]

NORMAL = NormalDist()  # importing scipy.special takes 0.2 s, longer than to score a small run
DRAWS = 300_000  # counts drawn for one interval: some 12 ms on one core, whatever the number of cells
MOST_RESAMPLES, LEAST_RESAMPLES = 2000, 400
AT_ONCE = 1_000_000  # counts held in memory, 8 bytes each
NONE = -1


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Two ends, low first."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Rows counted by what they have in common.

    Attributes:
        columns: for each column (cells,) its number in each cell, -1 for none.
        counts: (cells,) how many rows are like that, at least 1.
    """

    columns: tuple[Integers, ...]
    counts: Counts

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def resamples(self) -> int:
        """How often the rows are drawn again: 2,000 times, and less often the more cells there are."""
        return min(MOST_RESAMPLES, max(LEAST_RESAMPLES, DRAWS // max(len(self.counts), 1)))


def count_cells(*columns: Integers) -> Cells:
    """Count the distinct rows of (rows,) columns of numbers from -1 up."""
    sizes = [int(column.max(initial=NONE)) + 2 for column in columns]
    keys = np.zeros(len(columns[0]), dtype=np.int64)
    for column, size in zip(columns, sizes, strict=True):
        keys = keys * size + (column + 1)
    found, counts = np.unique(keys, return_counts=True)
    apart = []
    for size in reversed(sizes):
        found, code = np.divmod(found, size)
        apart.append((code - 1).astype(np.int32))
    return Cells(columns=tuple(reversed(apart)), counts=counts.astype(np.int64))


def draw(cells: Cells, figures: Callable[[Counts], Floats], *, seed: str) -> Floats:
    """Return the figures of every resample, the same for the same seed and cells.

    Args:
        figures: makes (resamples, figures) from (resamples, cells).
        seed: any text.
    """
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    shares = cells.counts / cells.rows
    step = max(1, AT_ONCE // len(shares))
    return np.concatenate(
        [
            figures(rng.multinomial(cells.rows, shares, size=min(step, cells.resamples - done)))
            for done in range(0, cells.resamples, step)
        ]
    )


def bca(
    value: float, draws: Floats, influence: Floats, counts: Counts, *, confidence: float = 0.95
) -> Interval | None:
    """Return the bias-corrected and accelerated interval (Efron 1987, J. Am. Stat. Assoc. 82, 171-185).

    None where drawing the rows again moves nothing: they then say nothing of how far the figure may be off.

    Args:
        value: of the rows as they are.
        draws: (resamples,) of the rows drawn again.
        influence: (cells,) how fast the figure grows with the share of each cell (his equation 6.5).
        counts: (cells,) of the rows as they are.
    """
    if np.ptp(draws) < 1e-12:
        return None
    below = ((draws < value - 1e-12).mean() + (draws <= value + 1e-12).mean()) / 2
    edge = 1 / (2 * len(draws))
    bias = NORMAL.inv_cdf(min(max(float(below), edge), 1 - edge))
    squares = float((counts * influence**2).sum())
    skew = float((counts * influence**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
    shares = []
    for share in (0.5 - confidence / 2, 0.5 + confidence / 2):
        z = bias + NORMAL.inv_cdf(share)
        shares.append(NORMAL.cdf(bias + z / max(1 - skew * z, 1e-6)))
    low, high = np.quantile(draws, shares)
    return Interval(low=float(low), high=float(high))
