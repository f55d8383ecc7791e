"""Running the `harness` command in tests as a user does: a process of its own, its exit code, what it says."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str


def harness(*arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Said:
    """Run `harness` in `cwd` and wait for its end."""
    done = subprocess.run(
        command(*arguments), cwd=cwd, env={**os.environ, **(env or {})}, input=stdin,
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    return Said(code=done.returncode, out=done.stdout, err=done.stderr)


def command(*arguments: str | Path) -> list[str]:
    """Return the command line that runs this checkout's `harness`."""
    return [sys.executable, "-c", "from harness.cli import main; main()", *map(str, arguments)]


@pytest.fixture
def typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Said]:
    """Return a way to run `harness` in this process: a second saved for each of many small cases."""

    def run_it(*arguments: str | Path) -> Said:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(code=ended.value.code, out=said.out, err=said.err)

    return run_it
