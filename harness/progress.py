"""Progress of long work: a live bar on a terminal, a plain line now and then everywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

PLAIN_EVERY_S = 15.0


def say(console: Console, line: str, style: str | None = None) -> None:
    """Print one line as it is: no markup read into it, nothing highlighted, never wrapped."""
    console.print(line, style=style, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress(console: Console, label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Show the progress of one piece of work.

    Yields:
        A function to be called with how much is done and how much there is in all; calling it often is cheap.
    """
    work = _live if console.is_terminal else _plain
    with work(console, label, unit) as update:
        yield update


@contextmanager
def _live(console: Console, label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _Speed(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _plain(console: Console, label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    started = last = time.monotonic()

    def update(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < PLAIN_EVERY_S or not done:
            return
        last = now
        per_s = done / (now - started)
        left_s = (total - done) / per_s
        say(console, f"{label}: {done} of {total}, {per_s:.1f} {unit}/s, {left_s:.0f} s left")

    yield update


class _Speed(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} {self.unit}/s" if speed else f"- {self.unit}/s")
