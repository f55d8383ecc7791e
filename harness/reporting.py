"""Stations 5 and 6 for a run folder: read what it holds, score it, write the report.

No model, key or GPU is needed; the same folder gives the same scores.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from classifiers.contract import Training
from classifiers.settings import BertSettings
from harness.answer_file import StoredExamples, StoredRows
from harness.disk import write_text
from harness.experiment import Experiment
from harness.run_folder import RunFolder
from harness.seeds import Part
from reports.answers import ClassifierRun, RunData, Timing


def load(run: RunFolder) -> RunData:
    """Return everything a report needs to know about a run."""
    experiment = experiment_of(run)
    data = run.read("data.json")
    return RunData(
        name=run.name,
        created=_started(run),
        taxonomy=run.taxonomy,
        test=StoredExamples(run.test),
        data=data,
        environment=run.read("environment.json"),
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
    run.write("scores.json", scores)
    write_text(run.report, render(data, scores))
    return data, scores


def prepare() -> None:
    """Import and compile what a report needs: 0.2 s that a run has to spare while it waits for answers."""
    from reports import page, scores  # noqa: F401  # importing it is the point

    page.prepare()


def experiment_of(run: RunFolder) -> Experiment:
    """Return the experiment as the run resolved it."""
    return Experiment.model_validate(
        tomllib.loads((run.path / "experiment.toml").read_text(encoding="utf-8"))
    )


def _classifier(run: RunFolder, part: Part) -> ClassifierRun:
    name, settings = part.name, part.settings
    timing = run.read(f"classifiers/{name}/timing.json") or {}
    training = run.read(f"classifiers/{name}/model/training.json")
    facts = timing.get("facts", {})
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
        timing=Timing(
            load_s=timing.get("load_s"),
            train_s=training["train_s"] if training else None,
            answer_s=timing.get("answer_s", 0.0),
            answered=timing.get("answered", 0),
            reused=timing.get("reused", 0),
            reused_from=timing.get("reused_from"),
            measured_in=timing.get("measured_in"),
        ),
        training=Training(**training) if training else None,
        error=timing.get("error"),
        predictions=StoredRows(run.predictions(name)),
        seed=part.seed,
        further_seed_of=part.further_seed_of,
    )


def _started(run: RunFolder) -> str:
    stamp = "-".join(run.name.split("-")[:2])
    try:
        started = datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:  # the folder was renamed, as pipelines do with what they download
        written = (run.path / "experiment.toml").stat().st_mtime
        started = datetime.fromtimestamp(written, UTC).replace(microsecond=0)
    return started.isoformat()
