"""Answers many short texts with a tiny model and says how much memory that took.

Run as `python -m tests.benchmarks.bert_memory JOB`. JOB is JSON: `engine`, `items`, `first` (when to look the
first time), `folder` and `out`. The texts come from a generator and go to the classifier in the runner's shards;
nothing is kept of an answer.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from harness.runner import SHARD

WORDS = [f"word{n}" for n in range(200)]
LABELS = ["Action", "Puzzle", "Racing", "Tools"]
LONGEST = 60  # words; the model reads 32 tokens
SEED = 1999


def run(job: dict[str, Any]) -> dict[str, float]:
    """Answer `job["items"]` texts.

    Returns:
        `first` and `answered` texts, `first_mb` and `last_mb` (the peak after them, in 10^6 bytes) and `wall_s`.
    """
    from classifiers.bert import BertClassifier
    from classifiers.engines import open_engine
    from prompts.taxonomy import Taxonomy
    from tests.benchmarks.bert_answers import ENGINES

    folder = _model(Path(job["folder"]))
    name, precision = ENGINES[job["engine"]]
    engine = open_engine(name, folder, device="cpu", precision=precision)
    classifier = BertClassifier("tiny", Taxonomy.flat(LABELS), folder, engine, max_length=32)
    began, answered, first, first_mb = time.perf_counter(), 0, 0, 0.0
    texts = _texts(job["items"])
    while shard := list(islice(texts, SHARD)):
        for found in classifier.classify(shard):
            answered += found.failure is None
        if not first and answered >= job["first"]:
            first, first_mb = answered, peak_mb()
    return {
        "first": first,
        "first_mb": first_mb,
        "last_mb": peak_mb(),
        "answered": answered,
        "wall_s": time.perf_counter() - began,
    }


def peak_mb() -> float:
    """Return the most memory this process has held at once so far, in 10^6 bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most * (1 if sys.platform == "darwin" else 1024) / 1e6


def _texts(items: int) -> Iterator[str]:
    rng = random.Random(SEED)
    for _ in range(items):
        yield " ".join(rng.choices(WORDS, k=rng.randint(1, LONGEST)))


def _model(folder: Path) -> Path:
    import torch
    from transformers import BertForSequenceClassification

    from classifiers.transformer_models import quiet
    from tests.tiny_encoders import configs, tokenizer

    known = tokenizer(WORDS)
    config = configs(len(known))["bert"]
    config.id2label = dict(enumerate(LABELS))
    config.label2id = {name: i for i, name in enumerate(LABELS)}
    with torch.random.fork_rng(devices=[]), quiet():
        torch.manual_seed(SEED)
        BertForSequenceClassification(config).save_pretrained(folder)
    known.save_pretrained(folder)
    return folder


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    Path(given["out"]).write_text(json.dumps(run(given)), encoding="utf-8")
