"""Station 5: the `pairs` of scores.json.

In: the answers of every classifier. Out: an entry for every two of them, level by level, on the rows both
were asked; what only one was asked is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from reports.arrays import NO_LABEL, ClassifierAnswers, Flags, Floats, Integers, TestSet
from reports.costs import figure
from reports.example_ids import pick
from reports.f1 import LabelCounter
from reports.levels import ends
from reports.pairs import Pair, compare, judge_together
from reports.resampling import Counts, bca, count_cells, draw

MOST_IDS = 20  # of the rows that only one side was asked
EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class _Sides:
    """Two classifiers on the rows both were asked."""

    a: str
    b: str
    answers_a: ClassifierAnswers
    answers_b: ClassifierAnswers

    @property
    def rows(self) -> Flags:
        rows: Flags = self.answers_a.asked & self.answers_b.asked
        return rows


def describe_pairs(
    test: TestSet,
    ids: Sequence[str],
    names: Sequence[str],
    answers: Mapping[str, ClassifierAnswers],
    *,
    labels: Sequence[int],
    margin: float,
) -> list[dict[str, Any]]:
    """Return the entries of `pairs`.

    Args:
        ids: of the rows of `test`.
        names: the classifiers to set against each other.
        labels: how many there are at each level.
        margin: differences below this do not matter, 0..1.
    """
    all_sides = [
        _Sides(a=a, b=b, answers_a=answers[a], answers_b=answers[b]) for a, b in combinations(names, 2)
    ]
    entries = [_entry(ids, sides) for sides in all_sides]
    for level, size in enumerate(labels):
        compared = [
            (entry, sides, pair)
            for entry, sides in zip(entries, all_sides, strict=True)
            if (pair := _compare(test, sides, level, margin)) is not None
        ]
        together = judge_together([pair for _, _, pair in compared], margin=margin)
        for (entry, sides, _), pair in zip(compared, together, strict=True):
            entry["levels"].append(
                {
                    "level": level + 1,
                    **_figures(pair, len(together)),
                    **_macro_f1(test, sides, level, size),
                    **_wrong(test, ids, sides, level),
                }
            )
    return entries


def _entry(ids: Sequence[str], sides: _Sides) -> dict[str, Any]:
    only_a = sides.answers_a.asked & ~sides.answers_b.asked
    only_b = sides.answers_b.asked & ~sides.answers_a.asked
    return {
        "a": sides.a,
        "b": sides.b,
        "only_a_asked": int(only_a.sum()),
        "only_b_asked": int(only_b.sum()),
        "only_a_asked_ids": [ids[row] for row in np.flatnonzero(only_a)[:MOST_IDS]],
        "only_b_asked_ids": [ids[row] for row in np.flatnonzero(only_b)[:MOST_IDS]],
        "levels": [],
    }


def _compare(test: TestSet, sides: _Sides, level: int, margin: float) -> Pair | None:
    gold = test.gold[sides.rows, level]
    right_a, right_b = (side.labels[sides.rows, level] == gold for side in (sides.answers_a, sides.answers_b))
    return compare(right_a, right_b, margin=margin)


def _figures(pair: Pair, pairs: int) -> dict[str, Any]:
    decisive = pair.decisive
    return {
        "n": pair.n,
        "both_right": pair.both,
        "only_a_right": pair.only_a,
        "only_b_right": pair.only_b,
        "neither_right": pair.neither,
        "difference": figure(pair.difference),
        "interval_95": ends(pair.interval),
        "interval_90": ends(pair.interval_90),
        "mcnemar_p": figure(pair.p.mcnemar, 12),
        "mcnemar_p_holm": figure(pair.p_holm.mcnemar, 12),
        "different_p": figure(pair.p.different, 12),
        "different_p_holm": figure(pair.p_holm.different, 12),
        "equivalent_p": figure(pair.p.equivalent, 12),
        "equivalent_p_holm": figure(pair.p_holm.equivalent, 12),
        "pairs_judged": pairs,
        "verdict": pair.verdict,
        "beyond_margin": pair.matters,
        # Undecided rows are too few by definition; the approximation may lie a little below them.
        "rows_to_decide": None if decisive is None else max(decisive.rows, pair.n + 1),
        "rows_would_show": None if decisive is None else decisive.shows,
    }


def _macro_f1(test: TestSet, sides: _Sides, level: int, size: int) -> dict[str, Any]:
    """The difference of macro F1, both sides of it on the same resampled rows."""
    rows = sides.rows
    cells = count_cells(
        *(column[rows, level] for column in (test.gold, sides.answers_a.labels, sides.answers_b.labels))
    )
    gold, a, b = cells.columns
    side_a, side_b = LabelCounter(gold, a, size), LabelCounter(gold, b, size)

    def difference(counts: Counts) -> Floats:
        found: Floats = side_a(counts).macro - side_b(counts).macro
        return found

    value = float(difference(cells.counts))
    drawn = draw(cells, lambda counts: difference(counts)[:, None], seed=f"pair {level + 1}")[:, 0]
    influence = side_a.macro_influence(cells.counts) - side_b.macro_influence(cells.counts)
    return {
        "macro_f1_difference": figure(value),
        "macro_f1_difference_interval": ends(bca(value, drawn, influence, cells.counts)),
        "resamples": len(drawn),
    }


def _wrong(test: TestSet, ids: Sequence[str], sides: _Sides, level: int) -> dict[str, Any]:
    """How the two disagree and fail together, with a few ids of each."""
    gold = test.gold[:, level]
    a, b = sides.answers_a.labels[:, level], sides.answers_b.labels[:, level]
    groups = _groups(gold, a, b, sides.rows)
    return {
        "wrong_same": int(groups["wrong_same"].sum()),
        "wrong_differently": int(groups["wrong_differently"].sum()),
        "neither_answered": int((sides.rows & (a == NO_LABEL) & (b == NO_LABEL)).sum()),
        "examples": {group: pick(ids, rows, EXAMPLES, f"{group}:{level}") for group, rows in groups.items()},
    }


def _groups(gold: Integers, a: Integers, b: Integers, rows: Flags) -> dict[str, Flags]:
    neither = rows & (a != gold) & (b != gold)
    return {
        "only_a_right": rows & (a == gold) & (b != gold),
        "only_b_right": rows & (a != gold) & (b == gold),
        "wrong_same": neither & (a == b) & (a != NO_LABEL),
        "wrong_differently": neither & (a != b),
    }
