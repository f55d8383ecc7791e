"""Finds the pretrained encoder that a `base` names, and refuses what cannot be fine-tuned.

In: a folder, `local:NAME` or a hub id. Out: a local folder with config.json, a tokenizer and safetensors
weights of an encoder that transformers knows without code from the folder.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.transformer_models import load_tokenizer, quiet
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from transformers import PretrainedConfig

HUB_TIMEOUT_S = 5.0
_TOKENIZER_FILES = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
]
_HUB_FILES = ["config.json", "model.safetensors", "model-*.safetensors", "model.safetensors.index.json"]
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_CONVERT = (
    "import torch, safetensors.torch as s; "
    "w = torch.load('pytorch_model.bin', map_location='cpu', weights_only=True); "
    "s.save_file({k: v.clone().contiguous() for k, v in w.items()}, 'model.safetensors', {'format': 'pt'})"
)


def resolve(base: str, revision: str | None = None) -> Path:
    """Return the local, checked folder of the encoder `base`, downloading it where needed.

    Args:
        base: an existing folder, `local:NAME`, or a hub id; HF_ENDPOINT, HF_HUB_OFFLINE and the hub's own
            cache hold.
        revision: a branch, tag or commit of a hub id.

    Raises:
        ClassifierError: nothing is there, it cannot be fetched, or it is not an encoder to fine-tune.
    """
    if base.startswith("local:"):
        from classifiers.local_models import fetch

        folder = fetch(base.removeprefix("local:"))
    elif Path(base).expanduser().is_dir():
        folder = Path(base).expanduser()
    elif _looks_like_a_path(base):
        raise ClassifierError(
            f"base = {base!r}: no such folder; give the folder of a model, or a hub id such as 'owner/name'"
        )
    else:
        with quiet():
            folder = _download(base, revision)
    check(folder, base)
    return folder


def check(folder: Path, base: str) -> None:
    """Check that `folder` holds an encoder that can be fine-tuned; `base` is what messages call it.

    Raises:
        ClassifierError: a file is missing, or the architecture does not fit.
    """
    if not (folder / "config.json").is_file():
        raise ClassifierError(
            f"base = {base!r}: {folder} has no config.json; it must be a folder as transformers saves it"
        )
    _check_weights(folder, base)
    _check_architecture(folder, base)
    load_tokenizer(folder)


def fingerprint(folder: Path) -> str:
    """Return a sha256 over every file of `folder` that a training starts from: config, tokenizer, weights."""
    digest = hashlib.sha256()
    files = {file for pattern in [*_HUB_FILES, *_TOKENIZER_FILES] for file in folder.glob(pattern)}
    for file in sorted(files, key=lambda file: file.name):
        digest.update(f"{file.name}:{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weights_sha256(folder: Path) -> str:
    """Return the sha256 of the weights of the trained model in `folder`.

    Raises:
        ClassifierError: there are none.
    """
    try:
        return sha256_of(folder / "model.safetensors")
    except FileNotFoundError as exc:
        raise ClassifierError(
            f"{folder} holds no trained model (no model.safetensors): train it first"
        ) from exc


def _looks_like_a_path(base: str) -> bool:
    return base.startswith((".", "/", "~")) or "\\" in base or base.count("/") > 1


def _check_weights(folder: Path, base: str) -> None:
    if any((folder / name).is_file() for name in _WEIGHTS):
        return
    if (folder / "pytorch_model.bin").is_file():
        raise ClassifierError(
            f"base = {base!r}: {folder} has only pytorch_model.bin, a pickle, which is never loaded; "
            f'convert it once, in that folder: python -c "{_CONVERT}"'
        )
    raise ClassifierError(
        f"base = {base!r}: {folder} has no model.safetensors; download that file of the model into the folder"
    )


def _check_architecture(folder: Path, base: str) -> None:
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    )

    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = raw.get("model_type")
    except (ValueError, AttributeError) as exc:
        raise ClassifierError(f"base = {base!r}: {folder / 'config.json'} is not a JSON object") from exc
    if kind not in CONFIG_MAPPING:
        if "auto_map" in raw:
            raise ClassifierError(
                f"base = {base!r} needs Python code from its own folder (auto_map in config.json), "
                "which is never run; choose an encoder that transformers knows"
            )
        raise ClassifierError(
            f"base = {base!r}: config.json has model_type {kind!r}, which this transformers does not know; "
            "choose another encoder, or update transformers"
        )
    config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
    encoder = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES and not config.is_encoder_decoder
    if not encoder or kind not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        raise ClassifierError(
            f"base = {base!r} is a {kind!r} model, not an encoder for sequence classification; "
            "choose a BERT-like model (BERT, RoBERTa, DeBERTa, ALBERT, ERNIE, ModernBERT, ...)"
        )


def _download(hub_id: str, revision: str | None) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is httpx's or httpx2's
        GatedRepoError,
        HFValidationError,
        HTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    where = f"base = {hub_id!r}"
    wanted = [*_HUB_FILES, *_TOKENIZER_FILES]
    try:
        # snapshot_download waits for a silent hub without limit, so the first question is asked apart.
        info = HfApi().model_info(hub_id, revision=revision, timeout=HUB_TIMEOUT_S)
        _check_files(hub_id, {file.rfilename for file in info.siblings or ()})
        # By its name, not by its commit: without the name the cache would not find it when offline.
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except HFValidationError as exc:
        raise ClassifierError(f"{where} is neither a folder nor a hub id such as 'owner/name'") from exc
    except GatedRepoError as exc:
        raise ClassifierError(
            f"{where} is gated: accept its terms on its hub page and set HF_TOKEN, or choose another encoder"
        ) from exc
    except RepositoryNotFoundError as exc:
        raise ClassifierError(
            f"{where}: there is no such folder here and no such model on the hub; check the spelling "
            "(a private model needs HF_TOKEN)"
        ) from exc
    except RevisionNotFoundError as exc:
        raise ClassifierError(
            f"{where}: the hub has no revision {revision!r} of it; give a branch, tag or commit"
        ) from exc
    except (HTTPError, OSError) as exc:
        return _cached(hub_id, revision, wanted, exc)


def _check_files(hub_id: str, names: set[str]) -> None:
    if "pytorch_model.bin" in names and not names & set(_WEIGHTS):
        raise ClassifierError(
            f"base = {hub_id!r}: on the hub it has only pytorch_model.bin, a pickle, which is never loaded; "
            "take a revision that has model.safetensors, often revision = 'refs/pr/1', or convert it once, "
            f"with base = 'converted' then: hf download {hub_id} --local-dir converted && cd converted && "
            f'python -c "{_CONVERT}"'
        )


def _cached(hub_id: str, revision: str | None, wanted: list[str], unreachable: Exception) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(
            snapshot_download(hub_id, revision=revision, allow_patterns=wanted, local_files_only=True)
        )
    except LocalEntryNotFoundError as exc:
        raise ClassifierError(
            f"base = {hub_id!r}: there is no such folder here, and the model hub cannot be reached "
            f"({type(unreachable).__name__}); give a local folder, set HF_ENDPOINT to a mirror, "
            "or use base = 'local:all-minilm-l6-v2'"
        ) from exc
