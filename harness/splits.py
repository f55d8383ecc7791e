"""Station 2: seeded, stratified choices: dev as a share of train, and `--limit`.

In: the label of each row and its id. Out: the rows that are taken, in their original order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence


def rank(seed: int, example_id: str) -> float:
    """Return the place of an example in the seeded order, 0..1, whatever other examples there are."""
    return random.Random(f"{seed}:{example_id}").random()


def share_out(sizes: Mapping[int, int], total: int, *, spare: int = 0) -> dict[int, int]:
    """Share out `total` rows over the labels in proportion to their sizes, by largest remainder.

    Args:
        sizes: label -> its rows.
        total: how many to take, 0 to the sum of the sizes.
        spare: how many rows of each label must not be taken; then fewer than `total` may be shared out.

    Returns:
        label -> how many of its rows, less than one away from its exact share wherever `spare` allows.
    """
    rows = sum(sizes.values())
    if rows == 0:
        return {}
    shares = {label: min(size * total // rows, max(size - spare, 0)) for label, size in sizes.items()}
    left = total - sum(size * total // rows for size in sizes.values())
    by_remainder = sorted(sizes, key=lambda label: (-(sizes[label] * total % rows), label))
    for label in [label for label in by_remainder if shares[label] < sizes[label] - spare][:left]:
        shares[label] += 1
    return shares


def take(labels: Sequence[int], ranks: Sequence[float], shares: Mapping[int, int]) -> list[int]:
    """Return the indices of the rows to take, ascending: of each label its first ones in the seeded order."""
    by_label: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        by_label.setdefault(label, []).append(row)
    chosen = (
        row
        for label, rows in by_label.items()
        for row in sorted(rows, key=lambda row: (ranks[row], row))[: shares.get(label, 0)]
    )
    return sorted(chosen)


def dev_shares(sizes: Mapping[int, int], share: float) -> dict[int, int]:
    """Return how many rows of each label go from train to dev: one of each stays, dev gets one or more."""
    rows = sum(sizes.values())
    total = min(max(1, round(share * rows)), rows - 1)
    return share_out(sizes, total, spare=1)


def limited_shares(sizes: Mapping[int, int], share: float, *, at_least_one: bool) -> dict[int, int]:
    """Return how many rows of each label stay under a limit that keeps this share of the test set.

    Args:
        sizes: label -> its rows.
        share: 0..1.
        at_least_one: of every label, as in train; otherwise at least one row in all.
    """
    rows = sum(sizes.values())
    shares = share_out(sizes, min(max(1, round(share * rows)), rows))
    return {label: max(count, 1) for label, count in shares.items()} if at_least_one else shares


def count_labels(labels: Iterable[int]) -> dict[int, int]:
    """Return label -> how many rows have it, labels ascending."""
    counts: dict[int, int] = {}
    for label in labels:
        counts[label] = counts.get(label, 0) + 1
    return dict(sorted(counts.items()))
