"""The processes of one training, as `torchrun` or `accelerate launch` start them; alone there is one."""

from __future__ import annotations

import os


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def count() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def from_first(value: str | None, *, on_cpu: bool = False) -> str:
    """Return the value that the first process gives, in every process.

    Args:
        value: of the first process; None in the others.
        on_cpu: whether they train on the CPU although there is a GPU.
    """
    if count() > 1:
        import torch
        from accelerate import PartialState
        from accelerate.utils import broadcast_object_list

        # Connects the processes, as the Trainer will.
        PartialState(cpu=on_cpu or not torch.cuda.is_available())
        box = [value]
        broadcast_object_list(box)
        value = box[0]
    assert value is not None
    return value


def wait_for_all() -> None:
    """Wait until every process of the training is here; alone, go on at once."""
    import torch

    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
