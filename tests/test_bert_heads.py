"""Training with the heads of `classifiers.heads` and the temperature of `classifiers.temperature`, end to end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification

from classifiers.temperature import read_temperature
from tests.tiny_encoders import make_encoder, one_thread, open_bert
from tests.tiny_training import DEV, TAXONOMY, TRAIN, WORDS, train

MORE_DEV = [replace(row, id=f"{row.id}-{i}") for row in DEV for i in range(12)]


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("bert") / "base", WORDS)


@pytest.fixture(scope="module")
def levels(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels") / "model"
    train(base, folder, epochs=10, dropout=0.0, heads="levels")
    return folder


def test_a_head_for_each_level_learns_and_gives_whole_paths(levels: Path) -> None:
    classifier = open_bert(TAXONOMY, levels, max_length=16)
    answers = {answer.index: answer for answer in classifier.classify([row.text for row in TRAIN])}
    assert [answers[i].path for i in range(len(TRAIN))] == [row.gold for row in TRAIN]
    assert classifier.facts["heads"] == "levels"
    for answer in answers.values():
        assert [sum(level.values()) for level in answer.scores] == pytest.approx([1.0, 1.0])


def test_the_folder_of_level_heads_is_one_that_transformers_loads(levels: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(levels)
    assert list(model.config.id2label.values()) == [
        "1: Play",
        "1: Work",
        "2: Puzzle",
        "2: Racing",
        "2: Notes",
    ]
    assert "1: Play" in (levels / "README.md").read_text(encoding="utf-8")


def test_the_temperature_is_stored_and_changes_scores_but_no_answer(base: Path, tmp_path: Path) -> None:
    wrong = [
        *TAXONOMY.leaves[1:],
        TAXONOMY.leaves[0],
    ]  # a dev set that contradicts train: the model is too sure
    dev = [
        row if i % 3 else replace(row, gold=wrong[TAXONOMY.leaves.index(row.gold)])
        for i, row in enumerate(MORE_DEV)
    ]
    folder = tmp_path / "model"
    train(base, folder, dev=dev, epochs=10, dropout=0.0)
    scaling = read_temperature(folder)
    assert scaling.kept_because is None
    assert scaling.temperature > 1.2
    assert scaling.nll_after < scaling.nll_before
    texts = [row.text for row in dev]
    on, off = (
        sorted(
            open_bert(TAXONOMY, folder, max_length=16, calibrate=calibrate).classify(texts),
            key=lambda a: a.index,
        )
        for calibrate in (True, False)
    )
    assert [answer.path for answer in on] == [answer.path for answer in off]
    surest = [np.mean([max(answer.scores[-1].values()) for answer in answers]) for answers in (on, off)]
    assert surest[0] < surest[1]


def test_the_temperature_is_part_of_the_identity(levels: Path) -> None:
    identity = open_bert(TAXONOMY, levels, max_length=16).identity
    assert identity["temperature"] == read_temperature(levels).temperature


def test_without_dev_there_is_no_temperature(base: Path, tmp_path: Path) -> None:
    train(base, tmp_path / "model", dev=[], epochs=1)
    assert not (tmp_path / "model" / "temperature.json").exists()
    assert read_temperature(tmp_path / "model").temperature == 1.0
