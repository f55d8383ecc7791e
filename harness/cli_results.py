"""The commands that work on finished runs: nothing is trained, asked or scored anew."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from harness.cli_arguments import BAD_INPUT, RUNS, RunArgument, RunsOption, terminal
from prompts.errors import HarnessError

commands = typer.Typer()


@commands.command()
def export(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where to; left out: RUN/export.")
    ] = None,
) -> None:
    """Write a run as files for other programs: items.csv, items.parquet, summary.md, charts/*.svg."""
    from harness.export import write
    from harness.run_folder import open_run

    write(open_run(run), out, terminal())


@commands.command()
def baseline(
    run: RunArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write, or to write again.")],
    classifier: Annotated[
        list[str] | None,
        typer.Option("--classifier", "-c", help="Only this one; may be given several times."),
    ] = None,
) -> None:
    """Write the answers of a run to a small file that can be committed, for `harness check`."""
    from harness import check as station

    station.write_baseline(run, file, classifier or [], terminal())


@commands.command()
def check(
    run: RunArgument,
    against: Annotated[
        Path,
        typer.Option("--against", metavar="BASELINE", help="An earlier run or a file of `harness baseline`."),
    ],
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="A loss below this share does not matter; left out: that of the run."),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option("--classifier", "-c", help="The one to check; left out: all that stand in both."),
    ] = None,
    baseline_classifier: Annotated[
        str | None, typer.Option("--baseline-classifier", help="What it is held against, if named otherwise.")
    ] = None,
    labels: Annotated[
        bool, typer.Option("--labels", help="A sure loss on a single label is worse, too.")
    ] = False,
    max_slowdown: Annotated[
        float | None, typer.Option("--max-slowdown", metavar="X", help="Worse if over X times as slow.")
    ] = None,
    max_cost_ratio: Annotated[
        float | None, typer.Option("--max-cost-ratio", metavar="X", help="Worse if over X times as dear.")
    ] = None,
    max_cost_per_1000: Annotated[
        float | None,
        typer.Option("--max-cost-per-1000", metavar="USD", help="Worse if 1,000 texts cost more than this."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the tests as JUnit XML.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write a summary as Markdown.")
    ] = None,
) -> None:
    """Hold a run against an earlier one: exit code 0 not worse, 1 worse, 3 undecided, 2 bad input."""
    with _never_worse_by_accident():
        from harness import check as station

        asked = station.Asked(
            margin=margin,
            classifier=classifier,
            baseline_classifier=baseline_classifier,
            labels=labels,
            max_slowdown=max_slowdown,
            max_cost_ratio=max_cost_ratio,
            max_cost_per_1000_usd=max_cost_per_1000,
        )
        files = station.Files(junit=junit, markdown=markdown)
        code = station.run(run, against, asked, files, terminal())
    raise typer.Exit(code)


@contextmanager
def _never_worse_by_accident() -> Iterator[None]:
    """Keep a bug from ending with 1, Python's exit code for one: a pipeline would read "worse"."""
    try:
        yield
    except HarnessError:
        raise
    except Exception as exc:
        line = " ".join(str(exc).split())
        problem = f"{type(exc).__name__}: {line}" if line else type(exc).__name__
        with suppress(BrokenPipeError):
            traceback.print_exc()
            print(f"harness: nothing was decided, for this is a bug of harness ({problem})", file=sys.stderr)
        raise typer.Exit(BAD_INPUT) from exc


@commands.command()
def history(
    runs: RunsOption = RUNS,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with the trends to this file, too."),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="Of the page: en or zh; left out: that of the newest run."),
    ] = None,
) -> None:
    """Show the runs in a folder side by side, the newest first."""
    from harness.history import show

    show(runs, terminal(), html=html, language=language)
