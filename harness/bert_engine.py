"""The engine of a trained BERT: chosen once beside its weights, opened whenever it answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from classifiers.contract import Example, Scalar
from classifiers.settings import BertSettings
from harness.progress import progress, say
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from classifiers.bert import BertClassifier
    from classifiers.engine_choice import Candidate, Choice
    from classifiers.engines import Engine


def choose_engine(
    name: str, settings: BertSettings, taxonomy: Taxonomy, dev: list[Example], folder: Path, console: Console
) -> None:
    """Choose the engine of the model in `folder` where that is left to us and no choice holds yet; say it.

    Raises:
        ClassifierError: the model cannot answer in torch float32.
    """
    from classifiers import engine_choice

    if settings.engine != "auto" or engine_choice.read_choice(settings, folder) is not None:
        return
    if dev:
        with progress(console, f"{name}: trying engines on {len(dev)} dev texts", "engines") as update:
            choice = engine_choice.choose(
                dev,
                engine_choice.candidates(settings),
                open_engine=lambda candidate: _open(candidate, settings, folder),
                answer_with=lambda engine: _classifier(name, settings, taxonomy, folder, engine),
                progress=update,
            )
    else:
        choice = engine_choice.unmeasured(settings, "there are no dev texts to compare engines on")
    engine_choice.write_choice(choice, settings, folder)
    say(console, f"{name}: answers with {choice.reason}")


def open_bert(
    name: str,
    settings: BertSettings,
    taxonomy: Taxonomy,
    folder: Path,
    answered_as: Mapping[str, Scalar] | None = None,
) -> BertClassifier:
    """Open the model in `folder` with the engine of the settings, or the one chosen for it here.

    Args:
        name: unique in a run.
        settings: as in the experiment.
        taxonomy: the labels.
        folder: of the model.
        answered_as: the identity under which it began to answer: it goes on with that engine, also where
            another would be chosen by now.

    Raises:
        ClassifierError: the weights cannot be read, the device is not there, or the engine is not installed.
    """
    from classifiers.engine_choice import Candidate, read_choice, unmeasured

    if settings.engine != "auto":
        told = Candidate(engine=settings.engine, precision=settings.precision)
        return _classifier(name, settings, taxonomy, folder, _open(told, settings, folder))
    choice = read_choice(settings, folder)
    if answered_as is not None:
        begun = Candidate(engine=answered_as["engine"], precision=answered_as["precision"])  # type: ignore[arg-type]  # as we wrote them
        facts = None if choice is None else _facts(choice)
        return _classifier(name, settings, taxonomy, folder, _open(begun, settings, folder), facts=facts)
    if choice is None:
        choice = unmeasured(settings, "engines were not compared on this machine")
    engine = _open(choice.chosen, settings, folder)
    return _classifier(name, settings, taxonomy, folder, engine, facts=_facts(choice))


def _open(candidate: Candidate, settings: BertSettings, folder: Path) -> Engine:
    from classifiers.engines import open_engine

    return open_engine(candidate.engine, folder, device=settings.device, precision=candidate.precision)


def _classifier(
    name: str,
    settings: BertSettings,
    taxonomy: Taxonomy,
    folder: Path,
    engine: Engine,
    facts: dict[str, Scalar] | None = None,
) -> BertClassifier:
    from classifiers.bert import BertClassifier

    return BertClassifier(
        name,
        taxonomy,
        folder,
        engine,
        max_length=settings.max_length,
        truncation=settings.truncation,
        calibrate=settings.calibrate,
        engine_facts=facts,
    )


def _facts(choice: Choice) -> dict[str, Scalar]:
    facts: dict[str, Scalar] = {"engine_chosen": choice.reason}
    if choice.took_s is not None:
        facts["engine_choice_s"] = choice.took_s
    if rejected := [f"{one.candidate}: {one.rejected}" for one in choice.trials if one.rejected]:
        facts["engines_rejected"] = "; ".join(rejected)
    return facts
