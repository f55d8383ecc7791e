"""Fine-tunes an encoder over the leaves of the taxonomy with transformers' Trainer.

In: a checked base folder, examples, settings. Out: a folder that transformers loads on its own (safetensors
weights, config with the labels, tokenizer, a model card), the temperature of its scores, and training.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers import temperature
from classifiers.calibration import calibrate
from classifiers.checkpoints import Checkpoints
from classifiers.contract import Example, Scalar, Training
from classifiers.devices import choose_device, describe_device
from classifiers.fine_tuning import fine_tune, own_randomness
from classifiers.heads import Head, make_head
from classifiers.layers import freeze
from classifiers.losses import weighted_loss
from classifiers.model_card import write_model_card
from classifiers.processes import count, is_first, wait_for_all
from classifiers.settings import BertSettings
from classifiers.temperature import read_temperature
from classifiers.trainers import Row
from classifiers.training_identity import digest, recipe_sha256, training_identity, versions
from classifiers.training_record import write_training
from classifiers.transformer_models import fit_lengths, load_model, load_tokenizer, quiet
from classifiers.truncation import Truncation, Truncator
from prompts.errors import ClassifierError, ConfigError
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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
    identity: Mapping[str, Scalar] | None = None,
) -> Training:
    """Fine-tune the encoder in `base` and write the model into `folder`.

    The epoch with the best dev accuracy of whole paths, or macro-F1, is kept (the lower dev loss decides
    between equals); without dev, the last one. Equal input and seed give equal weights on a CPU with as many
    threads. A training that broke off, by a kill or for want of memory, goes on from its last epoch's end, to
    the same weights; on another device, or with other versions, it begins anew.

    Where `torchrun` or `accelerate launch` started several processes, all call this with the same arguments;
    the first one alone writes, and they share a batch.

    Args:
        settings: what `[classifiers.<name>]` says.
        base: a folder from `encoders.resolve`.
        train: examples with gold paths of the taxonomy.
        dev: examples that choose the epoch; may be empty.
        taxonomy: the labels; the model gets one output per leaf, or per node, as `heads` says.
        seed: of the new head, the order of the examples and the dropout.
        folder: where the model goes; training.json is written last.
        progress: called with the steps done and the steps in all.
        identity: from `training_identity`, for the model card; None hashes the examples themselves.

    Raises:
        ClassifierError: no examples, a setting that needs dev examples without any, no such device, a base
            that cannot be loaded, too little memory, or the training diverged.
        ConfigError: the folder cannot be written.
    """
    if not train:
        raise ClassifierError("bert learns from examples: give [data] train at least one")
    if settings.needs_dev and not dev:
        raise ClassifierError(
            f"{settings.needs_dev} goes by the dev examples, and there are none: add dev under [data], "
            "or leave it out"
        )
    device = choose_device(settings.device)
    if device.index:
        raise ClassifierError(
            f"device = {settings.device!r}: training takes the first visible GPU; "
            f"set CUDA_VISIBLE_DEVICES={device.index} and device = 'cuda:0'"
        )
    identity = identity or training_identity(
        settings,
        base,
        train_sha256=digest(train),
        dev_sha256=digest(dev),
        taxonomy=taxonomy,
        seed=seed,
    )
    head = make_head(settings.heads, taxonomy)
    checkpoints = Checkpoints(folder=folder / _CHECKPOINTS, recipe=recipe_sha256(identity, device))
    with _writing(folder, checkpoints), own_randomness(device):
        training, model = _train(settings, base, train, dev, head, seed, checkpoints, progress, device)
        if is_first():
            model.write(folder)
            calibrate(settings, folder, dev, head)
            write_model_card(
                folder,
                settings,
                identity=identity,
                training=training,
                head=head,
                temperature=read_temperature(folder).temperature,
                versions=versions(),
            )
            write_training(folder, training)
        wait_for_all()
    return training


@dataclass(frozen=True, kw_only=True)
class _Trained:
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    def write(self, folder: Path) -> None:
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)


def _train(
    settings: BertSettings,
    base: Path,
    train: list[Example],
    dev: list[Example],
    head: Head,
    seed: int,
    checkpoints: Checkpoints,
    progress: Callable[[int, int], None],
    device: torch.device,
) -> tuple[Training, _Trained]:
    import torch

    torch.manual_seed(seed % 2**63)  # the head that is added starts at random
    tokenizer = load_tokenizer(base)
    model = load_model(base, head.outputs, **_dropout(settings, base), **_attention(settings, device))
    _check_vocabulary(model, tokenizer, base)
    freeze(model, settings.freeze)
    if settings.gradient_checkpointing and not model.supports_gradient_checkpointing:
        raise ClassifierError(
            f"gradient_checkpointing = true: {model.config.model_type} models do not support it; leave it out"
        )
    lengths = fit_lengths(settings.max_length, model, tokenizer)
    tokenizer.model_max_length = lengths.max_length
    rows = _encode(train, tokenizer, head.taxonomy, settings.truncation)
    tuned = fine_tune(
        model,
        tokenizer,
        settings,
        train=rows,
        dev=_encode(dev, tokenizer, head.taxonomy, settings.truncation),
        loss=weighted_loss(settings, head, [row["labels"] for row in rows]),
        best_leaves=head.best_leaves,
        max_length=lengths.max_length,
        seed=seed,
        device=device,
        checkpoints=checkpoints,
        progress=progress,
    )
    figure = {"accuracy": "dev accuracy", "macro_f1": "dev macro-F1"}[settings.choose_by]
    facts: dict[str, Scalar] = {
        "precision": tuned.precision,
        "steps": tuned.steps,
        "parameters_m": round(model.num_parameters() / 1e6, 1),
        "max_length": lengths.max_length,
        "epoch_chosen_by": figure if dev else "last epoch",
        **tuned.gpu,
    }
    if settings.freeze:
        learning = sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
        facts["trained_parameters"] = learning
    if lengths.clipped_from is not None:
        facts["max_length_clipped_from"] = lengths.clipped_from
    if tuned.resumed_after:
        facts["resumed_after_epochs"] = ", ".join(map(str, tuned.resumed_after))
    if count() > 1:
        facts["processes"] = count()
    training = Training(
        train_s=tuned.train_s,
        device=describe_device(device),
        examples=len(train),
        best_epoch=tuned.best_epoch,
        curve=tuned.curve,
        facts=facts,
    )
    return training, _Trained(model=model, tokenizer=tokenizer)


def _encode(
    examples: list[Example], tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy, truncation: Truncation
) -> list[Row]:
    index = {leaf: i for i, leaf in enumerate(taxonomy.leaves)}
    truncator = Truncator(tokenizer, max_length=tokenizer.model_max_length, truncation=truncation)
    return [
        {
            "labels": index[example.gold],
            **{name: values.tolist() for name, values in tokenised.windows[0].items()},
        }
        for example, tokenised in zip(
            examples, truncator.tokenise([example.text for example in examples]), strict=True
        )
    ]


def _check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, base: Path) -> None:
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise ClassifierError(
            f"{base}: the tokenizer knows {len(tokenizer)} tokens, the model only {known}; "
            "they are not of the same model"
        )


def _attention(settings: BertSettings, device: torch.device) -> dict[str, str]:
    # A step over 32 texts of up to 512 tokens on a CPU in bfloat16, in parts of 2,048 tokens: 8.0 to 9.1 s
    # without torch's fused attention, 8.9 with it; with dropout it is fused no more and holds more memory.
    return {"attn_implementation": "eager"} if device.type == "cpu" and settings.max_length <= 512 else {}


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


@contextmanager
def _writing(folder: Path, checkpoints: Checkpoints) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_first():
            for file in ("training.json", temperature.FILE):
                (folder / file).unlink(missing_ok=True)
        yield
    except (OSError, SafetensorError, RuntimeError) as exc:
        # Whatever it breaks off with, the checkpoints stay, and the next attempt goes on from the last whole
        # one: with room made, or with a process that died. A training that diverged has removed its own.
        if isinstance(exc, RuntimeError) and not _is_full_disk(exc):
            raise
        raise ConfigError(
            f"the trained model cannot be written to {folder} ({exc}); make room there"
        ) from exc
    if is_first():
        checkpoints.remove()


def _is_full_disk(exc: RuntimeError) -> bool:
    # torch.save says it so, for the state of the optimizer.
    return "PytorchStreamWriter" in str(exc) or "inline_container" in str(exc)
