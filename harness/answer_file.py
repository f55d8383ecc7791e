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
from typing import Any, get_args

from classifiers.contract import Example, Failure, Prediction
from harness.disk import disk_errors
from prompts.errors import ConfigError

Row = dict[str, Any]
PREDICTIONS = "predictions.jsonl"
_ANSWER_KEYS = {"id", "path", "failure", "scores", "latency_s", "usage", "cost_usd", "raw"}
_FAILURES = get_args(Failure)


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
    """Yield the rows of a file in their order; a half-written last line is passed over.

    Raises:
        ConfigError: a line is damaged.
    """
    return (row for _, row in _numbered(path))


def read_answer(line: bytes, path: Path, number: int) -> Row | None:
    """Return what a line of predictions.jsonl holds, None for a last line that a kill cut in half.

    Args:
        line: with its end.
        path: of the file.
        number: of the line, from 1.

    Raises:
        ConfigError: the line is damaged.
    """
    row = _row(line, path, number)
    return None if row is None else _answer(row, path, number)


def _numbered(path: Path) -> Iterator[tuple[int, Row]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            row = _row(line, path, number)
            if row is not None:
                yield number, row


def _row(line: bytes, path: Path, number: int) -> Row | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # not JSON, or not UTF-8
        row = None
    if isinstance(row, dict):
        return row
    if line.endswith(b"\n"):
        raise _damaged(path, number, "not a JSON object")
    return None


def _answer(row: Row, path: Path, number: int) -> Row:
    if not row.keys() >= _ANSWER_KEYS:
        raise _damaged(path, number, f"without {', '.join(sorted(_ANSWER_KEYS - row.keys()))}")
    if not (isinstance(row["id"], str) and isinstance(row["path"], list)):
        raise _damaged(path, number, "id is not a text, or path is not a list")
    if row["failure"] is not None and row["failure"] not in _FAILURES:
        raise _damaged(path, number, f"unknown failure {row['failure']!r}")
    return row


def _damaged(path: Path, number: int, problem: str) -> ConfigError:
    asked_again = "take this line out, and `harness compare --resume` asks again"
    cure = asked_again if path.name == PREDICTIONS else "run it again"
    return ConfigError(f"{path}:{number}: damaged ({problem}); {cure}")


def _is_row(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


@dataclass(frozen=True)
class StoredExamples:
    """The test set as the run holds it: streamed from disk, as often as wanted."""

    path: Path

    def __iter__(self) -> Iterator[Example]:
        for number, row in _numbered(self.path):
            try:
                example = Example(id=row["id"], text=row["text"], gold=tuple(row["gold"]), meta=row["meta"])
            except (KeyError, TypeError) as exc:
                problem = f"expected id, text, gold and meta: {exc}"
                raise _damaged(self.path, number, problem) from exc
            yield example


@dataclass(frozen=True)
class StoredRows:
    """The answers of one classifier as the run holds them: streamed from disk, as often as wanted."""

    path: Path

    def __iter__(self) -> Iterator[Row]:
        return (_answer(row, self.path, number) for number, row in _numbered(self.path))
