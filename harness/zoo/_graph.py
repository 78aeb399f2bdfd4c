"""Write an ONNX graph layer by layer, with weights drawn from a seed."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper

from harness.seeds import generator

OPSET: Final = 17
"""The first with LayerNormalization; every runtime of the last years reads it."""
_IR: Final = 8


class Graph:
    """A graph in the making. Each method adds a layer and returns the name of its output."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rng = generator("zoo", name)
        self._nodes: list[Any] = []
        self._tensors: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str], integer: bool = False) -> str:
        """Declare an input; text in ``shape`` names a dimension that may vary."""
        kind = TensorProto.INT64 if integer else TensorProto.FLOAT
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, source: str, name: str, shape: Sequence[int | str]) -> None:
        """Give ``source`` a name as an output of the model."""
        self._nodes.append(helper.make_node("Identity", [source], [name], name=f"out_{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output."""
        place = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(inputs), [f"{place}_out"], name=place, **attributes))
        return f"{place}_out"

    def constant(self, value: NDArray[Any]) -> str:
        """Add a tensor."""
        name = f"tensor_{len(self._tensors)}"
        self._tensors.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, *shape: int, scale: float) -> str:
        """Add a tensor drawn from a normal distribution."""
        return self.constant((self._rng.standard_normal(shape) * scale).astype(np.float32))

    def shaped(self, *shape: int) -> str:
        """Add the target shape of a Reshape."""
        return self.constant(np.array(shape, np.int64))

    def linear(self, x: str, wide: int, out: int) -> str:
        """Add a dense layer with bias on the last dimension."""
        product = self.node("MatMul", x, self.weights(wide, out, scale=1 / math.sqrt(wide)))
        return self.node("Add", product, self.weights(out, scale=0.02))

    def norm(self, x: str, wide: int) -> str:
        """Add layer normalisation over the last dimension."""
        ones, zeros = self.constant(np.ones(wide, np.float32)), self.constant(np.zeros(wide, np.float32))
        return self.node("LayerNormalization", x, ones, zeros, axis=-1, epsilon=1e-6)

    def gelu(self, x: str) -> str:
        """Add the exact GELU, in the form that runtimes know to fuse."""
        scaled = self.node("Div", x, self.constant(np.array(math.sqrt(2), np.float32)))
        bell = self.node("Add", self.node("Erf", scaled), self.constant(np.array(1, np.float32)))
        return self.node("Mul", self.node("Mul", x, bell), self.constant(np.array(0.5, np.float32)))

    def conv(self, x: str, channels: int, out: int, kernel: int, stride: int = 1) -> str:
        """Add a convolution with bias and half padding (a folded batch normalisation)."""
        scale = math.sqrt(2 / (channels * kernel * kernel))
        weight, bias = self.weights(out, channels, kernel, kernel, scale=scale), self.weights(out, scale=0.02)
        pad = kernel // 2
        return self.node("Conv", x, weight, bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def model(self) -> ModelProto:
        """Return the checked model."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._tensors)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=_IR, producer_name="vlm-harness")
        checker.check_model(model, full_check=True)
        return model
