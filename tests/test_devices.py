from __future__ import annotations

import pytest
import torch

from classifiers.devices import choose_device, choose_precision, describe_device
from prompts.errors import ClassifierError

CPU = torch.device("cpu")


def test_auto_takes_a_gpu_where_there_is_one() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("wanted", ["gpu", "", "cuda:x"])
def test_a_name_that_is_no_device_is_refused(wanted: str) -> None:
    with pytest.raises(ClassifierError, match="is not a device"):
        choose_device(wanted)


def test_a_device_the_harness_does_not_run_on_is_refused() -> None:
    with pytest.raises(ClassifierError, match="'meta' is not supported"):
        choose_device("meta")


def test_a_gpu_beyond_the_last_is_refused() -> None:
    with pytest.raises(ClassifierError, match="this machine has"):
        choose_device("cuda:99")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True}, "bfloat16"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"avx512_f": True, "amx_bf16": False}, "float32"),
        ({}, "float32"),
    ],
)
def test_auto_takes_bfloat16_only_where_the_processor_multiplies_in_it(
    capabilities: dict[str, bool], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", CPU) == expected


def test_a_precision_that_is_asked_for_is_kept() -> None:
    assert choose_precision("float32", CPU) == "float32"
    assert choose_precision("bfloat16", CPU) == "bfloat16"


def test_the_cpu_is_described_by_model_and_threads() -> None:
    assert describe_device(CPU).endswith(f", {torch.get_num_threads()} threads")
    assert not describe_device(CPU).startswith(",")
