"""`harness compare` with an LLM behind a real HTTP server: killed, stopped, refused, and never paid twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chat_server import Call, ChatServer, Reply, chat_server, refusal
from tests.command import command, harness

KEY = "sk-test-3f9a7c41d2e84b60"
ROWS = 120


def experiment(url: str, more: str = "") -> str:
    return f"""
name = "paid"
[data]
test = "test.csv"
labels = "class.txt"
[classifiers.llm]
kind = "llm"
model = "loopback"
base_url = "{url}"
api_key_env = "HARNESS_TEST_KEY"
concurrency = 8
{more}
[prices.loopback]
input_usd_per_mtok = 1.0
output_usd_per_mtok = 2.0
source = "this test"
date = 2026-11-01
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_TEST_KEY", KEY)
    (tmp_path / "class.txt").write_text("Action\nPuzzle\n")
    rows = [f"app number {n} of this set,{'Action' if n % 2 else 'Puzzle'}\n" for n in range(ROWS)]
    (tmp_path / "test.csv").write_text("text,label\n" + "".join(rows))
    return tmp_path


def app(call: Call) -> str | None:
    """Return which app a call asks about, or None for the first tiny call of a run."""
    found = re.search(r"app number (\d+) of", call.text)
    return found[1] if found else None


def answering(delay_s: float = 0.0) -> Callable[[Call], Reply]:
    def script(call: Call) -> Reply:
        number = app(call)
        return Reply(text="Action" if number and int(number) % 2 else "Puzzle", delay_s=delay_s)

    return script


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def stored(run: Path) -> list[str]:
    path = run / "classifiers/llm/predictions.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def stop_after(folder: Path, answers: int, sent: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Start a comparison, send it a signal after so many stored answers, and wait for its end."""
    with subprocess.Popen(
        command("compare"), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if any(len(stored(run)) >= answers for run in folder.glob("runs/*")):
                break
            time.sleep(0.01)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def asked(server: ChatServer) -> Counter[str]:
    return Counter(number for call in server.calls if (number := app(call)) is not None)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_is_finished_by_resume_and_no_answer_is_paid_for_twice(
    folder: Path, sent: signal.Signals
) -> None:
    with chat_server(answering(delay_s=0.05)) as server:
        (folder / "experiment.toml").write_text(experiment(server.url))
        ended = stop_after(folder, ROWS // 2, sent)
        run = run_of(folder)
        answered = {json.loads(line)["id"] for line in stored(run)}
        assert ROWS // 2 <= len(answered) < ROWS
        if sent is not signal.SIGKILL:
            assert ended.returncode == 130
            assert f"harness compare --resume runs/{run.name}" in ended.stderr
            assert "Traceback" not in ended.stderr
        before = len(server.calls)
        said = harness("compare", "--resume", run, cwd=folder)
        assert said.code == 0, said
        again = [app(call) for call in server.calls[before:] if app(call) is not None]
        assert len(again) == len(set(again)) == ROWS - len(answered)
        twice = [number for number, times in asked(server).items() if times > 1]
        assert len(twice) <= 8, "only calls in flight at the stop may be asked again"
    rows = [json.loads(line) for line in stored(run)]
    assert sorted(row["id"] for row in rows) == sorted({row["id"] for row in rows})
    assert len(rows) == ROWS
    scores = json.loads((run / "scores.json").read_text())["classifiers"]["llm"]
    assert scores["levels"][0]["accuracy"]["value"] == 1.0
    if sent is not signal.SIGKILL:  # a kill leaves the clock where it was last written
        assert scores["time"]["answered"] == ROWS
    assert ROWS - len(answered) <= scores["time"]["answered"] <= ROWS
    assert scores["cost"]["total_usd"] == pytest.approx(ROWS * (100 * 1.0 + 5 * 2.0) / 1e6)


def test_the_key_stands_in_no_file_and_no_output(folder: Path) -> None:
    def script(call: Call) -> Reply:
        if len(server.calls) > ROWS // 2:
            return refusal(401, f"Incorrect API key provided: {call.headers.get('Authorization')}")
        return Reply(text="Action")

    with chat_server(script) as server:
        (folder / "experiment.toml").write_text(experiment(server.url))
        said = harness("compare", cwd=folder)
    assert said.code == 1, said
    assert "HARNESS_TEST_KEY" in said.out
    assert KEY not in said.out + said.err
    files = [path for path in (folder / "runs").rglob("*") if path.is_file()]
    assert len(files) > 5
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_max_cost_stops_before_it_is_passed_and_a_higher_one_goes_on(folder: Path) -> None:
    each_usd = (100 * 1.0 + 5 * 2.0) / 1e6
    with chat_server(answering(delay_s=0.01)) as server:
        (folder / "experiment.toml").write_text(experiment(server.url, f"max_cost_usd = {each_usd * 50:.6f}"))
        said = harness("compare", cwd=folder)
        assert said.code == 1, said
        assert "max_cost_usd" in said.out
        assert sum(asked(server).values()) <= 50
        resolved = run_of(folder) / "experiment.toml"
        resolved.write_text(re.sub(r"max_cost_usd = \S+", "max_cost_usd = 1.0", resolved.read_text()))
        assert harness("compare", "--resume", run_of(folder), cwd=folder).code == 0
        assert len(asked(server)) == ROWS


def test_an_answer_without_usage_counts_as_expected_so_that_max_cost_holds(folder: Path) -> None:
    def script(call: Call) -> Reply:
        return Reply(text="Puzzle" if app(call) else "Action", usage=None)

    with chat_server(script) as server:
        (folder / "experiment.toml").write_text(experiment(server.url, "max_cost_usd = 0.004"))
        said = harness("compare", cwd=folder)
        assert said.code == 1, said
        assert "max_cost_usd" in said.out
        assert 0 < asked(server).total() < ROWS


def test_answers_under_way_when_the_budget_ends_are_kept(folder: Path) -> None:
    with chat_server(answering(delay_s=0.05)) as server:
        (folder / "experiment.toml").write_text(experiment(server.url, "max_cost_usd = 0.006"))
        assert harness("compare", cwd=folder).code == 1
        assert 8 < len(stored(run_of(folder))) == asked(server).total() < ROWS


def test_failed_requests_are_counted_as_such_and_the_exit_code_says_so(folder: Path) -> None:
    def script(call: Call) -> Reply:
        number = app(call)
        return Reply(status=500, body="{}") if number and int(number) % 10 == 0 else answering()(call)

    with chat_server(script) as server:
        (folder / "experiment.toml").write_text(experiment(server.url, "max_retries = 0"))
        said = harness("compare", cwd=folder)
        assert said.code == 1, said
        assert f"{ROWS // 10} texts have no answer" in said.out
    scores = json.loads((run_of(folder) / "scores.json").read_text())
    assert scores["classifiers"]["llm"]["failures"]["by_kind"]["request_failed"] == ROWS // 10
    assert any(problem["kind"] == "requests_failed" for problem in scores["problems"])


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (refusal(401, "Incorrect API key provided"), "refuses the key in HARNESS_TEST_KEY"),
        (refusal(404, "The model does not exist", code="model_not_found"), "has no model 'loopback': did you mean 'loopback-2'"),
        (refusal(403, "Country not supported"), "HTTP 403"),
    ],
)  # fmt: skip
def test_an_endpoint_that_refuses_is_one_line_before_anything_is_written(
    folder: Path, reply: Reply, message: str
) -> None:
    with chat_server(lambda _: reply, models=["loopback-2", "other"]) as server:
        (folder / "experiment.toml").write_text(experiment(server.url))
        said = harness("compare", cwd=folder)
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    assert message in line
    assert not (folder / "runs").exists()


def test_the_first_classifier_is_tried_by_its_first_answers_and_every_other_before_anything_is_trained(
    folder: Path,
) -> None:
    with chat_server(answering()) as good, chat_server(lambda _: refusal(401, "no")) as bad:
        (folder / "experiment.toml").write_text(experiment(good.url))
        assert harness("compare", cwd=folder).code == 0
        assert len(good.calls) == asked(good).total() == ROWS
        second = experiment(bad.url).replace(
            "[classifiers.llm]", '[classifiers.tfidf]\nkind = "baseline"\n[classifiers.llm]'
        )
        (folder / "experiment.toml").write_text(
            second.replace("[data]", '[compare]\nallow_leakage = true\n[data]\ntrain = "test.csv"')
        )
        said = harness("compare", "--runs", "second", cwd=folder)
        assert said.code == 2, said
        assert len(bad.calls) == 1
        assert not (folder / "second").exists()


def test_a_resumed_run_stays_when_its_endpoint_has_gone(folder: Path) -> None:
    with chat_server(answering(delay_s=0.05)) as server:
        (folder / "experiment.toml").write_text(experiment(server.url))
        stop_after(folder, ROWS // 2, signal.SIGKILL)
    kept = stored(run_of(folder))
    said = harness("compare", "--resume", run_of(folder), cwd=folder)
    assert (said.code, len(said.err.splitlines())) == (2, 1), said
    assert "cannot reach" in said.err
    assert stored(run_of(folder)) == kept


def test_an_unreachable_endpoint_and_a_missing_key_are_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "experiment.toml").write_text(experiment("http://127.0.0.1:9/v1", "max_retries = 0"))
    said = harness("compare", cwd=folder)
    assert said.code == 2, said
    assert "cannot reach http://127.0.0.1:9/v1" in said.err
    assert len(said.err.splitlines()) == 1
    monkeypatch.delenv("HARNESS_TEST_KEY")
    (folder / "experiment.toml").write_text(experiment("https://llm.invalid/v1"))
    said = harness("compare", cwd=folder)
    assert said.code == 2
    assert "HARNESS_TEST_KEY is not set" in said.err
    assert not (folder / "runs").exists()


if os.name != "posix":
    pytest.skip("signals as tested here are POSIX", allow_module_level=True)
