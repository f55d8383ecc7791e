"""`harness history`: the runs of a folder side by side, from their scores.json alone."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.disk import write_text
from harness.progress import say
from harness.reuse import runs
from harness.run_folder import RunFolder
from prompts.errors import ConfigError
from reports.history import PastRun, past_run
from reports.wording import percent, rate, usd

LANGUAGES = ("en", "zh")
PROBLEMS = {"unfinished": "not finished", "damaged": "scores.json cannot be read"}


def show(root: Path, console: Console, *, html: Path | None = None, language: str | None = None) -> None:
    """Print a row for every classifier of every run, the newest run first; write the page, if asked to.

    Args:
        root: the folder that holds the runs.
        console: where to.
        html: the file of the page with the trends, or None for no page.
        language: of the page, en or zh; None takes that of the newest run.

    Raises:
        ConfigError: no such language, or the page cannot be written.
    """
    if language not in (None, *LANGUAGES):
        raise ConfigError(f"--language {language!r}: expected {' or '.join(map(repr, LANGUAGES))}")
    found = [read(run) for run in runs(root)]
    if not found:
        say(console, f"{root}: no runs here yet; `harness compare` makes one")
        return
    console.print(_table(found))
    if html is not None:
        from reports.history_page import render

        newest = next((run.language for run in found if run.problem is None), "en")
        write_text(html, render(found, language or newest), option="--html")
        say(console, f"History: {html}")


def read(run: RunFolder) -> PastRun:
    """Return what a run found; one that is unfinished or damaged says so."""
    try:
        scores = run.read("scores.json")
        if scores is None:
            return PastRun(name=run.name, problem="unfinished")
        return past_run(run.name, scores, run.read("data.json") or {})
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ConfigError,
    ):  # cut off by a kill, or no scores at all
        return PastRun(name=run.name, problem="damaged")


def _table(found: list[PastRun]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "classifier"):
        table.add_column(column, overflow="fold")
    for column in ("texts", _accuracy_head(found), "texts/s", "cost per 1,000"):
        table.add_column(column, justify="right")
    for run in found:
        for number, row in enumerate(_rows(run)):
            table.add_row(run.name if number == 0 else "", *row)
    return table


def _accuracy_head(found: list[PastRun]) -> str:
    """Name the accuracies of a row; those of runs of unlike depth as the deepest has them."""
    depth = max((run.levels for run in found), default=0)
    if depth < 2:
        return "accuracy"
    return "accuracy, " + " / ".join(["level 1", *map(str, range(2, depth)), "whole path"])


def _rows(run: PastRun) -> list[tuple[str, ...]]:
    if run.problem is not None:
        return [(PROBLEMS[run.problem], "", "", "", "")]
    return [
        (
            one.name,
            f"{one.asked:,}",
            " / ".join(percent(level["value"]) for level in one.accuracy) or "not stated",
            "unknown" if one.items_per_s is None else rate(one.items_per_s),
            "unknown" if one.per_1000_usd is None else usd(one.per_1000_usd),
        )
        for one in run.results
    ]
