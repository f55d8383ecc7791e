"""The local LLM server: it answers, and it never outlives the process that started it."""

import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from classifiers.local_models import fetch
from classifiers.local_server import serve
from prompts.errors import ClassifierError

needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("xllamacpp") is None, reason='needs pip install "llm-vs-bert[local]"'
)
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def gguf() -> Path:
    try:
        return fetch("smollm2-135m-instruct")
    except ClassifierError as error:
        pytest.skip(f"the small model could not be fetched: {error}")


def gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


@needs_engine
def test_the_server_answers_on_loopback_and_ends_with_the_block(gguf: Path) -> None:
    with serve(gguf, slots=2, context_tokens=256, threads=1) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert server.model == "SmolLM2-135M-Instruct.Q4_1"
        assert server.sha256 == hashlib.sha256(gguf.read_bytes()).hexdigest()
        request = urllib.request.Request(
            server.url + "/chat/completions",
            json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            assert json.load(response)["usage"]["completion_tokens"] == 2
        listening = psutil.Process(server.pid).net_connections(kind="inet")
        assert {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
    assert gone(server.pid, within_s=0.1)


@needs_engine
def test_the_server_ends_when_the_block_fails(gguf: Path) -> None:
    with pytest.raises(KeyboardInterrupt), serve(gguf, slots=1, context_tokens=256, threads=1) as server:
        raise KeyboardInterrupt
    assert gone(server.pid, within_s=0.1)


PARENT = """
import os, sys, time
from pathlib import Path
from classifiers.local_server import serve
with serve(Path(sys.argv[1]), slots=1, context_tokens=256, threads=1) as server:
    if len(sys.argv) > 2:
        if os.fork() == 0:  # a second child that keeps every pipe open
            time.sleep(20)
            os._exit(0)
    print(server.pid, flush=True)
    time.sleep(60)
"""


def start_parent(gguf: Path, *more: str) -> tuple["subprocess.Popen[str]", int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(gguf), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        cwd=REPOSITORY,
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@needs_engine
@pytest.mark.parametrize("more", [(), ("with another child",)])
def test_the_server_ends_when_its_parent_is_killed(gguf: Path, more: tuple[str, ...]) -> None:
    parent, server = start_parent(gguf, *more)
    assert psutil.pid_exists(server)
    parent.kill()
    assert gone(server, within_s=5)
    if more:
        os.killpg(parent.pid, signal.SIGKILL)
    parent.communicate()


@needs_engine
def test_the_server_survives_ctrl_c_until_its_parent_has_ended(gguf: Path) -> None:
    parent, server = start_parent(gguf)
    os.kill(server, signal.SIGINT)
    assert not gone(server, within_s=1)
    os.killpg(parent.pid, signal.SIGINT)
    assert gone(server, within_s=5)
    parent.communicate()
    assert parent.returncode != 0


@needs_engine
def test_a_file_that_is_no_model_gives_the_last_lines_of_the_log(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 64)
    with (
        pytest.raises(ClassifierError, match=r"does not start with broken\.gguf: .*log: \S"),
        serve(broken, slots=1),
    ):
        pass


@needs_engine
@pytest.mark.parametrize("content", [None, b"PK\x03\x04"])
def test_a_missing_or_foreign_file_is_refused_before_anything_starts(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ClassifierError, match=r"model\.gguf"), serve(path, slots=1):
        pass
