"""Station 5: F1 of labels from counts, of the rows as they are or of many resamples at once.

In: `Cells` of gold and answer. Out: macro and weighted F1, and what each cell does to them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.arrays import NO_LABEL, Floats, Integers
from reports.resampling import Counts


@dataclass(frozen=True, kw_only=True)
class LabelCounts:
    """Counts by label, each (..., labels).

    Attributes:
        support: rows whose gold label it is.
        predicted: rows it was answered for.
        hits: rows where both are true.
    """

    support: Counts
    predicted: Counts
    hits: Counts

    @property
    def f1(self) -> Floats:
        """(..., labels), 0 for a label that occurs nowhere."""
        f1: Floats = 2 * self.hits / np.maximum(self.support + self.predicted, 1)
        return f1

    @property
    def macro(self) -> Floats:
        """(...) the mean over the labels in gold or in the answers."""
        occurring = (self.support + self.predicted > 0).sum(axis=-1)
        macro: Floats = self.f1.sum(axis=-1) / np.maximum(occurring, 1)
        return macro

    @property
    def weighted(self) -> Floats:
        """(...) the mean over the labels by their support."""
        weighted: Floats = (self.support * self.f1).sum(axis=-1) / np.maximum(self.support.sum(axis=-1), 1)
        return weighted


class LabelCounter:
    """Sums cells up by label.

    Args:
        gold: (cells,) label of each cell.
        answer: (cells,) label, -1 for none.
        size: how many labels there are.
    """

    def __init__(self, gold: Integers, answer: Integers, size: int) -> None:
        self.gold, self.answer = gold, answer
        self._sums = [_Sum(codes, size) for codes in (gold, answer, np.where(gold == answer, gold, NO_LABEL))]

    def __call__(self, counts: Counts) -> LabelCounts:
        """Return the counts by label of (..., cells)."""
        support, predicted, hits = (sum_(counts) for sum_ in self._sums)
        return LabelCounts(support=support, predicted=predicted, hits=hits)

    def macro_influence(self, counts: Counts) -> Floats:
        """(cells,) the derivative of macro F1 by the number of rows in each cell."""
        at = self(counts)
        per_label = at.f1 / np.maximum(at.support + at.predicted, 1)
        occurring = int((at.support + at.predicted > 0).sum())
        return self._spread(at, per_label, np.ones(len(per_label))) / max(occurring, 1)

    def weighted_influence(self, counts: Counts) -> Floats:
        """(cells,) the derivative of weighted F1 by the number of rows in each cell."""
        at = self(counts)
        per_label = at.f1 / np.maximum(at.support + at.predicted, 1)
        moved = self._spread(at, per_label, at.support.astype(np.float64))
        influence: Floats = (moved + at.f1[self.gold] - at.weighted) / counts.sum()
        return influence

    def _spread(self, at: LabelCounts, per_label: Floats, weight: Floats) -> Floats:
        """dF1 = (2 [hit] - F1 [in gold] - F1 [answered]) / (support + predicted), weighted and added up."""
        answered = self.answer != NO_LABEL
        gain = 2 * weight / np.maximum(at.support + at.predicted, 1)
        loss = weight * per_label
        moved: Floats = np.where(self.gold == self.answer, gain[self.gold], 0.0) - loss[self.gold]
        moved[answered] -= loss[self.answer[answered]]
        return moved


class _Sum:
    """Sums columns of counts by a code; columns with code -1 are left out."""

    def __init__(self, codes: Integers, size: int) -> None:
        order = np.argsort(codes, kind="stable")
        self._order = order[codes[order] != NO_LABEL]
        self._present, self._starts = np.unique(codes[self._order], return_index=True)
        self._size = size

    def __call__(self, counts: Counts) -> Counts:
        sums: Counts = np.zeros((*counts.shape[:-1], self._size), dtype=np.int64)
        if len(self._order):
            sums[..., self._present] = np.add.reduceat(counts[..., self._order], self._starts, axis=-1)
        return sums
