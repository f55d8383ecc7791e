"""The engine that is always there: torch, on a CPU, a CUDA GPU or an Apple GPU, as it is or compiled."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from classifiers.batch_room import BatchRoom
from classifiers.contract import Scalar
from classifiers.devices import choose_device, choose_precision, describe_device
from classifiers.engines import Batch, EngineName, OutOfMemory, is_lack_of_memory
from classifiers.gpu_use import GpuUse
from classifiers.transformer_models import load_model
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

FORMATS = 2
"""The version of what `_place` puts into which number format: what was measured with another says nothing."""


class TorchEngine:
    """Runs the model in `folder`.

    Args:
        folder: as transformers saves it.
        device: auto, cpu, cuda:0, mps.
        precision: auto, float32, bfloat16, float16; auto stays with float32 where a model fails in less.
        compiled: whether `torch.compile` makes one piece of code of the model for batches of every shape, at
            the first batch: tens of seconds at every start, for faster passes after it.

    Raises:
        ClassifierError: no such device, the weights cannot be read, or the device has no room for them or not
            this precision.
    """

    def __init__(
        self, folder: Path, *, device: str = "auto", precision: str = "auto", compiled: bool = False
    ) -> None:
        self.name: EngineName = "torch-compile" if compiled else "torch"
        self._device = choose_device(device)
        self.precision: str = choose_precision(precision, self._device)
        self.device = describe_device(self._device)
        model = load_model(folder)
        if precision == "auto" and not _runs_in(self.precision, model):
            self.precision = "float32"
        self._accepted = set(inspect.signature(model.forward).parameters)
        self._compiled = compiled
        try:
            self._model = _place(model, self._device, self.precision)
            if compiled:
                with _compiling():
                    self._model.compile(dynamic=True)
        except (RuntimeError, TypeError) as exc:  # TypeError: an Apple GPU without the format
            if is_lack_of_memory(exc):
                raise ClassifierError(
                    f"the model has no room on {self.device} ({_first_line(exc)}): take device = 'cpu'"
                ) from exc
            if compiled:
                raise self._not_compiled(exc) from exc
            if self.precision == "float32":
                raise
            raise self._refused(exc) from exc
        self._use = GpuUse(self._device)
        self._room = BatchRoom(self._device)

    @property
    def batch_tokens(self) -> int:
        """Padded tokens that suit the next batch."""
        return self._room.tokens

    @property
    def facts(self) -> Mapping[str, Scalar]:
        """What the forward passes took of a GPU."""
        return self._use.facts

    def logits(self, batch: Batch) -> NDArray[np.float32]:
        """Return the outputs for a batch, of shape (texts, outputs).

        Raises:
            OutOfMemory: the device has no room for a batch of this size; a smaller one may pass.
            ClassifierError: the model does not run in this precision, its numbers do not fit it, or it cannot
                be compiled here.
        """
        import torch

        texts, tokens = batch["input_ids"].shape
        if self._compiled and texts == 1:  # would be compiled anew: a size of 1 is no shape like others
            batch = {key: value.repeat(2, axis=0) for key, value in batch.items()}
        compiling = _compiling() if self._compiled else nullcontext()
        try:
            with torch.inference_mode(), self._products(), compiling, self._use.watched():
                inputs = {
                    key: torch.from_numpy(value).to(self._device)
                    for key, value in batch.items()
                    if key in self._accepted
                }
                logits = self._model(**inputs).logits[:texts].float().cpu().numpy()
        except RuntimeError as exc:
            if is_lack_of_memory(exc):
                raise OutOfMemory(str(exc)) from exc
            if self._compiled:
                raise self._not_compiled(exc) from exc
            if self.precision == "float32":
                raise
            raise self._refused(exc) from exc  # mostly an operator that lacks the format
        if self.precision != "float32" and not np.isfinite(logits).all():
            raise self._refused(OverflowError("its outputs overflow"))
        self._room.learn(texts * tokens, self._use.took_bytes)
        return logits  # type: ignore[no-any-return]  # transformers is untyped for mypy

    def _products(self) -> AbstractContextManager[object]:
        import torch

        if self.precision == "float32":
            return nullcontext()
        # Its cache is for weights that are converted at each use; here nearly all of them already are.
        return torch.autocast(self._device.type, dtype=getattr(torch, self.precision), cache_enabled=False)

    def _not_compiled(self, exc: Exception) -> ClassifierError:
        return ClassifierError(f"engine = {self.name!r} failed ({_first_line(exc)}); set engine = 'torch'")

    def _refused(self, exc: Exception) -> ClassifierError:
        return ClassifierError(
            f"the model does not run in {self.precision} on {self.device} ({_first_line(exc)}); "
            "set precision = 'float32'"
        )


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0]


def _place(model: PreTrainedModel, device: torch.device, precision: str) -> PreTrainedModel:
    """Bring the model to the device, the weights that are multiplied in `precision`.

    Everything between the matrix products stays in float32, above all the sums over the layers, as in mixed
    training: of 800 apps and 119 labels, three encoders in bfloat16 then answered 798 to 800 as in float32,
    and 793 to 795 with all of it in bfloat16, which took an eighth less time. The last layer is multiplied in
    float32, too: logits of 8 to 11 bits would tie.
    """
    import torch
    from torch import nn

    model.eval()
    if precision == "float32":
        return model.to(device)
    products = [module for module in model.modules() if isinstance(module, nn.Linear)]
    heads = [module for module in products if module.out_features == model.config.num_labels]
    for module in products:
        if module not in heads[-1:]:
            module.to(getattr(torch, precision))
    for head in heads[-1:]:
        head.forward = _exact(head.forward, device)  # type: ignore[method-assign]  # of this one alone
    return model.to(device)  # last: a GPU need not hold the weights in float32


@contextmanager
def _compiling() -> Iterator[None]:
    with warnings.catch_warnings():
        # That float32 products could be rounded to TensorFloat32, and what torch itself calls outdated.
        warnings.filterwarnings("ignore", message="TensorFloat32", category=UserWarning)
        warnings.filterwarnings("ignore", message="`torch.jit", category=DeprecationWarning)
        yield


def _runs_in(precision: str, model: PreTrainedModel) -> bool:
    # Not every architecture does: DeBERTa v1 masks its bfloat16 scores with float32's minimum.
    import torch

    if precision == "float32":
        return True
    try:
        with torch.inference_mode(), torch.autocast("cpu", dtype=getattr(torch, precision)):
            model.eval()(input_ids=torch.tensor([[model.config.pad_token_id or 0] * 4]))
    except RuntimeError:
        return False
    return True


def _exact(
    forward: Callable[[torch.Tensor], torch.Tensor], device: torch.device
) -> Callable[..., torch.Tensor]:
    import torch

    def exact(inputs: torch.Tensor) -> torch.Tensor:
        with torch.autocast(device.type, enabled=False):
            return forward(inputs.float())

    return exact
