"""One contender answers the test apps, timed: `python -m tests.benchmarks.bert_answers JOB`.

JOB is JSON, the fields of `Job`. Loading and two first texts come before the clock; it runs from the texts as they
are to the last label, tokenising included.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.bert import BertClassifier
from classifiers.engines import EngineName, open_engine
from prompts.errors import ClassifierError
from tests.benchmarks.bert_data import app_taxonomy, read

if TYPE_CHECKING:
    from tests.benchmarks.bert_peers import Answer

ENGINES: dict[str, tuple[EngineName, str]] = {
    "torch-float32": ("torch", "float32"),
    "torch-bfloat16": ("torch", "bfloat16"),
    "torch-compile": ("torch-compile", "bfloat16"),
    "onnx": ("onnx", "auto"),
    "onnx-int8": ("onnx-int8", "auto"),
    "openvino": ("openvino", "auto"),
}
"""The engines by the names of this benchmark, with the engine and the precision of `open_engine`."""


BETWEEN = " > "


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to run.

    Attributes:
        contender: "trial", "pipeline-8", "bare:onnx", "ours:torch-bfloat16".
        folder: the model.
        texts: how many of the test apps.
        max_length: tokens read of a text.
        passes: how often; the fastest counts.
        give_up_s: stop a pass that takes longer, or None.
        batch_tokens: padded tokens in a batch of a bare loop.
        levels: of the labels of ours.
        out: where the result goes.
    """

    contender: str
    folder: str
    texts: int
    max_length: int
    passes: int
    give_up_s: float | None
    batch_tokens: int
    levels: int
    out: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What came of it.

    Attributes:
        seconds: of the fastest pass; until it was given up where it was.
        labels: one per text, joined by `BETWEEN` from level to level; "" where it was given up before.
        given_up: whether it was stopped by `give_up_s`.
        batch_tokens: of ours, padded tokens in a batch.
        unavailable: why this engine cannot run here, or None.
    """

    seconds: float = 0.0
    labels: tuple[str, ...] = ()
    given_up: bool = False
    batch_tokens: int = 0
    unavailable: str | None = None


def run(job: Job) -> Answers:
    """Answer, and take the time."""
    texts = [app.text for app in read("apps", "test", job.texts)]
    try:
        answer, batch_tokens = _opened(job)
        list(answer(["warm up", "twice"]))  # a batch of one is no shape like others to a compiler
    except ClassifierError as exc:
        return Answers(unavailable=str(exc))
    passes = [_timed(answer, texts, job.give_up_s) for _ in range(job.passes)]
    return replace(min(passes, key=lambda one: one.seconds), batch_tokens=batch_tokens)


def _timed(answer: Answer, texts: list[str], give_up_s: float | None) -> Answers:
    given, began = [""] * len(texts), time.perf_counter()
    for index, label in answer(texts):
        given[index] = label
        if give_up_s is not None and (late_s := time.perf_counter() - began) > give_up_s:
            return Answers(seconds=late_s, labels=tuple(given), given_up="" in given)
    return Answers(seconds=time.perf_counter() - began, labels=tuple(given))


def _opened(job: Job) -> tuple[Answer, int]:
    kind, _, engine = job.contender.partition(":")
    folder = Path(job.folder)
    if kind == "ours":
        return _ours(folder, engine, job.max_length, job.levels)
    # Ours runs without the peers' imports.
    from tests.benchmarks import bert_peers

    if kind == "trial":
        return bert_peers.trial(folder, job.max_length), 0
    if kind == "bare":
        return bert_peers.bare(folder, job.max_length, engine, job.batch_tokens), job.batch_tokens
    return bert_peers.pipeline(folder, job.max_length, int(kind.removeprefix("pipeline-"))), 0


def _ours(folder: Path, engine: str, max_length: int, levels: int) -> tuple[Answer, int]:
    name, precision = ENGINES[engine]
    opened = open_engine(name, folder, device="cpu", precision=precision)
    classifier = BertClassifier("ours", app_taxonomy(levels), folder, opened, max_length=max_length)

    def answer(texts: list[str]) -> Iterator[tuple[int, str]]:
        return ((found.index, BETWEEN.join(found.path)) for found in classifier.classify(texts))

    return answer, opened.batch_tokens


if __name__ == "__main__":
    given = Job(**json.loads(sys.argv[1]))
    Path(given.out).write_text(json.dumps(asdict(run(given))), encoding="utf-8")
