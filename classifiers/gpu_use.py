"""What passes over a model took of a GPU: its memory, and how busy it was.

In: a torch device, and a word at each pass. Out: facts for the report, none where nothing is measured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

from classifiers.contract import Scalar

if TYPE_CHECKING:
    import torch

_INTERVAL_S = 1.0  # the driver averages over a second at most


class GpuUse:
    """Watches `device` from now on.

    Attributes:
        took_bytes: what the last pass inside `watched` held at its peak beyond what was there before it; None
            off CUDA, where nobody counts it.
    """

    def __init__(self, device: torch.device) -> None:
        self.took_bytes: int | None = None
        self._device = device
        self._is_cuda, self._is_mps = device.type == "cuda", device.type == "mps"
        self._counts_busy = self._is_cuda and find_spec("pynvml") is not None
        self._peak_bytes = 0
        self._busy: list[float] = []
        self._next_s = time.monotonic() + _INTERVAL_S
        if self._is_cuda:
            import torch

            torch.cuda.reset_peak_memory_stats(device)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Measure the pass inside."""
        if not self._is_cuda:
            yield
        else:
            import torch

            before = torch.cuda.memory_allocated(self._device)
            self._keep_peak()
            torch.cuda.reset_peak_memory_stats(self._device)
            yield
            self.took_bytes = torch.cuda.max_memory_allocated(self._device) - before
        self.look()

    def look(self) -> None:
        """Take note of what is only known by looking, once a second at most; cheap in between."""
        if time.monotonic() < self._next_s:
            return
        self._next_s = time.monotonic() + _INTERVAL_S
        if self._is_mps:
            self._keep_peak()
        if self._counts_busy:
            self._keep_busy()

    def _keep_busy(self) -> None:
        import torch

        self._counts_busy = False  # until it is seen that it can
        with suppress(ImportError):  # installed and yet broken
            from pynvml import NVMLError

            with suppress(NVMLError, RuntimeError):  # some GPUs, and parts of one, do not count it
                self._busy.append(torch.cuda.utilization(self._device) / 100)
                self._counts_busy = True

    def _keep_peak(self) -> None:
        import torch

        if self._is_cuda:
            self._peak_bytes = max(self._peak_bytes, torch.cuda.max_memory_allocated(self._device))
        elif self._is_mps:  # it keeps no peak of its own
            self._peak_bytes = max(self._peak_bytes, torch.mps.driver_allocated_memory())

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """On a GPU `gpu_memory_peak_gb` (10^9 bytes), on CUDA `gpu_busy_share` (0..1, the mean at work)."""
        facts: dict[str, Scalar] = {}
        self._keep_peak()
        if self._is_cuda or self._is_mps:
            facts["gpu_memory_peak_gb"] = round(self._peak_bytes / 1e9, 2)
        if self._busy:
            facts["gpu_busy_share"] = round(sum(self._busy) / len(self._busy), 2)
        return facts
