"""The engine torch-compile, with the real compiler of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters

from classifiers.engines import OutOfMemory
from prompts.errors import ClassifierError
from tests.test_engines import batch, check_against_torch, opened, save_model
from tests.tiny_encoders import one_thread

COMPILED = "torch-compile"

needs_a_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None,
    reason="torch.compile needs a C++ compiler; this machine has none (Debian: apt-get install g++)",
)


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(autouse=True)
def from_nothing(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process on a new machine."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("inductor")))
    torch.compiler.reset()
    counters.clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("compiled") / "model")


@needs_a_compiler
def test_it_gives_the_logits_of_torch_for_batches_of_any_shape_from_one_piece_of_code(folder: Path) -> None:
    check_against_torch(folder, COMPILED)
    assert counters["stats"]["unique_graphs"] == 1


@needs_a_compiler
def test_in_half_precision_the_last_layer_stays_exact(folder: Path) -> None:
    engine = opened(COMPILED, folder, precision="bfloat16")
    expected = opened("torch", folder, precision="float32").logits(batch(4, 12))
    got = engine.logits(batch(4, 12))
    assert np.abs(got - expected).max() < 0.04 * np.abs(expected).max()
    assert (got.view(np.uint32) & 0xFFFF).any()  # bits that bfloat16 has not
    assert (engine.name, engine.precision) == ("torch-compile", "bfloat16")


def test_it_is_said_what_to_do_where_nothing_can_be_compiled(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/c++",))
    with pytest.raises(
        ClassifierError, match=r"^engine = 'torch-compile' failed \(.*\); set engine = 'torch'$"
    ):
        opened(COMPILED, folder).logits(batch(2, 4))


def test_a_lack_of_memory_is_one_here_too(folder: Path) -> None:
    engine = opened(COMPILED, folder)

    def full(**_inputs: object) -> NoReturn:
        raise torch.OutOfMemoryError("CUDA out of memory")

    engine._model._compiled_call_impl = full  # type: ignore[attr-defined]  # of the torch engine
    with pytest.raises(OutOfMemory):
        engine.logits(batch(2, 4))
