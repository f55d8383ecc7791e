"""What a training that is cut off goes on from: its last whole checkpoint, and the best epoch so far.

In: the folders that transformers' Trainer writes at the end of an epoch. Out: the one to go on from. Which of
them is whole, and of which training it is, says a mark that is written last and taken away first.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

_MARK = "whole.json"
_PREFIX = "checkpoint-"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A whole state of a training at the end of an epoch.

    Attributes:
        folder: as the Trainer wrote it.
        train_s: wall seconds of training up to here, those of earlier attempts included.
        resumed_after: after which epochs it was cut off and went on, from 1.
    """

    folder: Path
    train_s: float
    resumed_after: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """The checkpoints of one training, at most two: the last, and the weights of the best epoch.

    While a third is written, both are still there, so that a kill never leaves less than one.

    Attributes:
        folder: where they lie; need not be there.
        recipe: a hash of everything that shapes the weights; checkpoints of another one are never taken.
    """

    folder: Path
    recipe: str

    def step(self, step: int) -> Path:
        """Return the folder of the checkpoint after that many steps."""
        return self.folder / f"{_PREFIX}{step}"

    def last(self) -> Checkpoint | None:
        """Return the newest whole one of this recipe, or None."""
        for folder in sorted(self.folder.glob(f"{_PREFIX}*"), key=_steps, reverse=True):
            found = self._read(folder)
            if found is not None:
                return found
        return None

    def keep(
        self, step: int, best_step: int | None, *, train_s: float, resumed_after: tuple[int, ...]
    ) -> None:
        """Mark the checkpoint of `step` as whole; of the others, keep only the weights of the best."""
        folder = self.step(step)
        sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.name != _MARK}
        mark = {"recipe": self.recipe, "train_s": train_s, "resumed_after": resumed_after, "sizes": sizes}
        part = folder / f"{_MARK}.part"
        part.write_text(json.dumps(mark), encoding="utf-8")
        part.replace(folder / _MARK)
        self.drop_all_but(step, best_step)

    def drop_all_but(self, step: int, best_step: int | None) -> None:
        """Remove what is neither the checkpoint of `step` nor the weights of the best epoch."""
        for other in self.folder.glob(f"{_PREFIX}*"):
            if other == self.step(step):
                continue
            (other / _MARK).unlink(missing_ok=True)
            if best_step is not None and other == self.step(best_step):
                for state in other.glob("*.pt"):
                    state.unlink()  # of the optimizer: two thirds of a checkpoint
            else:
                shutil.rmtree(other)

    def remove(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, folder: Path) -> Checkpoint | None:
        try:
            mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
            if mark["recipe"] != self.recipe:
                return None
            # After a power cut a file may be there without its bytes.
            whole = all((folder / name).stat().st_size == size for name, size in mark["sizes"].items())
        except (OSError, ValueError, KeyError):
            return None
        if not whole:
            return None
        return Checkpoint(folder=folder, train_s=mark["train_s"], resumed_after=tuple(mark["resumed_after"]))


def _steps(folder: Path) -> int:
    number = folder.name.removeprefix(_PREFIX)
    return int(number) if number.isdecimal() else -1
