"""Everything that shapes a fine-tuned encoder and its temperature, flat: what may be shared, what may go on.

In: settings, a base folder, hashes of the data. Out: an identity that tells equal trainings from others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.contract import Example, Scalar
from classifiers.devices import choose_device, choose_precision, describe_device
from classifiers.encoders import fingerprint
from classifiers.processes import count
from classifiers.settings import BertSettings
from prompts.taxonomy import Taxonomy

if TYPE_CHECKING:
    import torch


def training_identity(
    settings: BertSettings,
    base: Path,
    *,
    train_sha256: str,
    dev_sha256: str,
    taxonomy: Taxonomy,
    seed: int,
) -> dict[str, Scalar]:
    """Return everything that can change the weights or the temperature: equal ones may share a model."""
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


_RECIPE = {
    "epochs",
    "batch_size",
    "learning_rate",
    "warmup",
    "weight_decay",
    "max_length",
    # "windows" learns from the first one, as "head" does, but its temperature is fitted to all of them.
    "truncation",
    "dropout",
    "choose_by",
    "patience",
    "class_weights",
    "sampling",
    "label_smoothing",
    "gradient_accumulation",
    "gradient_checkpointing",
    "freeze",
    "layer_decay",
    "heads",
}


def recipe_sha256(identity: Mapping[str, Scalar], device: torch.device) -> str:
    """Return a hash that a checkpoint has to share: the identity, the versions, the processes and the device.

    The device is the model of the GPU, or of the CPU with the threads used. With others of these a training
    would go on to other weights; a finished one may be shared.
    """
    whole = {
        **identity,
        "versions": versions(),
        "processes": count(),
        "device": describe_device(device),
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the packages that compute a training."""
    return {package: version(package) for package in ("torch", "transformers", "accelerate")}


def digest(examples: list[Example]) -> str:
    """Return a hash of the texts and labels of examples, "" where there are none."""
    whole = hashlib.sha256()
    for example in examples:
        whole.update(json.dumps([example.text, example.gold]).encode() + b"\n")
    return whole.hexdigest() if examples else ""
