"""Station 5: scores.json, made from the stored answers alone.

In: `RunData`. Out: one dict that json can write as it is: fractions 0..1, seconds, US dollars, None for
missing, every time under a key `time` and every price under a key `cost`, so that the rest is the same
for the same answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reports.answers import ClassifierRun, RunData
from reports.arrays import (
    ANSWERED,
    FAILURES,
    FIRST_FAILURE,
    MISSING,
    ClassifierAnswers,
    Flags,
    TestSet,
    read_answers,
    read_test_set,
)
from reports.costs import describe_cost, describe_time, figure
from reports.example_ids import pick
from reports.hierarchy import describe_hierarchy
from reports.label_quality import describe_label_quality
from reports.levels import describe_level
from reports.pair_entries import describe_pairs
from reports.reliability import describe_calibration
from reports.seeds import describe_seeds, find_wide_seeds, judged
from reports.sentences import say
from reports.verdict import decide, find_problems
from reports.wording import Words
from reports.worth import add_worth

SCHEMA = 2
EXAMPLES = 30
RAW_REPLIES_PER_FAILURE = 3


def score(run: RunData) -> dict[str, Any]:
    """Return the content of scores.json.

    Raises:
        DatasetError: the test set does not fit the labels.
    """
    test = read_test_set(run)
    ids = list(test.row_of)
    answers = {classifier.name: read_answers(run, classifier, test) for classifier in run.classifiers}
    right = {name: a.labels == test.gold for name, a in answers.items()}
    classifiers = {
        classifier.name: _classifier(run, classifier, test, ids, answers[classifier.name])
        for classifier in run.classifiers
    }
    seeds = describe_seeds(run.classifiers, classifiers)
    names = judged(classifiers)
    labels = [len(paths) for paths in run.taxonomy.nodes]
    scores: dict[str, Any] = {
        "schema": SCHEMA,
        "language": run.language,
        "confidence": 0.95,
        "margin": run.margin,
        "rows": test.rows,
        "levels": run.taxonomy.depth,
        "labels": labels,
        "note": run.data.get("note"),
        "limit": run.data.get("limit"),
        "problems": [],
        "floor": _floor(run, test),
        "classifiers": classifiers,
        **({"seeds": seeds} if seeds else {}),
        "pairs": describe_pairs(test, ids, names, answers, labels=labels, margin=run.margin),
        "examples": _examples(ids, names, answers, right),
        "label_quality": describe_label_quality(
            run.taxonomy, test, ids, {name: answers[name] for name in names}
        ),
        "time": {"run": run.name, "created": run.created},  # the run's name begins with its start
    }
    scores["problems"] = find_problems(run, scores)
    decided = decide(scores)
    scores["problems"] += find_wide_seeds(scores, decided["levels"])
    scores["verdict"] = decided | say(scores, decided, Words.of(run.language))
    add_worth(scores, test, answers, Words.of(run.language))
    return scores


def _floor(run: RunData, test: TestSet) -> list[dict[str, Any]]:
    """What needs no model: always the label most frequent in train, and guessing."""
    majority = run.data.get("majority") or [None] * run.taxonomy.depth
    levels = []
    for level, paths in enumerate(run.taxonomy.nodes):
        path = tuple(majority[level]) if majority[level] else None
        hits = int((test.gold[:, level] == paths.index(path)).sum()) if path in paths else None
        levels.append(
            {
                "level": level + 1,
                "chance": figure(1 / len(paths)),
                "majority_label": run.taxonomy.display_names[path] if path in paths else None,
                "majority_accuracy": None if hits is None else figure(hits / test.rows),
            }
        )
    return levels


def _classifier(
    run: RunData,
    classifier: ClassifierRun,
    test: TestSet,
    ids: list[str],
    answers: ClassifierAnswers,
) -> dict[str, Any]:
    status = answers.status
    by_kind = {kind: int((status == FIRST_FAILURE + code).sum()) for code, kind in enumerate(FAILURES)}
    return {
        "kind": classifier.kind,
        **({"further_seed_of": classifier.further_seed_of} if classifier.further_seed_of else {}),
        "identity": dict(sorted(classifier.identity.items())),
        "training_identity": (
            None
            if classifier.training_identity is None
            else dict(sorted(classifier.training_identity.items()))
        ),
        "error": classifier.error,
        "asked": int(answers.asked.sum()),
        "answered": int((status == ANSWERED).sum()),
        "missing": int((status == MISSING).sum()),
        "failures": {
            "total": sum(by_kind.values()),
            "by_kind": by_kind,
            "examples": {
                kind: picked
                for code, kind in enumerate(FAILURES)
                if (picked := pick(ids, status == FIRST_FAILURE + code, RAW_REPLIES_PER_FAILURE, kind))
            },
        },
        "levels": [
            describe_level(run.taxonomy, level, test, answers.labels[:, level])
            for level in range(run.taxonomy.depth)
        ],
        "hierarchy": describe_hierarchy(test, answers),
        "calibration": describe_calibration(test, answers),
        "time": describe_time(classifier, answers),
        "cost": describe_cost(
            classifier,
            answers,
            machine_usd_per_hour=run.machine_usd_per_hour,
            machine_price_source=run.machine_price_source,
        ),
    }


def _examples(
    ids: list[str], names: list[str], answers: dict[str, ClassifierAnswers], right: dict[str, Flags]
) -> list[dict[str, Any]]:
    """Ids of sampled rows on which the classifiers disagree at level 1, or all fail."""
    if not names:
        return []
    asked = np.logical_and.reduce([answers[name].asked for name in names])
    at_first = np.stack([right[name][:, 0] for name in names])
    count = at_first.sum(axis=0)
    groups: list[tuple[str, str | None, Flags]] = []
    if len(names) > 1:
        groups += [("only_right", name, at_first[i] & (count == 1)) for i, name in enumerate(names)]
    if len(names) > 2:
        groups += [
            ("only_wrong", name, ~at_first[i] & (count == len(names) - 1)) for i, name in enumerate(names)
        ]
    groups.append(("all_wrong", None, count == 0))
    most = max(2, EXAMPLES // len(groups))
    found = []
    for group, name, rows in groups:
        rows = rows & asked
        picked = pick(ids, rows, most, f"{group}:{name}")
        found.append({"group": group, "classifier": name, "rows": int(rows.sum()), "ids": picked})
    return found
