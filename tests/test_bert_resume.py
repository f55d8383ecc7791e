"""A run with a trained encoder goes on as it began, or says why it cannot."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.command import command, harness
from tests.tiny_encoders import make_encoder
from tests.tiny_training import DEV, TRAIN, WORDS

EXPERIMENT = """
name = "tiny"
[data]
train = "train.jsonl"
dev = "dev.jsonl"
test = "test.jsonl"
gold = ["one", "two"]
[classifiers.bert]
kind = "bert"
base = "base"
epochs = 1
batch_size = 6
max_length = 16
device = "cpu"
learning_rate = 0.01
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_encoder(tmp_path / "base", WORDS)
    for split, some in {"train": TRAIN, "dev": DEV, "test": TRAIN[::2]}.items():
        rows = [{"text": f"{one.text} {split}", "one": one.gold[0], "two": one.gold[1]} for one in some]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    return tmp_path


def half_answered(folder: Path) -> Path:
    """Make a run that has lost the second half of its answers."""
    said = harness("compare", cwd=folder)
    assert said.code == 0, said
    (run,) = (folder / "runs").iterdir()
    answers = run / "classifiers/bert/predictions.jsonl"
    lines = answers.read_text().splitlines(keepends=True)
    answers.write_text("".join(lines[: len(lines) // 2]))
    return run


def lengthen(folder: Path) -> None:
    """Make three of the nine test texts longer than the model reads."""
    (folder / "experiment.toml").write_text(EXPERIMENT.replace("max_length = 16", "max_length = 8"))
    test = folder / "test.jsonl"
    test.write_text(test.read_text().replace("fast daily new", "fast daily new fast daily new"))


def cut(run: Path) -> tuple[int, float]:
    facts = json.loads((run / "classifiers/bert/timing.json").read_text())["facts"]
    return facts["texts"], facts["cut_share"]


def test_it_goes_on_with_the_engine_it_began_with_where_another_would_be_chosen_now(folder: Path) -> None:
    run = half_answered(folder)
    model = run / "classifiers/bert/model"
    (model / "engine.json").unlink()  # as if it held no longer: other versions, another machine
    identity = run / "classifiers/bert/identity.json"
    before = json.loads(identity.read_text())
    assert (before["engine"], before["precision"]) == ("torch", "float32")  # three dev texts are too few
    identity.write_text(json.dumps(before | {"precision": "bfloat16"}))  # as if that had been chosen
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 0, said
    assert "answers with" not in said.out
    assert json.loads(identity.read_text())["precision"] == "bfloat16"
    assert len((run / "classifiers/bert/predictions.jsonl").read_text().splitlines()) == len(TRAIN[::2])


def test_the_share_of_texts_cut_covers_those_read_before_a_stop(folder: Path) -> None:
    lengthen(folder)
    run = half_answered(folder)
    file = run / "classifiers/bert/timing.json"
    timing = json.loads(file.read_text())
    assert cut(run) == (9, 3 / 9)
    timing["facts"] |= {"texts": 4, "cut_share": 3 / 4, "device": "before"}  # the longest are read first
    file.write_text(json.dumps(timing))
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 0, said
    assert cut(run) == (9, 3 / 9)
    assert json.loads(file.read_text())["facts"]["device"] != "before"


def test_after_a_kill_the_shares_cover_all_but_the_texts_of_the_last_moment(folder: Path) -> None:
    lengthen(folder)
    test, total = folder / "test.jsonl", 30_000
    rows = test.read_text().splitlines(keepends=True)
    test.write_text("".join(rows[i % len(rows)] for i in range(total)))
    started = subprocess.Popen(command("compare"), cwd=folder, stdout=subprocess.DEVNULL)
    try:
        while not (counted := timings(folder)) or not counted[0].get("facts", {}).get("texts"):
            assert started.poll() is None
            time.sleep(0.05)
    finally:
        started.kill()
        started.wait()
    (run,) = (folder / "runs").iterdir()
    (before,) = timings(folder)
    answered = (run / "classifiers/bert/predictions.jsonl").read_bytes().count(b"\n")
    assert 0 < before["facts"]["texts"] <= answered < total
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 0, said
    (after,) = timings(folder)
    assert after["facts"]["texts"] == before["facts"]["texts"] + total - answered
    assert after["facts"]["cut_share"] == pytest.approx(1 / 3, abs=0.01)


def timings(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in folder.glob("runs/*/classifiers/bert/timing.json")]


def test_the_share_of_texts_cut_covers_those_whose_answers_were_taken_over(folder: Path) -> None:
    lengthen(folder)
    assert harness("compare", cwd=folder).code == 0
    with (folder / "test.jsonl").open("a") as file:
        file.write(json.dumps({"text": "cars " * 9, "one": "Play", "two": "Racing"}) + "\n")
    said = harness("compare", cwd=folder)
    assert "bert: 9 answers taken from run" in said.out, said
    assert cut(max((folder / "runs").iterdir())) == (10, 4 / 10)


def test_weights_of_another_base_are_not_mixed_into_a_run(folder: Path) -> None:
    run = half_answered(folder)
    make_encoder(folder / "base", [*WORDS, "other"])
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert "the training of bert is not what it was when this run began (base_sha256 changed)" in line
    assert line.endswith("start a new run")


def test_a_training_is_finished_by_train_with_resume(folder: Path) -> None:
    said = harness("train", cwd=folder)
    assert said.code == 0, said
    (run,) = (folder / "runs").iterdir()
    model = run / "classifiers/bert/model"
    weights = (model / "model.safetensors").read_bytes()
    for file in ("training_identity.json", "training.json", "model.safetensors"):
        (model / file).unlink()  # as a kill in the first epoch leaves it
    said = harness("train", "--resume", run, cwd=folder)
    assert said.code == 0, said
    assert list((folder / "runs").iterdir()) == [run]
    assert (model / "model.safetensors").read_bytes() == weights


def test_train_fresh_is_remembered_when_it_is_resumed(folder: Path) -> None:
    assert harness("train", cwd=folder).code == 0
    assert harness("train", "--fresh", "--runs", "runs", cwd=folder).code == 0
    run = max((folder / "runs").iterdir())
    assert json.loads((run / "data.json").read_text())["fresh"] is True
    (run / "classifiers/bert/model/training_identity.json").unlink()
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 0, said
    assert "weights taken" not in said.out
