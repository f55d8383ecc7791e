"""Matrix products in int8 against their exact values, in graphs of one and two products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from numpy.typing import NDArray

from classifiers.int8_products import to_int8

INPUTS = 48


@pytest.fixture(params=[20, 16, 64], ids=["in one piece", "in three pieces", "widening"])
def weights(request: pytest.FixtureRequest) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal((INPUTS, request.param)).astype(np.float32)


def graph(weights: NDArray[np.float32], products: int = 1) -> ir.Model:
    """Return a model of `products` products, all with the same constant matrix."""
    matrix = ir.Value(name="w", const_value=ir.tensor(weights, name="w"))
    x = ir.Value(name="x", shape=ir.Shape(["a", "b", len(weights)]), type=ir.TensorType(ir.DataType.FLOAT))
    nodes = [ir.node("MatMul", [x, matrix], name=f"product{i}") for i in range(products)]
    for i, node in enumerate(nodes):
        node.outputs[0].name = f"y{i}"
        node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        node.outputs[0].shape = ir.Shape(["a", "b", weights.shape[1]])
    outputs = [node.outputs[0] for node in nodes]
    inside = ir.Graph([x], outputs, nodes=nodes, initializers=[matrix], opset_imports={"": 20}, name="g")
    return ir.Model(inside, ir_version=10)


def run(model: ir.Model, x: NDArray[np.float32], folder: Path) -> list[NDArray[np.float32]]:
    ir.save(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    return list(session.run([f"y{i}" for i in range(len(model.graph.outputs))], {"x": x}))


def test_every_row_keeps_its_digits_beside_one_a_thousand_times_as_large(
    weights: NDArray[np.float32], tmp_path: Path
) -> None:
    x = np.random.default_rng(6).standard_normal((3, 7, INPUTS)).astype(np.float32)
    x[1, 2] *= 1000
    model = graph(weights)
    assert to_int8(model) == 1
    (got,) = run(model, x, tmp_path)
    exact = x @ weights
    assert got.shape == exact.shape
    error = np.sqrt(((got - exact) ** 2).mean(axis=-1) / (exact**2).mean(axis=-1))
    # A step is 1/255 of a row's range, about 4.4 standard deviations of 48 numbers, and off by up to a half.
    assert error.max() < 0.015
    assert error.mean() < 0.008


def test_a_row_has_the_same_product_whatever_lies_beside_it(
    weights: NDArray[np.float32], tmp_path: Path
) -> None:
    x = np.random.default_rng(7).standard_normal((4, 9, INPUTS)).astype(np.float32)
    x[3] *= 50
    model = graph(weights)
    to_int8(model)
    (together,) = run(model, x, tmp_path)
    for text in range(4):
        (alone,) = run(model, x[text : text + 1], tmp_path)
        assert np.array_equal(alone[0], together[text])


def test_a_few_large_values_cost_only_their_own_piece_its_digits(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    weights = rng.standard_normal((INPUTS, 16)).astype(np.float32)
    x = rng.standard_normal((1, 200, INPUTS)).astype(np.float32)
    x[..., 3] = 100
    weights[3] = 0  # what they give is exact: only what they cost the others is left
    pieces = graph(weights)
    to_int8(pieces)
    (cut,) = run(pieces, x, tmp_path)
    whole = graph(np.hstack([weights, np.zeros((INPUTS, 1), dtype=np.float32)]))  # 48 / 17: in one piece
    to_int8(whole)
    (uncut,) = run(whole, x, tmp_path)

    def off(got: NDArray[np.float32]) -> float:
        return float(np.std(got[..., :16] - x @ weights) / np.std(x @ weights))

    assert off(uncut) > 0.1
    assert off(cut) < 0.75 * off(uncut)  # one piece of three is as wrong as before: sqrt(1 / 3)


@pytest.mark.parametrize(
    ("row", "expected"),
    [(0.0, 0.0), (1.0, 1.0), (-1.0, -1.0), (1e-20, 0.0), (3e30, 3e30)],
    ids=["zeros", "ones", "minus ones", "next to nothing", "huge"],
)
def test_rows_without_a_spread(row: float, expected: float, tmp_path: Path) -> None:
    model = graph(np.eye(INPUTS, dtype=np.float32))
    to_int8(model)
    (got,) = run(model, np.full((1, 1, INPUTS), row, dtype=np.float32), tmp_path)
    assert got == pytest.approx(np.full_like(got, expected), rel=1e-5, abs=0)


def test_what_has_few_outputs_is_not_cut_into_hundreds_of_pieces(tmp_path: Path) -> None:
    weights = np.random.default_rng(11).standard_normal((INPUTS, 2)).astype(np.float32)
    model = graph(weights)
    to_int8(model)
    assert len(list(model.graph)) < 40
    x = np.random.default_rng(12).standard_normal((1, 30, INPUTS)).astype(np.float32)
    (got,) = run(model, x, tmp_path)
    assert np.std(got - x @ weights) < 0.015 * np.std(x @ weights)


@pytest.mark.parametrize("shape", [(5, INPUTS), (INPUTS,), (2, 0, INPUTS), (0, 3, INPUTS), (2, 3, 4, INPUTS)])
def test_activations_of_any_shape(
    shape: tuple[int, ...], weights: NDArray[np.float32], tmp_path: Path
) -> None:
    x = np.random.default_rng(13).standard_normal(shape).astype(np.float32)
    model = graph(weights)
    for value in (model.graph.inputs[0], model.graph.outputs[0]):
        value.shape = ir.Shape(
            [f"d{i}" for i in range(len(shape) - 1)] + [value.shape[-1]] if value.shape else []
        )
    to_int8(model)
    (got,) = run(model, x, tmp_path)
    assert got.shape == (x @ weights).shape
    assert np.allclose(got, x @ weights, atol=0.3)


def test_weights_that_something_else_reads_too_stay(weights: NDArray[np.float32], tmp_path: Path) -> None:
    x = np.random.default_rng(14).standard_normal((1, 2, INPUTS)).astype(np.float32)
    model = graph(weights)
    (matrix,) = model.graph.initializers.values()
    transposed = ir.node("Transpose", [matrix], name="other")
    transposed.outputs[0].name = "y1"
    transposed.outputs[0].type, transposed.outputs[0].shape = matrix.type, ir.Shape(weights.T.shape)
    model.graph.append(transposed)
    model.graph.outputs.append(transposed.outputs[0])
    assert to_int8(model) == 1
    got, other = run(model, x, tmp_path)
    assert np.allclose(got, x @ weights, atol=0.3)
    assert np.array_equal(other, weights.T)


def test_an_output_without_weights_is_zero(weights: NDArray[np.float32], tmp_path: Path) -> None:
    weights[:, 4] = 0
    model = graph(weights)
    to_int8(model)
    (got,) = run(model, np.random.default_rng(8).standard_normal((1, 2, INPUTS)).astype(np.float32), tmp_path)
    assert np.array_equal(got[..., 4], np.zeros((1, 2)))


def test_weights_of_several_products_are_kept_once_and_the_exact_ones_not_at_all(
    weights: NDArray[np.float32],
) -> None:
    model = graph(weights, products=3)
    assert to_int8(model) == 3
    kept = [held.const_value.dtype for held in model.graph.initializers.values() if held.const_value]
    assert kept.count(ir.DataType.INT8) == (3 if weights.shape[1] == 16 else 1)
    assert "w" not in model.graph.initializers


def test_a_product_that_is_to_be_left_keeps_its_weights(weights: NDArray[np.float32], tmp_path: Path) -> None:
    x = np.random.default_rng(9).standard_normal((2, 3, INPUTS)).astype(np.float32)
    model = graph(weights, products=2)
    assert to_int8(model, leave=["product1"]) == 1
    rounded, exact = run(model, x, tmp_path)
    assert np.allclose(exact, x @ weights, atol=1e-4)
    assert not np.allclose(rounded, exact, atol=1e-4)
