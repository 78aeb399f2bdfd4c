"""Networks of well-known shapes with random weights: what they cost is real, what they answer means nothing."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.zoo._graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

CLASSES: Final = 1000


def _finish(graph: Graph, features: str, wide: int) -> "ModelProto":
    graph.output(features, "features", ["batch", wide])
    graph.output(graph.linear(features, wide, CLASSES), "logits", ["batch", CLASSES])
    return graph.model()


def _attention(graph: Graph, x: str, wide: int, heads: int) -> str:
    """Add multi-head self-attention over [batch, tokens, wide]."""
    each = wide // heads

    def split(value: str, *order: int) -> str:
        parts = graph.node("Reshape", value, graph.shaped(0, 0, heads, each))
        return graph.node("Transpose", parts, perm=list(order))

    query = split(graph.linear(x, wide, wide), 0, 2, 1, 3)
    key = split(graph.linear(x, wide, wide), 0, 2, 3, 1)
    value = split(graph.linear(x, wide, wide), 0, 2, 1, 3)
    scale = graph.constant(np.array(1 / math.sqrt(each), np.float32))
    scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), value)
    joined = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    return graph.linear(graph.node("Reshape", joined, graph.shaped(0, 0, wide)), wide, wide)


def _encoder(graph: Graph, x: str, wide: int, heads: int, layers: int) -> str:
    """Add pre-norm transformer layers and the mean over the tokens."""
    for _ in range(layers):
        x = graph.node("Add", x, _attention(graph, graph.norm(x, wide), wide, heads))
        hidden = graph.gelu(graph.linear(graph.norm(x, wide), wide, 4 * wide))
        x = graph.node("Add", x, graph.linear(hidden, 4 * wide, wide))
    return graph.node("ReduceMean", graph.norm(x, wide), axes=[1], keepdims=0)


def vit(name: str, wide: int, heads: int, layers: int, patch: int = 16, side: int = 224) -> "ModelProto":
    """Return a vision transformer that pools the mean of its patches (Dosovitskiy et al. 2021, without class token)."""
    graph = Graph(name)
    image = graph.input("image", ["batch", 3, side, side])
    scale = 1 / math.sqrt(3 * patch * patch)
    kernel, bias = graph.weights(wide, 3, patch, patch, scale=scale), graph.weights(wide, scale=0.02)
    patches = graph.node("Conv", image, kernel, bias, kernel_shape=[patch] * 2, strides=[patch] * 2)
    tokens = graph.node("Reshape", patches, graph.shaped(0, wide, -1))
    rows = graph.node("Transpose", tokens, perm=[0, 2, 1])
    placed = graph.node("Add", rows, graph.weights((side // patch) ** 2, wide, scale=0.02))
    return _finish(graph, _encoder(graph, placed, wide, heads, layers), wide)


def text(name: str, wide: int, heads: int, layers: int, tokens: int = 128) -> "ModelProto":
    """Return a transformer over a sequence of ``tokens`` bytes: here the grey levels of a small image."""
    graph = Graph(name)
    ids = graph.input("tokens", ["batch", tokens], integer=True)
    rows = graph.node("Gather", graph.weights(256, wide, scale=1.0), ids)
    placed = graph.node("Add", rows, graph.weights(tokens, wide, scale=0.02))
    return _finish(graph, _encoder(graph, placed, wide, heads, layers), wide)


def mlp(name: str, wide: int, hidden: int, blocks: int) -> "ModelProto":
    """Return a stack of ``blocks`` × (wide → hidden → wide) with ReLU."""
    graph = Graph(name)
    x = graph.input("pixels", ["batch", wide])
    for _ in range(blocks):
        x = graph.node("Relu", graph.linear(x, wide, hidden))
        x = graph.node("Relu", graph.linear(x, hidden, wide))
    return _finish(graph, x, wide)


def resnet18(name: str) -> "ModelProto":
    """Return ResNet-18 (He et al. 2016) with folded batch normalisation; any image size."""
    graph = Graph(name)
    image = graph.input("image", ["batch", 3, "height", "width"])
    x = graph.node("Relu", graph.conv(image, 3, 64, 7, 2))
    x = graph.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, wide in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            inner = graph.node("Relu", graph.conv(x, channels, wide, 3, stride))
            inner = graph.conv(inner, wide, wide, 3)
            short = x if channels == wide else graph.conv(x, channels, wide, 1, stride)
            x = graph.node("Relu", graph.node("Add", inner, short))
            channels = wide
    pooled = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    return _finish(graph, pooled, channels)


SHAPES: Final[Mapping[str, Callable[[], "ModelProto"]]] = {
    "vit-s16": lambda: vit("vit-s16", 384, 6, 12),
    "vit-d768-l4": lambda: vit("vit-d768-l4", 768, 12, 4),
    "text-d1024-l2": lambda: text("text-d1024-l2", 1024, 16, 2),
    "mlp-1024-4096": lambda: mlp("mlp-1024-4096", 1024, 4096, 4),
    "resnet18": lambda: resnet18("resnet18"),
}
