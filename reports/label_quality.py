"""Station 5: gold labels that are likely wrong.

In: the answers of all classifiers. Out: `label_quality` in scores.json. Each classifier that scores every
label names its suspects by confident learning (Northcutt, Jiang & Chuang 2021, J. Artif. Intell. Res. 70),
which asks for probabilities from a model that has not seen the texts: a test set has them by its nature. The
errors of one classifier look the same, so a suspect stands the higher the more of the others agree.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prompts.taxonomy import Taxonomy
from reports.arrays import ClassifierAnswers, Flags, Floats, Integers, TestSet
from reports.costs import figure
from reports.score_arrays import LabelScores

MOST_IDS = 50
FEWEST_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Suspects:
    """The gold labels one classifier doubts.

    Attributes:
        n: how many rows were looked at.
        rows: (suspects,) of the test set.
        suggested: (suspects,) the label it holds likelier.
        gold_score, suggested_score: (suspects,) their probabilities.
    """

    n: int
    rows: NDArray[np.intp]
    suggested: NDArray[np.intp]
    gold_score: Floats
    suggested_score: Floats


def describe_label_quality(
    taxonomy: Taxonomy, test: TestSet, ids: list[str], answers: Mapping[str, ClassifierAnswers]
) -> dict[str, Any]:
    """Return `label_quality`.

    `available` is false where no classifier scores every label of the deepest level (`reason` is
    `no_scores`), fewer than 30 rows are scored so (`few_rows`), or these have one gold label (`one_label`).

    Args:
        taxonomy: names the labels.
        test: the gold labels.
        ids: of the rows of the test set.
        answers: by classifier; further seeds of one do not belong here, as they would agree with each other.
    """
    gold = test.gold[:, -1]
    kept = {name: one.label_scores for name, one in answers.items() if one.label_scores is not None}
    scored = {name: scores.whole() for name, scores in kept.items()}
    why_not = {name: _unfit(gold, scores) for name, scores in scored.items()}
    suspects = {name: find_suspects(gold, scores) for name, scores in scored.items() if why_not[name] is None}
    ranked = _ranked(gold, answers, suspects)
    return {
        "available": bool(suspects),
        "reason": None if suspects else min(filter(None, why_not.values()), default="no_scores"),
        "level": taxonomy.depth,
        "sampled": any(len(one.rows) < test.rows for one in kept.values()),
        "classifiers": {name: {"n": one.n, "suspects": len(one.rows)} for name, one in suspects.items()},
        "suspects": len(ranked.rows),
        "agreed": int((ranked.agree.sum(axis=1) > 1).sum()),
        "review": [
            _entry(taxonomy, gold, ids, list(answers), ranked, at)
            for at in range(len(ranked.rows[:MOST_IDS]))
        ],
    }


def find_suspects(gold: Integers, scores: LabelScores) -> Suspects:
    """Return the rows whose gold label confident learning doubts.

    The rule is cleanlab's `both`. Of five tried on 800 simulated rows of 8 labels, 35 of them wrong, with a
    classifier right on 82 %: 73 suspects with 30 of the 35, where its default names 90 with 31.

    Args:
        gold: (rows,) of the whole test set.
        scores: whole rows, with at least two gold labels among them.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, and on labels that no row has
        from cleanlab.filter import find_label_issues

        given = gold[scores.rows].astype(np.intp)
        doubted = find_label_issues(given, scores.probabilities, filter_by="both", n_jobs=1)
    chosen = np.flatnonzero(doubted)
    probabilities = scores.probabilities[chosen].astype(np.float64)
    suggested = probabilities.argmax(axis=1)
    every = np.arange(len(chosen))
    return Suspects(
        n=len(given),
        rows=scores.rows[chosen],
        suggested=suggested,
        gold_score=probabilities[every, given[chosen]],
        suggested_score=probabilities[every, suggested],
    )


def _unfit(gold: Integers, scores: LabelScores) -> str | None:
    if len(scores.rows) < FEWEST_ROWS:
        return "few_rows"
    given = gold[scores.rows]
    return "one_label" if (given == given[0]).all() else None


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    """Doubted rows, the most doubtful first: `agree` and `against` are (suspects, classifiers)."""

    rows: NDArray[np.intp]
    suggested: NDArray[np.intp]
    gold_score: Floats
    suggested_score: Floats
    agree: Flags
    against: Flags


def _ranked(
    gold: Integers, answers: Mapping[str, ClassifierAnswers], suspects: Mapping[str, Suspects]
) -> _Ranked:
    labels = 1 + max((int(one.suggested.max(initial=0)) for one in suspects.values()), default=0)
    pairs = [one.rows * labels + one.suggested for one in suspects.values()]
    keys, place, times = np.unique(
        np.concatenate([*pairs, np.empty(0, dtype=np.intp)]), return_inverse=True, return_counts=True
    )
    rows, suggested = keys // labels, keys % labels
    means = [
        np.bincount(place, weights=np.concatenate([*scores, np.empty(0)]), minlength=len(keys)) / times
        for scores in (
            [one.gold_score for one in suspects.values()],
            [one.suggested_score for one in suspects.values()],
        )
    ]
    said = np.array([one.labels[rows, -1] for one in answers.values()]).reshape(len(answers), len(rows)).T
    agree = said == suggested[:, None]
    for at, name in enumerate(answers):
        if name in suspects:
            agree[:, at] |= np.isin(keys, suspects[name].rows * labels + suspects[name].suggested)
    against = (said == gold[rows, None]) & ~agree
    # np.lexsort sorts by its last key first: those who agree, those who do not, the gap of the scores.
    order = np.lexsort((rows, means[0] - means[1], against.sum(axis=1), -agree.sum(axis=1)))
    order = order[np.sort(np.unique(rows[order], return_index=True)[1])]  # of each row the first suggestion
    return _Ranked(
        rows=rows[order],
        suggested=suggested[order],
        gold_score=means[0][order],
        suggested_score=means[1][order],
        agree=agree[order],
        against=against[order],
    )


def _entry(
    taxonomy: Taxonomy, gold: Integers, ids: list[str], names: list[str], ranked: _Ranked, at: int
) -> dict[str, Any]:
    row, leaves = ranked.rows[at], taxonomy.nodes[-1]
    return {
        "id": ids[row],
        "gold": list(leaves[gold[row]]),
        "suggested": list(leaves[ranked.suggested[at]]),
        "gold_score": figure(ranked.gold_score[at], 6),
        "suggested_score": figure(ranked.suggested_score[at], 6),
        "agree": [name for name, one in zip(names, ranked.agree[at], strict=True) if one],
        "answered_gold": [name for name, one in zip(names, ranked.against[at], strict=True) if one],
    }
