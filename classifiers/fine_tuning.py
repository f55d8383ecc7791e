"""Runs transformers' Trainer over tokenised rows and hands back what came of it.

In: a model with a fresh head, rows of token ids with a label. Out: the model at its best epoch, and the
record of the way there. Nothing is printed and nothing global is left changed.
"""

from __future__ import annotations

import inspect
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.devices import Precision, choose_precision
from classifiers.leaf_scores import LeafScores
from classifiers.settings import BertSettings
from classifiers.transformer_models import quiet
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import torch
    from transformers import (
        EvalPrediction,
        PreTrainedModel,
        PreTrainedTokenizerBase,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

# oneDNN keeps code and buffers for every shape it meets, and malloc holes of every size: with batches of any
# length the process grew by 4 MB a step (6.6 GB after 8 epochs of 498 texts).
_LENGTH_STEP = 16

Row = Mapping[str, Any]
"""One example for the Trainer: `labels`, the index of its leaf, and the lists that the tokenizer gave."""


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """What came of it, beside the model.

    Attributes:
        train_s: wall seconds, the dev set's evaluation included.
        best_epoch: the epoch whose weights the model holds, from 1.
        curve: one dict per epoch: epoch, train_loss, and with a dev set dev_loss and dev_accuracy.
        steps: optimizer steps taken.
        precision: the number format that the matrix products ran in.
    """

    train_s: float
    best_epoch: int
    curve: tuple[Mapping[str, float], ...]
    steps: int
    precision: Precision


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: BertSettings,
    *,
    train: list[Row],
    dev: list[Row],
    leaf_scores: LeafScores,
    max_length: int,
    seed: int,
    device: torch.device,
    checkpoints: Path,
    progress: Callable[[int, int], None],
) -> FineTuning:
    """Train `model` in place and leave it at the epoch with the best dev accuracy, or the last without dev.

    Args:
        model: its outputs are the leaves of the taxonomy, in their order.
        tokenizer: pads the batches.
        settings: epochs, batch_size, learning_rate, warmup, weight_decay, precision.
        train: rows to learn from.
        dev: rows that choose the epoch; may be empty.
        leaf_scores: reads the model's outputs as paths.
        max_length: tokens that a row has at most.
        seed: of the order of the rows and the dropout.
        device: where to train.
        checkpoints: a folder for the best epoch's weights while it runs.
        progress: called with the steps done and the steps in all.

    Raises:
        ClassifierError: the training diverged, or the architecture cannot be trained in that precision.
        OSError: the checkpoint cannot be written.
    """
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer

    collate = DataCollatorWithPadding(tokenizer, pad_to_multiple_of=math.gcd(_LENGTH_STEP, max_length))
    with quiet():
        precision = _working_precision(settings, model, collate(train[:2]), device)
        trainer = Trainer(
            model=model,
            args=_arguments(settings, checkpoints, device, precision, seed, bool(dev)),
            train_dataset=train,
            eval_dataset=dev or None,
            data_collator=collate,
            processing_class=tokenizer,
            compute_metrics=_metrics(leaf_scores),
            callbacks=[_reporter(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        train_s = time.perf_counter() - start
    _check_finite(model, settings)
    steps, best = trainer.state.max_steps, trainer.state.best_global_step
    return FineTuning(
        train_s=train_s,
        best_epoch=best // (steps // settings.epochs) if best else settings.epochs,
        curve=_curve(trainer),
        steps=steps,
        precision=precision,
    )


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


def _arguments(
    settings: BertSettings, output: Path, device: torch.device, precision: str, seed: int, has_dev: bool
) -> TrainingArguments:
    from transformers import TrainingArguments

    args = TrainingArguments(
        output_dir=str(output),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=max(settings.batch_size, 32),
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        # On 2 cores a step of the plain AdamW took 130 ms, of the fused one 17 (22 M parameters).
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        bf16=precision == "bfloat16",
        fp16=precision == "float16",
        use_cpu=device.type == "cpu",
        dataloader_pin_memory=device.type == "cuda",
        seed=seed % 2**32,
        eval_strategy="epoch" if has_dev else "no",
        save_strategy="best" if has_dev else "no",
        load_best_model_at_end=has_dev,
        metric_for_best_model="choice" if has_dev else None,
        greater_is_better=True if has_dev else None,
        save_only_model=True,
        save_total_limit=1,
        logging_strategy="epoch",
        log_level="error",
        disable_tqdm=True,
        report_to="none",
    )
    args._n_gpu = min(
        args.n_gpu, 1
    )  # several visible GPUs would mean DataParallel; torchrun is the way to use them
    return args


def _working_precision(
    settings: BertSettings, model: PreTrainedModel, batch: Mapping[str, torch.Tensor], device: torch.device
) -> Precision:
    # Not every architecture runs under autocast: DeBERTa v1 masks its bfloat16 scores with float32's minimum.
    import torch

    wanted = choose_precision(settings.precision, device)
    if wanted == "float32":
        return wanted
    accepted = inspect.signature(model.forward).parameters
    model.to(device).eval()
    try:
        with torch.inference_mode(), torch.autocast(device.type, dtype=getattr(torch, wanted)):
            model(**{key: value.to(device) for key, value in batch.items() if key in accepted})
    except RuntimeError as exc:
        if settings.precision == "auto":
            return "float32"
        raise ClassifierError(
            f"precision = {wanted!r}: {model.config.model_type} models cannot be trained in it ({exc}); "
            "use 'auto' or 'float32'"
        ) from exc
    return wanted


def _metrics(leaf_scores: LeafScores) -> Callable[[EvalPrediction], dict[str, float]]:
    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        import torch
        from torch.nn.functional import cross_entropy

        logits, gold = torch.from_numpy(evaluated.predictions).float(), torch.from_numpy(evaluated.label_ids)
        leaves = leaf_scores.best_leaves(logits.softmax(dim=-1).numpy())
        accuracy = float((leaves == evaluated.label_ids).mean())
        # On a small dev set epochs often tie; then the loss decides, which is too small here to do more.
        return {"accuracy": accuracy, "choice": accuracy - 1e-9 * float(cross_entropy(logits, gold))}

    return metrics


def _reporter(progress: Callable[[int, int], None]) -> TrainerCallback:
    from transformers import TrainerCallback

    class Reporter(TrainerCallback):  # type: ignore[misc]  # transformers is untyped for mypy
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
            progress(state.global_step, state.max_steps)

    return Reporter()


def _curve(trainer: Trainer) -> tuple[Mapping[str, float], ...]:
    names = {"loss": "train_loss", "eval_loss": "dev_loss", "eval_accuracy": "dev_accuracy"}
    epochs: dict[int, dict[str, float]] = {}
    for entry in trainer.state.log_history:
        epoch = round(entry["epoch"])
        row = epochs.setdefault(epoch, {"epoch": epoch})
        row |= {ours: entry[theirs] for theirs, ours in names.items() if theirs in entry}
    return tuple(epochs.values())


def _check_finite(model: PreTrainedModel, settings: BertSettings) -> None:
    if not all(bool(weights.isfinite().all()) for weights in model.parameters()):
        raise ClassifierError(
            "the training diverged (weights are not finite): lower "
            f"learning_rate = {settings.learning_rate}, or set precision = 'float32'"
        )
