"""Station 6 over several runs: what each found, and how that changed.

In: scores.json of finished runs. Out: `PastRun`s, grouped by test set, with charts of the trends. Runs on
different test sets are never joined: their accuracies say nothing about each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from reports.plots import Chart, Scale, Series
from reports.seeds import is_whole
from reports.wording import Words, percent, rate, usd

COLOURS = 6
LARGE = 10  # a ratio at which an axis counts in factors
Problem = Literal["unfinished", "damaged"]
Figure = Literal["accuracy", "cost", "speed"]
BESIDE: tuple[Figure, ...] = ("cost", "speed")
KINDS: dict[Figure, Literal["share", "usd", "number"]] = {
    "accuracy": "share",
    "cost": "usd",
    "speed": "number",
}
WRITE: dict[Figure, Callable[[float | None], str]] = {"accuracy": percent, "cost": usd, "speed": rate}


@dataclass(frozen=True, kw_only=True)
class Result:
    """One classifier of one run.

    Attributes:
        accuracy: one object of scores.json a level, or none where it is not to be stated.
    """

    name: str
    identity: Mapping[str, Any]
    asked: int
    accuracy: tuple[Mapping[str, Any], ...]
    items_per_s: float | None
    per_1000_usd: float | None


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """One run of a folder.

    Attributes:
        name: of its folder; it begins with the start of the run, UTC.
        problem: why nothing can be said of it, or None.
        test: sha256 of its test split, or None where an old run does not say.
        levels: of its labels.
    """

    name: str
    problem: Problem | None = None
    test: str | None = None
    language: str = "en"
    rows: int = 0
    levels: int = 0
    results: tuple[Result, ...] = ()

    @property
    def started(self) -> datetime | None:
        """When it started, or None where its folder was renamed."""
        try:
            return datetime.strptime("-".join(self.name.split("-")[:2]), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return None

    @property
    def moment(self) -> str:
        """When it started, as `2026-11-22 14:00`, or its name."""
        return f"{self.started:%Y-%m-%d %H:%M}" if self.started else self.name

    @property
    def title(self) -> str:
        """Its name without its start."""
        parts = self.name.split("-", 2)
        return parts[2] if self.started and len(parts) == 3 else self.name


@dataclass(frozen=True, kw_only=True)
class SameTest:
    """The runs on one test set, the newest first."""

    runs: tuple[PastRun, ...]

    @property
    def newest(self) -> PastRun:
        return self.runs[0]


def past_run(name: str, scores: Mapping[str, Any], data: Mapping[str, Any]) -> PastRun:
    """Return what a finished run found.

    Raises:
        KeyError, TypeError, AttributeError, ValueError: this is no scores.json, or no data.json.
    """
    left_out = scores["verdict"]["left_out"]
    return PastRun(
        name=name,
        test=data.get("sha256", {}).get("test"),
        language=str(scores["language"]),
        rows=int(scores["rows"]),
        levels=int(scores["levels"]),
        results=tuple(
            Result(
                name=str(classifier),
                identity=dict(one["identity"]),
                asked=int(one["asked"]),
                accuracy=tuple(_accuracy(level["accuracy"]) for level in one["levels"])
                if is_whole(one) and classifier not in left_out
                else (),
                items_per_s=_figure(one["time"]["items_per_s"]),
                per_1000_usd=_figure(one["cost"]["per_1000_usd"]),
            )
            for classifier, one in scores["classifiers"].items()
        ),
    )


def by_test_set(runs: Sequence[PastRun]) -> list[SameTest]:
    """Group the runs, the newest first, by test set, that of the newest run first."""
    groups: dict[object, list[PastRun]] = {}
    for run in runs:
        if run.problem is None:
            groups.setdefault((run.test or run.name, run.levels), []).append(run)
    return [SameTest(runs=tuple(group)) for group in groups.values()]


def before(group: SameTest, run: PastRun, name: str) -> Result | None:
    """Return what the classifier of that name found in the run before, on the same test set."""
    earlier = group.runs[group.runs.index(run) + 1 :]
    return next((one for past in earlier for one in past.results if one.name == name), None)


def trends(group: SameTest, words: Words, colour: Mapping[str, int], *, key: str) -> list[Chart]:
    """Return the charts of a test set over its runs, the oldest on the left; none for a single run.

    Args:
        colour: 1 to 6 by the name of a classifier.
        key: what the keys of the charts begin with.
    """
    if len(group.runs) < 2:
        return []
    runs = group.runs[::-1]
    levels = group.newest.levels
    wanted = [1, levels] if levels > 1 else [1]
    charts = [
        _trend(runs, words, colour, key=f"{key}-level-{level}", level=level, levels=levels)
        for level in wanted
    ]
    charts += [_trend(runs, words, colour, key=f"{key}-{figure}", figure=figure) for figure in BESIDE]
    return [chart for chart in charts if chart.series]


def _trend(
    runs: Sequence[PastRun],
    words: Words,
    colour: Mapping[str, int],
    *,
    key: str,
    figure: Figure = "accuracy",
    level: int = 1,
    levels: int = 1,
) -> Chart:
    title = words(f"history.{figure}", where=words.level(level, levels))
    write = WRITE[figure]
    series, told = [], []
    form = "%m-%d %H:%M" if len({run.started.year for run in runs if run.started}) == 1 else "%y-%m-%d %H:%M"
    for name in dict.fromkeys(one.name for run in runs for one in run.results):
        found = [
            (float(place), value)
            for place, run in enumerate(runs, start=1)
            for one in run.results
            if one.name == name and (value := _value(one, figure, level)) is not None
        ]
        if not found:
            continue
        points = tuple((place, value[0]) for place, value in found)
        ends = words(
            "history.told" if len(found) > 1 else "history.told_once",
            name=name,
            n=len(found),
            first=write(points[0][1]),
            last=write(points[-1][1]),
        )
        told.append(ends)
        series.append(
            Series(
                name=name,
                points=points,
                colour=colour[name],
                form="line_and_dots",
                band=tuple((place, value[1], value[2]) for place, value in found)
                if figure == "accuracy" and len(found) > 1
                else (),
            )
        )
    values = [value for one in series for _, value in one.points]
    # Beside an LLM a baseline's cost is a line at 0: only factors show both.
    log = figure != "accuracy" and bool(values) and min(values) > 0 and max(values) / min(values) > LARGE
    return Chart(
        key=key,
        title=title,
        alternative=f"{title}: {words.listed(told, 'clauses')}",
        across=Scale(
            title=words("history.across"),
            kind="number",
            low=0.7,
            high=len(runs) + 0.3,
            ticks=tuple(
                (float(place), f"{run.started:{form}}" if run.started else run.name)
                for place, run in enumerate(runs, start=1)
            ),
        ),
        up=Scale(
            title="",
            kind=KINDS[figure],
            low=None if figure == "accuracy" or log else 0.0,
            log=log,
        ),
        series=tuple(series),
    )


def _value(one: Result, figure: Figure, level: int) -> tuple[float, float, float] | None:
    """Return value, low, high of a figure; for what has no interval all three are the same."""
    if figure == "accuracy":
        found = one.accuracy[level - 1] if one.accuracy else None
        return None if found is None else (found["value"], found["low"], found["high"])
    value = one.per_1000_usd if figure == "cost" else one.items_per_s
    return None if value is None else (value, value, value)


def _accuracy(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: float(found[key]) for key in ("value", "low", "high")}


def _figure(value: Any) -> float | None:
    return None if value is None else float(value)
