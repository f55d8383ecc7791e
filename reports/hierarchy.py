"""Station 5: how near an answered path comes to the true one.

In: the gold and the answered labels of every row at every level. Out: the `hierarchy` of a classifier in
scores.json: a wrong answer in the right branch counts for more than one in another branch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.arrays import ANSWERED, NO_LABEL, ClassifierAnswers, Floats, TestSet
from reports.costs import figure
from reports.levels import ends, rate
from reports.resampling import Counts, bca, count_cells, draw


def describe_hierarchy(test: TestSet, answers: ClassifierAnswers) -> dict[str, Any] | None:
    """Return precision, recall and F1 over label paths; None with one level, where they repeat the accuracy.

    The gold and the answered label of a row are each taken with all labels above them, without the root of
    the tree, and the sums over the rows are compared (Kiritchenko, Matwin, Nock and Famili 2006, Canadian AI,
    LNCS 4013, 395-406; recommended by Silla and Freitas 2011, Data Min. Knowl. Disc. 22, 31-72). A row
    without an answer adds to the gold labels only; one that broke off adds the labels it reached.
    """
    depth = test.gold.shape[1]
    if depth == 1:
        return None
    right = answers.labels == test.gold
    cells = count_cells(
        right.sum(axis=1, dtype=np.int32), (answers.labels != NO_LABEL).sum(axis=1, dtype=np.int32)
    )
    shared, said = (column.astype(np.float64) for column in cells.columns)

    def f1(counts: Counts) -> Floats:
        found: Floats = 2 * (counts @ shared) / (counts @ said + depth * counts.sum(axis=-1))
        return found

    value, counts = float(f1(cells.counts)), cells.counts
    labels_shared, labels_said, labels_true = float(counts @ shared), float(counts @ said), test.rows * depth
    influence = (2 * shared - value * (said + depth)) / (labels_said + labels_true)
    drawn = draw(cells, lambda counts: f1(counts)[:, None], seed="hierarchy")[:, 0]
    return {
        "precision": figure(labels_shared / labels_said) if labels_said else None,
        "recall": figure(labels_shared / labels_true),
        "f1": figure(value),
        "f1_interval": ends(bca(value, drawn, influence, counts)),
        "resamples": len(drawn),
        "consistent": rate(answers.status == ANSWERED),
        "first_wrong": _first_wrong(test, answers),
    }


def _first_wrong(test: TestSet, answers: ClassifierAnswers) -> list[dict[str, int]]:
    """Per level, the rows whose path is right above it: how many get a wrong label there, how many none."""
    right_above = np.ones(test.rows, dtype=np.bool_)
    levels = []
    for level in range(test.gold.shape[1]):
        said, gold = answers.labels[:, level], test.gold[:, level]
        lost = right_above & (said != gold)
        without = int((lost & (said == NO_LABEL)).sum())
        levels.append({"level": level + 1, "wrong": int(lost.sum()) - without, "no_answer": without})
        right_above &= said == gold
    return levels
