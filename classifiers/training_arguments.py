"""What the settings of a training mean in transformers' words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.devices import Precision
from classifiers.settings import BertSettings
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import torch
    from transformers import TrainingArguments


def training_arguments(
    settings: BertSettings,
    checkpoints: Path,
    *,
    device: torch.device,
    precision: Precision,
    seed: int,
    has_dev: bool,
    epochs: int,
) -> TrainingArguments:
    """Return the Trainer's arguments.

    Args:
        settings: of the classifier.
        checkpoints: the folder for them.
        device: where it trains.
        precision: of the matrix products.
        seed: of the training.
        has_dev: whether dev examples choose the epoch.
        epochs: where it ends; below `settings.epochs` for one that has stopped early already.

    Raises:
        ClassifierError: the processes of a distributed training cannot share a batch evenly.
    """
    from transformers import TrainingArguments

    args = TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=max(settings.batch_size, 32),
        gradient_accumulation_steps=settings.gradient_accumulation,
        activation_checkpointing=settings.gradient_checkpointing,
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
        save_strategy="epoch",
        load_best_model_at_end=has_dev,
        metric_for_best_model="choice" if has_dev else None,
        greater_is_better=True if has_dev else None,
        logging_strategy="epoch",
        log_level="error",
        disable_tqdm=True,
        report_to="none",
    )
    # Several visible GPUs would mean DataParallel; torchrun is the way to use them.
    args._n_gpu = min(args.n_gpu, 1)
    if settings.batch_size % args.world_size:
        raise ClassifierError(
            f"batch_size = {settings.batch_size} cannot be shared by {args.world_size} processes; "
            f"give a multiple of {args.world_size}"
        )
    # So the number of processes changes the time, and what a step learns from only at the end of an epoch:
    # its last batch, where it is incomplete, is filled up with repeated rows when several processes share it.
    args.per_device_train_batch_size = settings.batch_size // args.world_size
    return args
