"""A local LLM: a GGUF file behind llama.cpp's own OpenAI-compatible server, in a process of its own.

The LLM classifier then has one code path, HTTP, for a laptop and for a provider.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from prompts.errors import ClassifierError

START_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 10.0
LOG_LINES = 3


@dataclass(frozen=True, kw_only=True)
class LocalServer:
    """A server that is up.

    Attributes:
        url: base URL of its OpenAI-compatible API, ending in /v1.
        model: the name it gives its model.
        load_s: seconds from start to ready.
        pid: of its process.
    """

    url: str
    model: str
    load_s: float
    pid: int


@contextmanager
def serve(
    gguf: Path, *, slots: int = 4, context_tokens: int = 2048, threads: int | None = None, gpu: bool = False
) -> Iterator[LocalServer]:
    """Serve a GGUF file on a free loopback port for as long as the context lasts, or this process lives.

    Args:
        gguf: the model.
        slots: answers under way at once.
        context_tokens: prompt and answer of one slot together.
        threads: None takes every core this process may use.
        gpu: put all layers on a GPU; needs an xllamacpp that was built for one.

    Raises:
        ClassifierError: no such file, xllamacpp is not installed, or the model cannot be loaded.
    """
    if not gguf.is_file():
        raise ClassifierError(f"{gguf}: no such model file; give the path of a .gguf file after local:")
    if importlib.util.find_spec("xllamacpp") is None:
        raise ClassifierError('a local LLM needs xllamacpp: pip install "llm-vs-bert[local]"')
    settings = {
        "model": str(gguf),
        "alias": gguf.stem,
        "slots": slots,
        "context_tokens": context_tokens,
        "threads": threads or _cores(),
        "gpu": gpu,
    }
    command = [sys.executable, "-m", "classifiers.local_server_process", json.dumps(settings)]
    began = time.perf_counter()
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            url = _address(process, log, gguf)
            yield LocalServer(
                url=f"{url}/v1", model=gguf.stem, load_s=time.perf_counter() - began, pid=process.pid
            )
        finally:
            _stop(process)


def _address(process: subprocess.Popen[bytes], log: BinaryIO, gguf: Path) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], START_TIMEOUT_S)
    line = process.stdout.readline() if ready else b""
    if not line:
        raise ClassifierError(f"{gguf}: the local LLM server did not start: {_last_lines(log)}")
    return str(json.loads(line)["url"])


def _last_lines(log: BinaryIO) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    lines = [line for line in lines if " E " in line] or lines  # llama.cpp marks its errors with an E
    return " | ".join(lines[-LOG_LINES:]) or "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
