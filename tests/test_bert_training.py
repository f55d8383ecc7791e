from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

from classifiers.bert_training import train_bert
from classifiers.contract import Example
from classifiers.encoders import resolve, sha256_of
from classifiers.settings import BertSettings
from classifiers.training_identity import training_identity
from classifiers.training_record import read_training
from prompts.errors import ClassifierError, ConfigError
from tests.tiny_encoders import POSITIONS, configs, make_encoder, one_thread, open_bert
from tests.tiny_training import DEV, TAXONOMY, TRAIN, WORDS, train


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("bert") / "base", WORDS)


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "model"
    train(base, folder, epochs=10, dropout=0.0)
    return folder


@pytest.mark.parametrize("architecture", configs(10))
def test_an_encoder_of_every_architecture_learns_and_answers(architecture: str, tmp_path: Path) -> None:
    base = resolve(str(make_encoder(tmp_path / "base", WORDS, architecture)))
    training = train(base, tmp_path / "model", epochs=1)
    assert training.best_epoch == 1
    classifier = open_bert(TAXONOMY, tmp_path / "model", max_length=16)
    texts = ["blocks new", "memo", "cars " * 100]
    predictions = sorted(classifier.classify(texts), key=lambda prediction: prediction.index)
    assert [prediction.path in TAXONOMY for prediction in predictions] == [True] * 3
    assert (
        len({tuple(prediction.scores[-1].values()) for prediction in predictions}) == 3
    )  # it reads the text


def test_it_learns_the_words_that_tell_the_labels_apart(trained: Path) -> None:
    classifier = open_bert(TAXONOMY, trained, max_length=16)
    texts = [example.text for example in TRAIN]
    answers = {prediction.index: prediction.path for prediction in classifier.classify(texts)}
    assert [answers[i] for i in range(len(TRAIN))] == [example.gold for example in TRAIN]


def test_transformers_loads_the_folder_on_its_own(trained: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(trained)
    inputs = AutoTokenizer.from_pretrained(trained)("cars fast", return_tensors="pt")
    with torch.inference_mode():
        label = model.config.id2label[int(model.eval()(**inputs).logits.argmax())]
    assert label == "Racing"
    assert model.config.label2id == {"Puzzle": 0, "Racing": 1, "Notes": 2}


def test_the_folder_holds_the_model_and_its_record_and_no_checkpoint_or_pickle(trained: Path) -> None:
    names = {file.name for file in trained.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "model.safetensors",
        "temperature.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    }


def test_the_record_holds_the_curve_and_the_epoch_kept(trained: Path) -> None:
    training = read_training(trained)
    assert [row["epoch"] for row in training.curve] == list(range(1, 11))
    assert all(
        {"train_loss", "dev_loss", "dev_accuracy", "dev_macro_f1"} <= set(row) for row in training.curve
    )
    best = max(training.curve, key=lambda row: (row["dev_accuracy"], -row["dev_loss"]))
    assert training.best_epoch == best["epoch"]
    assert training.examples == len(TRAIN)
    assert training.train_s > 0
    assert json.loads((trained / "training.json").read_text(encoding="utf-8"))["device"] == training.device


def test_the_weights_kept_are_those_of_the_best_epoch(base: Path, tmp_path: Path) -> None:
    # A dev set that contradicts train is answered worse the more is learned: the last epoch is not the best.
    wrong = [*TAXONOMY.leaves[1:], TAXONOMY.leaves[0]]
    contrary = [Example(id=row.id, text=row.text, gold=gold) for row, gold in zip(DEV, wrong, strict=True)]
    training = train(base, tmp_path / "model", dev=contrary, epochs=8, dropout=0.0)
    best = max(training.curve, key=lambda row: (row["dev_accuracy"], -row["dev_loss"]))
    classifier = open_bert(TAXONOMY, tmp_path / "model", max_length=16, precision="float32")
    right = [
        prediction.path == contrary[prediction.index].gold
        for prediction in classifier.classify([row.text for row in contrary])
    ]
    assert training.best_epoch == best["epoch"] < 8
    assert training.curve[-1]["dev_accuracy"] < best["dev_accuracy"]
    assert sum(right) / len(right) == pytest.approx(best["dev_accuracy"])


@pytest.mark.parametrize(("max_length", "multiple"), [(16, 16), (12, 4)])
def test_batches_have_few_lengths_so_that_memory_stays_flat(
    base: Path, tmp_path: Path, max_length: int, multiple: int
) -> None:
    lengths: set[int] = set()

    def note(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], _output: object) -> None:
        # Of training and of its evaluation; the engine that answers has lengths of its own.
        if isinstance(module, torch.nn.Embedding) and not torch.is_inference_mode_enabled():
            lengths.add(inputs[0].shape[1])

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        train(base, tmp_path / "model", max_length=max_length)
    finally:
        hook.remove()
    assert lengths
    assert all(length % multiple == 0 and length <= max_length for length in lengths)


def test_without_dev_the_last_epoch_is_kept(base: Path, tmp_path: Path) -> None:
    training = train(base, tmp_path / "model", dev=[])
    assert training.best_epoch == 2
    assert training.facts["epoch_chosen_by"] == "last epoch"
    assert all("dev_accuracy" not in row for row in training.curve)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(base: Path, tmp_path: Path) -> None:
    for name, seed in [("a", 5), ("b", 5), ("c", 6)]:
        train(base, tmp_path / name, seed=seed)
    hashes = {name: sha256_of(tmp_path / name / "model.safetensors") for name in "abc"}
    assert hashes["a"] == hashes["b"] != hashes["c"]


def test_training_leaves_no_trace_in_the_process(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_PROBE", "1")
    import os

    environment, verbosity = dict(os.environ), logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    random.seed(11)
    np.random.seed(11)
    torch.manual_seed(11)
    expected = (random.Random(11).random(), np.random.RandomState(11).rand(), _first_torch_number(11))
    train(base, tmp_path / "model")
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected
    assert dict(os.environ) == environment
    assert logging.get_verbosity() == verbosity
    assert logging.is_progress_bar_enabled() == bars
    assert capfd.readouterr() == ("", "")


def _first_torch_number(seed: int) -> float:
    return torch.rand(1, generator=torch.Generator().manual_seed(seed)).item()


def test_progress_counts_every_step_once(base: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    train_bert(
        BertSettings(kind="bert", base=str(base), epochs=2, batch_size=4, device="cpu"),
        base,
        train=TRAIN,
        dev=[],
        taxonomy=TAXONOMY,
        seed=1,
        folder=tmp_path / "model",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(step, 10) for step in range(1, 11)]


def test_a_text_limit_beyond_the_positions_is_clipped_and_said(base: Path, tmp_path: Path) -> None:
    training = train(base, tmp_path / "model", max_length=512, epochs=1)
    assert training.facts["max_length"] == POSITIONS
    assert training.facts["max_length_clipped_from"] == 512


def test_dropout_replaces_the_base_model_s_own(base: Path, tmp_path: Path) -> None:
    train(base, tmp_path / "model", dropout=0.25, epochs=1)
    config = json.loads((tmp_path / "model/config.json").read_text(encoding="utf-8"))
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.25


def test_a_training_that_diverges_says_so_and_leaves_no_record(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match=r"diverged.*lower learning_rate"):
        train(base, tmp_path / "model", learning_rate=1e30, precision="float32", dev=[])
    assert not (tmp_path / "model/training.json").exists()


@pytest.mark.parametrize("precision", ["auto", "bfloat16"])
def test_a_lack_of_memory_is_not_taken_for_a_number_format_that_is_not_supported(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    def forward(_self: object, input_ids: torch.Tensor) -> torch.Tensor:
        return input_ids.new_empty(2**50)

    monkeypatch.setattr("classifiers.fine_tuning.choose_precision", lambda _wanted, _device: "bfloat16")
    monkeypatch.setattr("transformers.BertForSequenceClassification.forward", forward)
    with pytest.raises(ClassifierError, match=r"needs more memory than .*lower batch_size = 4"):
        train(base, tmp_path / "model", precision=precision)


def test_bfloat16_multiplies_in_it_and_keeps_the_weights_in_float32(base: Path, tmp_path: Path) -> None:
    same = {"epochs": 1, "dropout": 0.0, "dev": []}
    training = train(base, tmp_path / "half", precision="bfloat16", **same)
    train(base, tmp_path / "full", precision="float32", **same)
    half, full = (load_file(tmp_path / name / "model.safetensors") for name in ("half", "full"))
    assert training.facts["precision"] == "bfloat16"
    assert {weights.dtype for weights in half.values()} == {torch.float32}
    apart = max(float((half[name] - full[name]).abs().max()) for name in full)
    assert 0 < apart < 0.1  # ten steps of a hundredth at most


def test_an_architecture_that_fails_in_bfloat16_is_trained_in_float32_or_refused(tmp_path: Path) -> None:
    deberta = make_encoder(tmp_path / "deberta", WORDS, "deberta")
    with pytest.raises(
        ClassifierError,
        match=r"^precision = 'bfloat16': deberta models cannot be trained in it .*use 'auto' or 'float32'$",
    ):
        train(deberta, tmp_path / "told", precision="bfloat16")
    assert not (tmp_path / "told/training.json").exists()
    assert train(deberta, tmp_path / "auto", precision="auto", epochs=1).facts["precision"] == "float32"


def test_what_a_gpu_had_to_give_stands_in_the_record(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    gave = {"gpu_memory_peak_gb": 3.2, "gpu_busy_share": 0.97}

    class Gpu:
        facts = gave

        def __init__(self, device: torch.device) -> None:
            assert device.type == "cpu"

        def look(self) -> None:
            looks.append(1)

    monkeypatch.setattr("classifiers.fine_tuning.GpuUse", Gpu)
    training = train(base, tmp_path / "model", epochs=1)
    assert training.facts.items() >= gave.items()
    assert len(looks) == training.facts["steps"]


def test_no_examples_is_said_before_anything_is_written(base: Path, tmp_path: Path) -> None:
    settings = BertSettings(kind="bert", base=str(base))
    with pytest.raises(ClassifierError, match="at least one"):
        train_bert(
            settings,
            base,
            train=[],
            dev=[],
            taxonomy=TAXONOMY,
            seed=1,
            folder=tmp_path / "model",
            progress=lambda _done, _all: None,
        )
    assert not (tmp_path / "model").exists()


def test_a_folder_that_cannot_be_made_is_the_user_s_to_mend(base: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        train(base, tmp_path / "file" / "model")


def test_a_disk_that_fills_up_is_the_user_s_to_mend(base: Path, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="limits the size of files, which Windows cannot")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with pytest.raises(ConfigError, match=r"cannot be written to .*; make room there"):
            train(base, tmp_path / "model", epochs=1, dev=[])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "model/training.json").exists()


def test_a_tokenizer_of_another_model_is_refused(base: Path, tmp_path: Path) -> None:
    other = make_encoder(tmp_path / "other", [*WORDS, *"abcdefgh"])
    mixed = shutil.copytree(base, tmp_path / "mixed")
    shutil.copy(other / "tokenizer.json", mixed)
    with pytest.raises(ClassifierError, match="not of the same model"):
        train(mixed, tmp_path / "model")


def test_identity_changes_with_what_changes_the_weights_and_with_nothing_else(
    base: Path, tmp_path: Path
) -> None:
    def identity(
        folder: Path = base, seed: int = 1, data: str = "t", **settings: object
    ) -> dict[str, object]:
        chosen = BertSettings(kind="bert", base=str(folder), **({"device": "cpu"} | settings))
        return training_identity(
            chosen, folder, train_sha256=data, dev_sha256="d", taxonomy=TAXONOMY, seed=seed
        )

    moved = shutil.copytree(base, tmp_path / "moved")
    other = make_encoder(tmp_path / "other", WORDS, "roberta")
    assert identity() == identity(moved) == identity(revision="main")
    for changed in (
        identity(other),
        identity(seed=2),
        identity(data="u"),
        identity(epochs=9),
        identity(dropout=0.3),
        identity(choose_by="macro_f1"),
        identity(patience=2),
        identity(class_weights="balanced"),
        identity(sampling="balanced"),
        identity(label_smoothing=0.1),
        identity(gradient_accumulation=2),
        identity(gradient_checkpointing=True),
        identity(freeze=1),
        identity(freeze="encoder"),
        identity(layer_decay=0.9),
    ):
        assert changed != identity()
    assert json.loads(json.dumps(identity())) == identity()
