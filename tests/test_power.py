import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import normal_sample_size_one_tail

from reports.power import rows_for_difference, rows_for_equivalence, rows_to_decide
from reports.tango import paired_interval


@given(st.floats(0.001, 0.4), st.floats(0.001, 0.4), st.sampled_from([0.05, 0.05 / 3]))
def test_the_rows_for_a_difference_are_those_of_statsmodels(only_a, only_b, alpha):
    difference = abs(only_a - only_b)
    if difference < 1e-3:
        return
    expected = normal_sample_size_one_tail(
        difference,
        0.8,
        alpha / 2,
        std_null=math.sqrt(only_a + only_b),
        std_alternative=math.sqrt(only_a + only_b - difference**2),
    )
    assert rows_for_difference(only_a, only_b, alpha=alpha) == math.ceil(expected)


def test_connors_example_of_a_3_point_loss_at_10_percent_discordance():
    assert rows_for_difference(0.035, 0.065, alpha=0.05) == 870


def test_two_that_never_disagree_are_equivalent_once_the_interval_fits_in_the_margin():
    rows = rows_for_equivalence(0.0, 0.0, margin=0.02, alpha=0.05)
    assert paired_interval(0, 0, rows, confidence=0.90).high < 0.02
    assert paired_interval(0, 0, rows - 1, confidence=0.90).high >= 0.02


@given(st.floats(0.0, 0.3), st.floats(0.0, 0.3), st.floats(0.01, 0.1))
def test_the_sides_of_a_pair_need_the_same_rows(only_a, only_b, margin):
    settings = {"margin": margin, "alpha_different": 0.05, "alpha_equivalent": 0.05}
    found = rows_to_decide(only_a, only_b, **settings)
    assert found == rows_to_decide(only_b, only_a, **settings)
    if found is not None:
        stricter = settings | {"alpha_different": 0.01, "alpha_equivalent": 0.01}
        more = rows_to_decide(only_a, only_b, **stricter)
        assert more is None or more.rows >= found.rows


@pytest.mark.parametrize(
    ("only_a", "only_b", "margin", "shows"),
    [
        (0.3, 0.1, 0.02, "difference"),
        (0.05, 0.05, 0.02, "equivalence"),
        (0.05, 0.05, 0.0, None),
        (0.0, 0.0, 0.0, None),
    ],
)
def test_the_test_that_needs_fewer_rows_is_named_and_neither_where_none_ever_decides(
    only_a, only_b, margin, shows
):
    found = rows_to_decide(only_a, only_b, margin=margin, alpha_different=0.05, alpha_equivalent=0.05)
    assert (None if found is None else found.shows) == shows


def test_a_difference_just_inside_the_margin_needs_more_rows_than_anyone_labels():
    assert rows_for_equivalence(0.12, 0.1000001, margin=0.02, alpha=0.05) is None
