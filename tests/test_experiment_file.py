"""The experiment file: what is accepted, and the one line that says what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomli_w

from harness.experiment import Experiment
from harness.experiment_file import BUILT_IN, SAMPLE_FOLDER, find, read, resolved
from prompts.errors import ConfigError

GOOD = """
name = "game-apps"
[data]
train = "train.txt"
dev = 0.1
test = "test.txt"
[classifiers.gpt]
kind = "llm"
model = "gpt-4o-mini"
[classifiers.tfidf]
kind = "baseline"
[prices."gpt-4o-mini"]
input_usd_per_mtok = 0.15
output_usd_per_mtok = 0.60
source = "the provider's price page"
date = 2026-11-01
[compare]
machine_usd_per_hour = 1.20
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "experiment.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        ('kind = "baseline"', 'kind = "baselin"', "[classifiers.tfidf] unknown kind 'baselin'; did you mean 'baseline'?"),
        ('kind = "baseline"', "", "[classifiers.tfidf] has no kind; known are bert, llm, baseline"),
        ('model = "gpt-4o-mini"', 'modle = "x"', "unknown key 'classifiers.gpt.modle'; did you mean 'model'? (and 1 more)"),
        ('kind = "llm"', 'kind = "llm"\nvotes = 5', "[classifiers.gpt] votes = 5 would all be the same: set temperature above 0"),
        ('kind = "llm"', 'kind = "llm"\ncalibrate = true', "[classifiers.gpt] calibrate needs log-probabilities"),
        ('model = "gpt-4o-mini"', 'model = "m"\nbase_url = "https://me:s3cret@host/v1"', "classifiers.gpt.base_url holds a password"),
        ("[data]", "[data]\ntrian = 'x'", "unknown key 'data.trian'; did you mean 'train'?"),
        ("[compare]", "[compare]\nmargins = 1", "unknown key 'compare.margins'; did you mean 'margin'?"),
        ("output_usd_per_mtok", "out_usd_per_mtok", "unknown key 'prices.gpt-4o-mini.out_usd_per_mtok'; did you mean 'output_usd_per_mtok'? (and 1 more)"),
        ('test = "test.txt"', "", "'data.test' is missing"),
        ("dev = 0.1", "dev = 1.5", "data.dev"),
        ('train = "train.txt"', "", "data.dev is a share of train, but data.train is missing: name the training file"),
        ('name = "game-apps"', 'name = "a/b"', "name = 'a/b'"),
        ('name = "game-apps"', "name = ", "not valid TOML: Invalid value (at line 2, column 8)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_file_the_key_and_the_cure(
    tmp_path: Path, found: str, instead: str, message: str
) -> None:
    assert found in GOOD
    path = write(tmp_path, GOOD.replace(found, instead, 1))
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        'api_key = "sk-verysecret123"',
        'api_key_env = "sk-verysecret123"',
        'token = "verysecret123"',
        'prompt = "sk-verysecret123"',
        'base_url = "Bearer verysecret123"',
    ],
)
def test_a_key_in_the_file_is_refused_without_repeating_it(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, GOOD.replace('model = "gpt-4o-mini"', 'model = "gpt-4o-mini"\n' + line, 1))
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert 'name that: api_key_env = "OPENAI_API_KEY"' in str(caught.value)
    assert "verysecret" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["", "..", ".a", "../../../evil", "a/b", "a\\b", "a\x1b[31m", "a\nb", "a\u202eb", "a.", "a ", "x" * 61, "meta:a"]
)  # fmt: skip
def test_a_name_that_is_no_folder_is_refused_in_one_line_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    experiment = tomllib.loads(GOOD)
    experiment["classifiers"] = {name: {"kind": "baselin"}}
    path = write(tmp_path, tomli_w.dumps(experiment))
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(
        f"{path}: [classifiers.{name!r}] no name for a classifier; it becomes"
    )
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["通用 模型", "gpt-4o mini", "qwen2.5:7b", "a.b", "gold", "x" * 60])
def test_every_other_name_is_taken(tmp_path: Path, name: str) -> None:
    experiment = tomllib.loads(GOOD)
    experiment["classifiers"] = {name: {"kind": "baseline"}}
    assert [part.name for part in read(write(tmp_path, tomli_w.dumps(experiment))).experiment.parts] == [name]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.toml: no such experiment file; .*sample.*harness init"):
        find(str(tmp_path / "nowhere.toml"))


def test_a_file_that_is_not_utf8_says_where(tmp_path: Path) -> None:
    path = tmp_path / "experiment.toml"
    path.write_bytes('name = "游戏"'.encode("gb18030"))
    with pytest.raises(ConfigError, match="not UTF-8 at byte 8; save it as UTF-8"):
        read(path)


def test_without_an_argument_the_file_of_this_folder_is_taken_and_otherwise_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find(None) == SAMPLE_FOLDER / "experiment.toml"
    write(tmp_path, GOOD)
    assert find(None).resolve() == tmp_path / "experiment.toml"
    assert find(".").resolve() == tmp_path / "experiment.toml"


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_experiment_is_valid(name: str) -> None:
    assert read(find(name)).experiment.classifiers


def test_the_resolved_experiment_reads_back_the_same_with_absolute_paths(tmp_path: Path) -> None:
    (tmp_path / "prompt.jinja").write_text("")
    (tmp_path / "small.gguf").write_text("")
    text = GOOD.replace('model = "gpt-4o-mini"', 'model = "local:small.gguf"\nprompt = "prompt.jinja"', 1)
    file = read(write(tmp_path, text))
    again = Experiment.model_validate(tomllib.loads(tomli_w.dumps(resolved(file))))
    assert again.data.train == str(tmp_path / "train.txt")
    assert again.data.dev == 0.1
    llm = again.classifiers["gpt"]
    assert llm.kind == "llm"
    assert llm.prompt == str(tmp_path / "prompt.jinja")
    assert llm.model == f"local:{tmp_path / 'small.gguf'}"
    assert again.prices == file.experiment.prices
    assert again.classifiers["tfidf"] == file.experiment.classifiers["tfidf"]


def test_hub_ids_and_built_in_names_stay_as_they_are(tmp_path: Path) -> None:
    text = GOOD + '[classifiers.bert]\nkind = "bert"\nbase = "hfl/chinese-roberta-wwm-ext"\n'
    file = read(write(tmp_path, text.replace('test = "test.txt"', 'test = "hf:clue/iflytek"')))
    out = resolved(file)
    assert out["classifiers"]["bert"]["base"] == "hfl/chinese-roberta-wwm-ext"
    assert out["classifiers"]["gpt"]["prompt"] == "zero_shot"
    assert out["data"]["test"] == "hf:clue/iflytek"
