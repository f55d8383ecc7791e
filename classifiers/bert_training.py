"""Fine-tunes an encoder over the leaves of the taxonomy with transformers' Trainer.

In: a checked base folder, examples, settings. Out: a folder that transformers loads on its own (safetensors
weights, config with the labels, tokenizer) and training.json.
"""

from __future__ import annotations

import inspect
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from classifiers.contract import Example, Scalar, Training
from classifiers.devices import Precision, choose_device, choose_precision, describe_device
from classifiers.encoders import fingerprint
from classifiers.leaf_scores import LeafScores
from classifiers.settings import BertSettings
from classifiers.training_record import write_training
from classifiers.transformer_models import fit_lengths, load_model, load_tokenizer, quiet
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    import torch
    from transformers import EvalPrediction, PreTrainedModel, Trainer, TrainerCallback, TrainingArguments

_CHECKPOINTS = "checkpoints"


def train_bert(
    settings: BertSettings,
    base: Path,
    *,
    train: list[Example],
    dev: list[Example],
    taxonomy: Taxonomy,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Training:
    """Fine-tune the encoder in `base` and write the model into `folder`.

    The epoch with the best dev accuracy of whole paths is kept (the lower dev loss decides between equals);
    without dev, the last one. Equal input and seed give equal weights on a CPU with as many threads.

    Args:
        settings: what `[classifiers.<name>]` says.
        base: a folder from `encoders.resolve`.
        train: examples with gold paths of the taxonomy.
        dev: examples that choose the epoch; may be empty.
        taxonomy: the labels; the model gets one output per leaf.
        seed: of the new head, the order of the examples and the dropout.
        folder: where the model goes; training.json is written last.
        progress: called with the steps done and the steps in all.

    Raises:
        ClassifierError: no examples, no such device, a base that cannot be loaded, or a training that diverged.
        ConfigError: the folder cannot be written.
    """
    if not train:
        raise ClassifierError("bert learns from examples: give [data] train at least one")
    device = choose_device(settings.device)
    if device.index:
        raise ClassifierError(
            f"device = {settings.device!r}: training takes the first visible GPU; "
            f"set CUDA_VISIBLE_DEVICES={device.index} and device = 'cuda:0'"
        )
    with _writing(folder), _own_randomness(device):
        training = _train(settings, base, train, dev, taxonomy, seed, folder, progress, device)
        write_training(folder, training)
    return training


def training_identity(
    settings: BertSettings,
    base: Path,
    *,
    train_sha256: str,
    dev_sha256: str,
    taxonomy: Taxonomy,
    seed: int,
) -> dict[str, Scalar]:
    """Return everything that can change the weights, flat: equal identities may share a trained model."""
    device = choose_device(settings.device)
    return {
        "kind": "bert",
        "base_sha256": fingerprint(base),
        "train_sha256": train_sha256,
        "dev_sha256": dev_sha256,
        "taxonomy_sha256": taxonomy.sha256,
        "seed": seed,
        "device_type": device.type,
        "precision": choose_precision(settings.precision, device),
        **settings.model_dump(include=_RECIPE),
    }


_RECIPE = {"epochs", "batch_size", "learning_rate", "warmup", "weight_decay", "max_length", "dropout"}


def _train(
    settings: BertSettings,
    base: Path,
    train: list[Example],
    dev: list[Example],
    taxonomy: Taxonomy,
    seed: int,
    folder: Path,
    progress: Callable[[int, int], None],
    device: torch.device,
) -> Training:
    import torch
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer

    torch.manual_seed(seed % 2**63)  # the head that is added starts at random
    tokenizer = load_tokenizer(base)
    names = [taxonomy.display_names[leaf] for leaf in taxonomy.leaves]
    model = load_model(base, names, **_dropout(settings, base))
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise ClassifierError(
            f"{base}: the tokenizer knows {len(tokenizer)} tokens, the model only "
            f"{model.get_input_embeddings().num_embeddings}; they are not of the same model"
        )
    lengths = fit_lengths(settings.max_length, model, tokenizer)
    tokenizer.model_max_length = lengths.max_length
    index = {leaf: i for i, leaf in enumerate(taxonomy.leaves)}

    def encode(examples: list[Example]) -> list[dict[str, Any]]:
        if not examples:
            return []
        encoded = tokenizer([example.text for example in examples], truncation=True)
        return [
            {"labels": index[example.gold], **{key: encoded[key][i] for key in encoded}}
            for i, example in enumerate(examples)
        ]

    train_rows, dev_rows = encode(train), encode(dev)
    collate = DataCollatorWithPadding(tokenizer)
    with quiet():
        precision = _working_precision(settings, model, collate(train_rows[:2]), device)
        args = _arguments(settings, folder / _CHECKPOINTS, device, precision, seed, bool(dev))
        trainer = Trainer(
            model=model,
            args=args,
            train_dataset=train_rows,
            eval_dataset=dev_rows or None,
            data_collator=collate,
            processing_class=tokenizer,
            compute_metrics=_metrics(LeafScores(taxonomy)),
            callbacks=[_reporter(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
        train_s = time.perf_counter() - start
        _check_finite(model, settings)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
    curve = _curve(trainer)
    best = trainer.state.best_global_step
    steps_per_epoch = trainer.state.max_steps // settings.epochs
    facts: dict[str, Scalar] = {
        "precision": precision,
        "steps": trainer.state.max_steps,
        "parameters_m": round(model.num_parameters() / 1e6, 1),
        "max_length": lengths.max_length,
        "epoch_chosen_by": "dev accuracy" if dev else "last epoch",
    }
    if lengths.clipped_from is not None:
        facts["max_length_clipped_from"] = lengths.clipped_from
    return Training(
        train_s=train_s,
        device=describe_device(device),
        examples=len(train),
        best_epoch=best // steps_per_epoch if best else settings.epochs,
        curve=curve,
        facts=facts,
    )


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
    args._n_gpu = min(args.n_gpu, 1)  # several visible GPUs would mean DataParallel; torchrun is the way to use them
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


def _dropout(settings: BertSettings, base: Path) -> dict[str, float]:
    # Each architecture has its own name for it; overriding one that the config lacks would have no effect.
    if settings.dropout is None:
        return {}
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base, trust_remote_code=False)
    return {
        name: settings.dropout
        for name in (
            "hidden_dropout_prob",
            "attention_probs_dropout_prob",
            "classifier_dropout_prob",
            "classifier_dropout",
            "pooler_dropout",
            "dropout",
            "attention_dropout",
            "seq_classif_dropout",
            "embedding_dropout",
            "mlp_dropout",
        )
        if hasattr(config, name)
    }


def _metrics(leaf_scores: LeafScores) -> Callable[[EvalPrediction], dict[str, float]]:
    def metrics(evaluated: EvalPrediction) -> dict[str, float]:
        from scipy.special import log_softmax

        logits, gold = np.asarray(evaluated.predictions, dtype=np.float64), np.asarray(evaluated.label_ids)
        log_probabilities = log_softmax(logits, axis=-1)  # (texts, leaves)
        accuracy = float((leaf_scores.best_leaves(np.exp(log_probabilities)) == gold).mean())
        loss = float(-log_probabilities[np.arange(len(gold)), gold].mean())
        # On a small dev set epochs often tie; a step of accuracy is never under 1e-6 of a loss below 1000.
        return {"accuracy": accuracy, "choice": accuracy - 1e-9 * loss}

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
            f"the training diverged (weights are not finite): lower learning_rate = {settings.learning_rate}, "
            "or set precision = 'float32'"
        )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "training.json").unlink(missing_ok=True)
        yield
    except (OSError, SafetensorError) as exc:
        raise ConfigError(f"the trained model cannot be written to {folder} ({exc}); make room there") from exc
    finally:
        shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)


@contextmanager
def _own_randomness(device: torch.device) -> Iterator[None]:
    # The Trainer seeds the global generators of Python, numpy and torch; whoever called us keeps theirs.
    import torch

    python, legacy_numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy_numpy)
