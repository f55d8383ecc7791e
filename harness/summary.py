"""What a run found, on a terminal: one row per classifier, the verdict, and where the report lies."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from harness.history import number, percent
from harness.progress import say
from harness.run_folder import RunFolder


def show(scores: dict[str, Any], run: RunFolder, console: Console) -> None:
    """Print the table of a run and its verdict."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("classifier", overflow="fold")
    for level in range(scores["levels"]):
        table.add_column(f"level {level + 1}", justify="right")
    for column in ("no answer", "answering", "items/s", "$ per 1,000"):
        table.add_column(column, justify="right")
    for name, classifier in scores["classifiers"].items():
        time = classifier["time"]
        table.add_row(
            name,
            *(percent(level["accuracy"]["value"]) for level in classifier["levels"]),
            str(classifier["failures"]["total"] + classifier["missing"]),
            number(time["answer_s"], "{:.1f} s"),
            number(time["items_per_s"], "{:.1f}"),
            number(classifier["cost"]["per_1000_usd"], "{:.3g}"),
        )
    console.print(table)
    verdict = scores["verdict"]
    said = verdict["sentences"]
    for problem in said["problems"]:
        say(console, problem, "yellow")
    for sentence in (
        said["choice"],
        *said["accuracy"],
        *said["baseline"],
        verdict["time"]["sentence"],
        verdict["cost"]["sentence"],
    ):
        if sentence:
            say(console, sentence)
    say(console, f"Report: {run.report}")
