"""The bootstrap intervals as they are wired are those of scipy, from rows drawn one by one.

The tolerance is below what the acceleration moves the ends by: without it, or with its sign turned, they fail.
"""

import numpy as np
import pytest
from scipy.stats import bootstrap
from sklearn.metrics import f1_score

from prompts.taxonomy import Taxonomy
from reports import resampling
from reports.arrays import TestSet, read_answers, read_test_set
from reports.f1 import LabelCounter
from reports.hierarchy import describe_hierarchy
from reports.levels import describe_level
from reports.pair_entries import describe_pairs
from reports.resampling import bca
from tests.simulated_run import PATHS, classifier, examples, row, run

ROWS, LABELS, DRAWS = 150, 3, 20_000


@pytest.fixture
def many_draws(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_RESAMPLES", DRAWS)
    monkeypatch.setattr(resampling, "DRAWS", 10**9)


def scipys(statistic, rows=ROWS):
    """The BCa interval of a figure made from (..., rows) numbers of rows."""
    found = bootstrap(
        (np.arange(rows),),
        lambda drawn, **_: statistic(drawn),
        vectorized=True,
        n_resamples=DRAWS,
        batch=4_000,
        rng=7,
    )
    return tuple(found.confidence_interval)


def f1(gold, said, *, weights):
    """Macro or weighted F1 of (..., rows), as scikit-learn gives it."""
    hits, support, predicted = (
        np.stack([column(label).sum(axis=-1) for label in range(LABELS)], axis=-1)
        for column in (lambda k: (gold == k) & (said == k), lambda k: gold == k, lambda k: said == k)
    )
    each = 2 * hits / np.maximum(support + predicted, 1)
    weight = support if weights == "weighted" else support + predicted > 0
    return (weight * each).sum(axis=-1) / weight.sum(axis=-1)


def answers(seed):
    """One frequent and one rare label, and two classifiers that mostly fail on the same rows."""
    rng = np.random.default_rng(seed)
    gold = rng.choice(LABELS, size=ROWS, p=[0.70, 0.24, 0.06]).astype(np.int32)
    base = np.where(rng.random(ROWS) < 0.85, gold, rng.integers(0, LABELS, ROWS))
    a = np.where(rng.random(ROWS) < 0.95, base, gold).astype(np.int32)
    b = np.where(rng.random(ROWS) < 0.92, base, rng.integers(0, LABELS, ROWS)).astype(np.int32)
    return gold, a, b


NAMES = [("A",), ("B",), ("C",)]
TAXONOMY = Taxonomy.from_paths(NAMES)


def pair_of(gold, a, b):
    test = examples([NAMES[code] for code in gold])
    said = {
        name: [row(one.id, NAMES[code]) for one, code in zip(test, codes, strict=True)]
        for name, codes in (("a", a), ("b", b))
    }
    data = run(test, [classifier(name, rows) for name, rows in said.items()], taxonomy=TAXONOMY, data={})
    arrays = read_test_set(data)
    found = {one.name: read_answers(data, one, arrays) for one in data.classifiers}
    (entry,) = describe_pairs(
        arrays, [one.id for one in test], ["a", "b"], found, labels=[LABELS], margin=0.02
    )
    return entry["levels"][0]


@pytest.mark.parametrize("weights", ["macro", "weighted"])
def test_the_f1_of_the_loop_is_that_of_scikit_learn(weights):
    gold, a, _ = answers(4)
    rng = np.random.default_rng(1)
    for drawn in rng.integers(0, ROWS, (20, ROWS)):
        assert f1(gold[drawn], a[drawn], weights=weights) == pytest.approx(
            f1_score(gold[drawn], a[drawn], average=weights)
        )


@pytest.mark.usefixtures("many_draws")
def test_the_difference_of_macro_f1_has_the_interval_of_both_sides_on_the_same_drawn_rows():
    gold, a, b = answers(4)
    got = pair_of(gold, a, b)
    expected = f1_score(gold, a, average="macro") - f1_score(gold, b, average="macro")
    assert got["macro_f1_difference"] == pytest.approx(expected, abs=1e-6)

    def difference(drawn):
        return f1(gold[drawn], a[drawn], weights="macro") - f1(gold[drawn], b[drawn], weights="macro")

    # Without the acceleration the ends are 0.0050 and 0.1154 instead of 0.0096 and 0.1305.
    (low, high), (low_scipy, high_scipy) = got["macro_f1_difference_interval"], scipys(difference)
    assert low == pytest.approx(low_scipy, abs=0.003)
    assert high == pytest.approx(high_scipy, abs=0.006)


def test_a_classifier_against_itself_has_a_difference_of_nought_without_an_interval():
    gold, a, _ = answers(4)
    got = pair_of(gold, a, a)
    assert (got["macro_f1_difference"], got["macro_f1_difference_interval"]) == (0.0, None)


def test_the_interval_of_the_difference_of_macro_f1_covers_the_truth(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_RESAMPLES", 400)
    sets, rng = 150, np.random.default_rng(1999)
    truth = rng.dirichlet(np.full(27, 0.4))
    for label in range(LABELS):
        truth[label * 13] += 0.8  # both right
    truth /= truth.sum()
    gold, a, b = (codes.ravel().astype(np.int32) for codes in np.indices((3, 3, 3)))
    sides = LabelCounter(gold, a, 3), LabelCounter(gold, b, 3)
    true = float(sides[0](truth * 1e9).macro - sides[1](truth * 1e9).macro)
    covered = 0
    for counts in rng.multinomial(300, truth, size=sets):
        low, high = pair_of(*(np.repeat(codes, counts) for codes in (gold, a, b)))[
            "macro_f1_difference_interval"
        ]
        covered += low <= true <= high
    print(f"paired macro F1: {covered / sets:.3f}")
    assert covered / sets == pytest.approx(0.95, abs=0.04)


def test_bca_is_scipys_on_a_figure_so_skewed_that_the_acceleration_moves_both_ends():
    rng = np.random.default_rng(8)
    values = rng.lognormal(0, 1.0, size=50).round(1)
    found, counts = np.unique(values, return_counts=True)
    drawn = rng.multinomial(50, counts / 50, size=100_000) @ found / 50
    mean = float(values.mean())
    expected = bootstrap((values,), np.mean, n_resamples=100_000, batch=10_000, rng=rng).confidence_interval
    for sign, within in ((1, True), (0, False), (-1, False)):
        ours = bca(mean, drawn, sign * (found - mean) / 50, counts)
        assert ours is not None
        near = [abs(ours.low - expected.low) < 0.006, abs(ours.high - expected.high) < 0.006]
        assert near == [within, within]


@pytest.mark.usefixtures("many_draws")
def test_macro_and_weighted_f1_each_have_their_own_interval():
    gold, _, said = answers(0)
    test = TestSet(row_of={str(i): i for i in range(ROWS)}, gold=gold[:, None], slices=())
    level = describe_level(TAXONOMY, 0, test, said)
    for weights in ("macro", "weighted"):
        expected = scipys(lambda drawn, weights=weights: f1(gold[drawn], said[drawn], weights=weights))
        within = {"macro": 0.004, "weighted": 0.0012}[
            weights
        ]  # the acceleration moves them by 0.0022 and more
        assert level[f"{weights}_f1_interval"] == pytest.approx(expected, abs=within)


@pytest.mark.usefixtures("many_draws")
def test_the_interval_of_the_hierarchy_is_scipys():
    rng = np.random.default_rng(2)
    rows = 60
    test = examples([PATHS[0]] * rows)
    kinds = rng.choice(4, size=rows, p=[0.85, 0.05, 0.05, 0.05])  # whole, wrong leaf, wrong root, nothing
    said = [
        row(one.id, [PATHS[0], PATHS[1], PATHS[2], ()][kind], failure="empty" if kind == 3 else None)
        for one, kind in zip(test, kinds, strict=True)
    ]
    shared, answered = np.array([2, 1, 0, 0])[kinds], np.array([2, 2, 2, 0])[kinds]
    data = run(test, [classifier("llm", said)])
    arrays = read_test_set(data)
    got = describe_hierarchy(arrays, read_answers(data, data.classifiers[0], arrays))
    assert got is not None
    expected = scipys(lambda drawn: 2 * shared[drawn].sum(-1) / (answered[drawn].sum(-1) + 2 * rows), rows)
    assert got["f1_interval"] == pytest.approx(expected, abs=0.008)
