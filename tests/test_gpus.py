"""On a real GPU, of whichever kind this machine has: the same answers, a training, and what is written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from classifiers.bert import BertClassifier
from classifiers.contract import Example
from classifiers.devices import choose_device, describe_device
from classifiers.engine_choice import Candidate, candidates, choose
from classifiers.engines import EngineName, open_engine
from classifiers.settings import BertSettings
from tests.test_engine_choice import TAXONOMY, TEXTS
from tests.test_engines import batch, save_model
from tests.tiny_encoders import make_encoder
from tests.tiny_training import WORDS, train

needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="needs a CUDA GPU; this machine has none"
)
needs_mps = pytest.mark.skipif(
    not torch.backends.mps.is_available(), reason="needs an Apple GPU; this machine has none"
)
ON_EACH = pytest.mark.parametrize(
    "device", [pytest.param("cuda:0", marks=needs_cuda), pytest.param("mps", marks=needs_mps)]
)
# Of the largest logit, by how much an engine may differ: the formats have 24, 11 and 8 bits.
TOLERANCE = {"float32": 1e-3, "float16": 5e-3, "bfloat16": 0.04}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("gpu") / "model", layers=2)


@pytest.mark.parametrize("precision", TOLERANCE)
@ON_EACH
def test_batches_of_any_shape_get_the_logits_of_the_cpu(device: str, precision: str, folder: Path) -> None:
    check(folder, "torch", device, precision)


@pytest.mark.parametrize("precision", TOLERANCE)
@needs_cuda
def test_compiled_they_do_too(precision: str, folder: Path) -> None:
    check(folder, "torch-compile", "cuda:0", precision)


def check(folder: Path, name: EngineName, device: str, precision: str) -> None:
    engine = open_engine(name, folder, device=device, precision=precision)
    reference = open_engine("torch", folder, device="cpu", precision="float32")
    for texts, tokens in ((1, 3), (3, 20), (64, 31), (1, 32)):
        expected = reference.logits(batch(texts, tokens))
        got = engine.logits(batch(texts, tokens))
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() < TOLERANCE[precision] * np.abs(expected).max()
    assert engine.device == describe_device(choose_device(device))


@ON_EACH
def test_auto_tries_what_the_gpu_has_and_takes_one_that_answers_as_float32_does(
    device: str, folder: Path
) -> None:
    settings = BertSettings(kind="bert", base="tiny", device=device)

    def answer_with(engine) -> BertClassifier:  # type: ignore[no-untyped-def]
        return BertClassifier("tiny", TAXONOMY, folder, engine, max_length=16)

    def opened(one: Candidate):  # type: ignore[no-untyped-def]
        return open_engine(one.engine, folder, device=device, precision=one.precision)

    choice = choose(
        [Example(id=text, text=text, gold=("Notes",)) for text in TEXTS],
        candidates(settings),
        open_engine=opened,
        answer_with=answer_with,
        progress=lambda _done, _all: None,
    )
    assert len(choice.trials) == (3 if device == "cuda:0" else 2)
    assert all(one.s_per_text is not None for one in choice.trials), choice.trials
    assert next(one for one in choice.trials if one.candidate == choice.chosen).rejected is None


@ON_EACH
def test_a_training_names_the_gpu_and_the_peak_of_its_memory(device: str, tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", WORDS)
    training = train(base, tmp_path / "model", device=device)
    assert training.device == describe_device(choose_device(device))
    assert "gpu_memory_peak_gb" in training.facts
    assert (tmp_path / "model/model.safetensors").exists()


@needs_cuda
def test_batches_grow_by_what_the_first_one_took(folder: Path) -> None:
    engine = open_engine("torch", folder, device="cuda:0", precision="float32")
    first = engine.batch_tokens
    engine.logits(batch(first // 32, 32))
    assert engine.batch_tokens > first  # a tiny model, and a GPU with room
