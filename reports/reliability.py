"""Station 5: whether a classifier knows when it is right.

In: the probability it gave to each of its answers. Out: `calibration` in scores.json. Only rows with an
answer and a probability for it take part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.arrays import NO_LABEL, ClassifierAnswers, Flags, Floats, TestSet
from reports.costs import figure
from reports.levels import rate

BINS = 15
ALPHA = 0.05
MOST_POINTS = 50
DIGITS = 6  # of the probabilities in predictions.jsonl
LEAST_PROBABILITY = 10**-DIGITS


def describe_calibration(test: TestSet, answers: ClassifierAnswers) -> dict[str, Any]:
    """Return `calibration` of one classifier.

    `available` is false where no answer has a probability; `reason` is then `no_scores`, or `no_answers`
    where there is no answer either, and `levels` is empty.
    """
    levels = [
        described
        for level in range(test.gold.shape[1])
        if (described := _describe_level(test, answers, level)) is not None
    ]
    answered = bool((answers.labels != NO_LABEL).any())
    reason = None if levels else "no_scores" if answered else "no_answers"
    return {"available": bool(levels), "reason": reason, "levels": levels}


def _describe_level(test: TestSet, answers: ClassifierAnswers, level: int) -> dict[str, Any] | None:
    given = answers.confidence[:, level]
    scored = ~np.isnan(given)
    if not scored.any():
        return None
    confidence = given[scored].astype(np.float64).round(DIGITS)
    right = answers.labels[scored, level] == test.gold[scored, level]
    even, full = equal_width(confidence), equal_mass(confidence)
    answered = int((answers.labels[:, level] != NO_LABEL).sum())
    whole, by_mass = rate(right), list(_bins(full, confidence, right))
    return {
        "level": level + 1,
        "verdict": verdict(float(confidence.mean()), whole, by_mass),
        "n": len(confidence),
        "unscored": answered - len(confidence),
        "confidence": figure(confidence.mean()),
        "accuracy": whole,
        "ece": figure(calibration_error(even, confidence, right)),
        "ece_equal_mass": figure(calibration_error(full, confidence, right)),
        **_proper_scores(answers, level),
        "auroc": figure(auroc(confidence, right)),
        "aurc": figure(aurc(confidence, right)),
        "bins": list(_bins(even, confidence, right)),
        "bins_equal_mass": by_mass,
        "risk_coverage": list(_risk_coverage(confidence, right)),
    }


def verdict(confidence: float, accuracy: Mapping[str, Any], bins: Sequence[Mapping[str, Any]]) -> str:
    """Return whether the probabilities hold.

    Too much in one place and too little in another cancel in the mean, so that every bin has to agree with
    it as well: an exact binomial test each, 5 % over all bins (Bonferroni). Within a bin, probabilities that
    differ make the count of right answers vary less than binomially (Hoeffding 1956, Ann. Math. Stat. 27), so
    that this doubts rather too seldom; the score interval doubts too often where a few answers say 0.999.

    Returns:
        `too_sure` or `too_unsure` by the mean, else `fits`, or `fits_on_average` where a bin disagrees.
    """
    if confidence > accuracy["high"]:
        return "too_sure"
    if confidence < accuracy["low"]:
        return "too_unsure"
    off = any(_chance(one) < ALPHA / len(bins) for one in bins)
    return "fits_on_average" if off else "fits"


def _chance(one: Mapping[str, Any]) -> float:
    """Return the two-sided probability of so many right answers where each has the mean of the bin."""
    from scipy.special import bdtr

    n, right, said = one["accuracy"]["n"], one["accuracy"]["right"], one["confidence"]
    fewer = bdtr(right, n, said)
    more = 1.0 if right == 0 else 1 - bdtr(right - 1, n, said)
    return float(2 * min(fewer, more))


def equal_width(confidence: Floats) -> NDArray[np.intp]:
    """Return the bin of each row, (k / 15, (k + 1) / 15] (Guo et al. 2017, ICML, section 2)."""
    return np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], confidence)


def equal_mass(confidence: Floats) -> NDArray[np.intp]:
    """Return the bin of each row where all are as equal as ties allow (Nguyen & O'Connor 2015, EMNLP)."""
    return np.searchsorted(np.percentile(confidence, np.linspace(0, 1, BINS + 1) * 100)[1:-1], confidence)


def calibration_error(bins: NDArray[np.intp], confidence: Floats, right: Flags) -> float:
    """Return the expected calibration error: the mean gap of a row's bin between confidence and accuracy."""
    gap = np.bincount(bins, weights=confidence - right)
    return float(np.abs(gap).sum() / len(confidence))


def auroc(confidence: Floats, right: Flags) -> float | None:
    """Return how often a right answer is surer than a wrong one, a tie counting half; None without both."""
    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses:
        return None
    _, place, size = np.unique(confidence, return_inverse=True, return_counts=True)
    rank = size.cumsum() - (size - 1) / 2  # the mean rank of equals
    return float((rank[place][right].sum() - hits * (hits + 1) / 2) / (hits * misses))


def aurc(confidence: Floats, right: Flags) -> float:
    """Return the area under the risk-coverage curve, 0 at best (Geifman & El-Yaniv 2017, NeurIPS).

    It is the mean share of wrong answers among the k surest, over k from 1 to all; among equally sure answers
    it is the mean over their orders, so that the order of the rows says nothing.
    """
    kept, wrong = _surest(confidence, right)
    every = np.arange(1, len(confidence) + 1)
    return float((np.interp(every, np.append(0, kept), np.append(0, wrong)) / every).mean())


def _surest(confidence: Floats, right: Flags) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For every confidence, the highest first: how many are at least as sure, and how many of them wrong."""
    sure, place, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(place[~right], minlength=len(sure))
    return size.cumsum(), wrong.cumsum()


def _risk_coverage(confidence: Floats, right: Flags) -> Iterator[dict[str, Any]]:
    kept, wrong = _surest(confidence, right)
    sure = np.unique(confidence)[::-1]
    wanted = np.linspace(0, len(confidence), MOST_POINTS + 1)[1:]
    for at in np.unique(np.searchsorted(kept, wanted)).tolist():
        yield {
            "coverage": figure(kept[at] / len(confidence)),
            "at_least": figure(sure[at], DIGITS),
            "accuracy": figure(1 - wrong[at] / kept[at]),
        }


def _bins(bins: NDArray[np.intp], confidence: Floats, right: Flags) -> Iterator[dict[str, Any]]:
    order = np.argsort(bins, kind="stable")
    for place in np.split(order, np.flatnonzero(np.diff(bins[order])) + 1):
        yield {"confidence": figure(confidence[place].mean()), "accuracy": rate(right[place])}


def _proper_scores(answers: ClassifierAnswers, level: int) -> dict[str, Any]:
    """Brier score (1950, Mon. Weather Rev. 78, 1-3), summed over the labels, 0 to 2; log loss in nats."""
    squares, gold = (a[:, level].astype(np.float64) for a in (answers.squares, answers.gold_score))
    whole = ~np.isnan(squares)
    if not whole.any():
        return {"brier": {"n": 0, "value": None}, "log_loss": {"n": 0, "value": None}}
    n = int(whole.sum())
    brier = (squares[whole] - 2 * gold[whole] + 1).mean()
    log_loss = -np.log(np.clip(gold[whole], LEAST_PROBABILITY, 1)).mean()
    return {"brier": {"n": n, "value": figure(brier)}, "log_loss": {"n": n, "value": figure(log_loss)}}
