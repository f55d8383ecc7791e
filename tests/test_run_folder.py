"""The run folder: nothing that was written is lost, nothing half-written is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.answer_file import answer_writer, repair, rows
from harness.disk import whole, write_text
from harness.run_folder import RunFolder, create, open_run
from prompts.errors import ConfigError

STARTED = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)
texts = st.lists(st.text(max_size=20), min_size=1, max_size=6)


def test_a_run_is_named_after_its_start_and_two_in_one_second_do_not_collide(tmp_path: Path) -> None:
    assert create(tmp_path / "runs", "apps", STARTED).name == "20261101-120000-apps"
    assert create(tmp_path / "runs", "apps", STARTED).name == "20261101-120000-apps-2"


@given(texts, st.data())
def test_a_file_cut_at_any_byte_keeps_every_whole_answer_and_takes_new_ones(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("run") / "predictions.jsonl"
    with answer_writer(path) as writer:
        for number, text in enumerate(texts):
            writer.append({"id": number, "raw": text})
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    cut_before_newline = cut < len(whole) and whole[cut : cut + 1] == b"\n"
    expected = list(range(kept + cut_before_newline))
    assert [row["id"] for row in rows(path)] == expected
    with answer_writer(path) as writer:
        writer.append({"id": "new"})
    assert [row["id"] for row in rows(path)] == [*expected, "new"]


def test_a_long_half_written_line_is_taken_away_whole(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(b'{"id": 1}\n{"id": 2, "raw": "' + b"x" * 200_000)
    repair(path)
    assert path.read_bytes() == b'{"id": 1}\n'


def test_kill_9_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    program = (
        "import sys; from pathlib import Path; from harness.answer_file import answer_writer\n"
        "with answer_writer(Path(sys.argv[1])) as writer:\n"
        "    for n in range(10**9):\n"
        "        writer.append({'id': n}); print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 500:
                break
        os.kill(child.pid, signal.SIGKILL)
        said = 500 + child.stdout.read().count(b"\n")
    assert len(list(rows(path))) >= said + 1


def test_a_full_disk_is_one_line_with_the_cure(tmp_path: Path) -> None:
    program = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from harness.answer_file import answer_writer\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "with answer_writer(Path(sys.argv[1])) as writer:\n"
        "    for n in range(10**6): writer.append({'id': n})\n"
    )
    path = tmp_path / "predictions.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("prompts.errors.ConfigError: ")
    assert f"{tmp_path}: cannot write here (" in last
    assert "free some space" in last
    ids = [row["id"] for row in rows(path)]
    assert ids == list(range(len(ids)))


def test_a_place_that_cannot_be_written_to_is_one_line_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write here .*choose another folder with --runs"):
        create(tmp_path / "file", "apps", STARTED)
    with pytest.raises(ConfigError, match=r"cannot write here .*choose another folder with --runs"):
        create(tmp_path / "file" / "runs", "apps", STARTED)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a run"):
        open_run(tmp_path)


def test_two_processes_cannot_write_to_one_run(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    program = (
        "import sys; from pathlib import Path; from harness.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked(): pass\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with run.locked():
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process is writing to this run" in done.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    write_text(path, json.dumps({"a": 1}))
    write_text(path, json.dumps({"a": 2}))
    assert json.loads(path.read_text()) == {"a": 2}
    assert [p.name for p in tmp_path.iterdir()] == ["scores.json"]


def test_a_folder_in_the_place_of_a_file_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigError, match=r"there: is a folder; name a file"):
        write_text(tmp_path / "there", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["there"]


def test_a_name_that_is_too_long_is_one_line_and_one_just_short_enough_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose a shorter name, or choose another folder with --junit"):
        write_text(tmp_path / ("x" * 300), "x", option="--junit")
    write_text(tmp_path / ("x" * 255), "x")
    assert [p.name for p in tmp_path.iterdir()] == ["x" * 255]
    with pytest.raises(ConfigError, match="cannot be read"):
        open_run(tmp_path / ("x" * 300))


def test_two_writers_of_one_file_do_not_collide_and_a_stopped_one_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    with whole(path) as first, whole(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # it was the last to end
    with pytest.raises(UnicodeEncodeError), whole(path) as part:
        part.write_text("half" * 100_000 + "é", encoding="ascii")
    assert path.read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["items.csv"]


def test_a_command_without_an_option_for_the_place_names_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as refused:
        write_text(tmp_path / "file" / "baseline.json", "x", option=None)
    assert str(refused.value).endswith("; make it writable")
