"""What computes the forward pass of a trained encoder: one interface, whoever multiplies the matrices.

In: padded batches of token ids. Out: logits. How texts become batches, and logits answers, is in
`classifiers.bert`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

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
        batch_tokens: padded tokens in one forward pass that suit it.
    """

    @property
    def name(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def batch_tokens(self) -> int: ...

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Return the outputs for a batch, of shape (texts, outputs).

        Inputs that the model does not take are left aside.

        Raises:
            OutOfMemory: the device has no room for a batch of this size; a smaller one may pass.
        """
        ...


class OutOfMemory(Exception):  # noqa: N818  # a signal, not an error the user sees
    """The device has no room for a batch of this size."""


def open_engine(name: str, folder: Path, *, device: str, precision: str) -> Engine:
    """Load the model in `folder` into an engine.

    Args:
        name: torch.
        folder: of the trained model.
        device: auto, cpu, cuda:0, mps.
        precision: auto, float32, bfloat16, float16.

    Raises:
        ClassifierError: no such device, no model in the folder, or the engine's package is not installed.
    """
    from classifiers.torch_engine import TorchEngine

    assert name == "torch"
    return TorchEngine(folder, device=device, precision=precision)
