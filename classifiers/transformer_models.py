"""Opens tokenizers and models of transformers quietly, with weights in safetensors and no foreign code.

Every call of transformers in this package goes through here or through the Trainer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the log and the progress bars of transformers and its hub client, and restore them after."""
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging

    bars, hub_bars = logging.is_progress_bar_enabled(), not are_progress_bars_disabled()
    verbosity, hub_verbosity = logging.get_verbosity(), hub_logging.get_verbosity()
    logging.disable_progress_bar()
    disable_progress_bars()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        hub_logging.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()
        if hub_bars:
            enable_progress_bars()


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Return the fast tokenizer of `folder`.

    Raises:
        ClassifierError: there is none, or it cannot pad a batch.
    """
    from transformers import AutoTokenizer

    # Without any of these transformers makes a tokenizer that knows no word, and every text reads the same.
    if not any(file.is_file() for name in _VOCABULARIES for file in folder.glob(name)):
        raise ClassifierError(
            f"{folder} has no tokenizer; download tokenizer.json and tokenizer_config.json "
            "of the model into it"
        )
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as exc:  # the tokenizers library raises nothing more special for a damaged file
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"{folder} has no tokenizer that can be loaded ({reason}); "
            "download tokenizer.json and tokenizer_config.json of the model into the folder"
        ) from exc
    if not tokenizer.is_fast:
        raise ClassifierError(
            f"{folder}: {type(tokenizer).__name__} has no fast tokenizer (tokenizer.json); "
            "choose an encoder that has one"
        )
    if tokenizer.pad_token is None:
        raise ClassifierError(
            f"{folder}: the tokenizer has no padding token; set 'pad_token' in tokenizer_config.json"
        )
    return tokenizer


def load_model(folder: Path, labels: Sequence[str] | None = None, **config: Any) -> PreTrainedModel:
    """Return the model in float32 with a classification head on the CPU.

    Args:
        folder: as transformers saves it, with safetensors weights.
        labels: the names of a new head's outputs, started at random; None keeps the head that is stored.
        **config: values that override those of config.json.

    Raises:
        ClassifierError: the weights cannot be read or do not fit the config.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification

    if labels is None:
        _check_trained(folder)
    else:
        config |= {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: i for i, label in enumerate(labels)},
            "problem_type": "single_label_classification",
        }
    try:
        with quiet():
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=labels is not None,
                output_loading_info=True,
                **config,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"the model in {folder} cannot be loaded ({reason}); download or train it again"
        ) from exc
    encoder = f"{model.base_model_prefix}." if labels is not None else ""
    _check_loaded(folder, loaded, encoder)
    return model


def _check_loaded(folder: Path, loaded: Mapping[str, Any], prefix: str) -> None:
    """Check that no weight under `prefix` had to be started at random; a pooler may be."""
    absent = {*loaded["missing_keys"], *(name for name, *_shapes in loaded["mismatched_keys"])}
    if lost := sorted(name for name in absent if name.startswith(prefix) and "pooler" not in name):
        raise ClassifierError(
            f"the weights in {folder} do not fit its config.json ({len(lost)} missing or of another size, "
            f"such as {lost[0]!r}); download it again"
        )


def _check_trained(folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise ClassifierError(f"{folder} holds no trained model (no config.json): train it first")


def load_skeleton(folder: Path) -> PreTrainedModel:
    """Return the model of `folder` without its weights: what it takes and gives, in no memory.

    Raises:
        ClassifierError: there is no model.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    _check_trained(folder)
    try:
        with quiet(), torch.device("meta"):
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
            return AutoModelForSequenceClassification.from_config(config, trust_remote_code=False)
    except (OSError, ValueError, RuntimeError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"the model in {folder} cannot be loaded ({reason}); download or train it again"
        ) from exc


def load_encoder(folder: Path) -> PreTrainedModel:
    """Return the model in float32 without any head on the CPU.

    Raises:
        ClassifierError: the weights cannot be read, do not fit the config, or are not all there.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        with quiet():
            model, loaded = AutoModel.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"the model in {folder} cannot be loaded ({reason}); download it again"
        ) from exc
    _check_loaded(folder, loaded, "")
    return model


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long a text may be.

    Attributes:
        max_length: the tokens kept of a text, special tokens included.
        clipped_from: what the settings asked for where the model has fewer positions, else None.
    """

    max_length: int
    clipped_from: int | None


def fit_lengths(wanted: int, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Lengths:
    """Return `wanted` tokens, or as many as the model has positions for."""
    from torch import nn

    limit = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 0) or wanted)
    for name, module in model.named_modules():
        # RoBERTa and its kin count positions from padding_idx + 1: 514 rows are 512 positions.
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            first = 0 if module.padding_idx is None else module.padding_idx + 1
            limit = min(limit, module.num_embeddings - first)
    return Lengths(max_length=min(wanted, limit), clipped_from=wanted if wanted > limit else None)
