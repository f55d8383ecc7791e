"""From settings to working classifiers: checked first, trained where they learn, opened to answer.

The only place that knows how each kind is made; everything else uses the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.contract import Classifier, Scalar, Training
from classifiers.settings import BaselineSettings, BertSettings, LlmSettings
from harness.api_key import find_api_key
from harness.bert_engine import open_bert
from harness.dataset import Dataset
from harness.experiment_file import ExperimentFile, beside
from harness.seeds import Part
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    from classifiers.few_shot import Examples
    from classifiers.llm import LlmClassifier
    from classifiers.request_form import RequestForm
    from harness.run_folder import RunFolder
    from harness.session import Session

LOCAL = "local:"
AnySettings = BertSettings | LlmSettings | BaselineSettings


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A classifier that was found able to work.

    Attributes:
        name: as in the experiment.
        settings: as in the experiment.
        seed: of everything in it that is drawn by chance.
        training_identity: everything that shapes its weights, or None where it has none of its own.
        base: the folder of the encoder that is fine-tuned, or None.
        gguf: the file of a local LLM, or None.
        llm: makes the LLM classifier, given the local server or None; None for the other kinds.
        form: of the requests to its endpoint; None where there is none, or it is started here.
    """

    name: str
    settings: AnySettings
    seed: int
    training_identity: Mapping[str, Scalar] | None = None
    base: Path | None = None
    gguf: Path | None = None
    llm: Callable[..., LlmClassifier] | None = None
    form: RequestForm | None = None

    @property
    def untried(self) -> bool:
        """Whether its endpoint has answered nothing yet."""
        return self.form is not None and not self.form.ever_answered


def prepare(
    part: Part,
    file: ExperimentFile,
    dataset: Dataset,
    *,
    calls: bool = True,
    first: bool = False,
) -> Prepared:
    """Find out whether a classifier can work, fetching what it needs; nothing is written into a run.

    Args:
        part: its name, settings and seed.
        file: the experiment.
        dataset: its data.
        calls: False when no endpoint is to be asked; then none has to be there, and no key either.
        first: whether nothing is trained or answered before it, so that its answers themselves show at once
            whether its endpoint works.

    Raises:
        HarnessError: it cannot; the message says why and what to do.
    """
    name, settings, seed = part.name, part.settings, part.seed
    if settings.learns and not dataset.train:
        raise ConfigError(f"{file.source}: [classifiers.{name}] learns from examples; add train under [data]")
    if isinstance(settings, BertSettings) and settings.needs_dev and not dataset.dev:
        raise ConfigError(
            f"{file.source}: [classifiers.{name}] {settings.needs_dev} goes by the dev examples; "
            "add dev under [data], a share of train such as dev = 0.1"
        )
    hashes = {
        "train_sha256": dataset.sha256.get("train", ""),
        "dev_sha256": dataset.sha256.get("dev", ""),
    }
    match settings:
        case BertSettings():
            from classifiers.encoders import resolve
            from classifiers.training_identity import training_identity

            base = resolve(beside(file.folder, settings.base), settings.revision)
            identity = training_identity(settings, base, taxonomy=dataset.taxonomy, seed=seed, **hashes)
            return Prepared(name=name, settings=settings, seed=seed, base=base, training_identity=identity)
        case BaselineSettings():
            identity = {
                **settings.model_dump(),
                "train_sha256": hashes["train_sha256"],
                "taxonomy_sha256": dataset.taxonomy.sha256,
                "seed": seed,
            }
            return Prepared(name=name, settings=settings, seed=seed, training_identity=identity)
        case LlmSettings():
            return _prepare_llm(part, settings, file, dataset, calls=calls, first=first)


def _prepare_llm(
    part: Part, settings: LlmSettings, file: ExperimentFile, dataset: Dataset, *, calls: bool, first: bool
) -> Prepared:
    from classifiers.llm import LlmClassifier

    experiment, name, seed = file.experiment, part.name, part.seed
    make = partial(
        LlmClassifier,
        name=name,
        taxonomy=dataset.taxonomy,
        settings=settings,
        seed=seed,
        examples=_examples(settings, file, dataset),
        prompt_folder=file.folder,
        prices=experiment.prices,
    )
    if settings.model.startswith(LOCAL):
        gguf = _gguf(settings.model, file.folder)
        return Prepared(name=name, settings=settings, seed=seed, gguf=gguf, llm=make)
    if not calls:
        return Prepared(name=name, settings=settings, seed=seed, llm=make)
    make = partial(make, api_key=find_api_key(name, settings, file))
    classifier = make()
    if settings.max_cost_usd is not None and not classifier.price.known:
        raise ConfigError(
            f"{file.source}: classifiers.{name}.max_cost_usd cannot be kept, as the price of "
            f'{settings.model!r} is unknown; add [prices."{settings.model}"] with its source and date'
        )
    if not first or settings.mode == "batch":
        classifier.preflight()
    form = classifier.form
    return Prepared(name=name, settings=settings, seed=seed, llm=partial(make, form=form), form=form)


def _examples(settings: LlmSettings, file: ExperimentFile, dataset: Dataset) -> Examples:
    from classifiers.few_shot import FixedExamples, choose_examples

    train, taxonomy, count = dataset.train, dataset.taxonomy, settings.examples
    if settings.examples_by == "label":
        seed = file.experiment.seed
        return FixedExamples(choose_examples(train, taxonomy, count=count, mode=settings.path, seed=seed))

    from classifiers.encoders import resolve
    from classifiers.nearest_examples import NearestExamples
    from classifiers.text_vectors import EncoderVectors, TextVectors, TfidfVectors

    vectors: TextVectors = TfidfVectors()
    if settings.examples_by == "encoder":
        vectors = EncoderVectors(resolve(beside(file.folder, settings.examples_base)))
    return NearestExamples(train, taxonomy, count=count, vectors=vectors)


def _gguf(model: str, folder: Path) -> Path:
    from classifiers.local_models import fetch

    named = model.removeprefix(LOCAL)
    return Path(beside(folder, named)) if named.endswith(".gguf") else fetch(named)


def identity_before_start(prepared: Prepared) -> Mapping[str, Scalar] | None:
    """Return what the identity of a classifier will be, without starting or asking anything.

    None for one that is known by its trained weights, as these come only with the training.

    Raises:
        HarnessError: the prompt or the file of a local model has to be mended.
    """
    if prepared.llm is None:
        return None
    if prepared.gguf is None:
        return prepared.llm().identity
    from classifiers.local_server import checked_sha256

    return prepared.llm(weights_sha256=checked_sha256(prepared.gguf)).identity


def train(
    prepared: Prepared,
    dataset: Dataset,
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
                seed=prepared.seed,
                folder=folder,
                progress=progress,
                identity=prepared.training_identity,
            )
        case BaselineSettings():
            from classifiers.baseline import fit_baseline

            return fit_baseline(
                settings,
                train=dataset.train,
                taxonomy=dataset.taxonomy,
                seed=prepared.seed,
                folder=folder,
            )
        case LlmSettings():
            raise AssertionError("an LLM has no training_identity, so nothing to train")


@contextmanager
def open_trained(
    name: str,
    settings: AnySettings,
    taxonomy: Taxonomy,
    folder: Path,
    answered_as: Mapping[str, Scalar] | None = None,
) -> Iterator[Classifier]:
    """Open a classifier from its trained weights, warmed up.

    Args:
        name: unique in a run.
        settings: as in the experiment.
        taxonomy: the labels.
        folder: of the weights.
        answered_as: its identity, where it goes on with answers that it has begun to give.

    Raises:
        ClassifierError: the weights cannot be read, or the device is not there.
    """
    classifier: Classifier
    match settings:
        case BertSettings():
            classifier = bert = open_bert(name, settings, taxonomy, folder, answered_as)
            bert.warm_up()
        case BaselineSettings():
            from classifiers.baseline import BaselineClassifier

            classifier = BaselineClassifier(name, taxonomy, folder)
            list(classifier.classify(["warm up"]))
        case LlmSettings():
            raise ClassifierError(f"{name} is an LLM: it has no trained weights to open")
    yield classifier


@contextmanager
def open_classifier(prepared: Prepared, session: Session, run: RunFolder) -> Iterator[Classifier]:
    """Open a classifier, ready to answer; what it started (a local server) ends with the context.

    Raises:
        ClassifierError: it cannot start.
    """
    settings, taxonomy = prepared.settings, session.dataset.taxonomy
    if not isinstance(settings, LlmSettings):
        name = prepared.name
        kept = run.read(f"classifiers/{name}/identity.json")
        with open_trained(name, settings, taxonomy, run.model(name), kept) as classifier:
            yield classifier
        return
    assert prepared.llm is not None
    if prepared.gguf is None:
        yield prepared.llm(local=None, batches=run.batches(prepared.name))
        return
    from classifiers.local_server import serve

    with serve(prepared.gguf, slots=settings.concurrency, context_tokens=settings.context_tokens) as server:
        llm = prepared.llm(local=server)
        llm.preflight()
        yield llm
