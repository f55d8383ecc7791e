"""What a forward pass took of a GPU: the peak of its memory, and how busy it was.

In: a torch device, and a call after each batch. Out: facts for the report, none where nothing is measured.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

from classifiers.contract import Scalar

if TYPE_CHECKING:
    import torch

_INTERVAL_S = 1.0  # the driver averages over a second at most


class GpuUse:
    """Watches `device` from now on."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        self._is_cuda = device.type == "cuda"
        self._counts_busy = self._is_cuda and find_spec("pynvml") is not None
        self._busy: list[float] = []
        self._next_s = time.monotonic() + _INTERVAL_S
        if self._is_cuda:
            torch.cuda.reset_peak_memory_stats(device)

    def look(self) -> None:
        """Take note of how busy the device is, once a second at most; cheap in between."""
        if not self._counts_busy or time.monotonic() < self._next_s:
            return
        import torch
        from pynvml import NVMLError

        try:
            self._busy.append(torch.cuda.utilization(self._device) / 100)
        except (NVMLError, RuntimeError):  # some GPUs, and parts of one, do not count it
            self._counts_busy = False
        self._next_s = time.monotonic() + _INTERVAL_S

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """On CUDA `gpu_memory_peak_gb` (10^9 bytes) and `gpu_busy_share` (0..1, the mean while it worked)."""
        import torch

        facts: dict[str, Scalar] = {}
        if self._is_cuda:
            facts["gpu_memory_peak_gb"] = round(torch.cuda.max_memory_allocated(self._device) / 1e9, 2)
        if self._busy:
            facts["gpu_busy_share"] = round(sum(self._busy) / len(self._busy), 2)
        return facts
