"""Station 5: how many rows would decide what these did not.

In: the shares of rows that only one of two classifiers gets right. Out: the number of rows with which a test
decides with a power of 80 %, if those shares are the true ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from reports.tango import restricted_variance

POWER = 0.8
MOST_ROWS = 1_000_000_000  # beyond, nobody will label them
MOST_FLIPS = 2_000  # beyond, the normal approximation is some 2 % too low
NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Decisive:
    """A number of rows and what they would show."""

    rows: int
    shows: Literal["difference", "equivalence"]


def rows_to_decide(
    share_a: float,
    share_b: float,
    *,
    margin: float,
    alpha_different: float,
    alpha_equivalent: float,
    few: int = 0,
) -> Decisive | None:
    """Return the smaller number of rows of the two tests; None where no number would do.

    Args:
        share_a, share_b: of the rows, those only A and only B gets right.
        margin: differences below this do not matter, 0..1.
        alpha_different, alpha_equivalent: the level of each test, with its correction for several pairs.
        few: rows that tell the two apart, below which a difference has to pass the exact test, too.
    """
    different = rows_for_difference(share_a, share_b, alpha=alpha_different)
    if different is not None and different * (share_a + share_b) < few:
        more, less = max(share_a, share_b), min(share_a, share_b)
        different = rows_for_loss(more, less, alpha=alpha_different / 2)
    equivalent = rows_for_equivalence(share_a, share_b, margin=margin, alpha=alpha_equivalent)
    if different is not None and (equivalent is None or different <= equivalent):
        return Decisive(rows=different, shows="difference")
    return None if equivalent is None else Decisive(rows=equivalent, shows="equivalence")


def rows_for_difference(share_a: float, share_b: float, *, alpha: float) -> int | None:
    """Return the rows at which McNemar's test shows the difference (Connor 1987, Biometrics 43, 207-211)."""
    difference = abs(share_a - share_b)
    if difference == 0:
        return None
    discordant = share_a + share_b
    z, z_power = NORMAL.inv_cdf(1 - alpha / 2), NORMAL.inv_cdf(POWER)
    root = (z * math.sqrt(discordant) + z_power * math.sqrt(discordant - difference**2)) / difference
    return _whole(root * root)


def rows_for_equivalence(share_a: float, share_b: float, *, margin: float, alpha: float) -> int | None:
    """Return the rows at which two one-sided score tests show equivalence.

    After Nam (1997, Biometrics 53, 1422-1430): the variance is the restricted one on the margin and the plain
    one at the true shares. Both tests have to reject, so the power is that of an estimate between two limits.
    """
    more, less = max(share_a, share_b), min(share_a, share_b)
    difference = more - less
    if difference >= margin:
        return None
    z = NORMAL.inv_cdf(1 - alpha)
    upper, lower = (math.sqrt(restricted_variance(b, c, 1, margin)) for b, c in ((more, less), (less, more)))
    spread = math.sqrt(max(more + less - difference**2, 0.0))

    def decides(rows: int) -> bool:
        high = margin - difference - z * upper / math.sqrt(rows)
        low = -margin - difference + z * lower / math.sqrt(rows)
        if spread == 0:
            return low < 0 < high
        error = spread / math.sqrt(rows)
        return NORMAL.cdf(high / error) - NORMAL.cdf(low / error) >= POWER

    enough = 1
    while not decides(enough):
        enough *= 2
        if enough > MOST_ROWS:
            return None
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if decides(middle) else (middle, enough)
    return enough


def rows_for_loss(share_lost: float, share_won: float, *, alpha: float) -> int | None:
    """Return the rows at which the exact one-sided test of McNemar shows a loss.

    The search starts below Connor's formula, which is 8 % too low for a loss of 3 points at 10 % flips, and
    14 % too high for one of 1 point where nothing is won.
    """
    rows = rows_for_difference(share_lost, share_won, alpha=2 * alpha)
    if rows is None or share_lost < share_won:
        return None
    flips = share_lost + share_won
    too_few, enough = int(0.7 * rows), rows
    if rows * flips > MOST_FLIPS:
        return rows
    while _power_of_exact_test(enough, flips, share_won / flips, alpha) < POWER:
        too_few, enough = enough, enough + enough // 10 + 1
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        decides = _power_of_exact_test(middle, flips, share_won / flips, alpha) >= POWER
        too_few, enough = (too_few, middle) if decides else (middle, enough)
    return enough


def _power_of_exact_test(rows: int, flips: float, share_won: float, alpha: float) -> float:
    """Return the chance of a p of `alpha` or less, over all numbers of flips that may well come.

    Args:
        flips: share of the rows that flip, 0..1.
        share_won: of the flips, 0..0.5.
    """
    import numpy as np
    from scipy.special import bdtr, bdtrik

    spread = 6 * math.sqrt(rows * flips) + 6
    flipped = np.arange(max(0, int(rows * flips - spread)), min(rows, int(rows * flips + spread)) + 1)
    chances = np.diff(bdtr(flipped, rows, flips), prepend=0.0)
    fewest = np.nan_to_num(np.floor(bdtrik(alpha, flipped, 0.5)), nan=-1)  # rounding may move it by one
    won = np.select(
        [bdtr(fewest + k, flipped, 0.5) <= alpha for k in (1, 0)], [fewest + 1, fewest], fewest - 1
    )
    return float((chances * np.where(won < 0, 0.0, bdtr(np.maximum(won, 0), flipped, share_won))).sum())


def _whole(rows: float) -> int | None:
    return math.ceil(rows) if rows <= MOST_ROWS else None
