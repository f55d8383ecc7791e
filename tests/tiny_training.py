"""A small training problem: words that tell three leaves apart, a setting in which a tiny encoder learns them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from classifiers.bert_training import train_bert
from classifiers.contract import Example, Training
from classifiers.settings import BertSettings
from prompts.taxonomy import Taxonomy

TAXONOMY = Taxonomy.from_paths([("Play", "Puzzle"), ("Play", "Racing"), ("Work", "Notes")])
WORDS = ["blocks", "cars", "memo", "new", "fast", "daily"]
TRAIN = [
    Example(id=f"{word}{i}", text=f"{word} {extra}", gold=path)
    for path, word in zip(TAXONOMY.leaves, WORDS, strict=False)
    for i, extra in enumerate(["new", "fast", "daily", "new new", "fast daily new", "daily daily"])
]
DEV = [
    Example(id=f"dev-{word}", text=f"{word} {word}", gold=path)
    for path, word in zip(TAXONOMY.leaves, WORDS, strict=False)
]


def train(
    base: Path,
    folder: Path,
    *,
    examples: list[Example] = TRAIN,
    dev: list[Example] = DEV,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    **settings: object,
) -> Training:
    """Train the encoder in `base`: two epochs of steps of four texts, where `settings` do not say otherwise."""
    chosen = {
        "epochs": 2,
        "batch_size": 4,
        "max_length": 16,
        "device": "cpu",
        "learning_rate": 1e-2,
    } | settings
    return train_bert(
        BertSettings(kind="bert", base=str(base), **chosen),
        base,
        train=examples,
        dev=dev,
        taxonomy=TAXONOMY,
        seed=seed,
        folder=folder,
        progress=progress,
    )
