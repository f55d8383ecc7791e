"""The commands from end to end, on small data with the baseline: what they write, say and exit with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command import Said, harness

EXPERIMENT = """
name = "tiny"
[data]
train = "train.txt"
dev = "dev.txt"
test = "test.txt"
labels = "class.txt"
[classifiers.tfidf]
kind = "baseline"
[classifiers.majority]
kind = "baseline"
method = "majority"
[compare]
machine_usd_per_hour = 0.5
"""
WORDS = {"Action": "jump run fight", "Puzzle": "match gems think", "Racing": "drive car track"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "class.txt").write_text("\n".join(WORDS) + "\n")
    for split, rows in {"train": 10, "dev": 2, "test": 6}.items():
        lines = [
            f"{split} game {number} where you {words}##$$&&{label}\n"
            for number in range(rows)
            for label, words in enumerate(WORDS.values())
        ]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    return tmp_path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def only_run(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def refused(said: Said, folder: Path) -> str:
    """Return the one line of a refusal, having made sure that nothing was written."""
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert line.startswith("harness: ")
    assert not (folder / "runs").exists()
    return line.removeprefix("harness: ")


def without_figures_of_time(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_figures_of_time(v) for k, v in value.items() if k not in ("time", "cost", "name")}
    return [without_figures_of_time(v) for v in value] if isinstance(value, list) else value


def test_compare_without_an_argument_runs_the_experiment_of_this_folder_and_writes_everything(
    folder: Path,
) -> None:
    said = harness("compare", cwd=folder)
    assert said.code == 0, said
    run = only_run(folder)
    assert f"Report: runs/{run.name}/report.html" in said.out
    assert sorted(path.name for path in run.iterdir() if not path.name.startswith(".")) == [
        "classifiers", "data.json", "environment.json", "experiment.toml", "report.html", "scores.json",
        "taxonomy.json", "test.jsonl",
    ]  # fmt: skip
    scores = json.loads((run / "scores.json").read_text())
    assert scores["schema"] == 2
    assert scores["classifiers"]["tfidf"]["levels"][0]["accuracy"]["value"] == 1.0
    assert scores["classifiers"]["majority"]["levels"][0]["accuracy"]["right"] == 6
    rows = lines(run / "classifiers/tfidf/predictions.jsonl")
    assert len({row["id"] for row in rows}) == len(rows) == 18


def test_the_same_experiment_twice_gives_the_same_answers_and_scores_apart_from_times(folder: Path) -> None:
    for runs in ("first", "second"):
        assert harness("compare", "--runs", runs, cwd=folder).code == 0
    found = []
    for runs in ("first", "second"):
        (run,) = (folder / runs).iterdir()
        rows = lines(run / "classifiers/tfidf/predictions.jsonl")
        answers = [{k: v for k, v in row.items() if k != "latency_s"} for row in rows]
        found.append((answers, without_figures_of_time(json.loads((run / "scores.json").read_text()))))
    assert json.dumps(found[0]) == json.dumps(found[1])


def test_a_second_run_takes_answers_and_weights_over_says_so_and_fresh_does_not(folder: Path) -> None:
    assert harness("compare", cwd=folder).code == 0
    first = only_run(folder)
    again = harness("compare", cwd=folder)
    assert f"tfidf: 18 answers taken from run {first.name}" in again.out
    assert f"tfidf: trained weights taken from run {first.name}" in again.out
    fresh = harness("compare", "--fresh", cwd=folder)
    assert "taken from" not in fresh.out
    assert "tfidf: 18 answers in" in fresh.out
    (folder / "test.txt").write_text((folder / "test.txt").read_text().replace("test game 0", "test game X"))
    partly = harness("compare", cwd=folder)
    assert "tfidf: 15 answers taken from run" in partly.out
    newest = max((folder / "runs").iterdir())
    timing = json.loads((newest / "classifiers/tfidf/timing.json").read_text())
    assert (timing["reused"], timing["answered"]) == (15, 3)


def test_another_setting_takes_nothing_over(folder: Path) -> None:
    assert harness("compare", cwd=folder).code == 0
    (folder / "experiment.toml").write_text(
        EXPERIMENT.replace('kind = "baseline"', 'kind = "baseline"\nc = 1.0', 1)
    )
    again = harness("compare", cwd=folder)
    assert "tfidf: trained on 30 examples" in again.out
    assert "tfidf: 18 answers in" in again.out
    assert "majority: 18 answers taken" in again.out


def test_report_gives_the_same_scores_again_from_the_stored_answers(folder: Path) -> None:
    assert harness("compare", cwd=folder).code == 0
    run = only_run(folder)
    for file in ("train.txt", "dev.txt", "test.txt", "class.txt"):
        (folder / file).unlink()
    before = (run / "scores.json").read_bytes()
    (run / "scores.json").unlink()
    said = harness("report", run, cwd=folder)
    assert said.code == 0, said
    assert (run / "scores.json").read_bytes() == before


def test_train_only_trains_and_compare_takes_the_weights_over(folder: Path) -> None:
    said = harness("train", cwd=folder)
    assert said.code == 0, said
    run = only_run(folder)
    assert not (run / "scores.json").exists()
    again = harness("compare", cwd=folder)
    assert f"tfidf: trained weights taken from run {run.name}" in again.out
    assert harness("history", cwd=folder).out.count("not finished") == 1


def test_predict_answers_piped_lines_with_json_lines(folder: Path) -> None:
    assert harness("train", cwd=folder).code == 0
    run = only_run(folder)
    stdin = 'drive a car\n{"id": 7, "text": "match the gems"}\n{not json\n'
    said = harness("predict", run, "--classifier", "tfidf", cwd=folder, stdin=stdin)
    assert said.code == 0, said
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["text"] for row in rows] == ["drive a car", "match the gems", "{not json"]
    assert [row["path"] for row in rows][:2] == [["Racing"], ["Puzzle"]]
    assert rows[1]["id"] == "7"
    unknown = harness("predict", run, "--classifier", "bert", cwd=folder)
    assert unknown.code == 2
    assert "no trained classifier 'bert'; there are tfidf, majority" in unknown.err


def test_a_limit_keeps_its_share_of_every_split_evenly_over_the_labels_and_the_scores_say_so(
    folder: Path,
) -> None:
    said = harness("compare", "--limit", "6", cwd=folder)
    assert said.code == 0, said
    run = only_run(folder)
    golds = [row["gold"] for row in lines(run / "test.jsonl")]
    assert sorted(gold[0] for gold in golds) == ["Action", "Action", "Puzzle", "Puzzle", "Racing", "Racing"]
    assert json.loads((run / "scores.json").read_text())["limit"]["test"] == [6, 18]


def test_leakage_stops_a_compare_unless_it_is_allowed_and_then_the_scores_say_so(folder: Path) -> None:
    train = folder / "train.txt"
    train.write_text(train.read_text() + (folder / "test.txt").read_text().splitlines()[0] + "\n")
    line = refused(harness("compare", cwd=folder), folder)
    assert "allow_leakage = true" in line
    (folder / "experiment.toml").write_text(EXPERIMENT + "allow_leakage = true\n")
    said = harness("compare", cwd=folder)
    assert said.code == 0, said
    scores = json.loads((only_run(folder) / "scores.json").read_text())
    assert any(problem["kind"] == "leakage" for problem in scores["problems"])


def test_data_shows_the_splits_and_every_finding(folder: Path) -> None:
    test = folder / "test.txt"
    test.write_text(test.read_text() + test.read_text().splitlines()[0] + "\n")
    said = harness("data", cwd=folder)
    assert said.code == 0, said
    assert "level 1: 3 labels, from 10 examples" in said.out
    assert "warning: " in said.out
    assert "test.txt:" in said.out


def test_init_writes_a_valid_experiment_and_never_overwrites_one(tmp_path: Path) -> None:
    from harness.experiment_file import read

    assert harness("init", cwd=tmp_path).code == 0
    assert read(tmp_path / "experiment.toml").experiment.name == "my-apps"
    again = harness("init", cwd=tmp_path)
    assert again.code == 2
    assert "is there already" in again.err


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train.txt", None, "data.train = 'train.txt': there is no such file"),
        ("train.txt", b"", "train.txt is empty: at least one example is needed"),
        ("train.txt", b"jump##$$&&0\nrun##$$&&9\n", "train.txt:2: label 9 is out of range: class.txt has 3 label(s), so 0 to 2"),
        ("train.txt", b"jump##$$&&0\nrun\t1\n", "train.txt:2: "),
        ("train.txt", "跳##$$&&0\n".encode("gb18030"), 'encoding = "gb18030"'),
        ("train.txt", b"jump##$$&&0\nrun##$$&&Puzle\n", "'Puzzle'"),
        ("train.txt", b"jump##$$&&0\n##$$&&1\n", "train.txt:2: "),
    ],
)  # fmt: skip
def test_bad_data_is_one_line_with_file_and_line_and_nothing_is_written(
    folder: Path, file: str, content: bytes | None, message: str
) -> None:
    (folder / file).unlink() if content is None else (folder / file).write_bytes(content)
    assert message in refused(harness("compare", cwd=folder), folder)


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[classifiers.x]\nkind = 'bort'\n", "unknown kind 'bort'; did you mean 'bert'?"),
        ("colour = 1\n", "unknown key 'compare.colour'"),
        ("[classifiers.x]\nkind = 'llm'\nmodel = 'm'\napi_key = 'sk-abc'\n", "holds a key"),
        ("[classifiers.x]\nkind = 'bert'\nbase = './nowhere'\n", "no such folder"),
        ("[classifiers.x]\nkind = 'bert'\nbase = 'empty'\n", "config.json"),
        ("[classifiers.x]\nkind = 'bert'\nbase = 'bert-base-uncased'\n", "bert-base-uncased"),
    ],
)  # fmt: skip
def test_a_bad_experiment_is_one_line_and_nothing_is_written(
    folder: Path, addition: str, message: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "experiment.toml").write_text(EXPERIMENT + addition)
    said = harness("compare", cwd=folder, env={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert message in refused(said, folder)


def test_a_runs_folder_that_cannot_be_written_is_one_line(folder: Path) -> None:
    (folder / "file").write_text("")
    said = harness("compare", "--runs", "file/runs", cwd=folder)
    assert "cannot write here" in refused(said, folder)


def test_resume_takes_no_experiment_and_refuses_changed_data(folder: Path) -> None:
    assert harness("compare", cwd=folder).code == 0
    run = only_run(folder)
    assert "leave both out" in harness("compare", "experiment.toml", "--resume", run, cwd=folder).err
    (folder / "test.txt").write_text((folder / "test.txt").read_text().replace("test game 0", "test game X"))
    said = harness("compare", "--resume", run, cwd=folder)
    assert said.code == 2
    assert "the data has changed since this run began" in said.err
