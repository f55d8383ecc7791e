"""Stations 1 to 3: what is checked before a run begins, and the run folder it begins with.

In: an experiment file. Out: a `Session` whose data is sound and whose classifiers can work; only then is
anything written or trained.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console

from harness import run_folder
from harness.answer_file import answer_writer
from harness.build import Prepared, prepare
from harness.dataset import Dataset, load
from harness.disk import write_text
from harness.environment import describe_environment
from harness.experiment import Experiment
from harness.experiment_file import ExperimentFile, resolved
from harness.progress import say
from harness.run_folder import RunFolder
from prompts.errors import DatasetError, RunChangedError


@dataclass(frozen=True, kw_only=True)
class Session:
    """Everything that was checked before the first byte of a run is written."""

    file: ExperimentFile
    dataset: Dataset
    prepared: tuple[Prepared, ...]
    limit: int | None

    @property
    def experiment(self) -> Experiment:
        return self.file.experiment


def check(
    file: ExperimentFile,
    *,
    limit: int | None,
    console: Console,
    answering: bool = True,
    calls: bool = True,
) -> Session:
    """Read the data and make sure that every classifier can work, before anything is written or trained.

    Args:
        file: the experiment.
        limit: how many test examples to keep, or None for all.
        console: where progress is told.
        answering: False when only the training is wanted, so that endpoints need not be there.
        calls: False when every classifier is wanted, but no endpoint is to be asked and no key needed.

    Raises:
        HarnessError: in one line, what the user has to mend.
    """
    say(console, f"Checking {file.source}: the data, then every classifier")
    experiment = file.experiment
    needs_train = any(settings.learns for settings in experiment.classifiers.values())
    dataset = load(
        experiment.data, folder=file.folder, seed=experiment.seed, limit=limit, needs_train=needs_train
    )
    if dataset.leakage and not experiment.compare.allow_leakage:
        leaks = "; ".join(f.message for f in dataset.findings if f.kind in ("leakage", "dev_is_test"))
        raise DatasetError(
            f"{file.source}: {leaks}; take these texts out of train and dev (`harness data` lists them), "
            "or set allow_leakage = true under [compare] and the report will say so"
        )
    wanted = [part for part in experiment.parts if answering or part.settings.kind != "llm"]
    prepared = tuple(
        prepare(part, file, dataset, calls=calls, first=place == 0) for place, part in enumerate(wanted)
    )
    return Session(file=file, dataset=dataset, prepared=prepared, limit=limit)


def start(session: Session, root: Path, *, fresh: bool = False) -> RunFolder:
    """Make the run folder and write down what the run consists of, and whether it may take answers over."""
    run = run_folder.create(root, session.experiment.name, datetime.now(UTC))
    run.write("environment.json", describe_environment(session.file.folder))
    run.write("data.json", describe_data(session) | {"fresh": fresh})
    run.write("taxonomy.json", session.dataset.taxonomy.to_json())
    with answer_writer(run.test) as writer:
        for example in session.dataset.test:
            writer.append(
                {"id": example.id, "text": example.text, "gold": example.gold, "meta": dict(example.meta)}
            )
    # Written last: a folder without it is no run yet, so a kill before this point leaves nothing to resume.
    write_text(run.path / "experiment.toml", tomli_w.dumps(resolved(session.file)))
    return run


def describe_data(session: Session) -> dict[str, Any]:
    """Return data.json: the splits, their hashes, the findings, and what a `--limit` left out."""
    return {
        **session.dataset.describe(),
        "note": session.experiment.data.note,
        "limit_n": session.limit,
    }


def check_unchanged(session: Session, run: RunFolder) -> None:
    """Make sure that a run can go on with the data it began with.

    Raises:
        RunChangedError: the data files have changed.
    """
    if run.read("data.json")["sha256"] != session.dataset.sha256:
        raise RunChangedError(f"{run.path}: the data has changed since this run began; start a new run")
