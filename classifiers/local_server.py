"""A real LLM server on this machine: llama.cpp behind the OpenAI protocol, in a process of its own.

In: a GGUF file. Out: the address of a server on loopback that ends with the `with` block, and with this
process at the latest, also when it is killed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import select
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from prompts.errors import ClassifierError

START_TIMEOUT_S = 300.0


@dataclass(frozen=True, kw_only=True)
class LocalServer:
    """A server that answers.

    Attributes:
        url: the base URL for an OpenAI client, "/v1" included.
        model: the model's name.
        sha256: of the GGUF file.
        load_s: seconds from start to the first sign of health.
        pid: of the server's process.
        threads: how many it computes with.
    """

    url: str
    model: str
    sha256: str
    load_s: float
    pid: int
    threads: int


@contextmanager
def serve(
    gguf: Path, *, slots: int, context_tokens: int = 4096, threads: int | None = None
) -> Iterator[LocalServer]:
    """Serve a GGUF file on a free port of 127.0.0.1.

    Args:
        gguf: the model file.
        slots: how many calls are computed at once.
        context_tokens: how long prompt and answer of one call may be together.
        threads: how many to compute with; left out: as many as this process may use.

    Raises:
        ClassifierError: xllamacpp is not installed, the file is no model, or the server does not start.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        raise ClassifierError(
            f'serving {gguf.name} needs xllamacpp, which is not installed: pip install "llm-vs-bert[local]"'
        )
    sha256 = checked_sha256(gguf)
    threads = threads or _usable_cores()
    settings = {
        "gguf": str(gguf),
        "model": gguf.stem,
        "slots": slots,
        "context_tokens": context_tokens,
        "threads": threads,
        "parent": os.getpid(),
    }
    command = [sys.executable, "-m", "classifiers.local_server_process", json.dumps(settings)]
    start = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=_environment()
        )
        try:
            url = _wait_until_healthy(process, log, gguf, deadline=start + START_TIMEOUT_S)
            yield LocalServer(
                url=f"{url}/v1",
                model=gguf.stem,
                sha256=sha256,
                load_s=time.perf_counter() - start,
                pid=process.pid,
                threads=threads,
            )
        finally:
            _end(process)


def checked_sha256(gguf: Path) -> str:
    """Return the sha256 of a GGUF file.

    Raises:
        ClassifierError: it cannot be read, or is no GGUF file.
    """
    try:
        with gguf.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise ClassifierError(f"{gguf} is not a GGUF file; give the path of a model in GGUF format")
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise ClassifierError(f"cannot read the model {gguf} ({exc.strerror}); check the path") from exc


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environment() -> dict[str, str]:
    # The child finds this package also where it is run from a source tree that is not installed.
    here = str(Path(__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH")
    # Threads that spin while they wait stop each other where other work takes a core. Measured on 2 cores in
    # prompt tokens a second beside other work: about 55 by default, about 110 with this count. On an idle
    # machine a few runs showed no difference beyond their noise.
    return (
        {"GOMP_SPINCOUNT": "3000"} | os.environ | {"PYTHONPATH": here + (os.pathsep + known if known else "")}
    )


def _wait_until_healthy(process: subprocess.Popen[bytes], log: IO[bytes], gguf: Path, deadline: float) -> str:
    report = b""
    assert process.stdout is not None
    while not report.endswith(b"\n"):
        if os.name != "nt" and not select.select([process.stdout], [], [], 0.2)[0]:
            if time.perf_counter() > deadline:
                raise _not_started(gguf, f"it did not start within {START_TIMEOUT_S:.0f} s", log)
            continue
        chunk = os.read(process.stdout.fileno(), 4096)
        if not chunk:
            raise _not_started(gguf, f"it ended with exit code {process.wait()}", log)
        report += chunk
    url: str = json.loads(report)["url"]
    # A proxy from the environment does not know our loopback.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            direct.open(f"{url}/health", timeout=5).close()
        except OSError as exc:
            if process.poll() is not None:
                raise _not_started(gguf, f"it ended with exit code {process.returncode}", log) from exc
            if time.perf_counter() > deadline:
                raise _not_started(gguf, f"it is not healthy ({exc})", log) from exc
            time.sleep(0.05)
        else:
            return url


def _not_started(gguf: Path, why: str, log: IO[bytes]) -> ClassifierError:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return ClassifierError(
        f"the local LLM server does not start with {gguf.name}: {why}; last lines of its log: "
        + " | ".join(lines[-4:])
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()  # the child takes this as the sign to end
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
