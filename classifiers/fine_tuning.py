"""Runs transformers' Trainer over tokenised rows and hands back what came of it.

In: a model with a fresh head, rows of token ids with a label, a loss. Out: the model at its best epoch, and
the record of the way there. Nothing is printed and nothing global is left changed.
"""

from __future__ import annotations

import inspect
import math
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from classifiers.checkpoints import Checkpoint, Checkpoints
from classifiers.contract import Scalar
from classifiers.devices import Precision, choose_precision, describe_device
from classifiers.engines import is_lack_of_memory
from classifiers.epochs import Clock, curve, stopped_early, watch
from classifiers.gpu_use import GpuUse
from classifiers.layers import rate_groups
from classifiers.processes import count, is_first, wait_for_all
from classifiers.row_order import RowOrder
from classifiers.settings import BertSettings
from classifiers.trainers import LENGTH_STEP, Row, row_order, trainer_class, weighted_by_share
from classifiers.training_arguments import training_arguments
from classifiers.transformer_models import quiet
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from transformers import (
        EvalPrediction,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        Trainer,
    )

    from classifiers.losses import Loss


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """What came of it, beside the model.

    Attributes:
        train_s: wall seconds, the dev set's evaluation included; of a training that was cut off, also those
            before its last checkpoint.
        best_epoch: the epoch whose weights the model holds, from 1.
        curve: one dict per epoch: epoch, train_loss, and with a dev set dev_loss, dev_accuracy and
            dev_macro_f1.
        steps: optimizer steps taken.
        precision: the number format that the matrix products ran in.
        resumed_after: the epochs after which it was cut off and went on, from 1.
        gpu: what it took of a GPU since it began or went on last; see `gpu_use.GpuUse.facts`.
    """

    train_s: float
    best_epoch: int
    curve: tuple[Mapping[str, float], ...]
    steps: int
    precision: Precision
    resumed_after: tuple[int, ...]
    gpu: Mapping[str, Scalar]


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: BertSettings,
    *,
    train: list[Row],
    dev: list[Row],
    loss: Loss,
    best_leaves: Callable[[NDArray[np.float32]], NDArray[np.intp]],
    max_length: int,
    seed: int,
    device: torch.device,
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None],
) -> FineTuning:
    """Train `model` in place and leave it at the epoch that is best on dev, or the last without dev.

    It goes on from the last checkpoint where there is one, to the same weights.

    Args:
        model: parameters that ask for no gradient stay as they are.
        tokenizer: pads the batches.
        settings: what concerns the training.
        train: rows to learn from.
        dev: rows that choose the epoch; may be empty.
        loss: from logits (texts, outputs) and labels (texts,) to the mean over the texts.
        best_leaves: from logits (texts, outputs) to the index of the leaf that answers each text (texts,).
        max_length: tokens that a row has at most.
        seed: of the order of the rows and the dropout.
        device: where to train.
        checkpoints: where the state after each epoch is kept while it runs.
        progress: called with the steps done and the steps in all.

    Raises:
        ClassifierError: the training diverged (its checkpoints are removed: they would lead there again), the
            device has too little memory, or the architecture cannot be trained in that precision.
        OSError: the checkpoint cannot be written.
    """
    from transformers import DataCollatorWithPadding

    use = GpuUse(device)

    def step_done(done: int, total: int) -> None:
        use.look()
        progress(done, total)

    collate = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=math.gcd(LENGTH_STEP, max_length))
    last = checkpoints.last()
    with quiet(), _enough_memory(settings, device):
        precision = _working_precision(settings, model, collate(train[:2]), device)
        args = training_arguments(
            settings,
            checkpoints.folder,
            device=device,
            precision=precision,
            seed=seed,
            has_dev=bool(dev),
            epochs=stopped_early(last, settings) or settings.epochs,
        )
        order = row_order(settings, train, args)
        trainer = trainer_class(order, in_parts=device.type == "cpu" and count() == 1)(
            model=model,
            args=args,
            train_dataset=train,
            eval_dataset=dev or None,
            data_collator=collate,
            processing_class=tokenizer,
            compute_loss_func=weighted_by_share(loss),
            compute_metrics=_metrics(best_leaves, loss, settings),
        )
        clock = _run(trainer, settings, checkpoints, last, order, step_done)
    _check_finite(model, settings, checkpoints)
    state = trainer.state
    steps_per_epoch = state.max_steps // args.num_train_epochs
    return FineTuning(
        train_s=clock.train_s(),
        best_epoch=(state.best_global_step or state.global_step) // steps_per_epoch,
        curve=curve(state.log_history),
        steps=state.global_step,
        precision=precision,
        resumed_after=clock.resumed_after,
        gpu=use.facts,
    )


@contextmanager
def _enough_memory(settings: BertSettings, device: torch.device) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as exc:
        if not is_lack_of_memory(exc):
            raise
        raise ClassifierError(
            f"the training needs more memory than {describe_device(device)} has ({exc!r}): "
            f"lower batch_size = {settings.batch_size} and raise gradient_accumulation = "
            f"{settings.gradient_accumulation} as much, set gradient_checkpointing = true, "
            f"or lower max_length = {settings.max_length}"
        ) from exc


@contextmanager
def own_randomness(device: torch.device) -> Iterator[None]:
    """Keep the caller's generators of Python, numpy and torch, which the Trainer seeds, as they were."""
    import torch

    python, legacy_numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy_numpy)


def _working_precision(
    settings: BertSettings, model: PreTrainedModel, batch: Mapping[str, torch.Tensor], device: torch.device
) -> Precision:
    # Not every architecture runs under autocast: DeBERTa v1 masks its bfloat16 scores with float32's minimum.
    import torch

    wanted = choose_precision(settings.precision, device)
    if wanted == "float32":
        return wanted
    accepted = inspect.signature(model.forward).parameters
    if device.type == "cuda" and count() > 1:  # each process has a GPU of its own, chosen as accelerate does
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    model.to(device).eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, dtype=getattr(torch, wanted)):
            model(**{key: value.to(device) for key, value in batch.items() if key in accepted})
    except RuntimeError as exc:
        if is_lack_of_memory(exc):
            raise
        if settings.precision == "auto":
            return "float32"
        raise ClassifierError(
            f"precision = {wanted!r}: {model.config.model_type} models cannot be trained in it ({exc}); "
            "use 'auto' or 'float32'"
        ) from exc
    return wanted


def _metrics(
    best_leaves: Callable[[NDArray[np.float32]], NDArray[np.intp]], loss: Loss, settings: BertSettings
) -> Callable[[EvalPrediction], dict[str, float]]:
    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        import torch
        from sklearn.metrics import f1_score

        logits, gold = evaluated.predictions.astype(np.float32), evaluated.label_ids
        leaves = best_leaves(logits)
        figures = {
            "accuracy": float((leaves == gold).mean()),
            "macro_f1": float(f1_score(gold, leaves, average="macro", zero_division=0.0)),
        }
        # On a small dev set epochs often tie; then the loss decides, which is too small here to do more.
        tie = float(loss(torch.from_numpy(logits), torch.from_numpy(gold)))
        return {**figures, "choice": figures[settings.choose_by] - 1e-9 * tie}

    return metrics


def _run(
    trainer: Trainer,
    settings: BertSettings,
    checkpoints: Checkpoints,
    last: Checkpoint | None,
    order: RowOrder | None,
    progress: Callable[[int, int], None],
) -> Clock:
    from transformers import PrinterCallback

    if settings.layer_decay < 1:
        optimizer, keywords = trainer.get_optimizer_cls_and_kwargs(trainer.args, trainer.model)
        groups = rate_groups(
            trainer.model,
            trainer.get_decay_parameter_names(trainer.model),
            learning_rate=settings.learning_rate,
            layer_decay=settings.layer_decay,
            weight_decay=settings.weight_decay,
        )
        trainer.optimizer_cls_and_kwargs = (optimizer, {**keywords, "params": groups})
    clock = Clock.after(last)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(watch(settings, checkpoints, clock, order, progress))
    trainer.train(resume_from_checkpoint=str(last.folder) if last else None)
    return clock


def _check_finite(model: PreTrainedModel, settings: BertSettings, checkpoints: Checkpoints) -> None:
    if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
        wait_for_all()  # another process may still read the best of them
        if is_first():
            checkpoints.remove()
        raise ClassifierError(
            "the training diverged (weights are not finite): lower "
            f"learning_rate = {settings.learning_rate}, or set precision = 'float32'"
        )
