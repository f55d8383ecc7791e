"""The promises of `classifiers.contract`, kept by every classifier: one suite, one parameter for each.

To add one, write a function that takes (folder, name) and returns a classifier over TAXONOMY, built from the same
folder each time it is called, and list it in BUILDERS.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from classifiers.baseline import BaselineClassifier, fit_baseline
from classifiers.bert_training import train_bert
from classifiers.contract import Classifier, Example, Prediction
from classifiers.llm import LlmClassifier
from classifiers.settings import BaselineSettings, BertSettings, LlmSettings
from prompts.taxonomy import Taxonomy
from tests.chat_server import Call, Reply, chat_server
from tests.tiny_encoders import make_encoder, one_thread, open_bert

PATHS = [("Play", "Puzzle"), ("Play", "Racing"), ("Work", "Notes"), ("Work", "Mail")]
TAXONOMY = Taxonomy.from_paths(PATHS)
TRAIN = [
    Example(id=f"{word}-{i}", text=f"{word} {extra}", gold=path)
    for path, word in zip(PATHS, ["blocks", "cars", "memo", "letters"], strict=True)
    for i, extra in enumerate(["fun", "fast", "daily", "new"])
]
TEXTS = [
    "blocks daily",
    "",
    "fast cars",
    "memo " * 5000,
    "🙂\x00\n\t",
    "花瓣换花粉",
    "blocks daily",
    "letters new",
]


def build_bert(folder: Path, name: str) -> Classifier:
    model = folder / "model"
    if not model.exists():
        words = {word for example in TRAIN for word in example.text.split()}
        base = make_encoder(folder / "base", words)
        settings = BertSettings(
            kind="bert", base=str(base), epochs=1, batch_size=4, max_length=16, device="cpu"
        )
        train_bert(
            settings,
            base,
            train=TRAIN,
            dev=[],
            taxonomy=TAXONOMY,
            seed=1,
            folder=model,
            progress=lambda _done, _all: None,
        )
    return open_bert(TAXONOMY, model, name=name, max_length=16)


def build_tfidf(folder: Path, name: str) -> Classifier:
    return _build_baseline(folder, name, BaselineSettings(kind="baseline"))


def build_majority(folder: Path, name: str) -> Classifier:
    return _build_baseline(folder, name, BaselineSettings(kind="baseline", method="majority"))


def _build_baseline(folder: Path, name: str, settings: BaselineSettings) -> Classifier:
    model = folder / "model"
    if not model.exists():
        fit_baseline(settings, train=TRAIN, taxonomy=TAXONOMY, seed=1, folder=model)
    return BaselineClassifier(name, TAXONOMY, model)


def build_llm(folder: Path, name: str) -> Classifier:
    settings = LlmSettings(
        kind="llm",
        model="loopback",
        base_url=(folder / "endpoint").read_text(),
        api_key_env=None,
        concurrency=3,
    )
    return LlmClassifier(name=name, taxonomy=TAXONOMY, settings=settings)


def reply(call: Call) -> Reply:
    """Answer as an LLM that always takes the first label it is offered."""
    offered = call.body["messages"][0]["content"]
    return Reply(text=next(label for label in ("Puzzle", "Notes", "Play") if f"- {label}" in offered))


BUILDERS = [build_bert, build_tfidf, build_majority, build_llm]


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with chat_server(reply) as server:
        yield server.url


@pytest.fixture(scope="module", params=BUILDERS, ids=lambda builder: builder.__name__.removeprefix("build_"))
def build(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, endpoint: str
) -> Callable[[], Classifier]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "endpoint").write_text(endpoint)
    return lambda: request.param(folder, "one")


@pytest.fixture(scope="module")
def classifier(build: Callable[[], Classifier]) -> Classifier:
    return build()


@pytest.fixture(scope="module")
def predictions(classifier: Classifier) -> list[Prediction]:
    return list(classifier.classify(TEXTS))


def test_every_text_gets_exactly_one_prediction(predictions: list[Prediction]) -> None:
    assert sorted(prediction.index for prediction in predictions) == list(range(len(TEXTS)))


def test_a_prediction_is_a_complete_path_or_says_why_not(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        complete = len(prediction.path) == TAXONOMY.depth
        assert complete == (prediction.failure is None), prediction


def test_every_path_lies_in_the_taxonomy(predictions: list[Prediction]) -> None:
    for prediction in predictions:
        level = len(prediction.path)
        assert level == 0 or prediction.path in TAXONOMY.nodes[level - 1]


def test_scores_name_every_label_of_every_level_and_sum_to_one(predictions: list[Prediction]) -> None:
    for prediction in _scored(predictions):
        assert len(prediction.scores) == TAXONOMY.depth
        for level, nodes in zip(prediction.scores, TAXONOMY.nodes, strict=True):
            assert set(level) == {TAXONOMY.display_names[node] for node in nodes}
            assert math.isclose(sum(level.values()), 1, abs_tol=1e-6)
            assert all(0 <= probability <= 1 + 1e-9 for probability in level.values())


def test_a_parent_scores_the_sum_of_its_children(predictions: list[Prediction]) -> None:
    names = TAXONOMY.display_names
    for prediction in _scored(predictions):
        for above, parents, level in zip(
            prediction.scores, TAXONOMY.nodes, prediction.scores[1:], strict=False
        ):
            for parent in parents:
                children = [level[names[(*parent, child.name)]] for child in TAXONOMY.children(parent)]
                assert math.isclose(above[names[parent]], sum(children), abs_tol=1e-6)


def test_latency_is_in_seconds_and_not_negative(predictions: list[Prediction]) -> None:
    assert all(0 <= prediction.latency_s < 60 for prediction in predictions)


def test_equal_texts_get_equal_answers(predictions: list[Prediction]) -> None:
    answers = {prediction.index: prediction for prediction in predictions}
    first, again = TEXTS.index("blocks daily"), len(TEXTS) - 1 - TEXTS[::-1].index("blocks daily")
    assert first != again
    assert answers[first].path == answers[again].path


def test_answering_again_answers_the_same(classifier: Classifier, predictions: list[Prediction]) -> None:
    again = {prediction.index: prediction.path for prediction in classifier.classify(TEXTS)}
    assert again == {prediction.index: prediction.path for prediction in predictions}


def test_no_texts_get_no_predictions(classifier: Classifier) -> None:
    assert list(classifier.classify([])) == []


def test_a_caller_may_stop_early_and_ask_again(classifier: Classifier) -> None:
    answers = classifier.classify(TEXTS)
    next(answers)
    answers.close()  # type: ignore[attr-defined]  # every classifier here is a generator
    assert Counter(prediction.index for prediction in classifier.classify(TEXTS[:3])) == Counter(range(3))


def test_two_built_alike_have_the_same_identity(
    build: Callable[[], Classifier], classifier: Classifier
) -> None:
    assert dict(build().identity) == dict(classifier.identity)


def test_identity_and_facts_are_flat_and_fit_in_json(classifier: Classifier) -> None:
    list(classifier.classify(TEXTS))
    for described in (classifier.identity, classifier.facts):
        assert described
        assert all(value is None or isinstance(value, str | int | float) for value in described.values())
        assert json.loads(json.dumps(dict(described), allow_nan=False)) == dict(described)


def test_it_says_its_name_and_its_labels(classifier: Classifier) -> None:
    assert classifier.name == "one"
    assert classifier.taxonomy == TAXONOMY


def _scored(predictions: list[Prediction]) -> list[Prediction]:
    return [prediction for prediction in predictions if prediction.scores is not None]
