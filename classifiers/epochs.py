"""What happens from epoch to epoch: progress, checkpoints, stopping early; and the curve that comes of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from classifiers.checkpoints import Checkpoint, Checkpoints
from classifiers.processes import is_first, wait_for_all
from classifiers.row_order import RowOrder
from classifiers.settings import BertSettings

if TYPE_CHECKING:
    from transformers import TrainerCallback

Log = Iterable[Mapping[str, float]]
"""The Trainer's history: dicts with `epoch` and some of `loss`, `eval_loss`, `eval_accuracy`, ..."""


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The time of a training over all its attempts, from the moment this is made.

    Attributes:
        earlier_s: wall seconds up to the checkpoint that it went on from.
        resumed_after: the epochs after which it was cut off, from 1; this attempt's included.
    """

    earlier_s: float
    resumed_after: tuple[int, ...]
    _began: float = field(default_factory=time.perf_counter)

    @classmethod
    def after(cls, last: Checkpoint | None) -> Clock:
        """Start it, where a training begins or goes on."""
        if last is None:
            return cls(earlier_s=0.0, resumed_after=())
        epoch = round(_state(last)["epoch"])
        return cls(earlier_s=last.train_s, resumed_after=(*last.resumed_after, epoch))

    def train_s(self) -> float:
        """Return the seconds so far."""
        return self.earlier_s + time.perf_counter() - self._began


def watch(
    settings: BertSettings,
    checkpoints: Checkpoints,
    clock: Clock,
    order: RowOrder | None,
    progress: Callable[[int, int], None],
) -> TrainerCallback:
    """Return what the Trainer calls on its way."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped for mypy
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            # The path that is stored may be relative to another folder, or the run may have been moved.
            if state.best_global_step:
                state.best_model_checkpoint = str(checkpoints.step(state.best_global_step))

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if order is not None:
                order.epoch = round(state.epoch or 0)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            progress(state.global_step, state.max_steps)

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            if _without_better(state.log_history, settings) >= (settings.patience or settings.epochs):
                control.should_training_stop = True

        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            wait_for_all()
            if is_first():
                checkpoints.keep(
                    state.global_step,
                    state.best_global_step,
                    train_s=clock.train_s(),
                    resumed_after=clock.resumed_after,
                )

    return Watch()


def stopped_early(last: Checkpoint | None, settings: BertSettings) -> int | None:
    """Return the epoch after which the training of a checkpoint had already stopped, from 1, or None."""
    if last is None or settings.patience is None:
        return None
    state = _state(last)
    over = _without_better(state["log_history"], settings) >= settings.patience
    return round(state["epoch"]) if over else None


def _state(last: Checkpoint) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((last.folder / "trainer_state.json").read_text(encoding="utf-8"))
    return state


def _without_better(log: Log, settings: BertSettings) -> int:
    figures = [entry[f"eval_{settings.choose_by}"] for entry in log if "eval_loss" in entry]
    return len(figures) - 1 - figures.index(max(figures))


def curve(log: Log) -> tuple[Mapping[str, float], ...]:
    """Return one dict per epoch: epoch, train_loss, and with dev dev_loss, dev_accuracy, dev_macro_f1."""
    names = {
        "loss": "train_loss",
        "eval_loss": "dev_loss",
        "eval_accuracy": "dev_accuracy",
        "eval_macro_f1": "dev_macro_f1",
    }
    epochs: dict[int, dict[str, float]] = {}
    for entry in log:
        epoch = round(entry["epoch"])
        row = epochs.setdefault(epoch, {"epoch": epoch})
        row |= {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
    return tuple(epochs.values())
