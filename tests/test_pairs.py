import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from statsmodels.stats.proportion import proportion_confint

from reports.pairs import Interval, compare, judge, mcnemar_p, paired_interval


@st.composite
def tables(draw):
    """Discordant counts and the number of rows."""
    n = draw(st.integers(1, 900))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


def score_statistic(b, c, n, delta):
    """Tango's z for a difference, its nuisance parameter found by maximising the likelihood numerically."""

    def minus_log_likelihood(p21):
        shares = (p21 + delta, p21, 1 - 2 * p21 - delta)
        counts = (b, c, n - b - c)
        return -sum(k * math.log(max(p, 1e-300)) for k, p in zip(counts, shares, strict=True) if k)

    low, high = max(0.0, -delta), (1 - delta) / 2
    p21 = minimize_scalar(
        minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}
    ).x
    # A bounded search stops just short of its ends, where the maximum often lies.
    p21 = min((p21, low, high), key=minus_log_likelihood)
    return (b - c - n * delta) / math.sqrt(n * (2 * p21 + delta * (1 - delta)))


@settings(deadline=None)
@given(tables(), st.sampled_from([0.90, 0.95]))
def test_the_ends_of_the_interval_are_where_the_score_test_rejects(table, confidence):
    b, c, n = table
    z = norm.ppf(0.5 + confidence / 2)
    interval = paired_interval(b, c, n, confidence=confidence)
    if interval.high < 1 - 1e-9:
        assert score_statistic(b, c, n, interval.high) == pytest.approx(-z, abs=1e-3)
    if interval.low > -1 + 1e-9:
        assert score_statistic(b, c, n, interval.low) == pytest.approx(z, abs=1e-3)


@settings(deadline=None)
@given(tables())
@example((0, 0, 1))
@example((1, 0, 1))
@example((0, 800, 800))
@example((5, 5, 10))
def test_the_interval_holds_the_estimate_and_turns_with_the_sides(table):
    b, c, n = table
    interval, turned = (paired_interval(*x, n, confidence=0.95) for x in ((b, c), (c, b)))
    assert -1 <= interval.low <= (b - c) / n <= interval.high <= 1
    assert (turned.low, turned.high) == (-interval.high, -interval.low)
    assert interval.low < interval.high
    inner = paired_interval(b, c, n, confidence=0.90)
    assert interval.low <= inner.low <= inner.high <= interval.high


@settings(deadline=None)
@given(st.integers(1, 2000))
def test_when_nothing_disagrees_the_interval_is_that_of_zero_hits(n):
    # With no discordant row Tango's interval is Wilson's for 0 of n, on both sides.
    interval = paired_interval(0, 0, n, confidence=0.95)
    wilson = proportion_confint(0, n, alpha=0.05, method="wilson")[1]
    assert interval.high == pytest.approx(wilson, rel=1e-6)
    assert interval.low == -interval.high


@pytest.mark.parametrize(
    ("n", "p10", "p01"), [(50, 0.10, 0.05), (249, 0.15, 0.12), (800, 0.065, 0.035), (800, 0.3, 0.1)]
)
def test_the_interval_covers_the_truth_as_often_as_it_says(n, p10, p01):
    counts = np.random.default_rng(1999).multinomial(n, [p10, p01, 1 - p10 - p01], size=1500)
    table, times = np.unique(counts[:, :2], axis=0, return_counts=True)
    covered = sum(
        int(k)
        for (b, c), k in zip(table.tolist(), times.tolist(), strict=True)
        if (i := paired_interval(b, c, n, confidence=0.95)).low <= p10 - p01 <= i.high
    )
    assert covered / 1500 == pytest.approx(0.95, abs=0.02)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_exact_sign_test(b, c):
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar_p(b, c) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_the_four_counts_add_up(rows):
    a, b = (np.array(side) for side in zip(*rows, strict=True))
    pair = compare(a, b, margin=0.02)
    assert pair.n == len(rows)
    assert (pair.both, pair.only_a, pair.only_b) == ((a & b).sum(), (a & ~b).sum(), (~a & b).sum())
    assert pair.difference == pytest.approx(a.mean() - b.mean())


def test_without_a_common_row_there_is_no_pair():
    nothing = np.zeros(0, dtype=bool)
    assert compare(nothing, nothing, margin=0.02) is None


@pytest.mark.parametrize(
    ("interval", "interval_90", "verdict"),
    [
        ((0.001, 0.2), (0.01, 0.19), "better"),
        ((-0.2, -0.001), (-0.19, -0.01), "worse"),
        ((-0.021, 0.019), (-0.019, 0.018), "equivalent"),
        ((-0.03, 0.09), (-0.02, 0.08), "undecided"),
        ((0.0, 0.1), (0.01, 0.09), "undecided"),
        ((0.001, 0.012), (0.002, 0.011), "better"),  # certain, though smaller than what matters
    ],
)
def test_the_verdict_follows_from_the_intervals(interval, interval_90, verdict):
    ends = [Interval(low=low, high=high) for low, high in (interval, interval_90)]
    assert judge(*ends, margin=0.02) == verdict


def test_two_like_classifiers_are_equivalent_only_where_the_rows_suffice():
    same = np.tile([True, False], 400)
    assert compare(same, same, margin=0.02).verdict == "equivalent"
    assert compare(same[:20], same[:20], margin=0.02).verdict == "undecided"


def test_a_sure_difference_below_the_margin_does_not_matter():
    a, b = np.ones(50_000, dtype=bool), np.ones(50_000, dtype=bool)
    b[:100] = False
    pair = compare(a, b, margin=0.02)
    assert (pair.verdict, pair.matters) == ("better", False)
