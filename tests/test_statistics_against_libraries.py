"""Every statistic that is written out here equals its reference library's, on 200 random data sets each."""

import gc
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
)
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from prompts.taxonomy import Taxonomy
from reports.arrays import TestSet
from reports.levels import describe_level, wilson
from reports.pairs import compare, holm
from reports.tango import different_p, mcnemar_p, paired_interval

LABELS = 5
often = settings(max_examples=200, deadline=None)  # the first example imports the library


@st.composite
def shares(draw):
    n = draw(st.integers(1, 5_000))
    return draw(st.integers(0, n)), n


@st.composite
def tables(draw):
    """Discordant counts, rows."""
    n = draw(st.integers(1, 900))
    b = draw(st.integers(0, n))
    return b, draw(st.integers(0, n - b)), n


@often
@given(shares(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
@example((0, 1), 0.95)
@example((1, 1), 0.95)
@example((800, 800), 0.95)
def test_wilson_is_that_of_statsmodels(share, confidence):
    hits, n = share
    expected = proportion_confint(hits, n, alpha=1 - confidence, method="wilson")
    assert wilson(hits, n, confidence=confidence) == pytest.approx(expected, abs=1e-12)


@often
@given(tables())
@example((0, 0, 1))
@example((7, 7, 20))
@example((300, 0, 300))
def test_the_exact_mcnemar_is_that_of_statsmodels_and_the_sign_test_of_scipy(table):
    b, c, n = table
    expected = mcnemar([[n - b - c, b], [c, 0]], exact=True).pvalue
    assert mcnemar_p(b, c) == pytest.approx(expected, rel=1e-9, abs=1e-15)
    if b + c:
        assert mcnemar_p(b, c) == pytest.approx(binomtest(b, b + c).pvalue, rel=1e-9, abs=1e-15)


@often
@given(tables())
@example((300, 0, 300))
def test_the_score_test_of_no_difference_is_mcnemars_without_correction(table):
    b, c, n = table
    if b + c == 0:
        assert different_p(b, c, n) == 1.0
        return
    expected = mcnemar([[n - b - c, b], [c, 0]], exact=False, correction=False).pvalue
    assert different_p(b, c, n) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@often
@given(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=20))
def test_holm_is_that_of_statsmodels(ps):
    gc.freeze()  # statsmodels collects garbage on every call, which takes longer than all the rest
    try:
        expected = multipletests(ps, method="holm")[1]
    finally:
        gc.unfreeze()
    assert holm(ps) == pytest.approx(expected, abs=1e-12)


@often
@given(tables(), st.sampled_from([0.05, 0.10]))
@example((0, 0, 1), 0.05)
@example((1, 0, 1), 0.05)
@example((0, 0, 800), 0.10)
@example((40, 40, 800), 0.10)
@example((800, 0, 800), 0.05)
def test_tangos_interval_is_that_of_evalstats(table, alpha):
    with warnings.catch_warnings():  # of what it imports, not of what is asked here
        warnings.simplefilter("ignore")
        from evalstats.core.resampling import tango_scc_paired_ci

    b, c, n = table
    a_right, b_right = np.zeros(n), np.zeros(n)
    a_right[:b] = 1
    b_right[b : b + c] = 1
    expected = tango_scc_paired_ci(a_right, b_right, alpha, c=0.0)
    got = paired_interval(b, c, n, confidence=1 - alpha)
    assert (got.low, got.high) == pytest.approx(expected, abs=1e-5)  # its roots are those of a quartic


@st.composite
def answers(draw):
    rows = draw(st.integers(1, 60))
    gold = draw(st.lists(st.integers(0, LABELS - 1), min_size=rows, max_size=rows))
    said = draw(st.lists(st.integers(-1, LABELS - 1), min_size=rows, max_size=rows))
    return gold, said


EDGES = {
    "no row right": ([0, 1, 2], [1, 2, 0]),
    "all right": ([0, 1, 2], [0, 1, 2]),
    "one class": ([3, 3, 3], [3, 3, 3]),
    "one row": ([2], [1]),
    "all failed": ([0, 1, 1], [-1, -1, -1]),
}


def check_level(gold, said):
    taxonomy = Taxonomy.flat([str(i) for i in range(LABELS)])
    rows = np.array(gold, dtype=np.int32)
    test = TestSet(row_of={str(i): i for i in range(len(rows))}, gold=rows[:, None], slices=())
    got = describe_level(taxonomy, 0, test, np.array(said, dtype=np.int32))
    labels = list(range(LABELS))
    occurring = sorted(set(gold) | set(said) - {-1})
    assert got["accuracy"]["value"] == pytest.approx(accuracy_score(gold, said), abs=1e-9)
    for key, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        expected = f1_score(gold, said, labels=occurring, average=average, zero_division=0)
        assert got[key] == pytest.approx(expected, abs=1e-9)
    by_label = precision_recall_fscore_support(gold, said, labels=labels, zero_division=np.nan)
    for i, figures in enumerate(got["labels"].values()):
        for key, expected in zip(("precision", "recall", "f1", "support"), by_label, strict=True):
            if np.isnan(expected[i]):
                assert figures[key] is None
            else:
                assert figures[key] == pytest.approx(expected[i], abs=1e-9)
    names = list(got["labels"])
    matrix = [
        [got["no_answer"].get(g, 0)] + [got["confusion"].get(g, {}).get(s, 0) for s in names] for g in names
    ]
    assert matrix == confusion_matrix(gold, said, labels=[-1, *labels])[1:].tolist()


@often
@given(answers())
def test_f1_precision_recall_and_confusion_are_those_of_scikit_learn(made):
    check_level(*made)


@pytest.mark.parametrize("edge", EDGES)
def test_the_edges_are_those_of_scikit_learn(edge):
    check_level(*EDGES[edge])


@often
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_pair_counts_what_numpy_counts(rows):
    a, b = (np.array(side) for side in zip(*rows, strict=True))
    pair = compare(a, b, margin=0.02)
    assert pair is not None
    assert pair.n == len(rows)
    assert (pair.both, pair.only_a, pair.only_b) == ((a & b).sum(), (a & ~b).sum(), (~a & b).sum())
    assert pair.difference == pytest.approx(a.mean() - b.mean())
