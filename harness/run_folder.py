"""Station 4: the run folder, an append-only record that survives kill -9.

Small files are replaced in one step; answers are appended one line at a time, and a line that a kill cut in
half is repaired when the file is opened again.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import filelock

from classifiers.contract import Example, Prediction
from prompts.errors import ConfigError

Row = dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run; the folder's name is the run's name."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def test(self) -> Path:
        return self.path / "test.jsonl"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def classifier(self, name: str) -> Path:
        """Return the folder of one classifier."""
        return self.path / "classifiers" / name

    def predictions(self, name: str) -> Path:
        """Return the answers of one classifier, one JSON object a line; the last line of an id counts."""
        return self.classifier(name) / "predictions.jsonl"

    def model(self, name: str) -> Path:
        """Return the folder of one classifier's trained weights."""
        return self.classifier(name) / "model"

    def read(self, file: str) -> Any:
        """Return the content of a JSON file of the run, or None where it is not there."""
        path = self.path / file
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def write(self, file: str, content: Any) -> None:
        """Write a JSON file of the run in one step."""
        write_text(self.path / file, json.dumps(content, ensure_ascii=False, indent=1) + "\n")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from writing to this run.

        Raises:
            ConfigError: another process is writing to it.
        """
        lock = filelock.FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as exc:
            raise ConfigError(f"{self.path}: another process is writing to this run; wait for it") from exc
        try:
            yield
        finally:
            lock.release()


def create(root: Path, name: str, started: datetime) -> RunFolder:
    """Make the folder of a new run below `root`.

    Raises:
        ConfigError: the place cannot be written to.
    """
    stem = f"{started.astimezone(UTC):%Y%m%d-%H%M%S}-{name}"
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        for suffix in ("", *(f"-{n}" for n in range(2, 100))):
            path = root / f"{stem}{suffix}"
            try:
                path.mkdir()
            except FileExistsError:
                if not path.is_dir():
                    raise
                continue
            return RunFolder(path)
    raise ConfigError(f"{root}: 99 runs named {stem} already; wait a second")


def open_run(path: Path) -> RunFolder:
    """Return an existing run.

    Raises:
        ConfigError: this is not the folder of a run.
    """
    if not (path / "experiment.toml").exists():
        raise ConfigError(f"{path}: not a run (no experiment.toml in it); `harness history` lists the runs")
    return RunFolder(path)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step: afterwards it holds all of `text`, or what it held before."""
    part = path.with_name(path.name + ".part")
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)


@contextmanager
def disk_errors(place: Path) -> Iterator[None]:
    """Translate what an operating system says of a full or protected disk.

    Raises:
        ConfigError: with the place and the cure.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            cure = "free some space, or choose another folder with --runs"
        elif exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            cure = "make it writable, or choose another folder with --runs"
        else:
            raise
        raise ConfigError(f"{place}: cannot write here ({exc.strerror}); {cure}") from exc


def answer_row(id: str, prediction: Prediction) -> dict[str, Any]:
    """Return one line of predictions.jsonl."""
    return {
        "id": id,
        "path": list(prediction.path),
        "failure": prediction.failure,
        "scores": [_rounded(level) for level in prediction.scores] if prediction.scores else None,
        "latency_s": round(prediction.latency_s, 6),
        "usage": dataclasses.asdict(prediction.usage) if prediction.usage else None,
        "cost_usd": prediction.cost_usd,
        "raw": prediction.raw,
    }


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    # Six digits tell any two probabilities apart that matter, and keep a million rows of 48 labels readable.
    return {label: round(float(score), 6) for label, score in scores.items()}


class AnswerWriter:
    """Appends answers; each one is with the operating system before the next is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def append(self, row: Mapping[str, Any]) -> None:
        """Append one answer.

        Raises:
            ConfigError: the disk is full.
        """
        with disk_errors(Path(self._file.name).parent):
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self._file.flush()


@contextmanager
def answer_writer(path: Path) -> Iterator[AnswerWriter]:
    """Open an answers file for appending, its last line repaired, and sync it to disk at the end."""
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        repair(path)
    with path.open("ab") as file:
        try:
            yield AnswerWriter(file)
        finally:
            with disk_errors(path.parent):
                os.fsync(file.fileno())


def repair(path: Path) -> None:
    """End the last line of an answers file, or take it away when it was cut in half."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        tail = b""
        start = size
        while start > 0 and b"\n" not in tail:
            step = min(65536, start)
            start -= step
            file.seek(start)
            tail = file.read(step) + tail
        last = tail.rsplit(b"\n", 1)[-1]
        if not last:
            return
        if _is_row(last):
            file.seek(size)
            file.write(b"\n")
        else:
            file.truncate(size - len(last))


def rows(path: Path) -> Iterator[Row]:
    """Yield the answers of a file in their order; a half-written last line is passed over."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n") or _is_row(line):
                yield json.loads(line)


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@dataclass(frozen=True)
class StoredExamples:
    """The test set as the run holds it: streamed from disk, as often as wanted."""

    path: Path

    def __iter__(self) -> Iterator[Example]:
        for row in rows(self.path):
            yield Example(id=row["id"], text=row["text"], gold=tuple(row["gold"]), meta=row["meta"])


@dataclass(frozen=True)
class StoredRows:
    """The answers of one classifier as the run holds them: streamed from disk, as often as wanted."""

    path: Path

    def __iter__(self) -> Iterator[Row]:
        return rows(self.path)
