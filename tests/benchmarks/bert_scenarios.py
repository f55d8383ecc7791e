"""What the BERT benchmark measures: each scenario makes its runs and holds their figures to its bounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifiers.encoders import sha256_of
from tests.benchmarks.bert_answers import BETWEEN
from tests.benchmarks.bert_data import labels, read
from tests.benchmarks.bert_runs import Runs
from tests.benchmarks.figures import Figure

TEXTS = 96
PARITY_TEXTS = 800
PARITY_TRAIN = 2000
PARITY_LENGTH = 256
TRAIN = 498
DEV = 76
MEMORY_TEXTS = 1_000_000
LENGTH = 512  # what the trial read of a text
PIPELINE_BATCHES = (1, 8, 32)
RATE = 1e-4  # of both trainings; at the trial's 2e-5 an encoder this small learns next to nothing in an epoch
TRAIN_BATCH = 8  # at 32 the trial's loop, which pads every text to 512 tokens, needs more than 24 GB
RESUME_TRAIN = 96


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line chose; None leaves the sizes that the bounds are meant for."""

    items: int | None
    engines: tuple[str, ...]
    memory_engines: tuple[str, ...]
    passes: int
    epochs: int
    trial_steps: int | None
    memory_items: int
    trained: Path | None

    def at_most(self, size: int) -> int:
        return size if self.items is None else min(size, self.items)


def inference(runs: Runs, options: Options) -> list[Figure]:
    folder, texts = runs.classifier(), options.at_most(TEXTS)
    name = "inference"
    trial = runs.answers("trial", folder, texts, max_length=LENGTH)
    figures = [Figure(name, "the trial's way, s", trial.seconds)]
    best_pipeline: float | None = None
    for size in PIPELINE_BATCHES:
        # One that is slower than the best need not run to its end.
        found = runs.answers(f"pipeline-{size}", folder, texts, max_length=LENGTH, give_up_s=best_pipeline)
        stopped = " (stopped: slower than the best)" if found.given_up else ""
        figures.append(Figure(name, f"pipeline at batch size {size}, s{stopped}", found.seconds))
        best_pipeline = min(found.seconds, best_pipeline or found.seconds)
    ours: dict[str, float] = {}
    for engine in options.engines:
        found = runs.answers(f"ours:{engine}", folder, texts, max_length=LENGTH, passes=options.passes)
        if found.unavailable:
            continue
        bare = runs.answers(
            f"bare:{engine}",
            folder,
            texts,
            max_length=LENGTH,
            passes=options.passes,
            batch_tokens=found.batch_tokens,
        )
        ours[engine] = found.seconds
        limit_s = 1.05 * bare.seconds
        figures.append(
            Figure(name, f"{engine}, s (peer: bare loop)", found.seconds, at_most=limit_s, peer=bare.seconds)
        )
        if engine == "torch-float32":
            unlike = sum(a != b for a, b in zip(found.labels, trial.labels, strict=True))
            figures.append(
                Figure(
                    name,
                    f"{engine}: labels unlike the trial's ({len(set(trial.labels))} different)",
                    unlike,
                    exactly=0,
                )
            )
    if not ours:
        return [*figures, Figure(name, "engines that run here", 0, at_least=1)]
    engine = min(ours, key=ours.__getitem__)
    assert best_pipeline is not None
    return [
        *figures,
        Figure(
            name, f"{engine}: times as fast as the trial's way", trial.seconds / ours[engine], at_least=5.5
        ),
        Figure(
            name, f"{engine}: times as fast as the best pipeline", best_pipeline / ours[engine], at_least=2.5
        ),
    ]


def parity(runs: Runs, options: Options) -> list[Figure]:
    texts = options.at_most(PARITY_TEXTS)
    folder, max_length, levels = options.trained, PARITY_LENGTH, 1
    if folder is None:
        folder = runs.trained(
            options.at_most(PARITY_TRAIN), learning_rate=2e-4, batch_size=16, max_length=max_length
        )
    else:  # of tests/experiments/iflytek_apps.toml, say
        identity = json.loads((folder / "training_identity.json").read_text(encoding="utf-8"))
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        of_one_level = set(config["id2label"].values()) == set(labels("apps"))
        max_length, levels = identity["max_length"], 1 if of_one_level else 2
    gold = tuple(BETWEEN.join(app.path[:levels]) for app in read("apps", "test", texts))

    def share(given: tuple[str, ...], wanted: tuple[str, ...], level: int) -> float:
        def upper(path: str) -> list[str]:
            return path.split(BETWEEN)[:level]

        return 100 * sum(upper(a) == upper(b) for a, b in zip(given, wanted, strict=True)) / texts

    exact = runs.answers("ours:torch-float32", folder, texts, max_length=max_length, levels=levels)
    accuracy = share(exact.labels, gold, levels)
    commonest = 100 * max(map(gold.count, gold)) / texts
    # A model that learned nothing gives all texts one label, and any engine agrees on that.
    what = "torch-float32: accuracy, % (peer: the commonest label)"
    figures = [Figure("parity", what, accuracy, at_least=1.5 * commonest, peer=commonest)]
    for engine in options.engines:
        if engine == "torch-float32":
            continue
        found = runs.answers(f"ours:{engine}", folder, texts, max_length=max_length, levels=levels)
        if found.unavailable:
            continue
        for level in range(1, levels + 1):
            of = f", level {level}" if levels > 1 else ""
            same = share(found.labels, exact.labels, level)
            figures.append(
                Figure("parity", f"{engine}: labels as torch-float32's{of}, %", same, at_least=99.5)
            )
        figures.append(
            Figure("parity", f"{engine}: accuracy, %", share(found.labels, gold, levels), peer=accuracy)
        )
    return figures


def training(runs: Runs, options: Options) -> list[Figure]:
    job: dict[str, Any] = {
        "base": runs.encoder(),
        "source": "games",
        "items": options.at_most(TRAIN),
        "dev_items": options.at_most(DEV),
        "epochs": options.epochs,
        "batch_size": TRAIN_BATCH,
        "learning_rate": RATE,
        "max_length": LENGTH,
    }
    ours = runs.train(folder=runs.new_folder(), **job)
    trial = runs.train_as_the_trial(steps=options.trial_steps, **job)
    timed = f", from {trial.timed_steps} steps" if trial.timed_steps else ""
    figures = [
        Figure("training", f"an epoch, s (peer: the trial's loop{timed})", ours.epoch_s, peer=trial.epoch_s),
        Figure("training", "times as fast as the trial's loop", trial.epoch_s / ours.epoch_s, at_least=2.5),
    ]
    assert ours.dev_right is not None
    dev = len(ours.dev_right)
    figure = f"accuracy on {dev} dev texts, %, best of {options.epochs} epoch(s)"
    accuracy = 100 * sum(ours.dev_right) / dev
    if trial.dev_right is None:
        return [*figures, Figure("training", figure, accuracy)]
    peer = 100 * sum(trial.dev_right) / dev
    return [*figures, Figure("training", figure, accuracy, at_least=peer, peer=peer)]


def resume(runs: Runs, options: Options) -> list[Figure]:
    items = options.at_most(RESUME_TRAIN)
    job: dict[str, Any] = {
        "base": runs.encoder(),
        "source": "games",
        "items": items,
        "dev_items": options.at_most(32),
        "epochs": 3,
        "batch_size": max(1, items // 8),
        "learning_rate": RATE,
        "max_length": 64,
    }
    epoch = -(-items // max(1, items // 8))
    whole, folder = runs.new_folder(), runs.new_folder()
    runs.train(folder=whole, **job)
    killed = runs.train_killed(epoch + 2, folder=folder, **job)
    facts = json.loads((folder / "training.json").read_text(encoding="utf-8"))["facts"]
    weights = "model.safetensors"
    return [
        Figure("resume", f"steps done when killed ({epoch} an epoch)", killed.steps, at_most=2 * epoch - 1),
        Figure(
            "resume", "epoch after which it went on", float(facts.get("resumed_after_epochs", 0)), exactly=1
        ),
        Figure(
            "resume",
            "weights that are the same bytes, 1 of 1",
            int(sha256_of(whole / weights) == sha256_of(killed.folder / weights)),
            exactly=1,
        ),
    ]


def memory(runs: Runs, options: Options) -> list[Figure]:
    items, figures = options.memory_items, []
    for engine in options.memory_engines:
        found = runs.memory(engine, items, first=items // 10)
        limit_mb = max(1.05 * found["first_mb"], found["first_mb"] + 30)
        what = f"{engine}: peak after {items:,}, MB (peer: after {found['first']:,})"
        figures += [
            Figure("memory", what, found["last_mb"], at_most=limit_mb, peer=found["first_mb"]),
            Figure("memory", f"{engine}: answered", found["answered"], exactly=items),
            Figure("memory", f"{engine}: texts a second", items / found["wall_s"]),
        ]
    return figures


SCENARIOS: dict[str, Callable[[Runs, Options], list[Figure]]] = {
    "inference": inference,
    "resume": resume,
    "parity": parity,
    "training": training,
    "memory": memory,
}
