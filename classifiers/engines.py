"""What computes the forward pass of a trained encoder: one interface, whoever multiplies the matrices.

In: padded batches of token ids. Out: logits. How texts become batches, and logits answers, is in
`classifiers.bert`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from classifiers.contract import Scalar
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Batch = Mapping[str, "NDArray[np.int64]"]
"""What a model is given, by the names of its inputs; each of shape (texts, tokens), padded to the longest."""


class Engine(Protocol):
    """A model, ready to answer.

    Attributes:
        name: as the setting `engine` calls it.
        precision: the number format of the matrix products, in words for the report.
        device: where it runs, in words for the report.
        batch_tokens: padded tokens that suit the next forward pass; it may learn from those before.
        facts: what the report should say about the device's work so far; often nothing.
    """

    @property
    def name(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def batch_tokens(self) -> int: ...
    @property
    def facts(self) -> Mapping[str, Scalar]: ...

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Return the outputs for a batch, of shape (texts, outputs).

        Inputs that the model does not take are left aside.

        Raises:
            OutOfMemory: the device has no room for a batch of this size; a smaller one may pass.
        """
        ...


class OutOfMemory(Exception):  # noqa: N818  # a signal, not an error the user sees
    """The device has no room for a batch of this size."""


_NO_MEMORY = (
    "allocate memory",
    "could not allocate",
    "failed to allocate",
    "smaller than requested bytes",  # onnxruntime's arena
    "bad_alloc",
    "alloc_failed",  # of cuBLAS
    "not enough memory",  # of torch on Windows
    "bad allocation",
    "out of memory",
)


def is_lack_of_memory(exc: BaseException) -> bool:
    """Return whether an error of torch, ONNX Runtime or OpenVINO is a failed allocation."""
    # Most allocators have no class of error, only words.
    return isinstance(exc, MemoryError) or any(words in str(exc).lower() for words in _NO_MEMORY)


EngineName = Literal["torch", "torch-compile", "onnx", "onnx-int8", "openvino"]

_EXPORT = ("onnx", "onnxscript")
_PACKAGES: Mapping[EngineName, tuple[str, ...]] = {
    "torch": (),
    "torch-compile": (),
    "onnx": (*_EXPORT, "onnxruntime"),
    "onnx-int8": (*_EXPORT, "onnxruntime"),
    "openvino": (*_EXPORT, "openvino"),
}


def open_engine(name: EngineName, folder: Path, *, device: str, precision: str) -> Engine:
    """Load the model in `folder` into an engine.

    Args:
        name: torch runs everywhere, compiled where it finds a compiler; the others on a CPU.
        folder: of the trained model.
        device: auto, cpu, cuda:0, mps.
        precision: auto, float32, bfloat16, float16; of torch alone, the others have their own.

    Raises:
        ClassifierError: no such device, no model in the folder, the engine's package is not installed, or the
            model cannot be brought into it.
    """
    match name:
        case "torch" | "torch-compile":
            from classifiers.torch_engine import TorchEngine

            compiled = name == "torch-compile"
            return TorchEngine(folder, device=device, precision=precision, compiled=compiled)
        case "onnx" | "onnx-int8":
            from classifiers.onnx_engine import OnnxEngine

            return OnnxEngine(folder, device=device, int8=name == "onnx-int8")
        case "openvino":
            from classifiers.openvino_engine import OpenVinoEngine

            return OpenVinoEngine(folder, device=device)


def require(name: EngineName) -> None:
    """Make sure that the packages of an engine are installed.

    Raises:
        ClassifierError: one is not; the message has the command that installs it.
    """
    missing = [package for package in _PACKAGES[name] if find_spec(package) is None]
    if missing:
        extra = name.partition("-")[0]
        raise ClassifierError(
            f"engine = {name!r} needs {' and '.join(missing)}, not installed here: "
            f'pip install "llm-vs-bert[{extra}]"'
        )


@contextmanager
def loading(extra: str) -> Iterator[None]:
    """Import the packages of an extra inside: they may be installed and yet broken.

    Raises:
        ClassifierError: an import failed; the message has the command that mends it.
    """
    try:
        yield
    except (ImportError, OSError) as exc:  # OSError: a shared library that cannot be read
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"the packages of the extra {extra!r} are installed but cannot be loaded ({reason}): "
            f'pip install --force-reinstall "llm-vs-bert[{extra}]"'
        ) from exc


def installed_version(package: str) -> str | None:
    """Return the version of an importable package, or None where there is none or nobody knows it.

    It may come under another name: `onnxruntime` from onnxruntime-gpu.
    """
    try:
        return version(package)
    except PackageNotFoundError:
        if find_spec(package) is None:
            return None
    names = sorted(set(packages_distributions().get(package, ())))
    return ", ".join(f"{name} {version(name)}" for name in names) or None
