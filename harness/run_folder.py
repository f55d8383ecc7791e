"""Station 4: the run folder, where everything about one run lies.

Small files are replaced in one step; the answers are appended line by line (`harness.answer_file`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from harness.disk import disk_errors, write_text
from harness.labels import read_labels
from prompts.characters import in_json
from prompts.errors import ConfigError, RunChangedError
from prompts.taxonomy import Taxonomy


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

    @property
    def is_fresh(self) -> bool:
        """Whether it was begun to take nothing from earlier runs."""
        return bool((self.read("data.json") or {}).get("fresh", False))

    @property
    def taxonomy(self) -> Taxonomy:
        """The labels of the run."""
        path = self.path / "taxonomy.json"
        return read_labels(path, encoding="utf-8", name=str(path))

    def classifier(self, name: str) -> Path:
        """Return the folder of one classifier."""
        return self.path / "classifiers" / name

    def predictions(self, name: str) -> Path:
        """Return the answers of one classifier, one JSON object a line; the last line of an id counts."""
        return self.classifier(name) / "predictions.jsonl"

    def batches(self, name: str) -> Path:
        """Return the file that says what one classifier submitted to a Batch API."""
        return self.classifier(name) / "batches.jsonl"

    def model(self, name: str) -> Path:
        """Return the folder of one classifier's trained weights."""
        return self.classifier(name) / "model"

    def read(self, file: str) -> Any:
        """Return the object in a JSON file of the run, or None where the file is not there.

        Raises:
            ConfigError: the file is damaged.
        """
        return self._read(file, dict)

    def read_list(self, file: str) -> list[Any]:
        """Return the list in a JSON file of the run, [] where the file is not there.

        Raises:
            ConfigError: the file is damaged.
        """
        found: list[Any] | None = self._read(file, list)
        return found or []

    def _read(self, file: str, kind: type) -> Any:
        path = self.path / file
        cure = "write it anew with `harness report`" if file == "scores.json" else "run it again"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
        except (ValueError, RecursionError) as exc:  # not JSON, or not UTF-8
            raise ConfigError(f"{path}: damaged ({exc}); {cure}") from exc
        if not isinstance(content, kind):
            found = f"found a {type(content).__name__}, expected a {kind.__name__}"
            raise ConfigError(f"{path}: damaged ({found}); {cure}")
        return content

    def write(self, file: str, content: Any, *, option: str | None = "--runs") -> None:
        """Write a JSON file of the run in one step; `option` as for `harness.disk.write_text`."""
        text = in_json(json.dumps(content, ensure_ascii=False, indent=1))
        write_text(self.path / file, text + "\n", option=option)

    def discard(self) -> None:
        """Take back a run that never began, and the folder of runs if it was the first."""
        shutil.rmtree(self.path)
        with suppress(OSError):  # there are others
            self.path.parent.rmdir()

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


def check_same(run: RunFolder, what: str, kept: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Make sure that a part of a run is still what it was when the run began.

    Raises:
        RunChangedError: it is not; the message says in what.
    """
    if kept != now:
        changed = sorted(key for key in {*kept, *now} if kept.get(key) != now.get(key))
        raise RunChangedError(
            f"{run.path}: {what} is not what it was when this run began ({', '.join(changed)} changed); "
            "start a new run"
        )


def open_run(path: Path) -> RunFolder:
    """Return an existing run.

    Raises:
        ConfigError: this is not the folder of a run.
    """
    try:
        is_run = (path / "experiment.toml").exists()
    except OSError as exc:  # a name that is too long, a folder that is closed to this user
        raise ConfigError(f"{path}: cannot be read ({exc.strerror})") from exc
    if not is_run:
        raise ConfigError(f"{path}: not a run (no experiment.toml in it); `harness history` lists the runs")
    return RunFolder(path)
