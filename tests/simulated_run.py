"""A made-up run for the tests of stations 5 and 6: a small tree of labels and classifiers of known quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from classifiers.contract import Example, Training
from prompts.taxonomy import Path, Taxonomy
from reports.answers import ClassifierRun, RunData, Timing

PATHS: tuple[Path, ...] = (
    ("Action", "Shooter"),
    ("Action", "Fighting"),
    ("Puzzle", "Matching"),
    ("Puzzle", "Logic"),
    ("Strategy", "Other"),
)
FLAT: tuple[Path, ...] = (("Action",), ("Puzzle",), ("Strategy",))


def examples(golds: Sequence[Path]) -> list[Example]:
    return [
        Example(id=f"app-{i:04d}", text=f"Text {i}", gold=gold, meta={"hard": i % 3 == 0, "name": f"n{i}"})
        for i, gold in enumerate(golds)
    ]


def row(id: str, path: Sequence[str], **more: Any) -> dict[str, Any]:
    plain = {
        "id": id,
        "path": list(path),
        "failure": None,
        "scores": None,
        "latency_s": 0.01,
        "usage": None,
        "cost_usd": None,
        "raw": None,
    }
    return plain | more


def classifier(
    name: str, rows: Sequence[Mapping[str, Any]], *, kind: str = "bert", **more: Any
) -> ClassifierRun:
    plain: dict[str, Any] = {
        "identity": {"kind": kind, "model": "some-model"},
        "facts": {"device": "cpu", "concurrency": 1},
        "timing": Timing(load_s=1.0, train_s=None, answer_s=2.0, answered=len(rows)),
    }
    return ClassifierRun(name=name, kind=kind, predictions=rows, **(plain | more))


def answered(test: Sequence[Example], paths: Sequence[Path]) -> list[dict[str, Any]]:
    return [row(example.id, path) for example, path in zip(test, paths, strict=True)]


def of_quality(
    name: str, test: Sequence[Example], quality: float, paths: Sequence[Path] = PATHS
) -> list[Any]:
    """Answer right with the given probability, otherwise with any path."""
    random = Random(name)
    return [
        row(example.id, example.gold if random.random() < quality else random.choice(paths))
        for example in test
    ]


def run(test: Sequence[Example], classifiers: list[ClassifierRun], **more: Any) -> RunData:
    plain: dict[str, Any] = {
        "name": "20261122-140000-games",
        "created": "2026-11-22T14:00:00+00:00",
        "taxonomy": Taxonomy.from_paths(PATHS),
        "data": {
            "counts": {"train": 10, "test": len(test)},
            "sha256": {"train": "1a" * 32, "test": "2b" * 32},
            "majority": [["Action"], ["Action", "Shooter"]],
            "findings": [],
            "note": None,
            "limit": None,
        },
        "environment": {"python": "3.11.7", "packages": {"numpy": "2.4.6"}, "git_revision": None},
    }
    return RunData(test=test, classifiers=classifiers, **(plain | more))


def three_classifiers(rows: int = 300, **more: Any) -> RunData:
    """A BERT, an LLM with failures and what it said, and a baseline, with clear differences."""
    random = Random(7)
    test = examples([random.choice(PATHS) for _ in range(rows)])
    said = of_quality("llm", test, 0.3)
    for i, one in enumerate(said):
        one |= {
            "raw": "I would say: " + one["path"][-1],
            "cost_usd": 0.0001,
            "usage": {"calls": 2, "input_tokens": 400, "cached_input_tokens": 100, "output_tokens": 9},
        }
        if i % 40 == 0:
            one |= {"failure": "unreadable", "path": [], "raw": "Who can tell?"}
    training = Training(
        train_s=36.0,
        device="cpu",
        examples=10,
        best_epoch=2,
        curve=tuple({"epoch": n, "train_loss": 1 / n, "dev_accuracy": 0.5} for n in (1, 2, 3)),
    )
    timing = Timing(load_s=1.0, train_s=36.0, answer_s=3.0, answered=rows)
    return run(
        test,
        [
            classifier("bert", of_quality("bert", test, 0.9), training=training, timing=timing),
            classifier("llm", said, kind="llm", facts={"price_source": "price page", "concurrency": 8}),
            classifier(
                "tfidf", of_quality("tfidf", test, 0.6), kind="baseline", identity={"method": "tfidf"}
            ),
        ],
        **more,
    )


def with_seeds(data: RunData, *qualities: float, of: str = "bert") -> RunData:
    """Add further trainings of a classifier, of the given qualities, right behind it."""
    first = next(one for one in data.classifiers if one.name == of)
    further = [
        replace(
            first,
            name=f"{of}-seed{2000 + number}",
            seed=2000 + number,
            further_seed_of=of,
            predictions=of_quality(f"{of}-{number}", list(data.test), quality),
        )
        for number, quality in enumerate(qualities)
    ]
    place = data.classifiers.index(first) + 1
    first = replace(first, seed=1999)
    return replace(
        data, classifiers=[*data.classifiers[: place - 1], first, *further, *data.classifiers[place:]]
    )
