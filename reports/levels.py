"""Station 5: what one classifier got right at one level.

In: the gold and the answered label of every row, as numbers. Out: an entry of `levels` in scores.json:
accuracy, macro-F1, every label, the confusion and the slices.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np

from prompts.taxonomy import Taxonomy
from reports.arrays import NO_LABEL, Flags, Integers, TestSet
from reports.costs import figure


def describe_level(taxonomy: Taxonomy, level: int, test: TestSet, predicted: Integers) -> dict[str, Any]:
    """Return one entry of `levels`.

    Args:
        taxonomy: names the labels.
        level: from 0.
        test: the gold labels and the slices.
        predicted: (rows,) the answers at this level, -1 for none; no answer counts as a wrong one.
    """
    gold = test.gold[:, level]
    right = predicted == gold
    answered = predicted != NO_LABEL
    names = [taxonomy.display_names[path] for path in taxonomy.nodes[level]]
    return {
        "level": level + 1,
        "accuracy": rate(right),
        "accuracy_answered": rate(right[answered]),
        **_labels(names, gold, predicted),
        "slices": [
            {
                "column": part.column,
                "values": {value: rate(right[part.codes == code]) for code, value in enumerate(part.values)},
            }
            for part in test.slices
        ],
    }


def rate(right: Flags) -> dict[str, Any]:
    """Return a share with its 95 % interval (Wilson 1927): n, right, value, low, high; None where n is 0."""
    n, hits = len(right), int(right.sum())
    if n == 0:
        return {"n": 0, "right": 0, "value": None, "low": None, "high": None}
    low, high = wilson(hits, n)
    return {"n": n, "right": hits, "value": figure(hits / n), "low": figure(low), "high": figure(high)}


def wilson(hits: int, n: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, 209-212).

    As statsmodels gives it, to which the tests hold it; importing that takes longer than a small run.
    """
    z2 = NormalDist().inv_cdf(0.5 + confidence / 2) ** 2
    middle = (hits + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (hits * (n - hits) / n + z2 / 4)) / (n + z2)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _labels(names: list[str], gold: Integers, predicted: Integers) -> dict[str, Any]:
    """Per-label figures and the confusion; macro-F1 is the mean over the labels in gold or in the answers."""
    size = len(names)
    support = np.bincount(gold, minlength=size)
    given = np.bincount(predicted[predicted != NO_LABEL], minlength=size)
    hits = np.bincount(gold[gold == predicted], minlength=size)
    f1s = [2 * h / (s + g) for h, s, g in zip(hits, support, given, strict=True) if s + g]
    pairs, counts = np.unique(gold.astype(np.int64) * (size + 1) + predicted + 1, return_counts=True)
    confusion: dict[str, dict[str, int]] = {}
    no_answer: dict[str, int] = {}
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        true, answer = divmod(pair, size + 1)
        if answer == 0:
            no_answer[names[true]] = count
        else:
            confusion.setdefault(names[true], {})[names[answer - 1]] = count
    return {
        "macro_f1": figure(float(np.mean(f1s))),
        "labels": {
            name: {
                "support": int(s),
                "predicted": int(g),
                "precision": figure(h / g) if g else None,
                "recall": figure(h / s) if s else None,
                "f1": figure(2 * h / (s + g)) if s + g else None,
            }
            for name, h, s, g in zip(names, hits, support, given, strict=True)
        },
        "confusion": confusion,
        "no_answer": no_answer,
    }
