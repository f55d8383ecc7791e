"""`harness history`: the runs of a folder side by side, from their scores.json alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
            "  ".join(_percent(level["accuracy"]["value"]) for level in classifier["levels"]),
            _number(classifier["time"]["items_per_s"], "{:.1f}"),
            _number(classifier["cost"]["per_1000_usd"], "{:.4f}"),
        )
        for name, classifier in scores["classifiers"].items()
    ]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _number(value: Any, form: str) -> str:
    return "unknown" if value is None else form.format(value)
