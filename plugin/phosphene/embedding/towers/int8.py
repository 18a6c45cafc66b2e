"""Writes an exported image tower down with weights in 8 bits, which processors with VNNI run much faster.

Matrix products take their weights in int8, with a scale for each column. onnxruntime measures the scale of
what they are multiplied with at each run (dynamic quantisation), so no pictures are needed to calibrate it.
Everything else stays in fp32, convolutions too: in int8, they lose too much (bench/precision.py).
"""

from pathlib import Path

PRODUCTS = ["MatMul", "Gemm"]  # the nodes whose weights become int8


def quantise(graph: Path, file: Path) -> None:
    """Write the graph of a tower to `file` in int8, with its weights in a second file beside it."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    model = onnx.load(graph)
    add_pre_process_metadata(model)  # torch's exporter has optimised it, and onnxruntime need not ask for it
    quantize_dynamic(
        model,
        file,
        op_types_to_quantize=PRODUCTS,
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=True,
    )
