"""OpenVINO on a CPU, in bfloat16 where the CPU multiplies in it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from classifiers.contract import Scalar
from classifiers.devices import choose_precision, cpu_only, describe_device
from classifiers.engines import Batch, EngineName, OutOfMemory, is_lack_of_memory, loading, require
from classifiers.onnx_export import OUTPUT, exported
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# What decides its speed, in one place.
BATCH_TOKENS = 2048
_COMPILE = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1"}


class OpenVinoEngine:
    """Runs the model in `folder`, writing its ONNX graph beside it the first time.

    Args:
        folder: as transformers saves it.
        device: auto or cpu.

    Raises:
        ClassifierError: another device, the package is not installed, or the model cannot be exported.
    """

    name: EngineName = "openvino"

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        import torch

        require(self.name)
        cpu = cpu_only(device, self.name)
        self.precision: str = choose_precision("auto", cpu)
        self.device = describe_device(cpu)
        self.batch_tokens = BATCH_TOKENS
        self.facts: Mapping[str, Scalar] = {}
        settings = {
            **_COMPILE,
            "INFERENCE_PRECISION_HINT": "bf16" if self.precision == "bfloat16" else "f32",
            "INFERENCE_NUM_THREADS": str(torch.get_num_threads()),
        }
        file = exported(folder)
        with loading("openvino"):
            openvino = _openvino()
        try:
            self._model = openvino.Core().compile_model(file, "CPU", settings)
        except RuntimeError as exc:
            reason = str(exc).strip().rpartition("\n")[2]
            raise ClassifierError(
                f"OpenVINO cannot run the model in {folder} ({reason}); set engine = 'torch'"
            ) from exc
        self._inputs = [one.any_name for one in self._model.inputs]

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Return the outputs for a batch, of shape (texts, outputs)."""
        try:
            answer = self._model({name: batch[name] for name in self._inputs}, share_inputs=True)
        except (RuntimeError, MemoryError) as exc:
            reason = str(exc).strip().rpartition("\n")[2]
            if is_lack_of_memory(exc):
                raise OutOfMemory(reason) from exc
            raise ClassifierError(f"engine = 'openvino' failed ({reason}); set engine = 'torch'") from exc
        return answer[OUTPUT]  # type: ignore[no-any-return]  # openvino is untyped


def _openvino() -> Any:
    # Importing openvino reports that to its maker over the network, unless openvino_telemetry is missing.
    telemetry = "openvino_telemetry"
    hide = telemetry not in sys.modules
    if hide:
        sys.modules[telemetry] = None  # type: ignore[assignment]  # the documented way to make an import fail
    try:
        import openvino
    finally:
        if hide:
            del sys.modules[telemetry]
    return openvino
