"""From settings to working classifiers: checked first, trained where they learn, opened to answer.

The only place that knows how each kind is made; everything else uses the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from classifiers.contract import Classifier, Scalar, Training
from classifiers.settings import BaselineSettings, BertSettings, LlmSettings
from harness.dataset import Dataset
from harness.experiment_file import ExperimentFile, beside
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from harness.session import Session

AnySettings = BertSettings | LlmSettings | BaselineSettings


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A classifier that was found able to work.

    Attributes:
        name: as in the experiment.
        settings: as in the experiment.
        training_identity: everything that shapes its weights, or None where it has none of its own.
        base: the folder of the encoder that is fine-tuned, or None.
        llm: how the LLM is reached, or None.
    """

    name: str
    settings: AnySettings
    training_identity: Mapping[str, Scalar] | None = None
    base: Path | None = None
    llm: Any = None


def prepare(
    name: str, settings: AnySettings, file: ExperimentFile, dataset: Dataset, console: Console
) -> Prepared:
    """Find out whether a classifier can work, fetching what it needs; nothing is written into a run.

    Raises:
        HarnessError: it cannot; the message says why and what to do.
    """
    if settings.learns and not dataset.train:
        raise ConfigError(f"{file.source}: [classifiers.{name}] learns from examples; add train under [data]")
    seed = file.experiment.seed
    hashes = {
        "train_sha256": dataset.sha256.get("train", ""),
        "dev_sha256": dataset.sha256.get("dev", ""),
    }
    match settings:
        case BertSettings():
            from classifiers.bert_training import training_identity
            from classifiers.encoders import resolve

            base = resolve(beside(file.folder, settings.base), settings.revision)
            identity = training_identity(settings, base, taxonomy=dataset.taxonomy, seed=seed, **hashes)
            return Prepared(name=name, settings=settings, base=base, training_identity=identity)
        case BaselineSettings():
            identity = {
                **settings.model_dump(),
                "train_sha256": hashes["train_sha256"],
                "taxonomy_sha256": dataset.taxonomy.sha256,
                "seed": seed,
            }
            return Prepared(name=name, settings=settings, training_identity=identity)
        case LlmSettings():
            return Prepared(name=name, settings=settings, llm=None)


def train(
    prepared: Prepared,
    dataset: Dataset,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Training:
    """Train a classifier that learns weights, and leave them in `folder`.

    Raises:
        ClassifierError: the training cannot work.
    """
    settings = prepared.settings
    match settings:
        case BertSettings():
            from classifiers.bert_training import train_bert

            assert prepared.base is not None
            return train_bert(
                settings,
                prepared.base,
                train=dataset.train,
                dev=dataset.dev,
                taxonomy=dataset.taxonomy,
                seed=seed,
                folder=folder,
                progress=progress,
            )
        case BaselineSettings():
            from classifiers.baseline import fit_baseline

            return fit_baseline(
                settings, train=dataset.train, taxonomy=dataset.taxonomy, seed=seed, folder=folder
            )
        case LlmSettings():
            raise AssertionError("an LLM has no training_identity, so nothing to train")


@contextmanager
def open_trained(name: str, settings: AnySettings, taxonomy: Taxonomy, folder: Path) -> Iterator[Classifier]:
    """Open a classifier from its trained weights, warmed up.

    Raises:
        ClassifierError: the weights cannot be read, or the device is not there.
    """
    classifier: Classifier
    match settings:
        case BertSettings():
            from classifiers.bert import BertClassifier

            classifier = BertClassifier(
                name,
                taxonomy,
                folder,
                max_length=settings.max_length,
                device=settings.device,
                precision=settings.precision,
            )
        case BaselineSettings():
            from classifiers.baseline import BaselineClassifier

            classifier = BaselineClassifier(name, taxonomy, folder)
        case LlmSettings():
            raise ClassifierError(f"{name} is an LLM: it has no trained weights to open")
    list(classifier.classify(["warm up"]))
    yield classifier


@contextmanager
def open_classifier(prepared: Prepared, session: Session, folder: Path) -> Iterator[Classifier]:
    """Open a classifier, ready to answer; what it started (a local server) ends with the context.

    Raises:
        ClassifierError: it cannot start.
    """
    with open_trained(prepared.name, prepared.settings, session.dataset.taxonomy, folder) as classifier:
        yield classifier
