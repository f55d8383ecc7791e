"""A command as its user pays for it: wall time, processor time and memory of the whole process (POSIX)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 1800.0
LOOK_S = 0.005


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a command took.

    Attributes:
        code: the exit code; -9 where it was killed.
        wall_s: from its start until it was gone.
        cpu_s: user and system time, its children included.
        peak_mb: the most memory it held at once, in 10^6 bytes.
        said: what it wrote to stdout and stderr.
    """

    code: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    said: str


def measure(
    command: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    kill_when: Callable[[], bool] | None = None,
) -> Measured:
    """Run a command to its end; kill -9 as soon as `kill_when` says so, or after `LIMIT_S`."""
    ended = threading.Event()
    with log.open("wb") as out:
        start = time.perf_counter()
        # A child's peak starts at its parent's own size, so the parent imports nothing heavy.
        with subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        ) as process:
            watch = threading.Thread(target=_watch, args=(process.pid, ended, kill_when))
            watch.start()
            _, status, used = os.wait4(process.pid, 0)
            wall_s = time.perf_counter() - start
            ended.set()
            watch.join()
            process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(
        code=process.returncode,
        wall_s=wall_s,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6,
        said=log.read_text(encoding="utf-8", errors="replace"),
    )


def _watch(pid: int, ended: threading.Event, kill_when: Callable[[], bool] | None) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not ended.wait(LOOK_S if kill_when else LIMIT_S):
        if time.monotonic() >= deadline or (kill_when and kill_when()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return
