"""`harness predict`: the trained classifiers of a run, for texts typed or piped in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from rich.console import Console

from classifiers.contract import Classifier, Prediction
from classifiers.settings import ClassifierSettings
from harness.answer_file import answer_row
from harness.build import open_trained
from harness.reporting import experiment_of
from harness.run_folder import RunFolder, open_run
from prompts.errors import ConfigError

BATCH = 256
SHOWN = 3


def run(path: Path, name: str | None, source: TextIO, target: TextIO, console: Console) -> None:
    """Answer the texts of `source`: one line each, JSON lines out; on a terminal, a loop that asks and shows.

    A piped line that is a JSON object is read by its "text" and keeps its "id".

    Raises:
        ConfigError: the run has no trained classifier of that name.
    """
    run = open_run(path)
    name = _choose(run, name)
    taxonomy = run.taxonomy
    settings = _settings(run)[name]
    with open_trained(name, settings, taxonomy, run.model(name)) as classifier:
        if source.isatty():
            _ask(classifier, console)
        else:
            _pipe(classifier, source, target)


def _settings(run: RunFolder) -> dict[str, ClassifierSettings]:
    return {part.name: part.settings for part in experiment_of(run).parts}


def _choose(run: RunFolder, name: str | None) -> str:
    settings = _settings(run)
    trained = [candidate for candidate in settings if (run.model(candidate) / "training.json").exists()]
    if not trained:
        raise ConfigError(f"{run.path}: no trained classifier in this run; `harness train` makes one")
    if name is not None and name not in trained:
        raise ConfigError(f"{run.path}: no trained classifier {name!r}; there are {', '.join(trained)}")
    return name or next((one for one in trained if settings[one].kind == "bert"), trained[0])


def _ask(classifier: Classifier, console: Console) -> None:
    console.print(f"{classifier.name} is ready. Type a text; an empty line ends.", highlight=False)
    while text := console.input("[bold]text>[/bold] ").strip():
        prediction = next(iter(classifier.classify([text])))
        for line in _lines(prediction):
            console.print(line, markup=False, highlight=False)


def _lines(prediction: Prediction) -> Iterator[str]:
    if prediction.failure:
        yield f"no answer ({prediction.failure})"
        return
    for level, label in enumerate(prediction.path):
        scores = prediction.scores[level] if prediction.scores else {}
        likely = sorted(scores.items(), key=lambda item: -item[1])[:SHOWN]
        shown = "   ".join(f"{name} {score:.0%}" for name, score in likely)
        yield f"level {level + 1}: {label}" + (f"   ({shown})" if shown else "")


def _pipe(classifier: Classifier, source: TextIO, target: TextIO) -> None:
    while lines := [line.rstrip("\r\n") for line in islice(source, BATCH)]:
        given = [_read(line) for line in lines]
        answers = {answer.index: answer for answer in classifier.classify([text for _, text in given])}
        for number, (id, text) in enumerate(given):
            row = answer_row(id or "", answers[number])
            kept = {key: row[key] for key in ("path", "failure", "scores")}
            row = {**({"id": id} if id is not None else {}), "text": text, **kept}
            target.write(json.dumps(row, ensure_ascii=False) + "\n")
        target.flush()


def _read(line: str) -> tuple[str | None, str]:
    if line.startswith("{"):
        try:
            given = json.loads(line)
        except ValueError:
            return None, line
        if isinstance(given.get("text"), str):
            return (str(given["id"]) if "id" in given else None), given["text"]
    return None, line
