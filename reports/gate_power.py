"""Station 5 for a pipeline: how many rows would decide what a gate left undecided.

In: the shares of rows that were lost and won. Out: the number of rows with which one of the gate's two tests
decides with a power of 80 %, if those shares are the true ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from reports.power import MOST_ROWS, NORMAL, POWER, rows_for_loss
from reports.tango import restricted_variance


@dataclass(frozen=True, kw_only=True)
class GateDecisive:
    """A number of rows and what a gate would say of them."""

    rows: int
    shows: Literal["worse", "not_worse"]


def rows_to_pass_or_fail(
    share_lost: float, share_won: float, *, margin: float, alpha: float, alpha_loss: float
) -> GateDecisive | None:
    """Return the smaller number of rows of the gate's two tests; None where no number would do.

    Args:
        share_lost, share_won: of the rows, those right before and wrong now, and the reverse.
        margin: a loss below this does not matter, 0..1.
        alpha: one-sided, of the test that rules out a loss of the margin.
        alpha_loss: one-sided, of the test for any loss, with its correction for several.
    """
    no_worse = rows_for_non_inferiority(share_lost, share_won, margin=margin, alpha=alpha)
    loss = rows_for_loss(share_lost, share_won, alpha=alpha_loss)
    if loss is not None and (no_worse is None or loss < no_worse):
        return GateDecisive(rows=loss, shows="worse")
    return None if no_worse is None else GateDecisive(rows=no_worse, shows="not_worse")


def rows_for_non_inferiority(
    share_lost: float, share_won: float, *, margin: float, alpha: float
) -> int | None:
    """Return the rows at which a one-sided score test rules out a loss of the margin, after Nam (1997)."""
    distance = margin - (share_lost - share_won)
    if distance <= 0:
        return None
    z, z_power = NORMAL.inv_cdf(1 - alpha), NORMAL.inv_cdf(POWER)
    on_margin = math.sqrt(restricted_variance(share_lost, share_won, 1, margin))
    spread = math.sqrt(max(share_lost + share_won - (share_lost - share_won) ** 2, 0.0))
    root = (z * on_margin + z_power * spread) / distance
    return rows if (rows := math.ceil(root * root)) <= MOST_ROWS else None
