"""Trains with `train_bert`, timed: `python -m tests.benchmarks.bert_training JOB`.

JOB is JSON, the fields of `Job`. The time is that of the whole call but for imports, so loading the encoder,
keeping a checkpoint and writing the model count against it.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from classifiers.bert import BertClassifier
from classifiers.bert_training import train_bert
from classifiers.contract import Example
from classifiers.engines import open_engine
from classifiers.settings import BertSettings
from prompts.taxonomy import Taxonomy
from tests.benchmarks.bert_data import App, Source, labels, read

SEED = 1999


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to train.

    Attributes:
        base: the encoder.
        source: the data.
        items: how many of its train texts.
        dev_items: how many of its dev texts choose the epoch and are answered in the end; 0 for none.
        epochs, batch_size, learning_rate, max_length: as the settings have them.
        folder: where the model goes; of the trial's loop, nowhere.
        steps: of the trial's loop, where to stop; None for whole epochs.
        progress: a file that always has the steps done so far, or None.
        out: where the result goes.
    """

    base: str
    source: Source
    items: int
    dev_items: int
    epochs: int
    batch_size: int
    learning_rate: float
    max_length: int
    folder: str | None = None
    steps: int | None = None
    progress: str | None = None
    out: str


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of it.

    Attributes:
        epoch_s: seconds per epoch, the dev set's answers included.
        dev_right: for each dev text whether the best epoch's answer is right; None where there was no epoch.
        timed_steps: where only some steps of the first epoch were run, how many `epoch_s` is worked out from.
    """

    epoch_s: float
    dev_right: tuple[bool, ...] | None
    timed_steps: int | None = None


def run(job: Job) -> Trained:
    """Train, then answer the dev texts."""

    def examples(apps: list[App]) -> list[Example]:
        return [Example(id=str(i), text=app.text, gold=(app.label,)) for i, app in enumerate(apps)]

    def progress(done: int, total: int) -> None:  # noqa: ARG001  # the signature of train_bert
        if job.progress is not None:
            Path(job.progress).write_text(str(done), encoding="utf-8")

    assert job.folder is not None
    folder, taxonomy = Path(job.folder), Taxonomy.flat(labels(job.source))
    fields = ("base", "epochs", "batch_size", "learning_rate", "max_length")
    settings = BertSettings.model_validate(
        {"kind": "bert", "device": "cpu", **{name: getattr(job, name) for name in fields}}
    )
    _import_all()
    dev = read(job.source, "dev", job.dev_items)
    train = examples(read(job.source, "train", job.items))
    began = time.perf_counter()
    train_bert(
        settings,
        Path(job.base),
        train=train,
        dev=examples(dev),
        taxonomy=taxonomy,
        seed=SEED,
        folder=folder,
        progress=progress,
    )
    epoch_s = (time.perf_counter() - began) / job.epochs
    return Trained(epoch_s=epoch_s, dev_right=_right(folder, taxonomy, dev, job.max_length))


def _import_all() -> None:
    # What train_bert imports when it is called; seconds that every other process has before its clock too.
    import sklearn.metrics  # noqa: F401
    from transformers import AutoModelForSequenceClassification, Trainer  # noqa: F401


def _right(folder: Path, taxonomy: Taxonomy, dev: list[App], max_length: int) -> tuple[bool, ...]:
    engine = open_engine("torch", folder, device="cpu", precision="float32")
    classifier = BertClassifier("ours", taxonomy, folder, engine, max_length=max_length)
    right = [False] * len(dev)
    for found in classifier.classify([app.text for app in dev]):
        right[found.index] = found.path == (dev[found.index].label,)
    return tuple(right)


if __name__ == "__main__":
    given = Job(**json.loads(sys.argv[1]))
    Path(given.out).write_text(json.dumps(asdict(run(given))), encoding="utf-8")
