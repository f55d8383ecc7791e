from __future__ import annotations

from pathlib import Path

import pytest

from classifiers.contract import Training
from classifiers.training_record import read_training, write_training
from prompts.errors import ClassifierError


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    training = Training(
        train_s=1.5,
        device="处理器",
        examples=3,
        best_epoch=2,
        curve=({"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": 0.25}),
        facts={"steps": 4, "precision": None},
    )
    write_training(tmp_path, training)
    assert read_training(tmp_path) == training
    assert [file.name for file in tmp_path.iterdir()] == ["training.json"]


def test_a_missing_record_means_an_unfinished_training(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="did not finish; train again"):
        read_training(tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", '{"curve": [], "nonsense": 1}'])
def test_a_damaged_record_is_said(text: str, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(text, encoding="utf-8")
    with pytest.raises(ClassifierError, match="cannot be read"):
        read_training(tmp_path)
