import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import bootstrap

from reports.f1 import LabelCounter
from reports.resampling import LEAST_RESAMPLES, MOST_RESAMPLES, Cells, bca, count_cells, draw


def codes(rows, labels):
    return arrays(np.int32, rows, elements=st.integers(-1, labels - 1))


@given(st.integers(0, 60).flatmap(lambda rows: st.tuples(*[codes(rows, 5)] * 3)))
def test_cells_hold_every_row_once(columns):
    cells = count_cells(*columns)
    again = [np.repeat(column, cells.counts) for column in cells.columns]
    assert sorted(zip(*(c.tolist() for c in columns), strict=True)) == list(
        zip(*(c.tolist() for c in again), strict=True)
    )
    assert cells.rows == len(columns[0])
    assert (cells.counts > 0).all()


def some_cells(rows=200, labels=6):
    rng = np.random.default_rng(3)
    gold = rng.integers(0, labels, rows, dtype=np.int32)
    answer = np.where(rng.random(rows) < 0.7, gold, rng.integers(-1, labels, rows)).astype(np.int32)
    return count_cells(gold, answer)


def shares(counts):
    return counts[:, :1] / counts.sum(axis=1, keepdims=True)


def test_the_same_seed_draws_the_same_rows_and_another_one_others():
    cells = some_cells()
    first, again, other = (draw(cells, shares, seed=seed) for seed in ("a", "a", "b"))
    assert (first == again).all()
    assert (first != other).any()


def test_every_resample_has_as_many_rows_as_there_are():
    cells = some_cells()
    drawn = draw(cells, lambda counts: counts.sum(axis=1, keepdims=True).astype(float), seed="a")
    assert (drawn == 200).all()


@pytest.mark.parametrize(
    ("cells", "resamples"),
    [(1, MOST_RESAMPLES), (400, 750), (1_000, LEAST_RESAMPLES), (14_000, LEAST_RESAMPLES)],
)
def test_many_cells_are_drawn_less_often_and_in_pieces(cells, resamples):
    many = Cells(columns=(), counts=np.full(cells, 2))
    largest = 0

    def seen(counts):
        nonlocal largest
        largest = max(largest, counts.size)
        return shares(counts)

    assert len(draw(many, seen, seed="a")) == many.resamples == resamples
    assert largest <= 1_000_000


def test_the_interval_is_scipys_bca_but_for_the_draws():
    rng = np.random.default_rng(5)
    values = rng.exponential(size=60).round(1)
    found, counts = np.unique(values, return_counts=True)
    cells = Cells(columns=(), counts=counts)
    mean = float(values.mean())
    drawn = draw(cells, lambda counts: (counts @ found / 60)[:, None], seed="a")[:, 0]
    ours = bca(mean, drawn, (found - mean) / 60, counts)
    scipys = bootstrap((values,), np.mean, n_resamples=9999, rng=rng).confidence_interval
    assert ours is not None
    assert (ours.low, ours.high) == (
        pytest.approx(scipys.low, abs=0.02),
        pytest.approx(scipys.high, abs=0.02),
    )


def test_where_drawing_again_moves_nothing_there_is_no_interval():
    assert bca(1.0, np.ones(500), np.zeros(3), np.array([4, 4, 4])) is None


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=2, max_size=80), st.data())
def test_the_influence_of_a_cell_is_what_a_little_more_of_it_does(rows, data):
    gold, answer = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    cells = count_cells(gold, answer)
    counter = LabelCounter(*cells.columns, 4)
    which = data.draw(st.integers(0, len(cells.counts) - 1))
    large = cells.counts * 1_000_000
    more = large.copy()
    more[which] += 1
    for kind in ("macro", "weighted"):
        step = float(getattr(counter(more), kind) - getattr(counter(large), kind)) * 1_000_000
        influence = getattr(counter, f"{kind}_influence")(cells.counts)
        assert influence[which] == pytest.approx(step, abs=1e-4)
        assert (cells.counts * influence).sum() == pytest.approx(0, abs=1e-9)
