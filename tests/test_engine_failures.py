from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

from classifiers import engines, onnx_export, torch_engine
from classifiers.engines import EngineName, OutOfMemory, installed_version, is_lack_of_memory
from classifiers.onnx_export import exported
from prompts.errors import ClassifierError
from tests.test_engines import batch, opened, save_model
from tests.tiny_encoders import one_thread


@pytest.fixture(scope="module", autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("failures") / "model")


def raising(exc: BaseException) -> Callable[..., NoReturn]:
    def fail(*_args: object, **_options: object) -> NoReturn:
        raise exc

    return fail


def test_a_package_under_another_name_has_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"onnxruntime-gpu": "1.30.0"}

    def version(package: str) -> str:
        try:
            return known[package]
        except KeyError:
            raise PackageNotFoundError(package) from None

    monkeypatch.setattr(engines, "version", version)
    monkeypatch.setattr(engines, "packages_distributions", lambda: {"onnxruntime": ["onnxruntime-gpu"] * 2})
    monkeypatch.setattr(engines, "find_spec", lambda package: object() if package != "absent" else None)
    assert installed_version("onnxruntime-gpu") == "1.30.0"
    assert installed_version("onnxruntime") == "onnxruntime-gpu 1.30.0"
    assert installed_version("of_no_distribution") is None
    assert installed_version("absent") is None


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("onnx", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino")],
)
@pytest.mark.parametrize("exc", [ImportError("DLL load failed"), OSError("DLL load failed")], ids=type)
def test_an_install_that_is_broken_is_named_with_the_command_that_mends_it(
    folder: Path,
    name: EngineName,
    package: str,
    extra: str,
    exc: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported(folder)

    class Broken:
        def find_spec(self, fullname: str, *_: object) -> None:
            if fullname == package:
                raise exc

    monkeypatch.setattr(f"classifiers.{extra}_engine.require", lambda _name: None)
    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ClassifierError) as raised:
        opened(name, folder)
    assert str(raised.value) == (
        f"the packages of the extra {extra!r} are installed but cannot be loaded (DLL load failed): "
        f'pip install --force-reinstall "llm-vs-bert[{extra}]"'
    )


def test_outputs_that_overflow_in_half_precision_are_refused_and_never_a_label(folder: Path) -> None:
    engine = opened("torch", folder, precision="bfloat16")
    with torch.no_grad():
        next(engine._model.parameters()).fill_(torch.inf)  # type: ignore[attr-defined]  # of the torch engine
    with pytest.raises(
        ClassifierError, match=r"bfloat16.*\(its outputs overflow\); set precision = 'float32'$"
    ):
        engine.logits(batch(2, 3))


def test_an_operator_that_half_precision_lacks_is_refused_with_the_way_out(folder: Path) -> None:
    engine = opened("torch", folder, precision="bfloat16")
    engine._model.forward = raising(NotImplementedError("'op' not implemented for 'BFloat16'\nat line 5"))  # type: ignore[attr-defined]  # of the torch engine
    engine._accepted = {"input_ids"}  # type: ignore[attr-defined]
    with pytest.raises(
        ClassifierError, match=r"in bfloat16 on .*\('op' not .*Float16'\); set precision = 'float32'$"
    ):
        engine.logits(batch(1, 3))


@pytest.mark.parametrize(
    ("exc", "cure"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), "no room on .*take device = 'cpu'"),
        (TypeError("BFloat16 is not supported on MPS"), "set precision = 'float32'"),
    ],
    ids=["memory", "format"],
)
def test_a_device_that_cannot_take_the_model_is_named_with_the_way_out(
    folder: Path, exc: Exception, cure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_engine, "_place", raising(exc))
    with pytest.raises(ClassifierError, match=cure):
        opened("torch", folder, precision="bfloat16")


@pytest.mark.parametrize(
    "message",
    [
        "Non-zero status code: Failed to allocate memory for requested buffer of size 3221225472",
        "Available memory of 5 is smaller than requested bytes of 9",
        "std::bad_alloc",
        "could not allocate 12 bytes",
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
        "CUDA error: out of memory",
    ],
)
@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_an_engine_that_cannot_allocate_asks_for_a_smaller_batch(
    folder: Path, name: EngineName, message: str
) -> None:
    engine = opened(name, folder)

    class Full:
        run = __call__ = raising(RuntimeError(message))

    setattr(engine, "_session" if name == "onnx" else "_model", Full())
    with pytest.raises(OutOfMemory, match=re.escape(message)):
        engine.logits(batch(2, 4))


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_another_failure_of_an_engine_is_no_lack_of_memory(folder: Path, name: EngineName) -> None:
    with pytest.raises(ClassifierError, match=rf"engine = '{name}' failed .*set engine = 'torch'"):
        opened(name, folder).logits({key: one[:, :, None] for key, one in batch(2, 4).items()})


def test_lack_of_memory_is_told_from_other_errors() -> None:
    assert is_lack_of_memory(MemoryError())
    assert not is_lack_of_memory(RuntimeError("The size of tensor a (40) must match"))


@pytest.mark.parametrize("exc", [OSError("disk full"), KeyboardInterrupt(), ClassifierError("no")], ids=type)
def test_an_export_that_fails_leaves_nothing_behind(
    tmp_path: Path, exc: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_folder: Path, file: Path) -> None:
        file.write_bytes(b"half a graph")
        raise exc

    save_model(tmp_path / "model")
    monkeypatch.setattr(onnx_export, "_export", fails)
    with pytest.raises(ClassifierError if isinstance(exc, OSError) else type(exc)):
        exported(tmp_path / "model")
    assert not [file for file in (tmp_path / "model" / "onnx").iterdir() if file.is_dir()]


def test_an_engine_leaves_the_floating_point_mode_of_the_process_alone(folder: Path) -> None:
    opened("onnx", folder).logits(batch(2, 4))
    tiny = np.float32(1e-40)  # a denormal
    assert tiny * np.float32(0.5) > 0
    assert torch.tensor(1e-40).mul(0.5).item() > 0
