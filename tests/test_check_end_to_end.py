"""`harness check` and `harness baseline` as a user runs them, on real small runs: what they say, write and exit with."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from junitparser import JUnitXml
from scipy.stats import binom

from tests.command import Said, harness
from tests.gate_runs import CLASSIFIERS, a_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run in which tfidf gets all 300 apps right and majority 100."""
    return a_run(tmp_path_factory.mktemp("good"), compare="machine_usd_per_hour = 0.5\n")


def spoiled(
    run: Path, folder: Path, wrong: int, *, classifier: str = "tfidf", keep: int | None = None
) -> Path:
    """Copy a run and make the first answers of a classifier wrong; keep only so many of its answers."""
    copy = folder / "later-run"
    shutil.copytree(run, copy)
    file = copy / f"classifiers/{classifier}/predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows[:wrong]:
        row["path"] = ["Action", "Shooter"] if row["path"][0] == "Puzzle" else ["Puzzle", "Logic"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:keep]))
    return copy


@pytest.fixture
def check(typed: Callable[..., Said]) -> Callable[..., Said]:
    return partial(typed, "check")


def refused(said: Said) -> str:
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert line.startswith("harness: ")
    assert said.out == ""
    return line.removeprefix("harness: ")


def test_a_run_is_not_worse_than_itself_or_than_its_file_and_the_files_say_so(
    run: Path, tmp_path: Path
) -> None:
    said = harness("baseline", run, "baseline.json", cwd=tmp_path)
    assert said.code == 0, said
    assert said.out == "Wrote baseline.json: 300 texts, tfidf, majority\n"
    for against in (run, "baseline.json"):
        said = harness(
            "check",
            run,
            "--against",
            against,
            "--junit",
            "out/gate.xml",
            "--markdown",
            "gate.md",
            cwd=tmp_path,
        )
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith("Not worse than the baseline at any level, by a margin of 2.0 points.\n")
        xml = JUnitXml.fromfile(str(tmp_path / "out/gate.xml"))
        assert (xml.tests, xml.failures, xml.errors) == (4, 0, 0)
        assert "| tfidf on the whole path | not worse | 0.0 |" in (tmp_path / "gate.md").read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_a_worse_run_ends_with_1_and_names_the_apps_that_flipped(run: Path, tmp_path: Path) -> None:
    worse = spoiled(run, tmp_path, 40)
    said = harness(
        "check", worse, "--against", run, "--junit", "gate.xml", "--markdown", "gate.md", cwd=tmp_path
    )
    assert said.code == 1, said
    first, *rest = said.out.splitlines()
    assert first == "Worse than the baseline: tfidf at level 1 and tfidf on the whole path."
    assert "tfidf: right before, wrong now (40)" in rest
    assert any(
        line.startswith(
            "  test-Shooter-0 at level 1: Action > Shooter -> Puzzle > Logic, gold Action > Shooter: "
        )
        and line.endswith(": test 0 aim fire bullets")
        for line in rest
    )
    assert sum(line.startswith("  test-") for line in rest) == 10
    assert "  and 30 more" in rest
    assert (tmp_path / "gate.md").read_text().count("| test-") == 30
    xml = JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    assert (xml.tests, xml.failures, xml.errors) == (4, 2, 0)
    output = next(case.system_out for case in next(iter(xml)) if case.name == "tfidf on the whole path")
    assert output.count("test-") == 40


def test_the_other_way_round_the_same_apps_were_won(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    said = check(run, "--against", spoiled(run, tmp_path, 40))
    assert said.code == 0, said
    assert "tfidf: wrong before, right now (40)" in said.out


def test_a_loss_that_is_neither_sure_nor_ruled_out_ends_with_3(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    later = spoiled(run, tmp_path, 4)
    said = check(later, "--against", run, "--junit", "gate.xml")
    assert said.code == 3, said
    assert said.out.startswith("Not decided: tfidf at level 1 and tfidf on the whole path.\n")
    assert "can neither be shown nor ruled out with 300 texts" in said.out
    xml = JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    assert (xml.failures, xml.errors) == (0, 2)
    # 4 of 300 were lost, none won. At 5 % / 4 levels not yet sure, 7 losses are a sure loss: 0.5 ** 7 < 0.0125.
    enough = re.findall(r"If texts go on to flip as often, some (\d+) in all show the loss", said.out)
    assert len(enough) == 2
    least = next(rows for rows in range(300, 10_000) if binom.sf(6, rows, 4 / 300) >= 0.8)
    assert [int(rows) for rows in enough] == [10 * math.ceil(least / 10)] * 2  # two figures, rounded up
    assert 100 <= least < 1000
    assert check(later, "--against", run, "--margin", "0.1").code == 0


def test_a_classifier_that_did_not_finish_is_never_a_pass_on_either_side(run: Path, tmp_path: Path) -> None:
    partial = spoiled(run, tmp_path, 0, keep=290)
    said = harness("check", partial, "--against", run, cwd=tmp_path)
    assert said.code == 3, said
    assert said.out.startswith("Not decided: tfidf has not answered 10 texts of this run.\n")
    said = harness("check", run, "--against", partial, cwd=tmp_path)
    assert said.code == 3, said
    assert "10 texts of the baseline" in said.out
    assert harness("check", partial, "--against", run, "--classifier", "majority", cwd=tmp_path).code == 0
    line = refused(harness("baseline", partial, "baseline.json", cwd=tmp_path))
    assert "tfidf has answered 290 of 300 texts" in line
    assert not (tmp_path / "baseline.json").exists()
    only = harness("baseline", partial, "baseline.json", "--classifier", "majority", cwd=tmp_path)
    assert only.code == 0, only


def failing(run: Path, folder: Path, failed: int) -> Path:
    """Copy a run and let the first requests of tfidf fail on every attempt."""
    copy = folder / f"{failed}-failed"
    shutil.copytree(run, copy)
    file = copy / "classifiers/tfidf/predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    rows[:failed] = [row | {"path": [], "failure": "request_failed"} for row in rows[:failed]]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return copy


def test_a_baseline_crippled_by_failed_requests_is_no_yardstick(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    crippled, worse = failing(run, tmp_path, 150), spoiled(run, tmp_path, 100)
    assert check(worse, "--against", run).code == 1
    said = check(worse, "--against", crippled, "--junit", "gate.xml", "--markdown", "gate.md")
    told = "the requests of tfidf failed on every attempt for 150 texts of the baseline"
    assert said.code == 3, said
    assert said.out.startswith(f"Not decided: {told}.\n")
    assert JUnitXml.fromfile(str(tmp_path / "gate.xml")).errors == 1
    assert told in (tmp_path / "gate.md").read_text()
    line = refused(harness("baseline", crippled, "baseline.json", cwd=tmp_path))
    assert (
        "the requests of tfidf failed for 150 of 300 texts, more than 5%; ask again with `harness compare"
        in line
    )
    few = failing(run, tmp_path, 15)
    assert harness("baseline", few, "baseline.json", cwd=tmp_path).code == 0
    assert check(run, "--against", "baseline.json").code == 0


def test_failed_requests_of_this_run_are_never_a_pass(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    crippled = failing(run, tmp_path, 16)
    assert check(crippled, "--against", crippled).code == 3
    said = check(crippled, "--against", run, "--margin", "0.2")
    assert said.code == 3, said
    assert said.out.startswith(
        "Not decided: the requests of tfidf failed on every attempt for 16 texts of this run.\n"
    )
    few = failing(run, tmp_path, 15)
    assert check(few, "--against", run, "--margin", "0.2").code == 0


def test_a_named_pair_is_checked_and_an_unknown_name_is_refused(
    run: Path, check: Callable[..., Said]
) -> None:
    pair = ("--classifier", "majority", "--baseline-classifier", "tfidf")
    said = check(run, "--against", run, *pair)
    assert said.code == 1, said
    assert said.out.startswith("Worse than the baseline: majority / tfidf at level 1 and ")
    line = refused(check(run, "--against", run, "--classifier", "bert"))
    assert line.endswith("no classifier 'bert'; there are tfidf, majority")


def test_what_stands_on_one_side_only_is_said_and_nothing_in_common_is_refused(
    run: Path, tmp_path: Path
) -> None:
    harness("baseline", run, "tfidf.json", "--classifier", "tfidf", cwd=tmp_path)
    said = harness("check", run, "--against", "tfidf.json", cwd=tmp_path)
    assert said.code == 0, said
    assert "Not in the baseline, so not checked: majority." in said.out
    other = a_run(tmp_path / "other", classifiers=CLASSIFIERS.replace("tfidf", "words"))
    line = refused(harness("check", other, "--against", "tfidf.json", cwd=tmp_path))
    assert line.endswith("no name in common; name the two with --classifier and --baseline-classifier")


def test_labels_fail_the_gate_only_when_asked_to(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    later = spoiled(run, tmp_path, 0)
    file = later / "classifiers/tfidf/predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    wrong = [row for row in rows if row["path"][-1] == "Logic"][:9]
    for row in wrong:
        row["path"] = ["Action", "Shooter"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with_margin = (later, "--against", run, "--margin", "0.06")
    said = check(*with_margin)
    assert said.code == 0, said
    assert "Labels with a loss (they fail the gate only with --labels):" in said.out
    assert "  tfidf on the whole path for label Puzzle > Logic: worse. " in said.out
    said = check(*with_margin, "--labels", "--junit", "gate.xml")
    assert said.code == 1, said
    xml = JUnitXml.fromfile(str(tmp_path / "gate.xml"))
    assert (xml.tests, xml.failures) == (4 + 2 * 5, 2)


def timed(run: Path, folder: Path, name: str, answer_s: float) -> Path:
    copy = folder / name
    shutil.copytree(run, copy)
    for classifier in ("tfidf", "majority"):
        file = copy / f"classifiers/{classifier}/timing.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"answer_s": answer_s}))
    return copy


def test_limits_on_speed_and_cost_fail_pass_or_stay_open(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    before, now = timed(run, tmp_path, "before", 10.0), timed(run, tmp_path, "now", 25.0)
    untimed = timed(run, tmp_path, "untimed", 0.0)

    def code(*options: str, later: Path = now) -> int:
        return check(later, "--against", before, "-c", "tfidf", *options).code

    assert code("--max-slowdown", "2.4") == 1
    assert code("--max-slowdown", "2.6", "--max-cost-ratio", "2.6", "--max-cost-per-1000", "0.02") == 0
    assert code("--max-cost-ratio", "2.4") == 1
    assert code("--max-cost-per-1000", "0.01") == 1
    assert code("--max-slowdown", "9", later=untimed) == 3
    said = check(now, "--against", before, "--max-slowdown", "2")
    assert said.out.startswith("Worse than the baseline: speed of tfidf and speed of majority.\n")
    assert "speed of tfidf: limit exceeded. 12.0 texts/s, before 30.0; allowed: 2 times as slow." in said.out


def test_an_unknown_price_leaves_a_cost_limit_open(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    copy = tmp_path / "no-price"
    shutil.copytree(run, copy)
    file = copy / "experiment.toml"
    file.write_text(file.read_text().replace("machine_usd_per_hour = 0.5", ""))
    said = check(copy, "--against", run, "--max-cost-ratio", "2")
    assert said.code == 3, said
    assert "cannot be checked: the cost is unknown; set machine_usd_per_hour under [compare]" in said.out


def test_chinese_is_said_where_the_run_is_in_chinese(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    copy = spoiled(run, tmp_path, 40)
    file = copy / "experiment.toml"
    file.write_text(file.read_text().replace('language = "en"', 'language = "zh"'))
    said = check(copy, "--against", run)
    assert said.code == 1, said
    assert said.out.startswith("比基线差：tfidf（第 1 级），tfidf（完整路径）。\n")


def test_other_data_is_refused_with_how_many_differ(
    run: Path, tmp_path: Path, check: Callable[..., Said]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    file = copy / "test.jsonl"
    file.write_text(file.read_text().replace("test 7 ", "test seven "))
    line = refused(check(copy, "--against", run, "--junit", "g.xml", "--markdown", "g.md"))
    assert "3 text(s) have another text ('test-Shooter-7', 'test-Fighting-7', 'test-Logic-7')" in line
    assert not (tmp_path / "g.xml").exists()
    assert not (tmp_path / "g.md").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere", "--against", "{run}"), "nowhere: not a run"),
        (("{run}", "--against", "nowhere.json"), "nowhere.json: no such run or baseline file"),
        (("{run}", "--against", "."), ".: not a run"),
        (("{run}", "--against", "damaged.json"), "damaged.json: not a baseline file"),
        (("{run}", "--against", "later.json"), "later.json: schema 2, this version reads schema 1"),
        (("{run}", "--against", "{run}", "--margin", "2"), "--margin 2.0: expected a share between 0 and 1"),
        (("{run}", "--against", "{run}", "--margin", "nan"), "--margin nan: expected a share between 0 and 1"),
        (("{run}", "--against", "{run}", "--max-slowdown", "0"), "--max-slowdown 0.0: expected a number above 0"),
        (("{run}", "--against", "{run}", "--max-cost-ratio", "inf"), "--max-cost-ratio inf: expected a number"),
        (("{run}", "--against", "{run}", "--junit", "."), ".: is a folder; name a file"),
        (("{run}", "--against", "{run}", "--markdown", "later.json/x.md"), "later.json: cannot write here"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_nothing_is_written(
    run: Path, tmp_path: Path, check: Callable[..., Said], arguments: tuple[str, ...], message: str
) -> None:
    (tmp_path / "damaged.json").write_text('{"schema": 1, ')
    (tmp_path / "later.json").write_text('{"schema": 2}')
    said = check(*(argument.format(run=run) for argument in arguments))
    assert message in refused(said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.json", "later.json"]


@pytest.mark.parametrize(
    "file", ["data.json", "taxonomy.json", "test.jsonl", "classifiers/tfidf/timing.json"]
)
def test_a_damaged_run_is_one_line(run: Path, tmp_path: Path, check: Callable[..., Said], file: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / file).write_text("{not json\n")
    refused(check(copy, "--against", run))
    if file != "classifiers/tfidf/timing.json":
        (copy / file).unlink()
        assert f"{file} is not there" in refused(check(copy, "--against", run))
