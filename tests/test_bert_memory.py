from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from numpy.typing import NDArray

from classifiers.bert import WINDOW, BertClassifier
from classifiers.engines import Batch, Engine, OutOfMemory, open_engine
from prompts.errors import ClassifierError
from tests.test_bert import TAXONOMY, TEXTS, classifier, save_model, scores_by_index
from tests.tiny_encoders import one_thread


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("bert") / "model", ["Puzzle", "Racing", "Notes"])


def test_memory_stays_flat_over_many_texts_of_many_lengths(tmp_path: Path) -> None:
    labels = ["Puzzle", "Racing", "Notes"]
    folder = save_model(tmp_path / "model", labels, max_position_embeddings=256)
    tiny = classifier(folder, batch_tokens=2048)
    lengths = random.Random(7)
    texts = ["cars " * min(int(lengths.expovariate(1 / 20)), 300) for _ in range(100 * WINDOW)]
    process = psutil.Process()
    memory = [process.memory_info().rss for i, _ in enumerate(tiny.classify(texts)) if i % WINDOW == 0]
    assert len(memory) == 100
    # 1 MB over these 80 windows was measured; buffers of every shape would go on growing.
    assert max(memory[20:]) - memory[20] < 15e6


class SmallEngine:
    """An engine with room for `room_tokens` padded tokens."""

    def __init__(self, engine: Engine, room_tokens: int) -> None:
        self._engine, self._room_tokens = engine, room_tokens
        self.name, self.precision, self.device = engine.name, engine.precision, engine.device
        self.batch_tokens, self.facts = 65536, engine.facts

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        if batch["input_ids"].size > self._room_tokens:
            raise OutOfMemory(f"no room for {batch['input_ids'].size} tokens")
        return self._engine.logits(batch)


def test_a_device_with_little_memory_gives_the_same_scores_in_smaller_batches(folder: Path) -> None:
    small = SmallEngine(open_engine("torch", folder, device="cpu", precision="float32"), 200)
    tiny = BertClassifier("tiny", TAXONOMY, folder, small)
    answers = {p.index: list(p.scores[-1].values()) for p in tiny.classify(TEXTS * 30)}
    for i, scores in enumerate(scores_by_index(folder, TEXTS) * 30):
        assert answers[i] == pytest.approx(scores, abs=1e-5)
    assert 100 <= tiny.facts["batch_tokens"] <= 200


def test_what_torch_cannot_allocate_is_said_to_be_out_of_memory(folder: Path) -> None:
    engine = open_engine("torch", folder, device="cpu", precision="float32")
    # More bytes than a process has addresses for.
    endless = np.lib.stride_tricks.as_strided(np.ones(1, dtype=np.int64), (2**46, 8), (0, 0))
    with pytest.raises(OutOfMemory, match="allocate"):
        engine.logits({"input_ids": endless, "attention_mask": endless})


def test_an_error_of_torch_that_is_not_for_want_of_memory_stays_what_it_is(folder: Path) -> None:
    engine = open_engine("torch", folder, device="cpu", precision="float32")
    with pytest.raises(RuntimeError, match="size"):
        engine.logits({"input_ids": np.ones((1, 40), dtype=np.int64)})


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU; this machine has none")
def test_facts_name_the_gpu_and_the_peak_of_its_memory(folder: Path) -> None:
    tiny = classifier(folder, device="cuda:0")
    list(tiny.classify(TEXTS))
    assert tiny.facts["device"] == torch.cuda.get_device_name(0)
    assert tiny.facts["gpu_memory_peak_gb"] > 0


def test_on_a_cpu_nothing_is_said_of_a_gpu(folder: Path) -> None:
    tiny = classifier(folder)
    list(tiny.classify(TEXTS))
    assert not [fact for fact in tiny.facts if fact.startswith("gpu")]


def test_a_text_too_large_for_the_device_says_what_to_do(folder: Path) -> None:
    small = SmallEngine(open_engine("torch", folder, device="cpu", precision="float32"), 20)
    with pytest.raises(ClassifierError, match=r"24 tokens has no room on .* lower max_length"):
        list(BertClassifier("tiny", TAXONOMY, folder, small).classify(["cars", "cars " * 20]))
