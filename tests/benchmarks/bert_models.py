"""Makes the models of the BERT benchmark: `python -m tests.benchmarks.bert_models JOB`.

JOB is JSON: `kind`, `folder` and `out`, where the result goes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.bert_data import ENCODER, labels, read

SEED = 1999
# The vocabulary, the positions and the tokenizer of the small encoder; weights at random.
SIZES: dict[str, dict[str, int]] = {
    "base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    },
    "tiny": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    },
}
_SPREAD = (
    0.05  # of the weights; at the usual 0.02 an encoder that learned nothing says nearly the same to all
)


def classifier(folder: Path, size: str) -> None:
    """Save an encoder of this size with a head of 13 labels."""
    _save(folder, size, head=True)


def encoder(folder: Path, size: str) -> None:
    """Save an encoder of this size without a head, as a pretrained one comes."""
    _save(folder, size, head=False)


def _save(folder: Path, size: str, *, head: bool) -> None:
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

    from classifiers.transformer_models import load_tokenizer, quiet

    names = labels("apps")
    config = AutoConfig.from_pretrained(
        ENCODER,
        **SIZES[size],
        initializer_range=_SPREAD,
        id2label=dict(enumerate(names)),
        label2id={name: i for i, name in enumerate(names)},
    )
    tokenizer = load_tokenizer(ENCODER)
    kind = AutoModelForSequenceClassification if head else AutoModel
    part = folder.with_name(f"{folder.name}.part")
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(SEED)
        model = kind.from_config(config)
        if head:
            _centre(model, tokenizer)
        model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    part.rename(folder)


def _centre(model: Any, tokenizer: Any) -> None:
    # What is common to all texts would give nearly all of them one label: 22 of 24 without this.
    import torch

    texts = [app.text for app in read("apps", "dev", 16)]
    batch = tokenizer(texts, truncation=True, max_length=128, padding=True, return_tensors="pt")
    with torch.no_grad():
        model.classifier.bias -= model.eval()(**batch).logits.mean(dim=0)


def main(job: dict[str, str]) -> dict[str, str]:
    kind, _, size = job["kind"].partition("-")
    {"classifier": classifier, "encoder": encoder}[kind](Path(job["folder"]), size)
    return {"folder": job["folder"]}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    Path(given["out"]).write_text(json.dumps(main(given)), encoding="utf-8")
