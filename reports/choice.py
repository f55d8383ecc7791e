"""Station 5: which classifier to choose, if one, and if none, on what the choice hangs.

In: the pairs of scores.json and the rankings of the verdict. Out: its `choice`. Two levels count: the first
and the whole path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reports.pairs import ALPHA


def against(scores: Mapping[str, Any], name: str, other: str, level: int) -> dict[str, Any]:
    """Look up a pair from the side of `name`; `level` counts from 0."""
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


def shown(levels: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the levels of the verdict that are spoken of: the first and, of several, the whole path."""
    return list(levels) if len(levels) < 2 else [levels[0], levels[-1]]


def is_ahead(found: Mapping[str, Any]) -> bool:
    """Tell whether the `name` of a comparison is surely ahead, by something that may matter."""
    return bool(found["verdict"] == "better" and not found["within_margin"])


def is_alike(found: Mapping[str, Any]) -> bool:
    """Tell whether nothing that matters lies between the two."""
    return bool(found["verdict"] == "equivalent" or found["within_margin"])


def choose(
    scores: Mapping[str, Any], valid: bool, names: Sequence[str], levels: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the `choice`.

    Out are those whom the leader beats at either level, and those whom one that stays beats at one level and
    equals or beats at the other. Who is left alone is chosen.
    """
    if not valid:
        return {"name": None, "reason": "invalid", "candidates": []}
    if len(names) < 2:
        return {"name": None, "reason": "nothing_to_compare", "candidates": list(names)}
    near = {name for level in shown(levels) for name in _unbeaten(level)}
    candidates = _undominated(scores, [name for name in names if name in near], shown(levels))
    if len(candidates) == 1:
        return {"name": candidates[0], "reason": "accuracy", "candidates": candidates}
    return {"name": None, "reason": _why_none(scores, candidates, levels), "candidates": candidates}


def _unbeaten(level: Mapping[str, Any]) -> set[str]:
    return {level["ranking"][0]} | {found["other"] for found in level["comparisons"] if not is_ahead(found)}


def _undominated(
    scores: Mapping[str, Any], names: Sequence[str], levels: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Leave out whom an undominated one dominates; so somebody is always left."""

    def dominates(name: str, other: str) -> bool:
        found = [against(scores, name, other, level["level"] - 1) for level in levels]
        return any(map(is_ahead, found)) and all(is_ahead(one) or is_alike(one) for one in found)

    top = [name for name in names if not any(dominates(one, name) for one in names if one != name)]
    return [name for name in names if name in top or not any(dominates(one, name) for one in top)]


def _why_none(
    scores: Mapping[str, Any], candidates: Sequence[str], levels: Sequence[Mapping[str, Any]]
) -> str:
    found = hinges(scores, candidates, levels)
    if any(one["verdict"] == "undecided" for one in found):
        return "undecided"
    if all(map(is_alike, found)):
        return "equivalent"
    lead_alone = all(len(best_at(scores, candidates, level)) == 1 for level in shown(levels))
    return "levels_differ" if lead_alone and len(candidates) == 2 else "level_decides"


def hinges(
    scores: Mapping[str, Any], candidates: Sequence[str], levels: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return what the choice hangs on: at each level shown, the best candidate against each other one."""
    return [found for level in shown(levels) for found in _of_the_best(scores, candidates, level)]


def best_at(scores: Mapping[str, Any], candidates: Sequence[str], level: Mapping[str, Any]) -> list[str]:
    """Return the best candidate at a level and those who equal it there."""
    found = _of_the_best(scores, candidates, level)
    first = next(name for name in level["ranking"] if name in candidates)
    return [first, *(one["other"] for one in found if is_alike(one))]


def _of_the_best(
    scores: Mapping[str, Any], candidates: Sequence[str], level: Mapping[str, Any]
) -> list[dict[str, Any]]:
    best, *others = (name for name in level["ranking"] if name in candidates)
    return [against(scores, best, other, level["level"] - 1) for other in others]


def unbeaten_among(
    scores: Mapping[str, Any], candidates: Sequence[str], levels: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return the candidates that no classifier surely beats at a level shown: they do no harm meanwhile."""
    return [
        name
        for name in candidates
        if not any(
            is_ahead(against(scores, other, name, level["level"] - 1))
            for level in shown(levels)
            for other in level["ranking"]
            if other != name
        )
    ]
