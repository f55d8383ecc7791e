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
_WRITERS = ("torch", "transformers", "onnx", "onnxscript")
_RECIPES = {"float32": 1, "int8": 2}  # raised where equal writers come to write other graphs


def exported(folder: Path) -> Path:
    """Return the float32 graph of the model in `folder`, for batches of any size and length.

    Raises:
        ClassifierError: the architecture cannot be exported, or the folder cannot be written.
    """
    return _once(folder, "float32", _WRITERS, lambda file: _export(folder, file))


def quantized(folder: Path) -> Path:
    """Return the graph with most of its matrix products in int8 (onnxruntime only).

    Raises:
        ClassifierError: the architecture cannot be exported, or the folder cannot be written.
    """
    return _once(
        folder,
        "int8",
        (*_WRITERS, "onnxruntime"),
        lambda file: _quantize(exported(folder), file, folder),
    )


def _once(folder: Path, name: str, writers: tuple[str, ...], write: Callable[[Path], None]) -> Path:
    home = folder / "onnx"
    target = home / f"{name}-{_RECIPES[name]}-{_key(folder, writers)}"
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


def _key(folder: Path, writers: tuple[str, ...]) -> str:
    parts = [weights_sha256(folder), sha256_of(folder / "config.json")]
    parts += [f"{writer} {installed_version(writer)}" for writer in writers]
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
            from onnxruntime.quantization import QuantType
            from transformers.exporters import OnnxRuntimeDynamicConfig, OnnxRuntimeQuantizer

        graph = onnx_ir.load(source)
        # The fusions are the preparation that the quantizer would otherwise ask for on the log of the root.
        graph.metadata_props["onnx.quant.pre_process"] = "onnxruntime.quant"
        last = _last_layer(graph)
        # Signed weights are what the int8 instructions of CPUs multiply with unsigned activations. One scale
        # per output instead of per matrix: the logits of a 12 x 384 BERT, on 64 texts, were off by 6 % of
        # their spread (rms) instead of 12 %. Near labels tie, so the last layer stays as it is.
        sensitive = _sensitive(graph)
        config = OnnxRuntimeDynamicConfig(
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[last, f"{last}_MatMul", *sensitive],  # a Gemm is split first and renamed
        )
        graph = OnnxRuntimeQuantizer(config).quantize(graph, {}, "onnx")
        onnx_ir.save(graph, file, external_data=f"{_FILE}.data")


def _sensitive(graph: onnx_ir.Model) -> list[str]:
    """Name the narrowing products of the feed-forward in the first half of the layers: they stay in float32.

    What the activation lets through has a few large values, and one scale for all of them leaves the others
    few steps; what goes wrong early goes through all later layers. Labels equal to float32's on 800 texts,
    the rms error of the logits beside their spread, and the time, 12 x 384 encoder: 99.4 %, 2.4 % and 19 s
    without these 6; 99.4 %, 2.1 % and 21 s without all 12 of the kind; 99.5 %, 1.7 % and 25 s without the
    widening ones of the first half besides; float32 took 32 s. With all products in int8, on 400 texts:
    97.5 % and 5.1 %.
    """
    narrowing = []
    for node in graph.graph:
        weights = (
            node.inputs[1].const_value if node.op_type in ("MatMul", "Gemm") and node.inputs[1] else None
        )
        if weights is not None and len(weights.shape) == 2:
            inputs, outputs = weights.numpy().shape
            if inputs > outputs:
                narrowing.append(str(node.name))
    return narrowing[: len(narrowing) // 2]


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
