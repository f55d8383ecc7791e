"""With as many apps as the gate names, its own rule decides in 80 of 100."""

import pytest
from scipy.stats import binom

from reports.gate import Counted, decide
from reports.gate_power import rows_to_pass_or_fail
from reports.power import rows_for_loss
from reports.tango import paired_interval


def chance(verdict, rows, share_lost, share_won):
    """The exact chance that the gate says it of one level: for each number of flips, from how many losses on."""
    flips = share_lost + share_won
    total = 0.0
    low, high = binom.ppf([0.002, 0.998], rows, flips).astype(int).tolist()

    def said(lost, flipped):
        one = Counted(classifier="x", level=1, n=rows, right_before=0, lost=lost, won=flipped - lost)
        return decide([one], margin=0.02).verdict == verdict

    for flipped in range(low, high + 1):
        some, all_ = -1, flipped + 1  # between the two the verdict changes, once
        while all_ - some > 1:
            middle = (some + all_) // 2
            more = said(middle, flipped) == (verdict == "worse")
            some, all_ = (some, middle) if more else (middle, all_)
        from_on = binom.sf(all_ - 1, flipped, share_lost / flips)
        total += binom.pmf(flipped, rows, flips) * (from_on if verdict == "worse" else 1 - from_on)
    return total


@pytest.mark.parametrize(
    ("share_lost", "share_won", "shows"),
    [
        (0.065, 0.035, "worse"),
        (0.02, 0.0, "worse"),
        (0.05, 0.05, "not_worse"),
        (0.04, 0.05, "not_worse"),
    ],
)
def test_the_rows_that_the_gate_names_decide_in_80_of_100(share_lost, share_won, shows):
    found = rows_to_pass_or_fail(share_lost, share_won, margin=0.02, alpha=0.05, alpha_loss=0.05)
    assert found is not None
    assert found.shows == shows
    assert chance(shows, found.rows, share_lost, share_won) == pytest.approx(0.80, abs=0.02)


def test_the_rows_that_show_a_loss_are_exact_where_nothing_is_won():
    rows = rows_for_loss(0.01, 0.0, alpha=0.01)  # 7 losses: 0.5 ** 7 < 0.01
    assert 0.8 <= binom.sf(6, rows, 0.01) < 0.81
    assert rows_for_loss(0.01, 0.01, alpha=0.01) is None
    assert rows_for_loss(0.01, 0.02, alpha=0.01) is None


def test_two_that_never_disagree_pass_once_the_interval_lies_above_minus_the_margin():
    found = rows_to_pass_or_fail(0.0, 0.0, margin=0.02, alpha=0.05, alpha_loss=0.05)
    assert paired_interval(0, 0, found.rows, confidence=0.90).low > -0.02
    assert paired_interval(0, 0, found.rows - 1, confidence=0.90).low <= -0.02


def test_a_loss_within_the_margin_that_will_be_sure_first_is_named_as_one():
    found = rows_to_pass_or_fail(0.0625, 0.05, margin=0.02, alpha=0.05, alpha_loss=0.05)
    assert found.shows == "worse"
    assert found.rows == rows_for_loss(0.0625, 0.05, alpha=0.05)
    corrected = rows_to_pass_or_fail(0.0625, 0.05, margin=0.02, alpha=0.05, alpha_loss=0.05 / 3)
    assert found.rows < corrected.rows
