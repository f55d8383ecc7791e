"""Station 5: a cheap classifier answers every text, and only what it is unsure about goes to another one.

In: the stored answers of classifiers that were asked every text. Out: the `cascade` of scores.json: what each
pair would have got right, cost and taken at every threshold, and which pair and threshold to take, if any.

A text is sent on where the first classifier's probability of its whole path is below the threshold, or where
it gave no answer. Where the second gives none, the first one's answer stays: somebody who runs both would
keep what there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from reports.arrays import ANSWERED, ClassifierAnswers, TestSet
from reports.costs import figure
from reports.levels import rate
from reports.pairs import compare
from reports.routes import FOLDS, Choice, Route, cross_fit, divide

KINDS = ("baseline", "bert", "llm")  # from cheap to dear, so that no measured price decides what is compared
SURE_ROWS = 0.5  # a classifier that says of fewer texts how sure it is cannot go first
FEWEST_ROWS = 2 * FOLDS


def describe_cascade(
    scores: Mapping[str, Any],
    names: Sequence[str],
    test: TestSet,
    answers: Mapping[str, ClassifierAnswers],
) -> dict[str, Any]:
    """Return the `cascade` object.

    Every two classifiers are one pair: the cheaper kind first, of one kind the less accurate. A second that
    is less accurate overall is looked at, too: it may know the very texts that the first is unsure about
    (simulated, one of 75 % lifts a calibrated first of 80 % to 85 %). Whether it does, cross-fitting tells,
    which may also choose to send nothing. `choice` takes pair and threshold together, so that the best of
    several pairs is not picked by the figure that is reported for it.

    Args:
        scores: scores.json with its classifiers, pairs and verdict.
        names: who takes part: complete, and no further seeds.
        test: the test set.
        answers: of at least these classifiers.
    """
    pairs = [(*pair, _skipped(scores, answers, pair[0])) for pair in _pairs(scores, names)]
    routes = [
        _route(scores, test, answers, first, second) for first, second, skipped in pairs if skipped is None
    ]
    choice = None
    described: dict[tuple[str, str], dict[str, Any]] = {}
    if routes:
        folds = divide(list(test.row_of), test.gold[:, 0])
        right = {name: answers[name].labels == test.gold for name in names}
        for route in routes:
            described[route.first, route.second] = {
                "kept_first": route.kept_first,
                "curve": _curve(scores, route),
            } | _described(scores, [route], cross_fit([route], folds), right, [route.first, route.second])
        chosen = cross_fit(routes, folds)
        first, second = routes[chosen.route].first, routes[chosen.route].second
        leader = max(names, key=lambda name: int(right[name][:, -1].sum()))
        choice = {"first": first, "second": second}
        choice |= _described(scores, routes, chosen, right, [first, second, leader])
    return {
        "folds": FOLDS,
        "pairs": [
            {"first": first, "second": second, "skipped": skipped} | described.get((first, second), {})
            for first, second, skipped in pairs
        ],
        "choice": choice,
    }


def _pairs(scores: Mapping[str, Any], names: Sequence[str]) -> list[tuple[str, str]]:
    def place(name: str) -> tuple[int, int]:
        one = scores["classifiers"][name]
        return KINDS.index(one["kind"]), one["levels"][-1]["accuracy"]["right"]

    return list(combinations(sorted(names, key=place), 2))


def _skipped(scores: Mapping[str, Any], answers: Mapping[str, ClassifierAnswers], first: str) -> str | None:
    if scores["rows"] < FEWEST_ROWS:
        return "few_rows"
    if np.isfinite(answers[first].confidence[:, -1]).mean() < SURE_ROWS:
        return "no_scores"
    return None


def _route(
    scores: Mapping[str, Any],
    test: TestSet,
    answers: Mapping[str, ClassifierAnswers],
    first: str,
    second: str,
) -> Route:
    a, b = answers[first], answers[second]
    failed = b.status != ANSWERED
    keeps = failed & (a.status == ANSWERED)
    labels = np.where(keeps[:, None], a.labels, b.labels)
    confidence = np.where(a.status == ANSWERED, a.confidence[:, -1], -np.inf)
    one = scores["classifiers"]
    return Route.of(
        first=first,
        second=second,
        confidence=confidence,
        right_first=a.labels == test.gold,
        right_second=labels == test.gold,
        kept_first=int(keeps.sum()),
        usd=(one[first]["cost"]["per_1000_usd"], one[second]["cost"]["per_1000_usd"]),
        seconds=(one[first]["time"]["per_1000_s"], one[second]["time"]["per_1000_s"]),
        row_usd=b.cost_usd,
    )


def _curve(scores: Mapping[str, Any], route: Route) -> list[dict[str, Any]]:
    return [
        {
            **_point(route, point),
            "levels": [
                {"level": level + 1, "accuracy": rate(route.right(point)[:, level])}
                for level in range(scores["levels"])
            ],
        }
        for point in range(len(route.thresholds))
    ]


def _point(route: Route, point: int) -> dict[str, Any]:
    threshold = float(route.thresholds[point])
    sent = int(route.sent[point])
    return {
        "threshold": figure(threshold) if np.isfinite(threshold) else None,
        "sent": sent,
        "share_sent": figure(sent / route.rows),
        "cost": {"per_1000_usd": figure(route.usd_at(point))},
        "time": {"per_1000_s": figure(route.seconds_at(point))},
    }


def _described(
    scores: Mapping[str, Any],
    routes: Sequence[Route],
    chosen: Choice,
    right: Mapping[str, Any],
    singles: Sequence[str],
) -> dict[str, Any]:
    """Return what is said of a choice; its accuracy is that of choosing so, measured on texts left out."""
    route = routes[chosen.route]
    against: list[dict[str, Any]] = [
        {
            "name": name,
            "levels": [
                _compared(chosen.right[:, level], right[name][:, level], level, scores["margin"])
                for level in range(scores["levels"])
            ],
        }
        for name in dict.fromkeys(singles)
    ]
    shares = [routes[of].sent[point] / routes[of].rows for of, point in chosen.by_fold]
    return {
        **_point(route, chosen.point),
        "share_sent_by_fold": [figure(min(shares)), figure(max(shares))],
        "folds_of_another_pair": sum(of != chosen.route for of, _ in chosen.by_fold),
        "levels": [
            {"level": level + 1, "accuracy": rate(chosen.right[:, level])}
            for level in range(scores["levels"])
        ],
        "against": against,
        "advice": _advice(route, chosen.point, [one["levels"][-1] for one in against])
        if scores["verdict"]["valid"]
        else "invalid",
    }


def _compared(right: Any, right_alone: Any, level: int, margin: float) -> dict[str, Any]:
    pair = compare(right, right_alone, margin=margin)
    assert pair is not None  # there are rows, or there would be no route
    return {
        "level": level + 1,
        "difference": figure(pair.difference),
        "interval_95": [figure(pair.interval.low), figure(pair.interval.high)],
        "verdict": pair.verdict,
        "beyond_margin": pair.matters,
        "within_margin": -margin <= pair.interval.low and pair.interval.high <= margin,
        "not_worse": pair.interval_90.low > -margin,  # one-sided at 5 %: by the margin or more
    }


def _advice(route: Route, point: int, against: Sequence[Mapping[str, Any]]) -> str:
    """Return what the whole path says for the cascade; price and time are judged apart from it.

    `against` begins with the first classifier. It must be beaten, surely and by what may matter: whoever runs
    it already has the simpler system.
    """
    if route.sent[point] == 0:
        return "none_sent"
    first, *others = against
    if route.sent[point] == route.rows:
        return "fallback" if _fills_in(route, against) else "all_sent"
    if first["verdict"] != "better" or first["within_margin"]:
        return "no_gain"
    if all(one["verdict"] == "better" for one in others):
        return "more_accurate"
    if all(one["not_worse"] for one in others):
        return "as_accurate"
    return "trade_off" if any(one["verdict"] == "worse" for one in others) else "undecided"


def _fills_in(route: Route, against: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the first is of use where the second, asked everything, gives no answer."""
    second = against[1]
    gains = second["verdict"] == "better" and not second["within_margin"]
    return route.kept_first > 0 and gains and all(one["verdict"] != "worse" for one in against)
