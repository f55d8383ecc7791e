"""The verdict in words; each sentence holds what it needs to stand alone in a mail.

In: scores.json and its decisions. Out: the sentences, those with a time or a price under `time` and `cost`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.choice import against, best_at, hinges, is_ahead, shown
from reports.economics_page import per_1000
from reports.pairs import FEW_DISCORDANT
from reports.seeds import judged
from reports.wording import DASH, Words, count, percent, points, rate


def say(scores: dict[str, Any], verdict: dict[str, Any], words: Words) -> dict[str, Any]:
    """Return the keys that put the decisions into words: `sentences`, `time`, `cost`."""
    levels = verdict["levels"]
    seeds = [sentence for name in scores.get("seeds", {}) if (sentence := _seeds(scores, name, words))]
    return {
        "sentences": {
            "problems": [problem_sentence(scores, problem, words) for problem in scores["problems"]],
            "accuracy": [_accuracy(scores, level, words) for level in shown(levels)],
            "baseline": [
                sentence
                for level in shown(levels)
                if (sentence := _baseline(scores, level, words)) is not None
            ],
            "choice": _choice(scores, verdict, words),
            **({"seeds": seeds} if seeds else {}),
        },
        "time": {"sentence": _time(scores, words)},
        "cost": {"sentence": _cost(scores, words)},
    }


def problem_sentence(scores: dict[str, Any], problem: dict[str, Any], words: Words) -> str:
    """Say what a reader must know first."""
    facts = {key: _fact(value) for key, value in problem.items() if key != "kind"}
    if "level" in problem:
        facts["where"] = words.level(problem["level"], scores["levels"])
    share = problem["failed"] / problem["asked"] if problem.get("asked") else problem.get("cut_share")
    return words(f"problem.{problem['kind']}", share=percent(share), rows=count(scores["rows"]), **facts)


def _fact(value: Any) -> Any:
    if isinstance(value, float):
        return points(value, sign=False)
    return count(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _seeds(scores: dict[str, Any], name: str, words: Words) -> str | None:
    """How far the trainings of a classifier lie apart, or None where fewer than two were finished."""
    levels = scores["seeds"][name]["levels"]
    if levels[0]["accuracy"]["n"] < 2:
        return None
    parts = [
        words(
            "seeds.level" if len(levels) > 1 else "seeds.figures",
            where=words.level(level["level"], scores["levels"]),
            mean=percent(level["accuracy"]["mean"]),
            deviation=points(level["accuracy"]["standard_deviation"], sign=False),
            low=percent(level["accuracy"]["min"]),
            high=percent(level["accuracy"]["max"]),
        )
        for level in ([levels[0], levels[-1]] if len(levels) > 1 else levels)
    ]
    n = levels[0]["accuracy"]["n"]
    return words("seeds.sentence", name=name, n=count(n), figures=words("seeds.join").join(parts))


def _accuracy(scores: dict[str, Any], level: Mapping[str, Any], words: Words) -> str:
    """Who got how much right, then how surely the leader is ahead of each other."""
    where = words.level(level["level"], scores["levels"])

    def right(name: str) -> str:
        return percent(scores["classifiers"][name]["levels"][level["level"] - 1]["accuracy"]["value"])

    first, *others = level["ranking"]
    rest = words.listed([words("verdict.share", name=name, share=right(name)) for name in others], "clauses")
    sentence = words(
        "verdict.accuracy" if others else "verdict.accuracy_alone",
        rows=count(scores["rows"]),
        where=where,
        first=first,
        share=right(first),
        rest=rest,
    )
    return words("verdict.join").join(
        [sentence, *(compared(scores, found, words) for found in level["comparisons"])]
    )


def compared(scores: dict[str, Any], found: dict[str, Any], words: Words) -> str:
    """Say one pair of `verdict.levels[].comparisons` as a sentence, seen from its `name`."""
    low, high = found["interval_90" if found["verdict"] == "equivalent" else "interval_95"]
    kind, difference = found["verdict"], found["difference"]
    name, other = found["name"], found["other"]
    named = list(scores["classifiers"])
    if kind in ("equivalent", "undecided") and named.index(other) < named.index(name):
        # As the tables have the pair, so that one difference has one sign in the whole report.
        name, other, turned = other, name, True
    else:
        turned = kind == "worse"
    if turned:
        difference, low, high = -difference, -high, -low
    if kind in ("better", "worse"):
        reach = "within" if found["within_margin"] else "beyond" if found["beyond_margin"] else "partly"
        kind = f"{kind}.{reach}"
    sentence = words(
        f"verdict.{kind}",
        name=name,
        other=other,
        rows=count(found["n"]),
        margin=points(scores["margin"], sign=False),
        difference=points(difference, sign=kind in ("equivalent", "undecided")),
        low=points(low),
        high=points(high),
    )
    return words("verdict.join").join([sentence, *_what_would_decide(scores, found, words)])


def _what_would_decide(scores: dict[str, Any], found: dict[str, Any], words: Words) -> list[str]:
    """Why an undecided pair is none, where its own interval would decide it, and how many rows would do."""
    said = []
    if found["verdict"] == "undecided" and found["decided_alone"]:
        said.append(words("statistics.corrected", pairs=found["pairs_judged"]))
    low, high = found["interval_95"]
    if found["verdict"] == "undecided" and not found["decided_alone"] and not low <= 0 <= high:
        said.append(words("statistics.few_discordant", few=FEW_DISCORDANT))
    if found["rows_to_decide"] is not None:
        said.append(
            words(
                f"statistics.decide.{found['rows_would_show']}",
                rows=about(found["rows_to_decide"]),
                margin=points(scores["margin"], sign=False),
            )
        )
    return said


def about(rows: int) -> str:
    """Write a number of rows with the two figures that an estimate deserves, rounded up."""
    step = 10 ** max(len(str(rows)) - 2, 0)
    return count(-(-rows // step) * step)


def _baseline(scores: dict[str, Any], level: Mapping[str, Any], words: Words) -> str | None:
    found = level["baseline"]
    if found is None or (found["verdict"] == "better" and not found["within_margin"]):
        return None
    return words(
        f"baseline.{found['verdict']}",
        where=words.level(level["level"], scores["levels"]),
        model=found["name"],
        baseline=found["other"],
        difference=points(abs(found["difference"]), sign=False),
    )


def _choice(scores: dict[str, Any], verdict: dict[str, Any], words: Words) -> str:
    choice = verdict["choice"]
    reason = choice["reason"]
    if reason == "accuracy":
        return _most_accurate(scores, verdict, words)
    if reason == "level_decides":
        return words("choice.level_decides", **_each_level(scores, verdict, words))
    if reason == "nothing_to_compare" and not choice["candidates"]:
        reason = "nothing_at_all"
    needed = rows_for_choice(scores, verdict) if reason == "undecided" else None
    return words(
        f"choice.{reason}" if needed is None else "choice.undecided_rows",
        candidates=words.listed(choice["candidates"]),
        rows=count(scores["rows"]),
        margin=points(scores["margin"], sign=False),
        needed=DASH if needed is None else about(needed),
    )


def _most_accurate(scores: dict[str, Any], verdict: dict[str, Any], words: Words) -> str:
    """Name who is chosen and, where that one is not ahead of all at both levels, what decides it."""
    name, levels = verdict["choice"]["name"], shown(verdict["levels"])
    ahead: list[str] = []
    not_ahead: list[str] = []
    for level in levels:
        others = (other for other in level["ranking"] if other != name)
        sure = all(is_ahead(against(scores, name, other, level["level"] - 1)) for other in others)
        (ahead if sure else not_ahead).append(words.level(level["level"], scores["levels"]))
    if not not_ahead:
        return words("choice.accuracy", name=name)
    if not ahead:
        return words("choice.accuracy_in_turn", name=name)
    return words("choice.accuracy_at", name=name, where=ahead[0], elsewhere=not_ahead[0])


def _each_level(scores: dict[str, Any], verdict: dict[str, Any], words: Words) -> dict[str, str]:
    """Name the best of the candidates at each level shown, and the level."""
    told = {}
    for place, level in zip(("first", "last"), shown(verdict["levels"]), strict=True):
        told[place] = words.listed(best_at(scores, verdict["choice"]["candidates"], level))
        told[f"{place}_where"] = words.level(level["level"], scores["levels"])
    return told


def rows_for_choice(scores: Mapping[str, Any], verdict: Mapping[str, Any]) -> int | None:
    """Return how many rows decide all pairs on which the choice hangs; None where for one no number would."""
    needed = [
        found["rows_to_decide"]
        for found in hinges(scores, verdict["choice"]["candidates"], verdict["levels"])
        if found["verdict"] == "undecided"
    ]
    return None if None in needed else max(needed, default=None)


def _time(scores: dict[str, Any], words: Words) -> str | None:
    speeds = {
        name: scores["classifiers"][name]["time"]["items_per_s"]
        for name in judged(scores["classifiers"])
        if scores["classifiers"][name]["time"]["items_per_s"] is not None
    }
    if not speeds:
        return None
    fastest_first = sorted(speeds, key=lambda name: -speeds[name])
    parts = [words("time.speed", name=name, rate=rate(speeds[name])) for name in fastest_first]
    return words("time.sentence", speeds=words.listed(parts, "clauses"))


def _cost(scores: dict[str, Any], words: Words) -> str | None:
    one = scores["classifiers"]
    costs = {name: one[name]["cost"]["per_1000_usd"] for name in judged(one) if one[name]["asked"]}
    known = [
        words("cost.one", name=name, usd=per_1000(one[name], words))
        for name in sorted(costs, key=lambda name: costs[name] or 0.0)
        if costs[name] is not None
    ]
    unknown = [name for name in costs if costs[name] is None]
    if not costs:
        return None
    parts = []
    if known:
        parts.append(words("cost.known", costs=words.listed(known, "clauses")))
    if unknown:
        parts.append(words("cost.unknown", names=words.listed(unknown)))
    return words("verdict.join").join(parts)
