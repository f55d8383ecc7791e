from __future__ import annotations

import math
import time
from collections import Counter
from statistics import median
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from classifiers.batching import LENGTH_STEP, Batches, Row, mean_of_windows
from classifiers.engines import Batch, OutOfMemory
from prompts.errors import ClassifierError

MAX_LENGTH = 90


class SmallEngine:
    """Answers with the sum and the count of a row's tokens; has room for a limited number of tokens."""

    name, precision, device, batch_tokens = "small", "float32", "a small device", 4096
    facts = MappingProxyType({})

    def __init__(self, room_tokens: float = math.inf) -> None:
        self.room_tokens = room_tokens
        self.shapes: list[tuple[int, int]] = []
        self.failed: list[tuple[int, int]] = []

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        ids, mask = batch["input_ids"], batch["attention_mask"]
        if ids.size > self.room_tokens:
            self.failed.append(ids.shape)
            raise OutOfMemory(f"no room for {ids.size}")
        self.shapes.append(ids.shape)
        return np.stack([(ids * mask).sum(axis=1), mask.sum(axis=1)], axis=1).astype(np.float32)


def rows(lengths: list[int]) -> list[Row]:
    return [
        Row(
            text=i,
            windows=1,
            inputs={
                "input_ids": np.arange(length, dtype=np.int32) + i,
                "attention_mask": np.ones(length, dtype=np.int8),
            },
        )
        for i, length in enumerate(lengths)
    ]


def batches(engine: SmallEngine, batch_tokens: int = 512) -> Batches:
    return Batches(engine, batch_tokens=batch_tokens, max_length=MAX_LENGTH, padding={"input_ids": 99})


LENGTHS = st.lists(st.integers(1, MAX_LENGTH), max_size=60)


@given(lengths=LENGTHS, batch_tokens=st.integers(1, 2000), room_tokens=st.integers(MAX_LENGTH, 2000))
def test_every_row_is_computed_once_from_its_own_tokens_whatever_memory_there_is(
    lengths: list[int], batch_tokens: int, room_tokens: int
) -> None:
    engine = SmallEngine(room_tokens)
    computed = list(batches(engine, batch_tokens).compute(rows(lengths)))
    found = {row.text: logits for one in computed for row, logits in zip(one.rows, one.logits, strict=True)}
    assert sum(len(one.rows) for one in computed) == len(found) == len(lengths)
    for i, length in enumerate(lengths):
        assert found[i].tolist() == [np.sum(np.arange(length) + i), length]


@given(lengths=LENGTHS, batch_tokens=st.integers(MAX_LENGTH, 2000))
def test_batches_keep_to_the_budget_the_step_and_the_longest_length(
    lengths: list[int], batch_tokens: int
) -> None:
    engine = SmallEngine()
    list(batches(engine, batch_tokens).compute(rows(lengths)))
    for count, length in engine.shapes:
        assert count * length <= batch_tokens
        assert length % LENGTH_STEP == 0 or length == MAX_LENGTH


def test_there_is_one_shape_for_each_length_and_the_rest() -> None:
    engine = SmallEngine()
    lengths = np.random.default_rng(5).integers(1, MAX_LENGTH + 1, size=5000).tolist()
    list(batches(engine).compute(rows(lengths)))
    shapes = set(engine.shapes[:-1])
    assert all(count == 512 // length for count, length in shapes)
    assert len(shapes) == len({length for _, length in shapes}) == math.ceil(MAX_LENGTH / LENGTH_STEP)


def test_padding_costs_a_few_per_cent_of_the_tokens() -> None:
    engine = SmallEngine()
    lengths = np.random.default_rng(5).integers(20, 257, size=1024).tolist()
    run = Batches(engine, batch_tokens=2048, max_length=256, padding={})
    list(run.compute(rows(lengths)))
    assert sum(lengths) <= sum(count * length for count, length in engine.shapes) < 1.05 * sum(lengths)


def test_running_out_of_memory_halves_the_batch_and_the_smaller_one_is_kept() -> None:
    engine = SmallEngine(room_tokens=300)
    run = batches(engine, 1024)
    list(run.compute(rows([64] * 40)))
    assert engine.failed == [(16, 64), (8, 64)]
    assert Counter(engine.shapes) == {(4, 64): 10}
    assert run.batch_tokens == 256
    list(run.compute(rows([64] * 4)))
    assert len(engine.failed) == 2


def test_a_text_that_does_not_fit_alone_says_what_to_do() -> None:
    engine = SmallEngine(room_tokens=50)
    with pytest.raises(
        ClassifierError, match=r"one text of 64 tokens has no room on a small device.*max_length"
    ):
        list(batches(engine).compute(rows([60] * 4)))
    assert engine.failed[-1] == (1, 64)


def test_seconds_are_those_of_the_batch_and_not_of_the_caller() -> None:
    seconds = []
    for one in batches(SmallEngine()).compute(rows([60] * 40)):
        seconds.append(one.seconds)
        time.sleep(0.06)
    assert len(seconds) == 5
    assert 0 < median(seconds) < 0.06


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(
            st.lists(st.floats(-50, 50, width=32), min_size=5, max_size=5), min_size=n, max_size=n
        )
    ),
    st.floats(0.3, 4),
)
def test_the_logits_of_a_text_give_the_mean_of_the_probabilities_of_its_windows(
    logits: list[list[float]], temperature: float
) -> None:
    windows = np.array(logits)
    whole = mean_of_windows(windows, [slice(0, 2), slice(2, 5)], temperature)
    for part in (slice(0, 2), slice(2, 5)):
        expected = softmax(windows[:, part] / temperature).mean(axis=0)
        np.testing.assert_allclose(softmax(whole[part] / temperature), expected, atol=1e-12)


def test_the_logits_of_a_single_window_stay_as_they_are() -> None:
    assert mean_of_windows(np.array([[1.5, -2.0]], dtype=np.float32), [slice(None)]).tolist() == [1.5, -2.0]


def test_a_window_that_is_certain_is_outvoted_without_a_warning() -> None:
    whole = mean_of_windows(np.array([[2000.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), [slice(None)])
    assert softmax(whole)[1] == pytest.approx(2 / 3 * softmax(np.array([0.0, 1.0]))[1])
