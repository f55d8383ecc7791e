"""Station 5: what paired shares allow to be said of their difference.

In: how many rows only A and only B got right, of how many. Out: Tango's score statistic for any supposed
difference, the interval of those it does not reject, and its p-values for "different" and "equivalent".
"""

from __future__ import annotations

import math
from statistics import NormalDist

from reports.resampling import Interval


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
        return float(brentq(lambda delta: _rejects(b, c, n, delta, z), at_least, 1.0, xtol=1e-13))

    return Interval(low=-upper(only_b, only_a), high=upper(only_a, only_b))


def _rejects(b: int, c: int, n: int, delta: float, z: float) -> float:
    """Tango's statistic set equal to -z, both sides times the standard error."""
    return b - c - n * delta + z * math.sqrt(n * restricted_variance(b, c, n, delta))


def score_z(only_a: int, only_b: int, n: int, delta: float) -> float:
    """Return Tango's statistic (his equation 8) for a true difference of `delta`, -1..1.

    Standard normal where `delta` is true; above 0 where more is observed. At 0 it is McNemar's.
    """
    if delta < 0:
        return -score_z(only_b, only_a, n, -delta)
    above = only_a - only_b - n * delta
    variance = restricted_variance(only_a, only_b, n, delta)
    if variance == 0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(n * variance)


def restricted_variance(only_a: float, only_b: float, n: float, delta: float) -> float:
    """Return n times the variance of the observed difference at the likeliest shares with difference `delta`.

    Args:
        only_a, only_b, n: counts, or shares of an `n` of 1.
        delta: -1..1.
    """
    linear = (2 * n - only_a + only_b) * delta - only_a - only_b
    discriminant = linear * linear + 8 * n * only_b * delta * (1 - delta)
    root = math.sqrt(max(discriminant, 0.0))
    # Above 0 the plain form would take the difference of two numbers that are nearly alike.
    rise = 2 * only_b * delta * (1 - delta)
    share_b = rise / (root + linear) if linear > 0 else (root - linear) / (4 * n)
    return max(2 * share_b + delta * (1 - delta), 0.0)


def different_p(only_a: int, only_b: int, n: int) -> float:
    """Return the two-sided p of "no difference"; below 0.05 just where the 95 % interval leaves 0 out."""
    return math.erfc(abs(score_z(only_a, only_b, n, 0.0)) / math.sqrt(2))


def equivalent_p(only_a: int, only_b: int, n: int, margin: float) -> float:
    """Return the p of "different by the margin or more": the larger of two one-sided tests (Schuirmann 1987).

    Below 0.05 just where the 90 % interval lies inside the margins.
    """
    above_low = score_z(only_a, only_b, n, -margin)
    below_high = -score_z(only_a, only_b, n, margin)
    return math.erfc(min(above_low, below_high) / math.sqrt(2)) / 2


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Return the exact two-sided p of McNemar's test; 1 when no row tells the two apart.

    As statsmodels gives it, to which the tests hold it; importing that takes longer than a small run.
    """
    from scipy.special import bdtr

    return min(2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)), 1.0)
