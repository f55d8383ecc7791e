"""Puts the matrix products of an ONNX graph in int8, the activations with a scale for every token.

onnxruntime's own dynamic quantization has one scale for a whole batch: a few tokens with large values leave
the others few steps, and what a text is told depends on the texts beside it. With a scale for every token
neither is so. (Yao et al. 2022, ZeroQuant, section 4.1: token-wise activations, group-wise weights.)
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.tape import Tape

_CONTRIB = "com.microsoft"
_MOST_PIECES = 8  # of a product to very few outputs there would be hundreds
_SMALLEST_WIDTH = 1e-12  # of the range of a row of zeros


def to_int8(model: ir.Model, *, leave: Collection[str] = ()) -> int:
    """Put every MatMul of activations with a constant matrix in int8, in place; return how many there were.

    Weights are symmetric with a scale for every output, activations unsigned with a scale and a zero point
    for every row, as they come: that is what the int8 instructions of CPUs multiply. The operators are
    standard ONNX but one, `MatMulIntegerToFloat`, which is onnxruntime's. What is in a Gemm (a pooler) or in
    a subgraph stays as it is.

    Args:
        model: a float32 graph of opset 18 or later; its activations are to be finite.
        leave: the names of nodes that stay as they are.
    """
    graph = model.graph
    graph.opset_imports.setdefault(_CONTRIB, 1)
    replaced = 0
    weights: dict[ir.Value, _Weights] = {}  # ALBERT uses the same ones in every layer
    for node in list(graph):
        if node.op_type != "MatMul" or node.name in leave:
            continue
        activations, matrix = node.inputs
        if activations is None or matrix is None or not _is_matrix(matrix):
            continue
        if matrix not in weights:
            weights[matrix] = _Weights(graph, matrix)
        tape = Tape()
        product, before = _product(tape, activations, weights[matrix]), node.outputs[0]
        product.type, product.shape = before.type, before.shape
        graph.insert_before(node, list(tape.nodes))
        before.replace_all_uses_with(product, replace_graph_outputs=True)
        graph.remove(node, safe=True)
        product.name = before.name
        replaced += 1
    for matrix in weights:
        if not matrix.uses() and matrix.name is not None:
            del graph.initializers[matrix.name]
    return replaced


class _Weights:
    """A constant matrix of shape (inputs, outputs) in int8, as initializers of the graph.

    Attributes:
        pieces: the matrix cut along its inputs, each piece with its scales, one for every output.
        sums: of the columns of every piece, shape (pieces, outputs).
    """

    def __init__(self, graph: ir.Graph, matrix: ir.Value) -> None:
        def constant(what: str, value: NDArray[Any]) -> ir.Value:
            name = f"{matrix.name}_{what}"
            held = ir.Value(name=name, const_value=ir.tensor(value, name=name))
            graph.register_initializer(held)
            return held

        assert matrix.const_value is not None
        exact: NDArray[np.float32] = matrix.const_value.numpy().astype(np.float32)
        self.inputs, self.outputs = exact.shape
        self.pieces: list[tuple[ir.Value, ir.Value]] = []
        sums = []
        for i, piece in enumerate(np.split(exact, _pieces(self.inputs, self.outputs))):
            scale = np.maximum(np.abs(piece).max(axis=0) / 127, np.finfo(np.float32).tiny)
            steps = np.clip(np.rint(piece / scale), -127, 127).astype(np.int8)
            self.pieces.append((constant(f"int8_{i}", steps), constant(f"scale_{i}", scale)))
            sums.append(steps.sum(axis=0, dtype=np.int32) * scale)
        self.sums = constant("sums", np.array(sums, dtype=np.float32))


def _pieces(inputs: int, outputs: int) -> int:
    # What narrows takes what an activation function let through, and a few of it are large: each stretch as
    # wide as the result has scales of its own. More pieces bring the labels nearer to float32 still, and
    # with 192 inputs in each a BERT of base size takes as long as in float32.
    pieces, rest = divmod(inputs, outputs)
    return pieces if not rest and pieces <= _MOST_PIECES else 1


def _product(tape: Tape, activations: ir.Value, weights: _Weights) -> ir.Value:
    # With q = round(x / s) + z, in every piece:  x W = s (q - z) W = s (q W) - s z (sums of W's columns).
    def real(value: float) -> ir.Value:
        return tape.op("Constant", [], {"value": ir.tensor(np.float32(value))})

    def whole(*values: int) -> ir.Value:
        return tape.op("Constant", [], {"value": ir.tensor(np.array(values))})

    def columns(value: ir.Value, width: int) -> list[ir.Value]:
        value = tape.op("Reshape", [value, whole(-1, width * pieces)])
        if pieces == 1:
            return [value]
        sizes = whole(*[width] * pieces)
        return list(tape.op_multi_out("Split", [value, sizes], {"axis": 1}, num_outputs=pieces))

    pieces, last, zero = len(weights.pieces), whole(-1), real(0)
    inputs = weights.inputs // pieces
    rows = tape.op("Reshape", [activations, whole(-1, inputs)])  # one for every piece of a token
    most = tape.op("Max", [tape.op("ReduceMax", [rows, last], {"keepdims": 0}), zero])
    least = tape.op("Min", [tape.op("ReduceMin", [rows, last], {"keepdims": 0}), zero])
    width = tape.op("Max", [tape.op("Sub", [most, least]), real(_SMALLEST_WIDTH)])
    scale = tape.op("Mul", [width, real(1 / 255)])
    offset = tape.op("Round", [tape.op("Neg", [tape.op("Div", [least, scale])])])
    zero_point = tape.op("Cast", [offset], {"to": ir.DataType.UINT8})
    steps = tape.op("QuantizeLinear", [rows, scale, zero_point], {"axis": 0})

    total: ir.Value | None = None
    for (piece, of_piece), q, s in zip(
        weights.pieces, columns(steps, inputs), columns(scale, 1), strict=True
    ):
        product = tape.op("MatMulIntegerToFloat", [q, piece, real(1), of_piece], domain=_CONTRIB)
        product = tape.op("Mul", [product, s])
        total = product if total is None else tape.op("Add", [total, product])
    moved = tape.op("Reshape", [tape.op("Mul", [scale, offset]), whole(-1, pieces)])
    total = tape.op("Gemm", [moved, weights.sums, total], {"alpha": -1.0})
    outer = tape.op("Shape", [activations], {"start": 0, "end": -1})
    return tape.op(
        "Reshape", [total, tape.op("Concat", [outer, whole(weights.outputs)], {"axis": 0})], {"allowzero": 1}
    )


def _is_matrix(value: ir.Value) -> bool:
    if value.const_value is None:
        return False
    shape = value.const_value.shape.numpy()
    return len(shape) == 2 and 0 not in shape
