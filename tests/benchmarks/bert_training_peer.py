"""The trial's training loop, timed: `python -m tests.benchmarks.bert_training_peer JOB`.

JOB is JSON, the fields of `bert_training.Job`. Plain PyTorch: texts tokenised one by one whenever they are read,
all padded to `max_length`, float32, Adam at one rate, the dev set after every epoch. Unlike the trial's own, the
head has no ReLU behind it, which would have cost accuracy. Loading the encoder is not in its time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from classifiers.transformer_models import quiet
from tests.benchmarks.bert_data import App, labels, read
from tests.benchmarks.bert_training import SEED, Job, Trained

Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


class _Texts(torch.utils.data.Dataset[tuple[dict[str, torch.Tensor], int]]):
    def __init__(self, apps: list[App], tokenizer: Any, names: list[str], max_length: int) -> None:
        self._apps, self._tokenizer, self._names = apps, tokenizer, names
        self._max_length = max_length

    def __len__(self) -> int:
        return len(self._apps)

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], int]:
        app = self._apps[index]
        encoded = self._tokenizer(
            app.text, padding="max_length", max_length=self._max_length, truncation=True, return_tensors="pt"
        )
        return {key: values[0] for key, values in encoded.items()}, self._names.index(app.label)


def run(job: Job) -> Trained:
    """Train for the epochs, or for `job.steps` of the first."""
    torch.manual_seed(SEED)
    names = labels(job.source)
    tokenizer = AutoTokenizer.from_pretrained(job.base)
    with quiet():  # the head is not in the file, as is meant
        model = AutoModelForSequenceClassification.from_pretrained(
            job.base, num_labels=len(names), dtype=torch.float32
        )

    def batches(apps: list[App], *, shuffle: bool) -> torch.utils.data.DataLoader[Any]:
        texts = _Texts(apps, tokenizer, names, job.max_length)
        return torch.utils.data.DataLoader(texts, batch_size=job.batch_size, shuffle=shuffle)

    train = batches(read(job.source, "train", job.items), shuffle=True)
    dev = batches(read(job.source, "dev", job.dev_items), shuffle=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=job.learning_rate)
    if job.steps is not None and job.steps < len(train):
        step_s = _some_steps(model, train, optimizer, job.steps)
        return Trained(epoch_s=step_s * len(train), dev_right=None, timed_steps=job.steps)
    after_epochs = []
    began = time.perf_counter()
    for _ in range(job.epochs):
        for _ in _steps(model, train, optimizer):
            pass
        after_epochs.append(_right(model, dev))
    epoch_s = (time.perf_counter() - began) / job.epochs
    return Trained(epoch_s=epoch_s, dev_right=max(after_epochs, key=sum))


def _some_steps(model: Any, train: Any, optimizer: torch.optim.Optimizer, wanted: int) -> float:
    # One more comes before, as the first has its memory to find.
    steps = _steps(model, train, optimizer)
    next(steps)
    began, done = time.perf_counter(), 0
    for done, _ in enumerate(steps, start=1):
        if done == wanted:
            break
    return (time.perf_counter() - began) / done


def _steps(model: Any, train: Any, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    model.train()
    for inputs, gold in train:
        loss = torch.nn.functional.cross_entropy(model(**inputs).logits, gold)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
        optimizer.step()
        yield


def _right(model: Any, dev: Any) -> tuple[bool, ...]:
    model.eval()
    right: list[bool] = []
    with torch.no_grad():
        for inputs, gold in dev:
            right += (model(**inputs).logits.argmax(dim=-1) == gold).tolist()
    return tuple(right)


if __name__ == "__main__":
    given = Job(**json.loads(sys.argv[1]))
    Path(given.out).write_text(json.dumps(asdict(run(given))), encoding="utf-8")
