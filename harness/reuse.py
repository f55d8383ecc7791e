"""What earlier runs already know: answers and trained weights whose identity is the same.

An answer is taken over only where the classifier's identity, the example's id and its text are equal and the
earlier answer was no failure; weights only where everything that shapes them is equal.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.answer_file import Row, StoredExamples, StoredRows
from harness.disk import disk_errors
from harness.run_folder import RunFolder

TRAINING_IDENTITY = "training_identity.json"


@dataclass(frozen=True)
class Earlier:
    """One classifier of an earlier run."""

    run: RunFolder
    classifier: str

    @property
    def timing(self) -> Mapping[str, Any]:
        return self.run.read(f"classifiers/{self.classifier}/timing.json") or {}


def runs(root: Path) -> list[RunFolder]:
    """Return the runs below a folder, the newest first."""
    found = (path.parent for path in root.glob("*/experiment.toml"))
    return [RunFolder(path) for path in sorted(found, reverse=True)]


def same_identity(root: Path, current: RunFolder | None, identity: Mapping[str, Any]) -> Iterator[Earlier]:
    """Yield the classifiers of all runs but `current` that answer exactly like this one, the newest first."""
    yield from _matching(root, current, "identity.json", identity)


def same_training(root: Path, current: RunFolder | None, identity: Mapping[str, Any]) -> Iterator[Earlier]:
    """Yield the classifiers of all runs but `current` that were trained in exactly this way, newest first."""
    yield from _matching(root, current, f"model/{TRAINING_IDENTITY}", identity)


def _matching(
    root: Path, current: RunFolder | None, file: str, identity: Mapping[str, Any]
) -> Iterator[Earlier]:
    wanted = json.loads(json.dumps(identity))
    for run in runs(root):
        if current is not None and run.path.resolve() == current.path.resolve():
            continue
        for path in sorted(run.path.glob(f"classifiers/*/{file}")):
            try:
                found = json.loads(path.read_text(encoding="utf-8"))
            except ValueError:
                continue  # cut off by a kill: that run has to be resumed before it is of use
            if found == wanted:
                yield Earlier(run, path.relative_to(run.path).parts[1])


def digest(text: str) -> bytes:
    """Return a short hash of a text, to compare texts without keeping them."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def answers(earlier: Earlier, wanted: Mapping[str, bytes]) -> Iterator[Row]:
    """Yield the answers of an earlier classifier to the wanted examples.

    Args:
        earlier: whose answers.
        wanted: example id -> `digest` of its text.
    """
    same = {
        example.id
        for example in StoredExamples(earlier.run.test)
        if wanted.get(example.id) == digest(example.text)
    }
    last = {
        row["id"]: row for row in StoredRows(earlier.run.predictions(earlier.classifier)) if row["id"] in same
    }
    yield from (row for row in last.values() if row["failure"] is None)


def take_weights(earlier: Earlier, target: Path) -> None:
    """Put the trained weights of an earlier run into `target`, as hard links where the disk allows it.

    Its ONNX graphs are left there: they are exported anew in seconds, and onnx reads no weights from a file
    that has several hard links.
    """
    with disk_errors(target.parent):
        part = target.with_name(target.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        model = earlier.run.model(earlier.classifier)
        unneeded = shutil.ignore_patterns("onnx", "checkpoints", "*.part")
        shutil.copytree(model, part, copy_function=_link_or_copy, ignore=unneeded)
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)


def _link_or_copy(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
