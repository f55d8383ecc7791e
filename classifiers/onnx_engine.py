"""ONNX Runtime on a CPU: in float32, or with the matrix products in int8."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from classifiers.contract import Scalar
from classifiers.devices import cpu_only, describe_device
from classifiers.engines import Batch, EngineName, OutOfMemory, is_lack_of_memory, loading, require
from classifiers.onnx_export import OUTPUT, exported, quantized
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession

# What decides its speed, in one place.
BATCH_TOKENS = 2048
# Not set: session.set_denormal_as_zero, which lasts in the thread and would reach later trainings.
_SESSION = {"session.intra_op.allow_spinning": "1"}


class OnnxEngine:
    """Runs the model in `folder`, writing its graph beside it the first time.

    In int8 activations are scaled anew for every token, weights once per output. A CPU without VNNI adds
    such products up in 16 bits and can run over; whether the labels hold is for the dev texts to say.

    Args:
        folder: as transformers saves it.
        device: auto or cpu.
        int8: whether the matrix products are in int8.

    Raises:
        ClassifierError: another device, the package is not installed, or the model cannot be exported.
    """

    def __init__(self, folder: Path, *, device: str = "auto", int8: bool = False) -> None:
        self.name: EngineName = "onnx-int8" if int8 else "onnx"
        require(self.name)
        cpu = cpu_only(device, self.name)
        self.precision = "int8" if int8 else "float32"
        self.device = describe_device(cpu)
        self.batch_tokens = BATCH_TOKENS
        self.facts: Mapping[str, Scalar] = {}
        self._session = _open(quantized(folder) if int8 else exported(folder))
        self._inputs = [one.name for one in self._session.get_inputs()]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Return the outputs for a batch, of shape (texts, outputs)."""
        try:
            (logits,) = self._session.run([OUTPUT], {name: batch[name] for name in self._inputs})
        except Exception as exc:  # onnxruntime's errors have no class of their own
            if is_lack_of_memory(exc):
                raise OutOfMemory(str(exc).strip()) from exc
            raise ClassifierError(
                f"engine = {self.name!r} failed ({str(exc).strip()}); set engine = 'torch'"
            ) from exc
        return logits  # type: ignore[no-any-return]  # onnxruntime is untyped


def _open(file: Path) -> InferenceSession:
    import torch

    with loading("onnx"):
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()  # torch counts physical cores
    options.enable_mem_pattern = False  # one plan of the memory is kept for every shape, and shapes are many
    options.log_severity_level = 3
    for key, value in _SESSION.items():
        options.add_session_config_entry(key, value)
    try:
        return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    except Exception as exc:  # onnxruntime's errors have no class of their own
        raise ClassifierError(
            f"{file} cannot be opened ({str(exc).strip()}); delete the folder {file.parent}, "
            "and it is written anew"
        ) from exc
