"""Station 6 over several runs: one self-contained page with every run and its trends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports import wording
from reports.history import COLOURS, PastRun, Result, SameTest, before, by_test_set, trends
from reports.templates import environment
from reports.wording import Words

MOST_DRAWN = 6  # test sets; one takes about 0.1 s


def render(runs: Sequence[PastRun], language: str) -> str:
    """Return the page of these runs, the newest first.

    Args:
        runs: of one folder.
        language: en or zh.
    """
    words = Words.of(language)
    names = dict.fromkeys(one.name for run in runs for one in run.results)
    colour = {name: number % COLOURS + 1 for number, name in enumerate(names)}
    groups = by_test_set(runs)
    drawn = [group for group in groups if len(group.runs) > 1][:MOST_DRAWN]
    return (
        environment()
        .get_template("history.html.j2")
        .render(
            t=words,
            language=language,
            counted=lambda what, n: words(f"history.{what}{'' if n == 1 else 's'}_n", n=wording.count(n)),
            colour=colour,
            runs=runs,
            groups=groups,
            not_drawn=sum(len(group.runs) > 1 for group in groups) - len(drawn),
            figures=lambda group: _figures(group, drawn, words, colour),
            change=lambda group, run, one: _change(one, before(group, run, one.name)),
            changed=lambda group, run, one: _changed(one, before(group, run, one.name)),
            problems=[run for run in runs if run.problem is not None],
        )
    )


def _figures(group: SameTest, drawn: list[SameTest], words: Words, colour: dict[str, int]) -> list[Any]:
    if group not in drawn:
        return []
    from reports.drawing import figure

    key = f"trend-{drawn.index(group) + 1}"
    return [figure(chart) for chart in trends(group, words, colour, key=key)]


def _change(one: Result, earlier: Result | None) -> float | None:
    """Return by how much the accuracy of the last level rose since the run before."""
    if earlier is None or not one.accuracy or not earlier.accuracy:
        return None
    return float(one.accuracy[-1]["value"] - earlier.accuracy[-1]["value"])


def _changed(one: Result, earlier: Result | None) -> list[str]:
    """Return what of a classifier is not what it was in the run before."""
    if earlier is None:
        return []
    everything = {**earlier.identity, **one.identity}
    return sorted(key for key in everything if one.identity.get(key) != earlier.identity.get(key))
