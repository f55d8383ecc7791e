"""Station 6: every chart of a run, in one list, for the page and for the export.

In: scores.json and the trainings. Out: `Chart`s; none is drawn before somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from markupsafe import Markup

from classifiers.contract import Training
from reports import accuracy_charts, calibration_charts, cascade_page, curves, economics_page
from reports.answers import RunData
from reports.plots import Chart
from reports.seeds import judged
from reports.wording import Words

COLOURS = 6
TOPICS: tuple[Any, ...] = (calibration_charts, cascade_page, economics_page)


def colours(everyone: Mapping[str, Any]) -> dict[str, int]:
    """Return the colour of every classifier, 1 to 6; a further seed has that of its first."""
    own = {name: number % COLOURS + 1 for number, name in enumerate(judged(dict(everyone)))}
    return {name: own[one.get("further_seed_of", name)] for name, one in everyone.items()}


def all_charts(run: RunData, scores: dict[str, Any]) -> list[Chart]:
    """Return the charts of the page."""
    words = Words.of(scores["language"])
    colour = colours(scores["classifiers"])
    return [
        *(chart for topic in TOPICS for chart in topic.charts(scores, words, colour)),
        *(chart for name in trained(run) for chart in training_charts(run, name, words, colour)),
    ]


def for_files(run: RunData, scores: dict[str, Any]) -> list[Chart]:
    """Return the charts of the page, and as charts what the page shows as rows of dots."""
    words = Words.of(scores["language"])
    return [
        *accuracy_charts.charts(scores, words, colours(scores["classifiers"])),
        *all_charts(run, scores),
    ]


def trained(run: RunData) -> dict[str, Training]:
    """Return the trainings by classifier."""
    return {one.name: one.training for one in run.classifiers if one.training is not None}


def training_charts(run: RunData, name: str, words: Words, colour: Mapping[str, int]) -> list[Chart]:
    """Return the charts of one training; a name can be any text, so its number stands in their keys."""
    trainings = trained(run)
    number = list(trainings).index(name) + 1
    return curves.charts(trainings[name], words, key=f"training-{number}", colour=colour[name], name=name)


def drawer(run: RunData, scores: dict[str, Any]) -> Callable[[str], Markup]:
    """Return what draws the chart of a key; it gives nothing where the run has no such chart."""

    @cache
    def by_key() -> dict[str, Chart]:
        return {chart.key: chart for chart in all_charts(run, scores)}

    def draw(key: str) -> Markup:
        chart = by_key().get(key)
        if chart is None:
            return Markup("")
        from reports.drawing import figure

        return figure(chart)

    return draw
