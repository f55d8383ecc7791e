"""Station 4: predictions.jsonl and test.jsonl, lines that are appended and survive kill -9.

Each answer is with the operating system before the next is asked for; a line that a kill cut in half is
repaired when the file is opened again, and passed over by whoever reads it before.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from classifiers.contract import Example, Prediction
from harness.disk import disk_errors

Row = dict[str, Any]


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

    def __init__(self, file: FileIO) -> None:
        self._file = file

    @property
    def end(self) -> int:
        """The bytes in the file."""
        return self._file.seek(0, os.SEEK_END)

    def append(self, row: Mapping[str, Any]) -> None:
        """Append one answer.

        Raises:
            ConfigError: the disk is full.
        """
        with disk_errors(Path(self._file.name).parent):
            line = json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def answer_writer(path: Path) -> Iterator[AnswerWriter]:
    """Open an answers file for appending, its last line repaired, and sync it to disk at the end."""
    with disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        repair(path)
    with path.open("ab", buffering=0) as file:
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


def lines_after(path: Path, end: int) -> int:
    """Return how many lines were appended since the file had so many bytes."""
    with path.open("rb") as file:
        file.seek(end)
        return sum(1 for _ in file)


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
