"""Station 5: what the scores allow to be concluded, and what forbids a conclusion.

In: scores.json without its verdict. Out: its `problems` (what a reader must know first) and its `verdict`:
who leads at each level and how surely, whether the cheap baseline is beaten, and the choice, if there is one.
"""

from __future__ import annotations

from typing import Any

from reports.answers import RunData
from reports.pairs import ALPHA
from reports.seeds import judged

MOST_REQUESTS_FAILED = 0.05
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
    limits = scores["limit"] or {}
    for kind, split in (("limit", "test"), ("limit_train", "train")):
        if "test" in limits and split in limits:
            kept, of = limits[split]
            problems.append(_problem(kind, invalid=False, kept=kept, all=of))
    return problems


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
        "choice": _choose(valid, names, levels),
    }


def _level(scores: dict[str, Any], names: list[str], level: int) -> dict[str, Any]:
    def accuracy(name: str) -> float:
        return float(scores["classifiers"][name]["levels"][level]["accuracy"]["value"])

    ranking = sorted(names, key=accuracy, reverse=True)  # stable: ties keep the order of the experiment
    return {
        "level": level + 1,
        "ranking": ranking,
        "comparisons": [_against(scores, ranking[0], other, level) for other in ranking[1:]],
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
    return _against(scores, model, baseline, level)


def _against(scores: dict[str, Any], name: str, other: str, level: int) -> dict[str, Any]:
    """Look up a pair from the side of `name`."""
    for pair in scores["pairs"]:
        if {pair["a"], pair["b"]} == {name, other}:
            found = pair["levels"][level]
            turned = pair["a"] == other
            low, high = found["interval_95"]
            margin = scores["margin"]
            return {
                "name": name,
                "other": other,
                "n": found["n"],
                "verdict": _turned(found["verdict"]) if turned else found["verdict"],
                "difference": -found["difference"] + 0.0 if turned else found["difference"],
                "interval_95": [-high, -low] if turned else [low, high],
                "interval_90": [-end for end in reversed(found["interval_90"])]
                if turned
                else found["interval_90"],
                "beyond_margin": found["beyond_margin"],
                "within_margin": -margin <= low and high <= margin and found["equivalent_p_holm"] < ALPHA,
                "decided_alone": min(found["different_p"], found["equivalent_p"]) < ALPHA,
                "pairs_judged": found["pairs_judged"],
                "rows_to_decide": found["rows_to_decide"],
                "rows_would_show": found["rows_would_show"],
            }
    raise KeyError((name, other))


def _turned(verdict: str) -> str:
    return {"better": "worse", "worse": "better"}.get(verdict, verdict)


def _choose(valid: bool, names: list[str], levels: list[dict[str, Any]]) -> dict[str, Any]:
    """Choose the classifier that leads surely at level 1 and on the whole path; otherwise say why none is."""
    if not valid:
        return {"name": None, "reason": "invalid", "candidates": []}
    if len(names) < 2:
        return {"name": None, "reason": "nothing_to_compare", "candidates": names}
    first, last = (_unbeaten(level) for level in (levels[0], levels[-1]))
    candidates = [name for name in names if name in first or name in last]
    if len(candidates) == 1:
        return {"name": candidates[0], "reason": "accuracy", "candidates": candidates}
    if len(first) == len(last) == 1:
        return {"name": None, "reason": "levels_differ", "candidates": candidates}
    alike = all(
        found["verdict"] == "equivalent" or found["within_margin"]
        for level in (levels[0], levels[-1])
        for found in level["comparisons"]
        if found["other"] in candidates
    )
    return {"name": None, "reason": "equivalent" if alike else "undecided", "candidates": candidates}


def _unbeaten(level: dict[str, Any]) -> set[str]:
    """Return the leader and all over whom it is not surely ahead by something that matters."""
    return {level["ranking"][0]} | {
        found["other"]
        for found in level["comparisons"]
        if found["verdict"] != "better" or found["within_margin"]
    }
