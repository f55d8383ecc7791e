from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.splits import count_labels, dev_shares, limited_shares, rank, share_out, take

SIZES = st.dictionaries(st.integers(0, 200), st.integers(1, 60), min_size=1, max_size=30)
SHARE = st.floats(0.01, 0.99)


@settings(deadline=None)
@given(sizes=SIZES, data=st.data())
def test_what_is_shared_out_is_the_total_and_less_than_one_off_each_exact_share(
    sizes: dict[int, int], data: st.DataObject
) -> None:
    rows = sum(sizes.values())
    total = data.draw(st.integers(0, rows))
    shares = share_out(sizes, total)
    assert sum(shares.values()) == total
    assert all(abs(shares[label] - size * total / rows) < 1 for label, size in sizes.items())
    assert all(0 <= shares[label] <= size for label, size in sizes.items())


@settings(deadline=None)
@given(sizes=SIZES, share=SHARE)
def test_dev_leaves_an_example_of_every_label_in_train(sizes: dict[int, int], share: float) -> None:
    rows = sum(sizes.values())
    total = min(max(1, round(share * rows)), rows - 1)
    shares = dev_shares(sizes, share)
    assert all(shares.get(label, 0) < size for label, size in sizes.items())
    assert all(abs(shares.get(label, 0) - size * total / rows) < 1 for label, size in sizes.items())
    assert any(shares.values()) == any(size > 1 for size in sizes.values())


@settings(deadline=None)
@given(sizes=SIZES, share=SHARE)
def test_a_limited_train_keeps_an_example_of_every_label(sizes: dict[int, int], share: float) -> None:
    shares = limited_shares(sizes, share, at_least_one=True)
    assert shares.keys() == sizes.keys()
    assert all(1 <= shares[label] <= size for label, size in sizes.items())


@settings(deadline=None)
@given(labels=st.lists(st.integers(0, 5)), seed=st.integers(), data=st.data())
def test_rows_are_taken_in_their_order_as_many_of_each_label_as_wanted(
    labels: list[int], seed: int, data: st.DataObject
) -> None:
    sizes = count_labels(labels)
    shares = {label: data.draw(st.integers(0, size)) for label, size in sizes.items()}
    ranks = [rank(seed, str(row)) for row in range(len(labels))]
    chosen = take(labels, ranks, shares)
    assert chosen == sorted(set(chosen))
    assert Counter(labels[row] for row in chosen) == Counter(shares)


def test_who_is_taken_depends_on_seed_and_id_and_not_on_the_neighbours() -> None:
    assert rank(1, "app-7") == rank(1, "app-7")
    assert len({rank(1, "app-7"), rank(2, "app-7"), rank(1, "app-8")}) == 3


def test_no_rows_are_shared_out_as_nothing() -> None:
    assert share_out({}, 0) == dev_shares({}, 0.1) == limited_shares({}, 0.1, at_least_one=False) == {}
