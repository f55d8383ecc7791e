"""Writes a trained model as an ONNX graph, once, beside its weights.

In: the folder of a trained model. Out: `onnx/float32-KEY/model.onnx` and `onnx/int8-KEY/model.onnx` in it.
The key is made of the weights and of whatever wrote the graph, so a graph is never taken for other weights.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from classifiers.encoders import sha256_of, weights_sha256
from classifiers.engines import installed_version, loading
from classifiers.transformer_models import load_model, load_tokenizer, quiet
from prompts.errors import ClassifierError

if TYPE_CHECKING:
    import onnx_ir

OUTPUT = "logits"
_FILE = "model.onnx"
_WRITERS = ("torch", "transformers", "onnx", "onnx_ir", "onnxscript")

GRAPHS = {"float32": 1, "int8": 3}
"""The version of each kind of graph, raised where the same weights and packages come to give another one."""


def exported(folder: Path) -> Path:
    """Return the float32 graph of the model in `folder`, for batches of any size and length.

    Raises:
        ClassifierError: the architecture cannot be exported, or the folder cannot be written.
    """
    return _once(folder, "float32", lambda file: _export(folder, file))


def quantized(folder: Path) -> Path:
    """Return the graph with its products of activations and weights in int8 (onnxruntime only).

    Raises:
        ClassifierError: the architecture cannot be exported, or the folder cannot be written.
    """
    return _once(folder, "int8", lambda file: _quantize(exported(folder), file, folder))


def _once(folder: Path, name: str, write: Callable[[Path], None]) -> Path:
    home = folder / "onnx"
    target = home / f"{name}-{GRAPHS[name]}-{_key(folder)}"
    if (target / _FILE).is_file():
        return target / _FILE
    part = home / f"{name}.part"
    try:
        home.mkdir(exist_ok=True)
        with FileLock(home / f"{name}.lock"):
            if (target / _FILE).is_file():  # another process has just written it
                return target / _FILE
            shutil.rmtree(part, ignore_errors=True)
            try:
                part.mkdir()
                write(part / _FILE)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
            for older in home.glob(f"{name}-*"):
                shutil.rmtree(older)
            part.rename(target)
    except OSError as exc:
        raise ClassifierError(
            f"the ONNX graph cannot be written to {home} ({exc}); make room there, or set engine = 'torch'"
        ) from exc
    return target / _FILE


def _key(folder: Path) -> str:
    parts = [weights_sha256(folder), sha256_of(folder / "config.json")]
    parts += [f"{writer} {installed_version(writer)}" for writer in _WRITERS]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _export(folder: Path, file: Path) -> None:
    import torch

    model = load_model(folder).eval()
    accepted = inspect.signature(model.forward).parameters
    names = [name for name in load_tokenizer(folder).model_input_names if name in accepted]
    # Any ids will do; a row that is padded keeps the mask from being taken for all ones.
    sample = {name: torch.zeros((2, 8), dtype=torch.int64) for name in names}
    sample["input_ids"] += torch.arange(8) % model.get_input_embeddings().num_embeddings
    sample["attention_mask"] += torch.tensor([[1] * 8, [1] * 5 + [0] * 3])
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with _refusals_named(folder, "exported to ONNX"), _hushed():
        with loading("onnx"):
            import onnx_ir
            from transformers.exporters.exporter_onnx import OnnxConfig, OnnxExporter

        # Fused for ONNX Runtime on a CPU: query, key and value are one product. OpenVINO reads it as well.
        config = OnnxConfig(dynamic_shapes=dict.fromkeys(names, free), ort_fusions="cpu")
        graph = OnnxExporter().export(model, sample, config=config).program
        onnx_ir.save(graph, file, external_data=f"{_FILE}.data")


def _quantize(source: Path, file: Path, folder: Path) -> None:
    with _refusals_named(folder, "quantized to int8"), _hushed():
        with loading("onnx"):
            import onnx_ir

            from classifiers.int8_products import to_int8

        graph = onnx_ir.load(source)
        # Near labels tie: the last layer stays as it is.
        if not to_int8(graph, leave=[_last_layer(graph)]):
            raise ValueError("no product of activations and weights is in its graph")
        onnx_ir.save(graph, file, external_data=f"{_FILE}.data")


def _last_layer(graph: onnx_ir.Model) -> str:
    value = graph.graph.outputs[0]
    while (node := value.producer()) is not None:
        if node.op_type in ("Gemm", "MatMul"):
            return str(node.name)
        value = next(given for given in node.inputs if given is not None and given.producer() is not None)
    raise ValueError("the graph has no last layer")


@contextmanager
def _refusals_named(folder: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ClassifierError):
        raise
    except Exception as exc:  # exporters raise whatever the tracing of a model runs into
        reason = str(exc).strip().partition("\n")[0]
        raise ClassifierError(
            f"the model in {folder} cannot be {what} ({type(exc).__name__}: {reason}); set engine = 'torch'"
        ) from exc


@contextmanager
def _hushed() -> Iterator[None]:
    # The exporters print steps, log what they could not infer about operators that no encoder has, and warn
    # of deprecated calls among themselves; nothing of it is for the user.
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with quiet(), redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
