"""The model card says what a trained model is, in a form that a model hub reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from classifiers.heads import LeafHead
from classifiers.model_card import _front, write_model_card
from classifiers.settings import BertSettings
from classifiers.training_identity import digest, training_identity
from classifiers.training_record import read_training
from prompts.taxonomy import Taxonomy
from tests.tiny_encoders import make_encoder, one_thread
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
    train(base, folder, seed=7, label_smoothing=0.05)
    return folder


def rows(card: str) -> dict[str, str]:
    lines = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("| ")]
    return {line[0].replace("\\", ""): line[1].replace("\\", "") for line in lines if len(line) == 2}


def test_the_card_names_base_data_settings_seed_and_dev_scores(base: Path, trained: Path) -> None:
    said = rows((trained / "README.md").read_text(encoding="utf-8"))
    training = read_training(trained)
    best = next(row for row in training.curve if row["epoch"] == training.best_epoch)
    settings = BertSettings(kind="bert", base=str(base), device="cpu")
    identity = training_identity(
        settings, base, train_sha256=digest(TRAIN), dev_sha256=digest(DEV), taxonomy=TAXONOMY, seed=7
    )
    expected = {
        "base model sha256": identity["base_sha256"],
        "training data sha256": identity["train_sha256"],
        "dev data sha256": identity["dev_sha256"],
        "labels sha256": identity["taxonomy_sha256"],
        "seed": "7",
        "training examples": str(len(TRAIN)),
        "label_smoothing": "0.05",
        "learning_rate": "0.01",
        "patience": "-",
        "precision": training.facts["precision"],
        "accuracy": json.dumps(round(best["dev_accuracy"], 4)),
        "macro-F1 over the leaves": json.dumps(round(best["dev_macro_f1"], 4)),
    }
    assert {key: said.get(key) for key in expected} == expected
    assert {"torch", "transformers"} <= set(said)


def test_a_hub_reads_its_front_matter_and_it_names_no_place_of_this_machine(
    base: Path, trained: Path
) -> None:
    card = ModelCard.load(trained / "README.md")
    assert card.data.library_name == "transformers"
    assert card.data.pipeline_tag == "text-classification"
    assert card.data.base_model is None  # a folder of this machine
    assert str(base.parent) not in card.content
    assert f"Epoch {read_training(trained).best_epoch} was kept" in card.content
    assert "fine-tuned over 3 labels" in card.content
    assert "Labels: Puzzle, Racing, Notes." in card.content


@pytest.mark.parametrize(
    ("base", "named"),
    [
        ("hfl/chinese-roberta-wwm-ext", 'base_model: "hfl/chinese-roberta-wwm-ext"'),
        ("bert-base-chinese", 'base_model: "bert-base-chinese"'),
        ("local:all-minilm-l6-v2", None),
        ("./models/mine", None),
        ("/srv/models/mine", None),
    ],
)
def test_a_base_is_linked_where_the_hub_has_it(base: str, named: str | None) -> None:
    found = [line for line in _front(base) if line.startswith("base_model")]
    assert found == ([named] if named else [])


def test_equal_trainings_write_equal_cards(base: Path, trained: Path, tmp_path: Path) -> None:
    train(base, tmp_path / "again", seed=7, label_smoothing=0.05)
    assert (tmp_path / "again/README.md").read_bytes() == (trained / "README.md").read_bytes()


def test_labels_cannot_write_markdown_or_html_and_only_some_are_named(trained: Path, tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "[x](http://y)", "a\n# b", *(f"label {n}" for n in range(20))]
    settings = BertSettings(kind="bert", base="owner/name")
    identity = {
        **dict.fromkeys(["base_sha256", "train_sha256", "dev_sha256", "taxonomy_sha256"], "f"),
        "seed": 1,
    }
    write_model_card(
        tmp_path,
        settings,
        identity=identity,
        training=read_training(trained),
        head=LeafHead(Taxonomy.from_paths([(name,) for name in names])),
        temperature=0.62,
        versions={"torch": "2"},
    )
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "<script" not in card
    assert "[x](" not in card
    assert "\n# b" not in card
    assert "and 11 more" in card
    assert "label 9" not in card
    assert "Divide the\nlogits by 0.62" in card
