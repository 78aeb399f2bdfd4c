"""What a graph is made of: which operators carry weights, and which of them run in few bits."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.errors import UsageError
from harness.unreadable import unreadable

WEIGHTED: Final = ("Conv", "Gemm", "MatMul")
"""Operators whose second input may be a constant weight."""
_DYNAMIC: Final = ("MatMulInteger", "DynamicQuantizeMatMul", "MatMulIntegerToFloat")
_INTEGER: Final = {
    "MatMulInteger": "MatMul",
    "DynamicQuantizeMatMul": "MatMul",
    "MatMulIntegerToFloat": "MatMul",
    "QLinearMatMul": "MatMul",
    "MatMulNBits": "MatMul",
    "ConvInteger": "Conv",
    "QLinearConv": "Conv",
    "QGemm": "Gemm",
}


def load(path: Path) -> Any:
    """Read a model with its external data.

    Raises:
        UsageError: if it is none, is not whole, or holds weights that are not finite.
    """
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as cause:  # protobuf's errors and those of onnx share no base class
        raise UsageError(unreadable(path, cause)) from cause
    if broken := _not_finite(model):
        named = ", ".join(broken[:3]) + (", …" if len(broken) > 3 else "")
        raise UsageError(
            f"{path} has {len(broken)} weights with NaN or infinite numbers ({named}): its answers mean "
            "nothing, and no scale fits them; export it again from weights that are whole"
        )
    return model


def _not_finite(model: Any) -> list[str]:
    """Return the names of float weights that hold a NaN or an infinity; a lone infinity is a mask's, and no weight."""
    from onnx import TensorProto, numpy_helper

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    return [
        tensor.name
        for tensor in model.graph.initializer
        if tensor.data_type in floats and _broken(numpy_helper.to_array(tensor))
    ]


def _broken(values: np.ndarray) -> bool:
    return bool(np.isnan(values).any() or (values.size > 1 and np.isinf(values).any()))


def strip(model: Any) -> None:
    """Drop what exporters leave behind: stale shapes break or bloat quantisation, and metadata names source files."""
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]


def constants(model: Any) -> set[str]:
    """Return the names of all values that are known before the model runs, through casts of weights."""
    known = {tensor.name for tensor in model.graph.initializer}
    known |= {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    for node in model.graph.node:
        if node.op_type in ("DequantizeLinear", "Transpose", "Reshape", "Identity", "Cast") and node.input[0] in known:
            known.add(node.output[0])
    return known


def weighted(model: Any) -> Counter[str]:
    """Return how many operators have a constant weight, by type, before quantisation."""
    known = constants(model)
    return Counter(node.op_type for node in model.graph.node if has_weight(node, known))


def activations_only(model: Any) -> int:
    """Return how many products multiply two activations (attention)."""
    known = constants(model)
    return sum(node.op_type == "MatMul" and not known & set(node.input[:2]) for node in model.graph.node)


def quantised(model: Any) -> Counter[str]:
    """Return how many weighted operators run in few bits, by the type that they had in float."""
    found = Counter(_INTEGER[node.op_type] for node in model.graph.node if node.op_type in _INTEGER)
    found.update(kind for kind, in_bits in _by_dequantised_weight(model) if in_bits)
    return found


def left_in_float(model: Any) -> Counter[str]:
    """Return how many weighted operators still run in float, by type."""
    return Counter(kind for kind, in_bits in _by_dequantised_weight(model) if not in_bits)


def quantised_attention(model: Any) -> int:
    """Return how many products of two activations were quantised, which costs accuracy."""
    makers = {output: node for node in model.graph.node for output in node.output}
    known = constants(model)

    def in_bits(name: str) -> bool:
        return name not in known and name in makers and makers[name].op_type == "DequantizeLinear"

    found = 0
    for node in model.graph.node:
        if node.op_type in _DYNAMIC:
            found += node.input[1] not in known
        elif node.op_type == "MatMul":
            found += in_bits(node.input[0]) and in_bits(node.input[1])
    return found


def depthwise_weights(model: Any) -> list[str]:
    """Return the names of the weights of convolutions in groups."""
    return [
        node.input[1]
        for node in model.graph.node
        if node.op_type == "Conv" and any(a.name == "group" and a.i > 1 for a in node.attribute)
    ]


def summary(counts: Mapping[str, int]) -> str:
    """Return counts as words.

    >>> summary({"MatMul": 3, "Conv": 1})
    '1 Conv, 3 MatMul'
    """
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "none"


def _by_dequantised_weight(model: Any) -> Iterator[tuple[str, bool]]:
    """Yield each weighted operator of a QDQ graph: its type, and whether its weight comes out of DequantizeLinear."""
    known = constants(model)
    makers = {output: node.op_type for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if has_weight(node, known):
            yield node.op_type, makers.get(node.input[1]) == "DequantizeLinear"


def has_weight(node: Any, known: set[str]) -> bool:
    """Return whether an operator has a constant weight; ``known`` is what is known before the model runs."""
    return node.op_type in WEIGHTED and len(node.input) > 1 and node.input[1] in known and node.input[0] not in known
