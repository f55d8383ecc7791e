"""Station 5: what the scores allow to be concluded, and what forbids a conclusion.

In: scores.json without its verdict. Out: its `problems` (what a reader must know first) and its `verdict`:
who leads at each level and how surely, whether the cheap baseline is beaten, and the choice, if there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.answers import RunData
from reports.choice import against, choose
from reports.costs import figure
from reports.seeds import judged

MOST_REQUESTS_FAILED = 0.05
MUCH_CUT = 0.10  # of the texts: what a BERT did not read may be what it gets wrong
LEAKS = {"leakage": "leakage", "dev_is_test": "dev_is_test"}  # kind of finding -> kind of problem
SMALL_LLM = "local:smollm2-135m-instruct"


def find_problems(run: RunData, scores: dict[str, Any]) -> list[dict[str, Any]]:
    """List what a reader must know before any figure; those with `invalid` forbid a recommendation.

    A problem with a `classifier` touches only that one; `None` means the whole comparison.
    """
    kinds = {finding["kind"] for finding in run.data.get("findings", ())}
    problems = [_problem(problem, invalid=True) for kind, problem in LEAKS.items() if kind in kinds]
    names = judged(scores["classifiers"])
    for name, one in scores["classifiers"].items():
        failed = one["failures"]["by_kind"]["request_failed"]
        if one["error"] is not None:
            problems.append(_problem("stopped", name, invalid=name in names, message=one["error"]))
        if one["missing"] and name not in names:
            problems.append(_problem("seed_incomplete", name, invalid=False, missing=one["missing"]))
        elif one["missing"]:
            problems.append(_problem("incomplete", name, invalid=True, missing=one["missing"]))
        if one["asked"] and failed > MOST_REQUESTS_FAILED * one["asked"]:
            problems.append(
                _problem("requests_failed", name, invalid=True, failed=failed, asked=one["asked"])
            )
        if one["identity"].get("model") == SMALL_LLM:
            problems.append(_problem("small_llm", name, invalid=False))
        if (cut := much_cut(one)) is not None:
            share, max_length = cut
            problems.append(
                _problem("cut", name, invalid=False, max_length=max_length, cut_share=figure(share))
            )
    limits = scores["limit"] or {}
    for kind, split in (("limit", "test"), ("limit_train", "train")):
        if "test" in limits and split in limits:
            kept, of = limits[split]
            problems.append(_problem(kind, invalid=False, kept=kept, all=of))
    return problems


def much_cut(one: Mapping[str, Any]) -> tuple[float, int] | None:
    """Return the share of texts that a classifier saw only the head of, and how many tokens; None if few."""
    facts = one["time"]["facts"]
    share, max_length = facts.get("cut_share"), facts.get("max_length")
    if facts.get("truncation") != "head" or share is None or max_length is None or share < MUCH_CUT:
        return None
    return float(share), int(max_length)


def _problem(kind: str, classifier: str | None = None, *, invalid: bool, **facts: Any) -> dict[str, Any]:
    return {"kind": kind, "invalid": invalid, "classifier": classifier, **facts}


def decide(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the decisions of the verdict; `sentences.say` puts them into words."""
    invalid = [problem for problem in scores["problems"] if problem["invalid"]]
    left_out = list(dict.fromkeys(p["classifier"] for p in invalid if p["classifier"] is not None))
    names = [name for name in judged(scores["classifiers"]) if name not in left_out]
    valid = all(problem["classifier"] is not None for problem in invalid)
    levels = [_level(scores, names, level) for level in range(scores["levels"])] if names else []
    return {
        "valid": valid,
        "left_out": left_out,
        "levels": levels,
        "choice": choose(scores, valid, names, levels),
    }


def _level(scores: dict[str, Any], names: list[str], level: int) -> dict[str, Any]:
    def accuracy(name: str) -> float:
        return float(scores["classifiers"][name]["levels"][level]["accuracy"]["value"])

    ranking = sorted(names, key=accuracy, reverse=True)  # stable: ties keep the order of the experiment
    return {
        "level": level + 1,
        "ranking": ranking,
        "comparisons": [against(scores, ranking[0], other, level) for other in ranking[1:]],
        "baseline": _baseline(scores, ranking, level),
    }


def _baseline(scores: dict[str, Any], ranking: list[str], level: int) -> dict[str, Any] | None:
    """Compare the best model with the best cheap baseline; the majority label is a floor, not a baseline."""
    one = scores["classifiers"]
    models = (name for name in ranking if one[name]["kind"] != "baseline")
    baselines = (
        name
        for name in ranking
        if one[name]["kind"] == "baseline" and one[name]["identity"].get("method") != "majority"
    )
    model, baseline = next(models, None), next(baselines, None)
    if model is None or baseline is None:
        return None
    return against(scores, model, baseline, level)
