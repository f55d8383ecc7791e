"""A made-up run whose classifiers give a probability to every label, with gold labels that are known to be wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifiers.leaf_scores import LeafScores
from prompts.taxonomy import Path, Taxonomy
from reports.answers import ClassifierRun, RunData
from tests.simulated_run import classifier, examples, row, run


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A run and the ids of its wrong gold labels."""

    data: RunData
    wrong: frozenset[str]


def leaves(labels: int) -> list[Path]:
    return [(f"Root {i // 4}", f"Leaf {i}") for i in range(labels)]


def with_wrong_labels(
    *, rows: int, labels: int, wrong: float, skill: dict[str, float], seed: int = 1, sharpness: float = 1.0
) -> Planted:
    """Simulate classifiers that know the true labels as well as their skill says, and gold that is off in part.

    Args:
        rows: texts.
        labels: leaves of the tree.
        wrong: share of gold labels replaced by another.
        skill: by classifier, how many standard deviations the true label stands out by.
        seed: of everything.
        sharpness: 1 for probabilities that hold, above for a classifier that is too sure.
    """
    random = np.random.default_rng(seed)
    paths = leaves(labels)
    taxonomy = Taxonomy.from_paths(paths)
    true = random.integers(labels, size=rows)
    moved = np.flatnonzero(random.random(rows) < wrong)
    gold = true.copy()
    gold[moved] = (true[moved] + random.integers(1, labels, size=len(moved))) % labels
    test = examples([paths[label] for label in gold])
    classifiers: list[ClassifierRun] = []
    for name, apart in skill.items():
        seen = random.normal(size=(rows, labels))
        seen[np.arange(rows), true] += apart
        weights = np.exp(sharpness * apart * (seen - seen.max(axis=1, keepdims=True)))
        answers = LeafScores(taxonomy).answers(weights / weights.sum(axis=1, keepdims=True))
        classifiers.append(
            classifier(
                name,
                [
                    row(
                        one.id,
                        answer.path,
                        scores=[{key: round(p, 6) for key, p in level.items()} for level in answer.scores],
                    )
                    for one, answer in zip(test, answers, strict=True)
                ],
            )
        )
    return Planted(
        data=run(test, classifiers, taxonomy=taxonomy, data={}),
        wrong=frozenset(test[place].id for place in moved.tolist()),
    )
