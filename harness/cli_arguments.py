"""What the commands of several modules share: arguments, exit codes, the console."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

DONE, CLASSIFIER_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]
RunsOption = Annotated[Path, typer.Option("--runs", help="The folder that holds the runs.")]
RUNS = Path("runs")


def terminal() -> Console:
    """Return the terminal to print to."""
    from rich.console import Console

    class Terminal(Console):
        def on_broken_pipe(self) -> None:
            # Whoever read along is gone (`| head -1`): the work and its exit code stay what they are.
            with suppress(SystemExit):
                super().on_broken_pipe()

    # A log or a pipe has no width of its own; 80 columns would fold the names of runs and files. A name or a
    # text that says ":key:" means that and no picture.
    return Terminal(emoji=False) if sys.stdout.isatty() else Terminal(emoji=False, width=160)
