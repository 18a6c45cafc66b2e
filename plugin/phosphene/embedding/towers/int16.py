"""Stores the weights of a text tower in 16 bits, because a query reads all of them for one sentence.

A matrix becomes whole numbers with a scale for each row, and onnxruntime makes floats of them when it needs
them. That is more exact than half precision, whose numbers have 11 bits.
"""

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

OPSET = 21  # the first in which `DequantizeLinear` takes 16 bits
MOST = 32_767
LARGE = 1 << 14  # numbers; smaller matrices are not worth it


def compact(model: ir.Model) -> None:
    """Store large matrices in 16 bits: those by which a model multiplies, and those of embeddings."""
    graph = model.graph
    for weight in list(graph.initializers.values()):
        matrix, users = weight.const_value, weight.consumers()
        if matrix is None or weight.dtype != ir.DataType.FLOAT or len(matrix.shape) != 2:
            continue
        if matrix.size >= LARGE and all(node.op_type in ("MatMul", "Gemm") for node in users):
            _multiply(graph, weight, *_in_16_bits(matrix.numpy()))
        elif matrix.size >= LARGE and all(map(_takes_rows, users)):
            _take_rows(graph, weight, *_in_16_bits(matrix.numpy()))


def _takes_rows(node: ir.Node) -> bool:
    return node.op_type == "Gather" and node.attributes.get_int("axis", 0) == 0


def _in_16_bits(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
    """Whole numbers, and the scale of each row."""
    most = np.abs(matrix).max(axis=1)
    scales = np.where(most, most / MOST, 1).astype(np.float32)
    return np.rint(matrix / scales[:, None]).astype(np.int16), scales


def _multiply(
    graph: ir.Graph, weight: ir.Value, numbers: NDArray[np.int16], scales: NDArray[np.float32]
) -> None:
    """Let the model multiply by numbers that are scaled just before.

    onnxruntime orders nodes from the results back, and nodes that come first in the graph as late as it can.
    So only the matrices of about one layer exist as floats at the same time.
    """
    inputs = _added(graph, weight, "numbers", numbers), _added(graph, weight, "scales", scales)
    scaled = ir.node("DequantizeLinear", inputs, {"axis": 0}, name=f"{weight.name}.scaled")
    graph.insert_before(graph[0], scaled)
    weight.replace_all_uses_with(scaled.outputs[0])
    del graph.initializers[str(weight.name)]


def _take_rows(
    graph: ir.Graph, weight: ir.Value, numbers: NDArray[np.int16], scales: NDArray[np.float32]
) -> None:
    """Let the model scale the rows that it takes."""
    inputs = _added(graph, weight, "numbers", numbers), _added(graph, weight, "scales", scales[:, None])
    for gather in weight.consumers():
        taken = [ir.node("Gather", (each, gather.inputs[1]), {"axis": 0}) for each in inputs]
        floats = ir.node("Cast", taken[0].outputs, {"to": ir.DataType.FLOAT})
        rows = ir.node("Mul", (floats.outputs[0], taken[1].outputs[0]))
        graph.insert_before(gather, [*taken, floats, rows])
        gather.outputs[0].replace_all_uses_with(rows.outputs[0])
        graph.remove(gather, safe=True)
    del graph.initializers[str(weight.name)]


def _added(graph: ir.Graph, weight: ir.Value, kind: str, array: NDArray[np.generic]) -> ir.Value:
    """A new tensor of the graph."""
    value = ir.val(f"{weight.name}.{kind}", const_value=ir.tensor(array))
    graph.register_initializer(value)
    return value
