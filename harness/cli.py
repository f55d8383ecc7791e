"""The `harness` command: what a person types, and what they are told.

Nothing heavy is imported before a command needs it, so `harness --help` answers at once.
"""

from __future__ import annotations

import gc
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from classifiers import processes
from harness import cli_results
from harness.cli_arguments import (
    BAD_INPUT,
    CLASSIFIER_FAILED,
    DONE,
    INTERRUPTED,
    RUNS,
    RunArgument,
    RunsOption,
    terminal,
)
from prompts.errors import ConfigError, EndpointError, HarnessError, RunChangedError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.run_folder import RunFolder
    from harness.session import Session

app = typer.Typer(
    name="harness",
    help="Should we classify these texts with an LLM and a prompt, or fine-tune a BERT? Measure it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ExperimentArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[EXPERIMENT]",
        help="An experiment file, or 'sample' / 'sample-zh' for the built-in ones. "
        "Left out: experiment.toml in this folder, otherwise the sample.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        help="A quick look: only N test texts, drawn evenly over the labels, and the same share of the "
        "training data.",
    ),
]
ResumeOption = Annotated[
    Path | None, typer.Option("--resume", metavar="RUN", help="Finish an interrupted run.")
]


@app.command()
def compare(
    experiment: ExperimentArgument = None,
    runs: RunsOption = RUNS,
    limit: LimitOption = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Take no answers or weights from earlier runs.")
    ] = False,
    resume: ResumeOption = None,
    explain_reuse: Annotated[
        bool,
        typer.Option(
            "--explain-reuse",
            help="Only say which answers and weights of earlier runs would be taken over, and why not the "
            "others: nothing is asked, trained or written.",
        ),
    ] = False,
) -> None:
    """Train what needs training, let every classifier answer the test set, write the report."""
    if processes.count() > 1:
        _refuse("several processes can only train: start `harness train` with torchrun, then compare without")
    console = terminal()
    if explain_reuse:
        if fresh or resume is not None:
            _refuse("--explain-reuse is about a new run that may take over; leave --fresh and --resume out")
        _explain_reuse(experiment, runs, limit, console)
        raise typer.Exit(DONE)
    with _loading():
        from harness import run_folder, runner, session

        checked = _checked(experiment, limit, resume, console)
        run = run_folder.open_run(resume) if resume else session.start(checked, runs, fresh=fresh)
    try:
        with run.locked(), _kept(run):
            failed = runner.answer_all(checked, run, fresh=fresh or run.is_fresh, console=console)
    except EndpointError:
        if resume is None:
            run.discard()
        raise
    _report(run, console)
    raise typer.Exit(CLASSIFIER_FAILED if failed else DONE)


@app.command()
def train(
    experiment: ExperimentArgument = None,
    runs: RunsOption = RUNS,
    limit: LimitOption = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Take no weights from earlier runs.")] = False,
    resume: ResumeOption = None,
) -> None:
    """Only train; a later `harness compare` takes the trained weights over.

    With several GPUs: torchrun --nproc-per-node 2 --no-python harness train.
    """
    from harness import run_folder, session
    from harness.training import train_one

    console = terminal()
    console.quiet = not processes.is_first()
    checked = _checked(experiment, limit, resume, console, answering=False)
    if resume is None:
        started = str(session.start(checked, runs, fresh=fresh).path) if processes.is_first() else None
        on_cpu = all(one.settings.device == "cpu" for one in checked.prepared if one.settings.kind == "bert")
        resume = Path(processes.from_first(started, on_cpu=on_cpu))
    run = run_folder.open_run(resume)
    with run.locked() if processes.is_first() else nullcontext(), _kept(run, "train"):
        for prepared in checked.prepared:
            train_one(prepared, checked, run, fresh=fresh or run.is_fresh, console=console)
    console.print(f"Trained: {run.path}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def report(run: RunArgument) -> None:
    """Write scores.json and report.html of a run again, from its stored answers."""
    from harness import run_folder

    _report(run_folder.open_run(run), terminal())


@app.command()
def predict(
    run: RunArgument,
    classifier: Annotated[
        str | None,
        typer.Option("--classifier", "-c", help="Which one; left out: the trained BERT."),
    ] = None,
) -> None:
    """Type a text and read its labels; piped, a text a line goes in and a JSON object a line comes out."""
    from harness import predict as station

    station.run(run, classifier, sys.stdin, sys.stdout, terminal())


@app.command()
def data(experiment: ExperimentArgument = None) -> None:
    """Show what is in the data of an experiment and what is wrong with it."""
    from harness import experiment_file
    from harness.data_view import show

    show(experiment_file.read(experiment_file.find(experiment)), terminal())


@app.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("experiment.toml"),
) -> None:
    """Write a commented experiment.toml to start from."""
    from harness.init import write

    write(path)
    typer.echo(f"Wrote {path}. Name your files in it, then: harness data, harness compare")


app.add_typer(cli_results.commands)


def main() -> None:
    """Run the command line; an error that the user can mend is one line and exit code 2."""
    try:
        app()
    except HarnessError as exc:
        _refuse(str(exc))
    finally:
        gc.freeze()  # or the interpreter looks through everything once more before it ends, for 0.1 s


def _refuse(message: str) -> None:
    with suppress(BrokenPipeError):  # nobody reads along any more; the exit code stays
        sys.stdout.flush()
    with suppress(BrokenPipeError):
        print(f"harness: {message}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def _checked(
    experiment: str | None,
    limit: int | None,
    resume: Path | None,
    console: Console,
    *,
    answering: bool = True,
) -> Session:
    """Check what a run is to consist of, or what a begun one goes on with."""
    from harness import experiment_file, run_folder, session

    if resume is None:
        file = experiment_file.read(experiment_file.find(experiment))
        return session.check(file, limit=limit, console=console, answering=answering)
    if experiment is not None or limit is not None:
        _refuse("--resume takes the experiment and the limit of the run; leave both out")
    run = run_folder.open_run(resume)
    file = experiment_file.read(run.path / "experiment.toml")
    limit = run.read("data.json")["limit_n"]
    checked = session.check(file, limit=limit, console=console, answering=answering)
    session.check_unchanged(checked, run)
    return checked


@contextmanager
def _loading() -> Iterator[None]:
    """What is loaded here stays: it is not looked through for garbage, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def _kept(run: RunFolder, command: str = "compare") -> Iterator[None]:
    """Say how to go on with a run that was stopped; what was answered or trained is kept."""
    go_on = f"harness {command} --resume {shlex.quote(str(run.path))}"
    try:
        with _sigterm_is_ctrl_c():
            yield
    except KeyboardInterrupt:
        print(f"\nStopped; every answer so far is kept. Go on with: {go_on}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except RunChangedError:
        raise
    except ConfigError as exc:
        raise ConfigError(f"{exc}; then go on with: {go_on}") from exc


@contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _explain_reuse(experiment: str | None, runs: Path, limit: int | None, console: Console) -> None:
    from harness import experiment_file, session
    from harness.explain_view import show

    file = experiment_file.read(experiment_file.find(experiment))
    show(session.check(file, limit=limit, console=console, calls=False), runs, console)


def _report(run: RunFolder, console: Console) -> None:
    from harness import reporting
    from harness.summary import show

    _, scores = reporting.write(run)
    show(scores, run, console)
