"""Every option of a training does what it says, over every architecture where that could differ."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from sklearn.utils.class_weight import compute_class_weight

from classifiers.contract import Example
from classifiers.heads import LeafHead
from classifiers.layers import depths, freeze, rate_groups
from classifiers.losses import balanced_weights, weighted_loss
from classifiers.row_order import RowOrder, balancing_weights
from classifiers.settings import BertSettings
from classifiers.trainers import weighted_by_share
from classifiers.training_arguments import training_arguments
from classifiers.training_record import read_training
from classifiers.transformer_models import load_model
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import configs, make_encoder, one_thread, open_bert
from tests.tiny_training import DEV, TAXONOMY, TRAIN, WORDS, train

LABELS = ["a", "b", "c"]


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("bert") / "base", WORDS, layers=3)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {name: make_encoder(root / name, WORDS, name, layers=3) for name in configs(10)}


def settings(**chosen: object) -> BertSettings:
    return BertSettings(kind="bert", base="some", **chosen)


def changed(base: Path, folder: Path) -> set[str]:
    """Return the names of the encoder's weights that a training changed."""
    before, after = load_file(base / "model.safetensors"), load_file(folder / "model.safetensors")
    after = {
        re.sub(r"^(bert|albert|deberta|roberta|distilbert|ernie|model)\.", "", k): w for k, w in after.items()
    }
    assert set(before) & set(after)
    return {name for name in before if name in after and not torch.equal(before[name], after[name])}


def test_warmup_and_weight_decay_reach_the_trainer(tmp_path: Path) -> None:
    arguments = training_arguments(
        settings(warmup=0.25, weight_decay=0.07),
        tmp_path,
        device=torch.device("cpu"),
        precision="float32",
        seed=1,
        has_dev=False,
        epochs=1,
    )
    assert arguments.get_warmup_steps(400) == 100
    assert arguments.weight_decay == 0.07


@pytest.mark.parametrize("architecture", configs(10))
def test_frozen_layers_keep_every_bit_and_the_others_learn(
    bases: dict[str, Path], tmp_path: Path, architecture: str
) -> None:
    layers = 1 if architecture == "albert" else 3  # ALBERT's layers share their weights, so they are one
    train(bases[architecture], tmp_path / "model", freeze=layers - 1, epochs=1, weight_decay=0.1)
    learned = changed(bases[architecture], tmp_path / "model")
    places = {
        int(found[1])
        for name in learned
        if (found := re.search(r"(?:layers?|albert_layer_groups)\.(\d+)", name))
    }
    assert places == {layers - 1}
    embeddings = [name for name in learned if "embeddings." in name and "rel_embeddings" not in name]
    assert bool(embeddings) == (layers == 1)


@pytest.mark.parametrize("architecture", configs(10))
def test_a_frozen_encoder_leaves_the_head_and_the_pooler_to_learn(
    bases: dict[str, Path], tmp_path: Path, architecture: str
) -> None:
    train(bases[architecture], tmp_path / "model", freeze="encoder", epochs=1, weight_decay=0.1)
    assert all(name.startswith("pooler") for name in changed(bases[architecture], tmp_path / "model"))
    facts = read_training(tmp_path / "model").facts
    model = load_model(tmp_path / "model")
    assert 0 < facts["trained_parameters"] < model.num_parameters() / 3
    fresh = load_model(bases[architecture], LABELS)
    freeze(fresh, "encoder")
    head = [name for name, weight in fresh.named_parameters() if weight.requires_grad]
    assert any("classifier" in name for name in head)


def test_all_of_alberts_layers_are_frozen_by_one(bases: dict[str, Path]) -> None:
    model = load_model(bases["albert"], LABELS)
    assert model.config.num_hidden_layers == 3
    assert depths(model).layers == 1
    freeze(model, 1)
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == {
        "albert.pooler.weight",
        "albert.pooler.bias",
        "classifier.weight",
        "classifier.bias",
    }


def test_more_frozen_layers_than_there_are_is_said(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match=r"freeze = 4: .*has 3 layers"):
        train(base, tmp_path / "model", freeze=4)


@pytest.mark.parametrize("architecture", configs(10))
def test_every_layer_learns_at_a_share_of_the_rate_above(bases: dict[str, Path], architecture: str) -> None:
    model = load_model(bases[architecture], LABELS)
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = rate_groups(model, names.values(), learning_rate=1.0, layer_decay=0.5, weight_decay=0.1)
    rates = {names[id(weight)]: group["lr"] for group in groups for weight in group["params"]}
    assert set(rates) == set(names.values())
    shared = architecture == "albert"
    for name, rate in rates.items():
        if "embeddings." in name and "rel_embeddings" not in name:
            assert rate == (0.25 if shared else 0.0625), name
        elif found := re.search(r"(?:layers?|albert_layer_groups)\.(\d+)", name):
            assert rate == (0.5 if shared else 0.5 ** (3 - int(found[1]))), name
        elif "classifier" in name:
            assert rate == 1.0, name


def test_a_decay_of_nearly_nothing_leaves_the_embeddings_where_they_are(base: Path, tmp_path: Path) -> None:
    def moved(folder: Path) -> float:
        name = "embeddings.word_embeddings.weight"
        after = load_file(folder / "model.safetensors")[f"bert.{name}"]
        return float((after - load_file(base / "model.safetensors")[name]).abs().max())

    train(base, tmp_path / "slow", layer_decay=0.1, weight_decay=0.0)
    train(base, tmp_path / "even", weight_decay=0.0)
    assert 0 < moved(tmp_path / "slow") < moved(tmp_path / "even") / 100


def skewed() -> list[Example]:
    """Sixty texts of one label to four of another, which half of the time look the same."""
    puzzle, racing, _ = TAXONOMY.leaves
    often = [Example(id=f"p{i}", text="blocks cars" if i % 2 else "blocks", gold=puzzle) for i in range(60)]
    return often + [Example(id=f"r{i}", text="blocks cars", gold=racing) for i in range(4)]


@pytest.mark.parametrize("balanced", [{"class_weights": "balanced"}, {"sampling": "balanced"}], ids=str)
def test_balancing_raises_the_recall_of_a_rare_label(
    base: Path, tmp_path: Path, balanced: dict[str, object]
) -> None:
    often: dict[str, object] = {"epochs": 6, "batch_size": 16, "learning_rate": 3e-3, "dropout": 0.0}

    def recall(folder: Path, **chosen: object) -> float:
        train(base, folder, examples=skewed(), dev=[], **often, **chosen)
        rare = [example.text for example in skewed() if example.gold == TAXONOMY.leaves[1]]
        answers = open_bert(TAXONOMY, folder, max_length=16, precision="float32").classify(rare)
        return sum(answer.path == TAXONOMY.leaves[1] for answer in answers) / len(rare)

    assert recall(tmp_path / "plain") == 0.0
    assert recall(tmp_path / "balanced", **balanced) == 1.0


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = [0] * 7 + [2] * 2 + [3]
    expected = compute_class_weight("balanced", classes=np.array([0, 2, 3]), y=np.array(labels))
    weights = balanced_weights(labels, 5)
    assert weights[[0, 2, 3]] == pytest.approx(expected)
    assert (weights[[1, 4]] == 1).all()
    assert weights[labels].mean() == pytest.approx(1)


def test_balanced_sampling_draws_every_label_as_often_and_anew_every_epoch() -> None:
    labels = [0] * 900 + [1] * 90 + [2] * 10
    order = RowOrder(list(range(1000)), weights=balancing_weights(labels), group=8, seed=3)
    drawn = Counter(labels[row] for row in order)
    assert all(260 < drawn[label] < 410 for label in range(3))  # within 5 standard deviations of 333
    assert list(order) == list(order)
    first = list(order)
    order.epoch = 1
    assert list(order) != first
    other = RowOrder(list(range(1000)), weights=balancing_weights(labels), group=8, seed=4)
    assert list(other) not in (first, list(order))


def test_an_order_without_weights_takes_every_row_once() -> None:
    order = RowOrder([row % 7 for row in range(100)], weights=None, group=4, seed=3)
    assert sorted(order) == list(range(100))


def test_weights_and_sampling_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="leave one of them out"):
        settings(class_weights="balanced", sampling="balanced")


def test_smoothing_spreads_the_target_over_all_labels(base: Path, tmp_path: Path) -> None:
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    logs = logits.log_softmax(-1)[0].tolist()
    smoothed = weighted_loss(settings(label_smoothing=0.3), LeafHead(TAXONOMY), [0])(logits, labels)
    assert float(smoothed) == pytest.approx(-0.7 * logs[0] - 0.3 * sum(logs) / 3)

    def surest(folder: Path, **chosen: object) -> float:
        train(base, folder, epochs=8, dropout=0.0, **chosen)
        answers = open_bert(TAXONOMY, folder, max_length=16).classify([row.text for row in TRAIN])
        return max(max(answer.scores[-1].values()) for answer in answers)

    assert surest(tmp_path / "smooth", label_smoothing=0.3) < 0.9 < surest(tmp_path / "sharp")


def test_weights_count_in_the_loss_by_label_and_batches_by_their_texts() -> None:
    two = LeafHead(Taxonomy.from_paths([("a",), ("b",)]))
    loss = weighted_loss(settings(class_weights="balanced"), two, [0, 0, 0, 1])
    logits, labels = torch.randn(4, 2, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 0, 0, 1])
    each = -logits.log_softmax(-1)[range(4), labels]
    expected = (each * torch.tensor([2 / 3, 2 / 3, 2 / 3, 2.0])).mean()
    assert float(loss(logits, labels)) == pytest.approx(float(expected))
    scaled, four = weighted_by_share(loss), torch.tensor(4)
    halves = [scaled({"logits": logits[at]}, labels[at], four) for at in (slice(0, 3), slice(3, 4))]
    assert float(sum(halves)) == pytest.approx(float(expected))


@pytest.mark.parametrize("chosen", [{}, {"class_weights": "balanced", "label_smoothing": 0.1}], ids=str)
def test_two_batches_of_four_are_a_step_of_eight(
    base: Path, tmp_path: Path, chosen: dict[str, object]
) -> None:
    chosen |= {"dropout": 0.0, "precision": "float32", "learning_rate": 1e-3, "dev": []}
    train(base, tmp_path / "one", batch_size=8, **chosen)
    two = train(base, tmp_path / "two", batch_size=4, gradient_accumulation=2, **chosen)
    assert two.facts["steps"] == 2 * math.ceil(len(TRAIN) / 8)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, expected in one.items():
        if not name.endswith("key.bias"):  # its gradient is 0 but for rounding, which Adam scales up to 1
            torch.testing.assert_close(other[name], expected, rtol=1e-3, atol=2e-5, msg=name)
    start = load_file(base / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert (one["bert.embeddings.word_embeddings.weight"] - start).abs().max() > 1e-3


def test_an_architecture_without_checkpointed_activations_is_said(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ClassifierError, match="albert models do not support it"):
        train(bases["albert"], tmp_path / "model", gradient_checkpointing=True)


@pytest.mark.parametrize("architecture", sorted({*configs(10)} - {"albert"}))
def test_checkpointed_activations_give_the_same_weights(
    bases: dict[str, Path], tmp_path: Path, architecture: str
) -> None:
    passes = Counter[bool]()

    def count(module: torch.nn.Module, _inputs: object) -> None:
        if isinstance(module, torch.nn.Linear):
            passes[checkpointed] += 1

    hook = torch.nn.modules.module.register_module_forward_pre_hook(count)
    try:
        for checkpointed in (False, True):
            train(
                bases[architecture], tmp_path / str(checkpointed), epochs=1, dev=[], precision="float32",
                gradient_checkpointing=checkpointed,
            )  # fmt: skip
    finally:
        hook.remove()
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("False", "True"))
    assert all(torch.equal(other[name], weights) for name, weights in one.items())
    assert passes[True] > passes[False]


def contrary() -> list[Example]:
    """Dev answers that contradict train, so that the first epochs are the best."""
    golds = [*TAXONOMY.leaves[1:], TAXONOMY.leaves[0]]
    return [Example(id=row.id, text=row.text, gold=gold) for row, gold in zip(DEV, golds, strict=True)]


def test_patience_stops_early_and_keeps_the_best_epoch(base: Path, tmp_path: Path) -> None:
    training = train(base, tmp_path / "model", dev=contrary(), epochs=12, patience=2, dropout=0.0)
    figures = [row["dev_accuracy"] for row in training.curve]
    assert len(figures) < 12
    assert len(figures) - 1 - figures.index(max(figures)) == 2
    assert training.facts["steps"] == 5 * len(figures)
    full = train(base, tmp_path / "full", dev=contrary(), epochs=12, dropout=0.0)
    assert training.curve == full.curve[: len(figures)]
    assert training.best_epoch == full.best_epoch


def test_a_training_that_had_stopped_early_is_not_gone_on_with(base: Path, tmp_path: Path) -> None:
    chosen: dict[str, object] = {"dev": contrary(), "epochs": 12, "patience": 2, "dropout": 0.0}
    expected = train(base, tmp_path / "whole", **chosen)

    class Cut(BaseException):
        pass

    def cut(*_: object, **__: object) -> None:
        raise Cut

    with pytest.MonkeyPatch.context() as patch:  # cut off between the last checkpoint and the model
        patch.setattr("classifiers.bert_training.write_model_card", cut)
        with pytest.raises(Cut):
            train(base, tmp_path / "model", **chosen)
    seen: list[int] = []
    training = train(base, tmp_path / "model", progress=lambda step, _: seen.append(step), **chosen)
    assert seen == []
    assert (training.curve, training.best_epoch) == (expected.curve, expected.best_epoch)
    assert training.facts["steps"] == expected.facts["steps"]
    assert (tmp_path / "model/model.safetensors").read_bytes() == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()


def test_macro_f1_on_dev_can_choose_the_epoch(base: Path, tmp_path: Path) -> None:
    training = train(base, tmp_path / "model", epochs=6, choose_by="macro_f1", precision="float32")
    best = max(training.curve, key=lambda row: (row["dev_macro_f1"], -row["dev_loss"]))
    assert training.best_epoch == best["epoch"]
    assert training.facts["epoch_chosen_by"] == "dev macro-F1"
    classifier = open_bert(TAXONOMY, tmp_path / "model", max_length=16, precision="float32")
    answers = {answer.index: answer.path[-1] for answer in classifier.classify([row.text for row in DEV])}
    expected = f1_score(
        [row.gold[-1] for row in DEV], [answers[i] for i in range(len(DEV))], average="macro", zero_division=0
    )
    assert best["dev_macro_f1"] == pytest.approx(expected)


@pytest.mark.parametrize("chosen", [{"patience": 2}, {"choose_by": "macro_f1"}], ids=str)
def test_what_goes_by_dev_needs_dev(base: Path, tmp_path: Path, chosen: dict[str, object]) -> None:
    with pytest.raises(ClassifierError, match=rf"{next(iter(chosen))} = .* add dev"):
        train(base, tmp_path / "model", dev=[], **chosen)
    assert not (tmp_path / "model").exists()
