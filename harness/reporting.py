"""Stations 5 and 6 for a run folder: read what it holds, score it, write the report.

No model, key or GPU is needed; the same folder gives the same scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from classifiers.settings import BertSettings
from classifiers.training_record import FILE as TRAINING
from classifiers.training_record import read_training
from harness import experiment_file
from harness.answer_file import StoredExamples, StoredRows
from harness.disk import write_text
from harness.experiment import Experiment
from harness.run_folder import RunFolder
from harness.seeds import Part
from prompts.errors import ConfigError
from reports.answers import ClassifierRun, RunData, Timing

NEEDED = ("data.json", "taxonomy.json", "test.jsonl")


def load(run: RunFolder) -> RunData:
    """Return everything a report needs to know about a run.

    Raises:
        ConfigError: a file of the run is missing or damaged.
        DatasetError: its labels are.
    """
    for file in NEEDED:
        if not (run.path / file).exists():
            raise ConfigError(f"{run.path}: {file} is not there; `harness compare` makes a whole run")
    experiment = experiment_of(run)
    data = run.read("data.json")
    return RunData(
        name=run.name,
        created=_started(run),
        taxonomy=run.taxonomy,
        test=StoredExamples(run.test),
        data=data,
        environment=run.read("environment.json") or {},
        classifiers=[_classifier(run, part) for part in experiment.parts],
        machine_usd_per_hour=experiment.compare.machine_usd_per_hour,
        machine_price_source=experiment.compare.machine_price_source,
        margin=experiment.compare.margin,
        allow_leakage=experiment.compare.allow_leakage,
        language=experiment.compare.language,
    )


def write(run: RunFolder) -> tuple[RunData, dict[str, Any]]:
    """Score a run and write scores.json and report.html; return what they were made from and the scores."""
    from reports.page import render
    from reports.scores import score

    data = load(run)
    scores = score(data)
    run.write("scores.json", scores, option=None)  # `harness report` has no option for another place
    write_text(run.report, render(data, scores), option=None)
    return data, scores


def prepare() -> None:
    """Import and compile what a report needs: 0.2 s that a run has to spare while it waits for answers."""
    from reports import page, scores  # noqa: F401  # importing it is the point

    page.prepare()


def experiment_of(run: RunFolder) -> Experiment:
    """Return the experiment as the run resolved it.

    Raises:
        ConfigError: the file is damaged, or holds what this version does not know.
    """
    return experiment_file.read(run.path / "experiment.toml").experiment


def _classifier(run: RunFolder, part: Part) -> ClassifierRun:
    name, settings = part.name, part.settings
    file = f"classifiers/{name}/timing.json"
    timing = run.read(file) or {}
    facts = timing.get("facts", {})
    if not isinstance(facts, dict):
        raise ConfigError(f"{run.path / file}: damaged at facts (expected an object); run it again")
    training = read_training(run.model(name)) if (run.model(name) / TRAINING).exists() else None
    if isinstance(settings, BertSettings):
        # A hub id as it is; of a folder its name, for where it lies is nobody's business in a report.
        facts = facts | {
            "base": Path(settings.base).name if Path(settings.base).is_absolute() else settings.base
        }
    return ClassifierRun(
        name=name,
        kind=settings.kind,
        identity=run.read(f"classifiers/{name}/identity.json") or {},
        facts=facts,
        timing=_timing(run.path / file, timing, train_s=training.train_s if training else None),
        training=training,
        training_identity=run.read(f"classifiers/{name}/model/training_identity.json"),
        error=timing.get("error"),
        predictions=StoredRows(run.predictions(name)),
        seed=part.seed,
        further_seed_of=part.further_seed_of,
    )


def _timing(path: Path, content: Mapping[str, Any], *, train_s: float | None) -> Timing:
    # Before the first answer, or from a classifier that could not start, there is none of it.
    given = {"load_s": None, "answer_s": 0.0, "answered": 0, **content, "train_s": train_s}
    try:
        return TypeAdapter(Timing).validate_python(given)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{path}: damaged at {where} ({first['msg'].lower()}); run it again") from exc


def _started(run: RunFolder) -> str:
    stamp = "-".join(run.name.split("-")[:2])
    try:
        started = datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # the folder was renamed, as pipelines do with what they download
        written = (run.path / "experiment.toml").stat().st_mtime
        started = datetime.fromtimestamp(written, UTC).replace(microsecond=0)
    return started.isoformat()
