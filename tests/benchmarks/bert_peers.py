"""Other ways to answer with the same weights: the trial's, transformers' pipeline, a bare loop of each engine.

Each is a function that takes texts and yields (index, label) as soon as it has them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

Answer = Callable[[list[str]], Iterator[tuple[int, str]]]
Forward = Callable[[dict[str, Any]], Any]
"""Padded arrays of shape (texts, tokens) to logits of shape (texts, labels)."""

TRIAL_BATCH = 32


def trial(folder: Path, max_length: int) -> Answer:
    """Return the trial's way: texts tokenised one by one, all padded to `max_length`, batches of 32, float32."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), _torch_model(folder)
    names = model.config.id2label

    def answer(texts: list[str]) -> Iterator[tuple[int, str]]:
        for start in range(0, len(texts), TRIAL_BATCH):
            encoded = [
                tokenizer(
                    text, padding="max_length", max_length=max_length, truncation=True, return_tensors="pt"
                )
                for text in texts[start : start + TRIAL_BATCH]
            ]
            batch = {key: torch.cat([one[key] for one in encoded]) for key in encoded[0]}
            with torch.no_grad():
                found = model(**batch).logits.argmax(dim=-1)
            yield from ((start + i, names[int(label)]) for i, label in enumerate(found))

    return answer


def pipeline(folder: Path, max_length: int, batch_size: int) -> Answer:
    """Return `transformers.pipeline("text-classification")` in float32."""
    from transformers import pipeline as made

    pipe = made("text-classification", model=str(folder), device="cpu", dtype=torch.float32)

    def answer(texts: list[str]) -> Iterator[tuple[int, str]]:
        # Given a generator, it answers as it goes.
        stream = pipe((text for text in texts), batch_size=batch_size, truncation=True, max_length=max_length)
        for index, found in enumerate(stream):
            yield index, found["label"]

    return answer


def bare(folder: Path, max_length: int, engine: str, batch_tokens: int) -> Answer:
    """Return the loop one writes around an engine: tokenise all, sort by length, pad each batch to its longest."""
    tokenizer, forward = AutoTokenizer.from_pretrained(folder), _FORWARD[engine](folder)
    names = _config(folder)["id2label"]

    def answer(texts: list[str]) -> Iterator[tuple[int, str]]:
        encoded = tokenizer(texts, truncation=True, max_length=max_length)
        lengths = [len(ids) for ids in encoded["input_ids"]]
        todo = sorted(range(len(texts)), key=lambda i: -lengths[i])
        while todo:
            size = max(1, batch_tokens // lengths[todo[0]])
            batch, todo = todo[:size], todo[size:]
            padded = tokenizer.pad(
                {key: [values[i] for i in batch] for key, values in encoded.items()}, return_tensors="np"
            )
            found = np.asarray(forward(dict(padded))).argmax(axis=-1)
            yield from ((i, names[str(label)]) for i, label in zip(batch, found, strict=True))

    return answer


def _torch(folder: Path, products: torch.dtype = torch.float32, *, compiled: bool = False) -> Forward:
    model = _torch_model(folder)
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            module.to(products)  # the engine leaves the last one out
    if compiled:
        model.compile(dynamic=True)

    def forward(batch: dict[str, Any]) -> Any:
        mixed = products != torch.float32
        with torch.inference_mode(), torch.autocast("cpu", dtype=products, enabled=mixed):
            return model(**{key: torch.from_numpy(value) for key, value in batch.items()}).logits.float()

    return forward


def _onnx(folder: Path, *, int8: bool) -> Forward:
    import onnxruntime

    from classifiers.onnx_export import exported, quantized

    session = onnxruntime.InferenceSession(
        quantized(folder) if int8 else exported(folder), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_inputs()]
    return lambda batch: session.run(["logits"], {name: batch[name] for name in names})[0]


def _openvino(folder: Path) -> Forward:
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # or the import is told to its maker
    import openvino

    from classifiers.onnx_export import exported

    # Left to itself it takes bfloat16 where the CPU multiplies in it, as the engine does.
    model = openvino.Core().compile_model(exported(folder), "CPU", {"PERFORMANCE_HINT": "LATENCY"})
    names = [one.any_name for one in model.inputs]
    return lambda batch: model({name: batch[name] for name in names})["logits"]


_FORWARD: dict[str, Callable[[Path], Forward]] = {
    "torch-float32": _torch,
    "torch-bfloat16": lambda folder: _torch(folder, torch.bfloat16),
    "torch-compile": lambda folder: _torch(folder, torch.bfloat16, compiled=True),
    "onnx": lambda folder: _onnx(folder, int8=False),
    "onnx-int8": lambda folder: _onnx(folder, int8=True),
    "openvino": _openvino,
}


def _torch_model(folder: Path) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()


def _config(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config
