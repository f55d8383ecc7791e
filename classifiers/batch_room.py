"""How large a batch may be on a device: on a CUDA GPU found by what the batches before took of its memory.

In: what a batch took. Out: the padded tokens of the next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

ON_CPU = 2048
"""Tokens whose activations stay near the processor's caches."""

MOST = 65_536
"""Tokens that keep a GPU busy; more only add padding."""

FIRST = 8192
"""Tokens of the first batch on a CUDA GPU, whose memory nobody knows yet."""

SHARE = 0.8
"""Of the free memory: the rest is for fragments and for other processes."""


class BatchRoom:
    """Grows from the first batch to what the free memory holds, and shrinks where others take it.

    Attributes:
        tokens: padded tokens that suit the next batch.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.tokens = {"cpu": ON_CPU, "cuda": FIRST}.get(device.type, MOST)
        self._bytes_per_token = 0.0

    def learn(self, tokens: int, took_bytes: int | None) -> None:
        """Take note of a batch of `tokens` padded tokens and the bytes it held at its peak, where known.

        Room is kept for the dearest tokens so far: long texts may cost more a token than short ones, and come
        again. A batch far below the size says little: the fixed part of its memory is most of it.
        """
        if not took_bytes or tokens < self.tokens // 2:
            return
        self._bytes_per_token = max(self._bytes_per_token, took_bytes / tokens)
        self.tokens = max(1, min(MOST, int(SHARE * _free_bytes(self._device) / self._bytes_per_token)))


def _free_bytes(device: torch.device) -> int:
    # What torch holds in reserve without using it is free to the next batch, too.
    import torch

    free, _total = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
