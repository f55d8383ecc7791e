"""Station 5: the scores of one classifier as arrays.

In: the `scores` of each prediction, per level a dict label -> probability. Out: three figures per row and
level, and the whole of the deepest level for as many rows as fit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prompts.taxonomy import Taxonomy

SUM_TOLERANCE = 0.01  # scores are stored with six digits: of 10,000 labels the rounding stays below this
MOST_CELLS = 5_000_000  # 20 MB a classifier: 100,000 rows of 50 labels


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """The probability of every label of the deepest level, for a sample of the rows or all.

    Attributes:
        rows: (kept,) the rows of the test set, in their order.
        probabilities: (kept, labels); a row is NaN where not every label was scored or the sum is not 1.
    """

    rows: NDArray[np.intp]
    probabilities: NDArray[np.float32]

    def whole(self) -> LabelScores:
        """Return the rows that are not NaN."""
        known = ~np.isnan(self.probabilities).any(axis=1)
        return LabelScores(rows=self.rows[known], probabilities=self.probabilities[known])


class ScoreArrays:
    """Takes the scores of one prediction after another; the last of a row counts.

    Attributes:
        confidence, gold_score, squares: as in `ClassifierAnswers`.
    """

    def __init__(self, taxonomy: Taxonomy, gold: NDArray[np.int32]) -> None:
        shape = gold.shape
        self.confidence = np.full(shape, np.nan, dtype=np.float32)
        self.gold_score = np.full(shape, np.nan, dtype=np.float32)
        self.squares = np.full(shape, np.nan, dtype=np.float32)
        self._gold = gold
        self._names = [tuple(taxonomy.display_names[path] for path in paths) for paths in taxonomy.nodes]
        self._kept = _sample(shape[0], len(self._names[-1]))
        self._place = {row: place for place, row in enumerate(self._kept.tolist())}
        self._matrix: NDArray[np.float32] | None = None

    @property
    def labels(self) -> LabelScores | None:
        """The deepest level in full; None where no row has it."""
        if self._matrix is None:
            return None
        return LabelScores(rows=self._kept, probabilities=self._matrix)

    def put(self, row: int, answer: Sequence[int], scores: Sequence[Mapping[str, float]] | None) -> None:
        """Set the figures of one row.

        Args:
            row: of the test set.
            answer: per level the index of the label answered, -1 for none.
            scores: per level, display name -> probability; an empty dict says nothing.
        """
        self.forget(row)
        for level, given in enumerate((scores or ())[: len(self._names)]):
            if not given:
                continue
            names = self._names[level]
            if answer[level] >= 0:
                self.confidence[row, level] = given.get(names[answer[level]], math.nan)
            self.gold_score[row, level] = given.get(names[self._gold[row, level]], 0.0)
            if abs(math.fsum(given.values()) - 1) > SUM_TOLERANCE:
                continue
            self.squares[row, level] = math.hypot(*given.values()) ** 2
            if level == len(self._names) - 1 and len(given) == len(names):
                self._keep(row, names, given)

    def forget(self, row: int) -> None:
        """Take back what an earlier answer to the same row said."""
        self.confidence[row] = self.gold_score[row] = self.squares[row] = np.nan
        place = self._place.get(row)
        if self._matrix is not None and place is not None:
            self._matrix[place] = np.nan

    def _keep(self, row: int, names: tuple[str, ...], given: Mapping[str, float]) -> None:
        place = self._place.get(row)
        if place is None:
            return
        if self._matrix is None:
            self._matrix = np.full((len(self._kept), len(names)), np.nan, dtype=np.float32)
        if tuple(given) == names:
            self._matrix[place] = tuple(given.values())
        else:
            self._matrix[place] = [given.get(name, math.nan) for name in names]


def _sample(rows: int, labels: int) -> NDArray[np.intp]:
    """Return as many rows as `MOST_CELLS` allows, the same ones every time, in their order."""
    most = max(MOST_CELLS // labels, 1)
    if rows <= most:
        return np.arange(rows)
    seed = hashlib.sha256(f"label scores of {rows} rows".encode()).digest()
    random = np.random.default_rng(int.from_bytes(seed[:8], "big"))
    return np.sort(random.choice(rows, size=most, replace=False))
