"""Station 5: how much hangs on the seed of a training.

In: classifiers that were trained several times, each time with another seed. Out: the `seeds` of scores.json,
and a warning where the trainings lie further apart than what the verdict rests on. The verdict speaks of the
first, which is settled beforehand: the best of several by the test set would be chosen on the test set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from reports.answers import ClassifierRun
from reports.costs import figure


def judged(classifiers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names of the `classifiers` of scores.json that the verdict speaks of."""
    return [name for name, one in classifiers.items() if "further_seed_of" not in one]


def describe_seeds(
    runs: Sequence[ClassifierRun], classifiers: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the `seeds` object: one entry for every classifier that was trained with several.

    Args:
        runs: all classifiers.
        classifiers: their scores by name.
    """
    groups: dict[str, list[ClassifierRun]] = {}
    for run in runs:
        groups.setdefault(run.further_seed_of or run.name, []).append(run)
    return {first: _group(group, classifiers) for first, group in groups.items() if len(group) > 1}


def _group(group: Sequence[ClassifierRun], classifiers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    whole = [classifiers[run.name] for run in group if is_whole(classifiers[run.name])]
    levels = range(len(classifiers[group[0].name]["levels"]))
    return {
        "classifiers": {run.name: run.seed for run in group},
        "left_out": [run.name for run in group if not is_whole(classifiers[run.name])],
        "levels": [
            {
                "level": level + 1,
                "accuracy": _spread([one["levels"][level]["accuracy"]["value"] for one in whole]),
                "macro_f1": _spread([one["levels"][level]["macro_f1"] for one in whole]),
            }
            for level in levels
        ],
    }


def is_whole(one: Mapping[str, Any]) -> bool:
    """Tell whether a classifier of scores.json came to the end of the test set."""
    return one["error"] is None and not one["missing"]


def _spread(values: Sequence[float]) -> dict[str, Any]:
    """Return n, mean, standard deviation (over n - 1, None for fewer than two), min and max."""
    return {
        "n": len(values),
        "mean": figure(mean(values)) if values else None,
        "standard_deviation": figure(stdev(values)) if len(values) > 1 else None,
        "min": min(values, default=None),
        "max": max(values, default=None),
    }


def find_wide_seeds(scores: Mapping[str, Any], levels: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """List the problems of trainings that lie further apart than what the verdict rests on.

    Args:
        scores: scores.json as far as it is made.
        levels: of the verdict.

    Returns:
        For a classifier and level at most one, for the comparison that hangs on the seed the most: on a lead
        smaller than the `spread`, or on a margin that is.
    """
    shown = levels if len(levels) < 2 else [levels[0], levels[-1]]
    problems = []
    for name, group in scores.get("seeds", {}).items():
        for level in shown:
            accuracy = group["levels"][level["level"] - 1]["accuracy"]
            if accuracy["n"] < 2:
                continue
            spread = accuracy["max"] - accuracy["min"]
            rests_on = [
                rests
                for found in [*level["comparisons"], level["baseline"]]
                if found is not None and (rests := _rests_on(name, found, scores["margin"])) is not None
            ]
            least = min(rests_on, key=lambda rests: rests["difference"], default=None)
            if least is not None and spread > least["difference"]:
                problems.append(
                    {
                        **least,
                        "invalid": False,
                        "classifier": name,
                        "level": level["level"],
                        "spread": figure(spread),
                    }
                )
    return problems


def _rests_on(name: str, found: Mapping[str, Any], margin: float) -> dict[str, Any] | None:
    if name not in (found["name"], found["other"]) or found["verdict"] == "undecided":
        return None
    other = found["other"] if found["name"] == name else found["name"]
    if found["verdict"] == "equivalent":
        return {"kind": "seeds_beyond_margin", "other": other, "difference": margin}
    return {"kind": "seeds_beyond_lead", "other": other, "difference": abs(found["difference"])}
