"""Station 5: two classifiers on the same rows: how far apart, how sure, and what follows from it.

In: which rows each got right. Out: `Pair`, with a paired interval, an exact test and a verdict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from reports.arrays import Flags

Verdict = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """Two ends, low first."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A against B on the rows both were asked; every difference is A minus B, -1..1.

    Attributes:
        both, only_a, only_b, neither: how many rows each combination got right.
        interval: 95 % for the difference.
        interval_90: 90 %, which two one-sided tests at 5 % for equivalence amount to.
        p: exact McNemar, two-sided.
        verdict: of A.
        matters: whether the whole 95 % interval lies beyond the margin.
    """

    both: int
    only_a: int
    only_b: int
    neither: int
    difference: float
    interval: Interval
    interval_90: Interval
    p: float
    verdict: Verdict
    matters: bool

    @property
    def n(self) -> int:
        """The rows compared."""
        return self.both + self.only_a + self.only_b + self.neither


def compare(right_a: Flags, right_b: Flags, *, margin: float) -> Pair | None:
    """Compare two classifiers by the rows they got right; None when there is no row.

    Args:
        right_a: (rows,) whether A was right, in the same order as `right_b`.
        right_b: (rows,) whether B was right.
        margin: differences below this do not matter, 0..1.
    """
    n = len(right_a)
    if n == 0:
        return None
    only_a = int((right_a & ~right_b).sum())
    only_b = int((right_b & ~right_a).sum())
    both = int((right_a & right_b).sum())
    interval = paired_interval(only_a, only_b, n, confidence=0.95)
    interval_90 = paired_interval(only_a, only_b, n, confidence=0.90)
    return Pair(
        both=both,
        only_a=only_a,
        only_b=only_b,
        neither=n - both - only_a - only_b,
        difference=(only_a - only_b) / n,
        interval=interval,
        interval_90=interval_90,
        p=mcnemar_p(only_a, only_b),
        verdict=judge(interval, interval_90, margin=margin),
        matters=interval.low > margin or interval.high < -margin,
    )


def judge(interval: Interval, interval_90: Interval, *, margin: float) -> Verdict:
    """Say what the intervals of a difference allow to be said of its first side.

    A difference that is certain counts as one even where it is smaller than the margin; `Pair.matters` tells.
    Equivalence is two one-sided tests at 5 % (Schuirmann 1987): the 90 % interval inside the margins.
    """
    if interval.low > 0:
        return "better"
    if interval.high < 0:
        return "worse"
    if -margin < interval_90.low and interval_90.high < margin:
        return "equivalent"
    return "undecided"


def paired_interval(only_a: int, only_b: int, n: int, *, confidence: float) -> Interval:
    """Return the score interval for a difference of paired proportions (Tango 1998, Stat. Med. 17, 891-908).

    It keeps its coverage where few rows disagree, and has a width where none do; Wald fails at both.
    """
    from scipy.optimize import brentq

    z = NormalDist().inv_cdf(0.5 + confidence / 2)

    def upper(b: int, c: int) -> float:
        if b == n:
            return 1.0
        at_least = (
            b - c
        ) / n + 1e-12  # at the estimate itself the variance can be 0, and a false root with it
        return float(brentq(lambda delta: _score(b, c, n, delta, z), at_least, 1.0, xtol=1e-13))

    return Interval(low=-upper(only_b, only_a), high=upper(only_a, only_b))


def _score(b: int, c: int, n: int, delta: float, z: float) -> float:
    """Tango's statistic (his equation 8) set equal to -z, both sides times the standard error."""
    linear = (2 * n - b + c) * delta - b - c
    discriminant = linear * linear + 8 * n * c * delta * (1 - delta)
    p21 = (math.sqrt(max(discriminant, 0.0)) - linear) / (4 * n)  # c's share, most likely given delta
    variance = 2 * p21 + delta * (1 - delta)
    return b - c - n * delta + z * math.sqrt(n * max(variance, 0.0))


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p of McNemar's test; 1 when no row tells the two apart.

    As statsmodels gives it, to which the tests hold it; importing that takes longer than a small run.
    """
    from scipy.special import bdtr

    return min(2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)), 1.0)
