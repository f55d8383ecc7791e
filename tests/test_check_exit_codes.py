"""The exit code of `harness check` is the verdict: no bug, no closed pipe and no odd file reads as "worse"."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import check as station
from tests.command import Said, command
from tests.gate_runs import a_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_run(tmp_path_factory.mktemp("good"))


@pytest.fixture
def later(run: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "later-run"
    shutil.copytree(run, copy)
    return copy


def refused(said: Said) -> str:
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert said.out == ""
    return line


def into_a_closed_pipe(*arguments: str | Path, cwd: Path, stream: str = "stdout") -> int:
    """Run a command whose reader is gone before it says a word; return its exit code."""
    read, write = os.pipe()
    os.close(read)
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: write}
    try:
        return subprocess.run(command(*arguments), cwd=cwd, check=False, **streams).returncode
    finally:
        os.close(write)


def all_wrong(run: Path) -> None:
    file = run / "classifiers/tfidf/predictions.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        row["path"] = ["Action", "Shooter"] if row["path"][0] == "Puzzle" else ["Puzzle", "Logic"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_closed_pipe_keeps_the_verdict(run: Path, later: Path, tmp_path: Path) -> None:
    assert into_a_closed_pipe("check", later, "--against", run, cwd=tmp_path) == 0
    all_wrong(later)
    assert into_a_closed_pipe("check", later, "--against", run, "--markdown", "gate.md", cwd=tmp_path) == 1
    assert "tfidf" in (tmp_path / "gate.md").read_text()


def test_bad_input_is_2_where_nobody_reads_the_message(run: Path, tmp_path: Path) -> None:
    code = into_a_closed_pipe("check", run, "--against", "nowhere.json", cwd=tmp_path, stream="stderr")
    assert code == 2


def test_a_bug_ends_with_2_its_traceback_and_one_line(
    run: Path, typed: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("no such\nthing")

    monkeypatch.setattr(station, "run", broken)
    said = typed("check", run, "--against", run)
    assert said.code == 2
    assert said.err.startswith("Traceback (most recent call last):")
    assert said.err.splitlines()[-1] == (
        "harness: nothing was decided, for this is a bug of harness (ZeroDivisionError: no such thing)"
    )


def test_a_file_name_that_is_too_long_is_one_line(run: Path, typed: Callable[..., Said]) -> None:
    for option in ("--junit", "--markdown"):
        line = refused(typed("check", run, "--against", run, option, "x" * 300))
        assert f"choose a shorter name, or choose another folder with {option}" in line
    assert "cannot be read" in refused(typed("check", run, "--against", "x" * 300))
    assert "cannot be read" in refused(typed("check", "x" * 300, "--against", run))


def test_a_baseline_file_of_brackets_alone_is_one_line(
    run: Path, tmp_path: Path, typed: Callable[..., Said]
) -> None:
    (tmp_path / "deep.json").write_text("[" * 200_000)
    assert "deep.json: not a baseline file" in refused(typed("check", run, "--against", "deep.json"))


def test_a_clock_that_is_a_list_is_one_line(run: Path, later: Path, typed: Callable[..., Said]) -> None:
    (later / "classifiers/tfidf/timing.json").write_text("[1]")
    assert "timing.json: damaged" in refused(typed("check", later, "--against", run))


def test_nothing_is_written_over_the_baseline_and_nothing_twice_to_one_file(
    run: Path, tmp_path: Path, typed: Callable[..., Said]
) -> None:
    assert typed("baseline", run, "b.json").code == 0
    before = (tmp_path / "b.json").read_bytes()
    for option in ("--junit", "--markdown"):
        line = refused(typed("check", run, "--against", "b.json", option, "./b.json"))
        assert f"{option} b.json: is the file of --against, too; name another" in line
    line = refused(typed("check", run, "--against", "b.json", "--junit", "x", "--markdown", tmp_path / "x"))
    assert "is the file of --junit, too; name another" in line
    assert (tmp_path / "b.json").read_bytes() == before
    assert not (tmp_path / "x").exists()


def test_a_place_that_cannot_be_written_to_names_no_option_that_the_command_lacks(
    run: Path, tmp_path: Path, typed: Callable[..., Said]
) -> None:
    (tmp_path / "taken").write_text("")
    line = refused(typed("baseline", run, "taken/b.json"))
    assert "taken: cannot write here (" in line
    assert line.endswith("); make it writable")
