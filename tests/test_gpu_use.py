"""What is written down of a GPU, and how large a batch may be, with a stand-in for the counters of torch."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from classifiers import batch_room, gpu_use
from classifiers.batch_room import BatchRoom
from classifiers.batching import Batches
from classifiers.engines import Batch
from classifiers.gpu_use import GpuUse
from tests.test_batching import SmallEngine, rows

CUDA, MPS, CPU = torch.device("cuda:0"), torch.device("mps"), torch.device("cpu")


class Gpu:
    """Memory that is counted as torch counts it, in bytes."""

    def __init__(self, total: int, weights: int) -> None:
        self.total, self.allocated, self.reserved, self.peak = total, weights, weights, weights
        self.utilization_percent: list[int | Exception] = []

    def runs(self, takes: int) -> None:
        """Hold `takes` bytes for a moment; torch keeps them in reserve."""
        self.peak = max(self.peak, self.allocated + takes)
        self.reserved = max(self.reserved, self.peak)
        if self.reserved > self.total:
            raise torch.OutOfMemoryError("CUDA out of memory")

    def reset(self, _device: torch.device) -> None:
        self.peak = self.allocated

    def utilization(self, _device: torch.device) -> int:
        percent = self.utilization_percent.pop(0)
        if isinstance(percent, Exception):
            raise percent
        return percent


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Gpu:
    gpu = Gpu(total=8_000_000_000, weights=400_000_000)
    for name, stand_in in {
        "memory_allocated": lambda _device: gpu.allocated,
        "memory_reserved": lambda _device: gpu.reserved,
        "max_memory_allocated": lambda _device: gpu.peak,
        "reset_peak_memory_stats": gpu.reset,
        "mem_get_info": lambda _device: (gpu.total - gpu.reserved, gpu.total),
        "utilization": gpu.utilization,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    return gpu


@pytest.fixture
def pynvml(monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    class NVMLError(Exception):
        pass

    module = ModuleType("pynvml")
    module.NVMLError = NVMLError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    monkeypatch.setattr(gpu_use, "find_spec", lambda _name: object())
    return NVMLError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(gpu_use.time, "monotonic", lambda: now[0])
    return now


def test_the_peak_is_that_of_all_passes_and_what_a_pass_took_its_own(gpu: Gpu) -> None:
    gpu.peak = 5_000_000_000  # before anybody watched
    use = GpuUse(CUDA)
    for takes in (1_000_000_000, 3_000_000_000, 200_000_000):
        with use.watched():
            gpu.runs(takes)
        assert use.took_bytes == takes
    assert use.facts["gpu_memory_peak_gb"] == 3.4


def test_a_pass_that_fails_leaves_what_the_last_one_took(gpu: Gpu) -> None:
    use = GpuUse(CUDA)
    with use.watched():
        gpu.runs(1_000_000)
    with pytest.raises(torch.OutOfMemoryError), use.watched():
        gpu.runs(9_000_000_000)
    assert use.took_bytes == 1_000_000


@pytest.mark.usefixtures("pynvml")
def test_how_busy_it_was_is_the_mean_of_a_look_a_second(gpu: Gpu, clock: list[float]) -> None:
    gpu.utilization_percent = [90, 70]
    use = GpuUse(CUDA)
    for clock[0] in (0.2, 0.9, 1.1, 1.5, 2.0, 2.2):
        use.look()
    assert not gpu.utilization_percent
    assert use.facts["gpu_busy_share"] == 0.8


@pytest.mark.parametrize("of_the_driver", [True, False])
def test_a_gpu_that_does_not_count_it_is_asked_once(
    gpu: Gpu, clock: list[float], pynvml: type[Exception], of_the_driver: bool
) -> None:
    failure = pynvml("Not Supported") if of_the_driver else RuntimeError("no handle")
    gpu.utilization_percent = [failure, 50]
    use = GpuUse(CUDA)
    for clock[0] in (2.0, 4.0, 6.0):
        use.look()
    assert len(gpu.utilization_percent) == 1
    assert "gpu_busy_share" not in use.facts


def test_a_library_that_is_installed_and_yet_broken_costs_the_figure_alone(
    gpu: Gpu, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_use, "find_spec", lambda _name: object())
    monkeypatch.setitem(sys.modules, "pynvml", None)
    use = GpuUse(CUDA)
    clock[0] = 2.0
    use.look()
    assert list(use.facts) == ["gpu_memory_peak_gb"]
    assert not gpu.utilization_percent


def test_the_memory_of_an_apple_gpu_is_looked_at_now_and_then(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = [0]
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: held[0])
    use = GpuUse(MPS)
    for clock[0], held[0] in ((1.5, 700_000_000), (3.0, 2_500_000_000), (4.5, 900_000_000)):
        with use.watched():
            pass
    assert use.facts == {"gpu_memory_peak_gb": 2.5}
    assert use.took_bytes is None


def test_of_a_cpu_there_is_nothing_to_say() -> None:
    use = GpuUse(CPU)
    with use.watched():
        pass
    assert (use.facts, use.took_bytes) == ({}, None)


@pytest.mark.usefixtures("gpu")
def test_batches_grow_to_what_the_free_memory_holds() -> None:
    room = BatchRoom(CUDA)
    assert room.tokens == batch_room.FIRST
    room.learn(8192, 8192 * 200_000)  # 7.6 GB are free, four fifths of them for the batch
    assert room.tokens == 30_400
    room.learn(8192, 8192 * 400_000)  # a batch far below the size is no measure
    assert room.tokens == 30_400
    room.learn(30_000, 30_000 * 10_000)  # cheaper tokens: the dear ones come again
    assert room.tokens == 30_400
    room.learn(30_000, 30_000 * 250_000)
    assert room.tokens == 24_320
    small = BatchRoom(CUDA)
    small.learn(8192, 8192 * 1000)
    assert small.tokens == batch_room.MOST


def test_batches_shrink_where_others_take_the_memory(gpu: Gpu) -> None:
    room = BatchRoom(CUDA)
    room.learn(8192, 8192 * 100_000)
    gpu.total = 1_400_000_000  # another process took the rest
    room.learn(room.tokens, room.tokens * 100_000)
    assert room.tokens == 8_000
    gpu.total = gpu.reserved
    room.learn(8_000, 8_000 * 100_000)
    assert room.tokens == 1  # a text alone is still tried


@pytest.mark.parametrize(("device", "tokens"), [(CPU, batch_room.ON_CPU), (MPS, batch_room.MOST)])
def test_where_nobody_counts_the_memory_the_size_stays(device: torch.device, tokens: int) -> None:
    room = BatchRoom(device)
    room.learn(100_000, None)
    assert room.tokens == tokens


def test_a_gpu_is_filled_and_never_overfilled(gpu: Gpu) -> None:
    """The batches of a model whose attention is quadratic in the length, the dearest texts first."""
    use, room = GpuUse(CUDA), BatchRoom(CUDA)

    class OnGpu(SmallEngine):
        @property
        def batch_tokens(self) -> int:  # type: ignore[override]
            return room.tokens

        def logits(self, batch: Batch):  # type: ignore[no-untyped-def]
            texts, length = batch["input_ids"].shape
            with use.watched():
                gpu.runs(texts * length * (20_000 + 1_000 * length))
            room.learn(texts * length, use.took_bytes)
            return super().logits(batch)

    def computed(engine: SmallEngine, batch_tokens: int | None) -> SmallEngine:
        run = Batches(engine, batch_tokens=batch_tokens, max_length=512, padding={})
        for _window in range(3):
            list(run.compute(rows([512 - i // 2 for i in range(1000)])))
        return engine

    ours, fixed = computed(OnGpu(), None), computed(SmallEngine(), batch_room.FIRST)
    assert ours.shapes[0] == fixed.shapes[0]
    assert len(ours.shapes) < 0.8 * len(fixed.shapes)
    assert 5.0 < use.facts["gpu_memory_peak_gb"] < 0.81 * 8  # type: ignore[operator]
