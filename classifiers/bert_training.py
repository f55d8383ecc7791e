"""Fine-tunes an encoder over the leaves of the taxonomy with transformers' Trainer.

In: a checked base folder, examples, settings. Out: a folder that transformers loads on its own (safetensors
weights, config with the labels, tokenizer) and training.json.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.contract import Example, Scalar, Training
from classifiers.devices import choose_device, choose_precision, describe_device
from classifiers.encoders import fingerprint
from classifiers.fine_tuning import Row, fine_tune, own_randomness
from classifiers.leaf_scores import LeafScores
from classifiers.settings import BertSettings
from classifiers.training_record import write_training
from classifiers.transformer_models import fit_lengths, load_model, load_tokenizer, quiet
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
        ClassifierError: no examples, no such device, a base that cannot be loaded, or the training diverged.
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
    with _writing(folder), own_randomness(device):
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

    torch.manual_seed(seed % 2**63)  # the head that is added starts at random
    tokenizer = load_tokenizer(base)
    names = [taxonomy.display_names[leaf] for leaf in taxonomy.leaves]
    model = load_model(base, names, **_dropout(settings, base), **_attention(settings, device))
    _check_vocabulary(model, tokenizer, base)
    lengths = fit_lengths(settings.max_length, model, tokenizer)
    tokenizer.model_max_length = lengths.max_length
    tuned = fine_tune(
        model,
        tokenizer,
        settings,
        train=_encode(train, tokenizer, taxonomy),
        dev=_encode(dev, tokenizer, taxonomy),
        leaf_scores=LeafScores(taxonomy),
        max_length=lengths.max_length,
        seed=seed,
        device=device,
        checkpoints=folder / _CHECKPOINTS,
        progress=progress,
    )
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    facts: dict[str, Scalar] = {
        "precision": tuned.precision,
        "steps": tuned.steps,
        "parameters_m": round(model.num_parameters() / 1e6, 1),
        "max_length": lengths.max_length,
        "epoch_chosen_by": "dev accuracy" if dev else "last epoch",
    }
    if lengths.clipped_from is not None:
        facts["max_length_clipped_from"] = lengths.clipped_from
    return Training(
        train_s=tuned.train_s,
        device=describe_device(device),
        examples=len(train),
        best_epoch=tuned.best_epoch,
        curve=tuned.curve,
        facts=facts,
    )


def _encode(examples: list[Example], tokenizer: PreTrainedTokenizerBase, taxonomy: Taxonomy) -> list[Row]:
    if not examples:
        return []
    index = {leaf: i for i, leaf in enumerate(taxonomy.leaves)}
    encoded = tokenizer([example.text for example in examples], truncation=True)
    return [
        {"labels": index[example.gold], **{key: encoded[key][i] for key in encoded}}
        for i, example in enumerate(examples)
    ]


def _check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, base: Path) -> None:
    known = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > known:
        raise ClassifierError(
            f"{base}: the tokenizer knows {len(tokenizer)} tokens, the model only {known}; "
            "they are not of the same model"
        )


def _attention(settings: BertSettings, device: torch.device) -> dict[str, str]:
    # On a CPU in bfloat16 the backward pass of torch's fused attention is slow for short texts and lean for
    # long ones. Two epochs of 1,360 texts of 60 tokens: 31 s without it, 48 with it; of 498 texts of up to
    # 256 tokens: 92 s and 3.7 GB without it, 78 s and 2.5 GB with it.
    return {"attn_implementation": "eager"} if device.type == "cpu" and settings.max_length <= 128 else {}


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
def _writing(folder: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "training.json").unlink(missing_ok=True)
        yield
    except (OSError, SafetensorError) as exc:
        raise ConfigError(
            f"the trained model cannot be written to {folder} ({exc}); make room there"
        ) from exc
    finally:
        shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
