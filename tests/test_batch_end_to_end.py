"""`harness compare` through a Batch API on loopback: killed while it waits, and held to its budget."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.batch_server import BatchServer, batch_server
from tests.command import command, harness
from tests.test_llm_end_to_end import KEY, ROWS, answering, experiment, folder, run_of, stored

__all__ = ["folder"]  # the fixture

BATCH = 'mode = "batch"\nbatch_poll_s = 0.1\n'


def test_a_run_killed_while_it_waits_goes_on_with_the_same_batch(folder: Path) -> None:
    with batch_server(answering()) as server:
        server.ready = False
        (folder / "experiment.toml").write_text(experiment(server.url, BATCH))
        _kill_when_it_waits(folder, server)
        server.ready = True
        assert stored(run_of(folder)) == []
        said = harness("compare", "--resume", run_of(folder), cwd=folder)
        assert said.code == 0, said
    assert len(server.batches) == 1
    scores = json.loads((run_of(folder) / "scores.json").read_text())["classifiers"]["llm"]
    assert scores["answered"] == ROWS
    assert scores["cost"]["total_usd"] == pytest.approx(ROWS * 0.5 * (100 * 1.0 + 5 * 2.0) / 1e6)
    assert not any(KEY in path.read_text() for path in run_of(folder).rglob("*") if path.is_file())


def test_a_batch_that_could_pass_the_budget_is_not_submitted(folder: Path) -> None:
    with batch_server(answering()) as server:
        (folder / "experiment.toml").write_text(experiment(server.url, BATCH + "max_cost_usd = 0.002"))
        said = harness("compare", cwd=folder)
    assert said.code == 1, said
    assert "nothing was submitted" in said.out
    assert server.batches == []


def _kill_when_it_waits(folder: Path, server: BatchServer) -> None:
    with subprocess.Popen(command("compare"), cwd=folder, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.looked < 3:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert len(server.batches) == 1
