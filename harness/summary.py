"""What a run found, on a terminal: one row per classifier, the verdict, and where the report lies."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from harness.progress import say
from harness.run_folder import RunFolder
from reports.summary import summary


def show(scores: dict[str, Any], run: RunFolder, console: Console) -> None:
    """Print the table of a run, its verdict, and what to keep in mind."""
    found = summary(scores)
    console.print()
    for warning in found.warnings:
        say(console, warning, "bold red")
    if found.note:
        say(console, found.note, "yellow")
    for step in found.steps:
        say(console, f"- {step}")
    console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for number, column in enumerate(found.head):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*row)
    console.print(table)
    console.print()
    for number, sentence in enumerate(found.verdict):
        say(console, sentence, None if number else "bold")
    for remark in found.remarks:
        say(console, remark, "yellow")
    say(console, f"Report: {run.report}")
