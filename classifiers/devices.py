"""Where a local model runs and in which number format.

In: the settings `device` and `precision`. Out: a torch device and a format the device really has.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "bfloat16", "float16"]


def choose_device(wanted: str) -> torch.device:
    """Return the device named `wanted`: auto, cpu, cuda, cuda:1, mps.

    Raises:
        ClassifierError: no such device, or not on this machine.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if wanted == "auto":
        return torch.device("cuda:0" if gpus else "mps" if mps else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as exc:
        raise ClassifierError(
            f"device = {wanted!r} is not a device: use 'auto', 'cpu', 'cuda:0' or 'mps'"
        ) from exc
    if device.type == "cuda" and (device.index or 0) >= gpus:
        found = f"has {gpus} CUDA GPU(s)" if gpus else "has no CUDA GPU that torch can use"
        raise ClassifierError(
            f"device = {wanted!r}: this machine {found} (torch {torch.__version__}); "
            "use device = 'auto', or install a torch build with CUDA"
        )
    if device.type == "mps" and not mps:
        raise ClassifierError(f"device = {wanted!r}: this machine has no Apple GPU; use device = 'auto'")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ClassifierError(f"device = {wanted!r} is not supported: use 'auto', 'cpu', 'cuda:0' or 'mps'")
    return torch.device("cuda:0") if wanted == "cuda" else device


def cpu_only(wanted: str, engine: str) -> torch.device:
    """Return the CPU for an engine that runs nowhere else.

    Raises:
        ClassifierError: `wanted` names another device.
    """
    import torch

    if wanted not in ("auto", "cpu"):
        raise ClassifierError(
            f"engine = {engine!r} runs on the CPU alone, and device = {wanted!r}; "
            "set engine = 'torch', or device = 'cpu'"
        )
    return torch.device("cpu")


def choose_precision(wanted: str, device: torch.device) -> Precision:
    """Return the number format for `device`; "auto" takes bfloat16 where the hardware multiplies in it.

    Raises:
        ClassifierError: float16 without a GPU, where it is slower than float32.
    """
    import torch

    if wanted == "float16" and device.type == "cpu":
        raise ClassifierError(
            "precision = 'float16' needs a GPU: use 'auto', 'bfloat16' or 'float32' on a CPU"
        )
    if wanted in ("float32", "bfloat16", "float16"):
        return wanted  # type: ignore[return-value]  # narrowed by the line above
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    if device.type == "cpu":
        # Without AMX or AVX512-BF16 torch emulates bfloat16, which is slower than float32. ARM calls it bf16.
        has = torch.cpu.get_capabilities()
        native = any(has.get(name, False) for name in ("amx_bf16", "avx512_bf16", "bf16", "sve_bf16"))
        return "bfloat16" if native else "float32"
    return "float32"


def describe_device(device: torch.device) -> str:
    """Return the device in words for the report: the GPU's name, or the CPU's model and the threads used."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"Apple GPU ({platform.machine()})"
    return f"{describe_cpu()}, {torch.get_num_threads()} threads"


def describe_cpu() -> str:
    """Return the model name of this machine's processor."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
