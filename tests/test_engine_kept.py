from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from classifiers import engine_choice
from classifiers.contract import Example
from classifiers.engine_choice import candidates, conditions, read_choice, unmeasured, write_choice
from classifiers.onnx_export import quantized
from classifiers.settings import BertSettings
from harness import bert_engine
from prompts.errors import ClassifierError
from prompts.taxonomy import Taxonomy
from tests.test_engines import WORDS, save_model
from tests.tiny_encoders import one_thread

TAXONOMY = Taxonomy.flat(["Puzzle", "Racing", "Notes"])
SETTINGS = BertSettings(kind="bert", base="tiny", device="cpu")


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def lines(settings: BertSettings, dev: list[Example], folder: Path) -> list[str]:
    console = Console(file=StringIO(), width=500)
    bert_engine.choose_engine("tiny", settings, TAXONOMY, dev, folder, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = save_model(tmp_path_factory.mktemp("kept") / "model")
    quantized(folder)  # once for all tests: an export takes seconds
    return folder


@pytest.fixture(scope="module")
def dev() -> list[Example]:
    texts = [f"{a} {b}" for a in WORDS for b in WORDS]
    return [Example(id=str(i), text=text, gold=("Notes",)) for i, text in enumerate(texts)]


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder, tmp_path / "model")


def test_a_choice_is_said_kept_and_opened(model: Path, dev: list[Example]) -> None:
    (line,) = lines(SETTINGS, dev, model)
    choice = read_choice(SETTINGS, model)
    assert choice is not None
    assert line == f"tiny: answers with {choice.reason}"
    assert [trial.candidate for trial in choice.trials] == candidates(SETTINGS)
    assert choice.trials[-1].rejected is None  # onnx in float32 gives the same labels everywhere
    opened = bert_engine.open_bert("tiny", SETTINGS, TAXONOMY, model)
    assert opened.identity["engine"] == choice.chosen.engine
    assert opened.facts["engine_chosen"] == choice.reason
    assert lines(SETTINGS, dev, model) == []  # it still holds


@pytest.mark.parametrize("changed", ["weights_sha256", "device", "packages", "graphs", "settings"])
def test_a_choice_made_under_other_conditions_is_made_anew(model: Path, changed: str) -> None:
    assert lines(SETTINGS, [], model) == [
        "tiny: answers with torch float32, as there are no dev texts to compare engines on"
    ]
    kept = json.loads((model / engine_choice.FILE).read_text(encoding="utf-8"))
    assert kept["holds_for"] == conditions(SETTINGS, model)
    kept["holds_for"][changed] = "another"
    (model / engine_choice.FILE).write_text(json.dumps(kept), encoding="utf-8")
    assert read_choice(SETTINGS, model) is None
    opened = bert_engine.open_bert("tiny", SETTINGS, TAXONOMY, model)
    assert opened.facts["engine_chosen"] == "torch float32, as engines were not compared on this machine"
    assert len(lines(SETTINGS, [], model)) == 1


def test_texts_read_in_another_length_make_the_choice_anew(model: Path) -> None:
    lines(SETTINGS, [], model)
    assert read_choice(SETTINGS.model_copy(update={"learning_rate": 1.0}), model) is not None
    assert read_choice(SETTINGS.model_copy(update={"max_length": 8}), model) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"holds_for": {}}'])
def test_a_file_that_is_no_choice_is_none(model: Path, content: str) -> None:
    (model / engine_choice.FILE).write_text(content, encoding="utf-8")
    assert read_choice(SETTINGS, model) is None


def test_an_engine_that_is_told_is_taken_without_a_trial(model: Path, dev: list[Example]) -> None:
    told = SETTINGS.model_copy(update={"engine": "onnx"})
    assert lines(told, dev, model) == []
    assert not (model / engine_choice.FILE).exists()
    opened = bert_engine.open_bert("tiny", told, TAXONOMY, model)
    assert (opened.identity["engine"], opened.identity["precision"]) == ("onnx", "float32")
    assert "engine_chosen" not in opened.facts


def test_how_long_a_choice_took_is_kept_and_may_be_missing_from_an_older_file(
    model: Path, dev: list[Example]
) -> None:
    lines(SETTINGS, dev, model)
    choice = read_choice(SETTINGS, model)
    assert choice is not None
    assert choice.took_s is not None
    assert choice.took_s > 0
    kept = json.loads((model / engine_choice.FILE).read_text(encoding="utf-8"))
    assert kept.pop("took_s") == choice.took_s
    for candidate in [kept["chosen"], *(trial["candidate"] for trial in kept["trials"])]:
        del candidate["stated"]
    (model / engine_choice.FILE).write_text(json.dumps(kept), encoding="utf-8")
    assert read_choice(SETTINGS, model) == replace(choice, took_s=None)


def test_a_choice_that_finds_no_room_names_the_folder_and_leaves_the_old_one(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines(SETTINGS, [], model)
    before = (model / engine_choice.FILE).read_bytes()

    def full(_self: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ClassifierError, match=rf"{model} .*No space left.*make room there"):
        write_choice(unmeasured(SETTINGS, "so"), SETTINGS, model)
    assert [file.name for file in model.glob("engine.json*")] == [engine_choice.FILE]
    assert (model / engine_choice.FILE).read_bytes() == before
