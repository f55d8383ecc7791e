"""Runs whose files hold what no file can, or were damaged: a report where there can be one, else one line."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from harness import export, reporting
from harness.record import of_run
from prompts.errors import HarnessError
from tests.simulated_run import PATHS, examples, of_quality, row
from tests.test_export import stored

HALF = "half \ud83d"
NEEDED = ("data.json", "taxonomy.json", "test.jsonl")
ANSWERS = "classifiers/a/predictions.jsonl"


@pytest.fixture
def run(tmp_path):
    test = examples([PATHS[i % len(PATHS)] for i in range(40)])
    run = stored(tmp_path / "20261122-140000-games", test, {"a": of_quality("a", test, 0.5)})
    reporting.write(run)
    return run


def exported(run):
    export.write(run, None, Console(file=StringIO()))


@pytest.mark.parametrize("part", ["raw", "text", "id", "meta value", "meta name"])
def test_half_a_character_anywhere_in_a_run_stops_neither_report_nor_export(tmp_path, part):
    test = examples([PATHS[i % len(PATHS)] for i in range(40)])
    more = {
        "text": [{"text": HALF}],
        "meta value": [{"meta": {"store": HALF}}, {"meta": {"store": "other"}}],
        "meta name": [{"meta": {HALF: "one"}}, {"meta": {HALF: "other"}}],
    }.get(part, [{}])
    test = [replace(one, **more[number % len(more)]) for number, one in enumerate(test)]
    if part == "id":
        test = [replace(one, id=f"{one.id} {HALF}") for one in test]
    said = of_quality("a", test, 0.5)
    if part == "raw":
        said = [row(one.id, [], failure="unreadable", raw=HALF) for one in test]
    run = stored(tmp_path / "20261122-140000-games", test, {"a": said})
    reporting.write(run)
    exported(run)
    page = run.report.read_text(encoding="utf-8")
    assert "</html>" in page
    table = (run.path / "export/items.csv").read_text(encoding="utf-8-sig")
    for written in (page, table):
        assert "half \N{REPLACEMENT CHARACTER}" in written or "half \\ud83d" in written
    assert not list(run.path.rglob("*.part"))


def test_a_json_file_of_a_run_gives_half_a_character_back(run):
    run.write("data.json", {HALF: HALF})
    assert run.read("data.json") == {HALF: HALF}


@pytest.mark.parametrize("file", NEEDED)
@pytest.mark.parametrize("command", [reporting.write, exported, of_run])
def test_a_run_without_a_file_that_all_rests_on_is_refused_by_every_command(run, file, command):
    (run.path / file).unlink()
    with pytest.raises(HarnessError, match=re.escape(f"{run.path}: {file} is not there; ")):
        command(run)


def cut(text):
    return text[: len(text) // 2]


def line_4(damaged):
    def change(text):
        lines = text.splitlines()
        lines[3] = damaged(lines[3])
        return "\n".join(lines) + "\n"

    return change


def with_keys(**keys):
    return lambda text: json.dumps(json.loads(text) | keys)


DAMAGES = [
    ("data.json", cut, "data.json: damaged ("),
    ("environment.json", cut, "environment.json: damaged ("),
    ("environment.json", lambda _: "[1]", "environment.json: damaged (found a list, expected a dict)"),
    ("environment.json", lambda _: "[" * 100_000, "environment.json: damaged ("),
    ("classifiers/a/identity.json", cut, "identity.json: damaged ("),
    ("classifiers/a/timing.json", lambda _: "[1]", "timing.json: damaged (found a list, expected a dict)"),
    ("classifiers/a/timing.json", with_keys(facts=3), "timing.json: damaged at facts"),
    ("classifiers/a/timing.json", with_keys(answer_s="long"), "timing.json: damaged at answer_s"),
    ("taxonomy.json", cut, "taxonomy.json"),
    ("experiment.toml", lambda text: text + "\n[zzz]\n", "experiment.toml: unknown key 'zzz'"),
    ("experiment.toml", lambda text: text + "\n[zzz", "experiment.toml: not valid TOML"),
    ("test.jsonl", line_4(cut), "test.jsonl:4: damaged (not a JSON object); run it again"),
    (
        "test.jsonl",
        line_4(lambda _: '{"id": "x"}'),
        "test.jsonl:4: damaged (expected id, text, gold and meta",
    ),
    (ANSWERS, line_4(cut), "predictions.jsonl:4: damaged (not a JSON object); take this line out"),
    (ANSWERS, line_4(lambda _: "5"), "predictions.jsonl:4: damaged (not a JSON object); take this line out"),
    (ANSWERS, line_4(lambda _: "[" * 100_000), "predictions.jsonl:4: damaged (not a JSON object)"),
    (ANSWERS, line_4(lambda _: '{"id": "x"}'), "predictions.jsonl:4: damaged (without cost_usd, failure, "),
    (ANSWERS, line_4(with_keys(failure="later")), "predictions.jsonl:4: damaged (unknown failure 'later')"),
    (ANSWERS, line_4(with_keys(failure=[])), "predictions.jsonl:4: damaged (unknown failure [])"),
    (ANSWERS, line_4(with_keys(path=None)), "predictions.jsonl:4: damaged (id is not a text, or path is not"),
]


@pytest.mark.parametrize("command", [reporting.write, exported, of_run])
@pytest.mark.parametrize(("file", "damage", "message"), DAMAGES)
def test_a_damaged_file_is_one_line_with_its_place(run, file, damage, message, command):
    path = run.path / file
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(HarnessError) as refused:
        command(run)
    assert message in str(refused.value)
    assert str(run.path) in str(refused.value)


def test_damaged_scores_name_the_command_that_writes_them_anew(run):
    (run.path / "scores.json").write_text('{"a"')
    with pytest.raises(HarnessError, match=r"scores\.json: damaged .*; write it anew with `harness report`"):
        exported(run)
    reporting.write(run)
    exported(run)


def test_a_damaged_training_record_is_one_line_with_its_place(run):
    model = run.model("a")
    model.mkdir()
    (model / "training.json").write_text('{"train_s": 1.0, "curve": [], "later": 1}')
    with pytest.raises(HarnessError, match=r"training\.json cannot be read"):
        reporting.write(run)


def test_a_classifier_that_never_began_to_answer_has_a_report_too(run):
    (run.path / "classifiers/a/timing.json").write_text("{}")
    reporting.write(run)
    (run.path / "classifiers/a/timing.json").unlink()
    assert reporting.write(run)[1]["classifiers"]["a"]
