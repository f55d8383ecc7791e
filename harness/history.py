"""`harness history`: the runs of a folder side by side, from their scores.json alone."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.progress import say
from harness.reuse import runs
from harness.run_folder import RunFolder


def show(root: Path, console: Console) -> None:
    """Print a row for every classifier of every run, the newest run first."""
    found = runs(root)
    if not found:
        say(console, f"{root}: no runs here yet; `harness compare` makes one")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "classifier"):
        table.add_column(column, overflow="fold")
    for column in ("texts", "accuracy by level", "items/s", "$ per 1,000"):
        table.add_column(column, justify="right")
    for run in found:
        for number, row in enumerate(_rows(run)):
            table.add_row(run.name if number == 0 else "", *row)
    console.print(table)


def _rows(run: RunFolder) -> list[tuple[str, ...]]:
    scores = run.read("scores.json")
    if scores is None:
        return [("not finished", "", "", "", "")]
    return [
        (
            name,
            f"{classifier['asked']:,}",
            "  ".join(percent(level["accuracy"]["value"]) for level in classifier["levels"]),
            number(classifier["time"]["items_per_s"], "{:.1f}"),
            number(classifier["cost"]["per_1000_usd"], "{:.3g}"),
        )
        for name, classifier in scores["classifiers"].items()
    ]


def percent(value: float | None) -> str:
    """Return a share as per cent, or a dash where there is none."""
    return "-" if value is None else f"{value:.1%}"


def number(value: float | None, form: str) -> str:
    """Return a figure in its form; what is not known says so."""
    return "unknown" if value is None else form.format(value)
