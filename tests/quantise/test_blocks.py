"""Blocks are found by names or by the residual stream, and a block that is put back computes what it did in float."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from harness.errors import UsageError
from harness.locate import builtin_root
from harness.quantise import facts
from harness.quantise.blocks import blocks, put_back
from harness.quantise.recipes import quantise
from harness.zoo._graph import Graph
from tests.quantise.test_recipes import cnn, feeds, outputs, transformer

MODEL = builtin_root() / "fixtures" / "tiny-qwen2-vl" / "onnx"


def renamed(path: Path, names: list[str]) -> Path:
    """Give the operators with weights these names."""
    model = onnx.load(path)
    known = facts.constants(model)
    for node, name in zip((one for one in model.graph.node if facts.has_weight(one, known)), names, strict=True):
        node.name = name
    onnx.save(model, path)
    return path


def test_blocks_are_what_shares_a_numbered_name_of_operators_or_of_weights(tmp_path: Path) -> None:
    path = renamed(cnn(tmp_path / "m.onnx"), ["/stem/conv", "/blocks.0/dw", "/blocks.0/pw", "/blocks.1/fc"])
    assert blocks(path) == {
        "/stem/conv": ("/stem/conv",),
        "/blocks.0": ("/blocks.0/dw", "/blocks.0/pw"),
        "/blocks.1": ("/blocks.1/fc",),
    }
    tower = blocks(MODEL / "vision_encoder.onnx")
    assert {name: len(nodes) for name, nodes in tower.items()} == {
        "patch_embed": 1, "tower.blocks.0": 4, "tower.blocks.1": 4, "tower.blocks.2": 4, "tower.merger.mlp.0": 1,
        "tower.merger.mlp.2": 1,
    }  # fmt: skip


def test_without_names_blocks_lie_between_additions_of_the_residual_stream() -> None:
    decoder = blocks(MODEL / "decoder_model_merged.onnx")
    # Attention (query, key, value, output) and gated layer (gate, up, down) of three layers, and the head.
    assert [len(nodes) for nodes in decoder.values()] == [4, 3, 4, 3, 4, 3, 1]


def test_a_graph_without_weights_has_no_blocks(tmp_path: Path) -> None:
    graph = Graph("none")
    graph.output(graph.node("Relu", graph.input("x", ["batch", 4])), "y", ["batch", 4])
    (tmp_path / "none.onnx").write_bytes(graph.model().SerializeToString())
    with pytest.raises(UsageError, match="nothing in it is quantised"):
        blocks(tmp_path / "none.onnx")


@pytest.mark.parametrize("kind", ["transformer", "cnn"])
def test_with_all_blocks_back_the_outputs_are_those_of_float_and_with_none_those_of_few_bits(
    tmp_path: Path, kind: str
) -> None:
    source = (transformer if kind == "transformer" else cnn)(tmp_path / "m.onnx")
    model = onnx.load(source)
    count = sum(facts.weighted(model).values())
    renamed(source, [f"/blocks.{i}/op" for i in range(count)])
    given = feeds(source)
    few, made = tmp_path / "few.onnx", tmp_path / "made.onnx"
    quantise(source, few, kind, given if kind == "cnn" else ())
    names = [node for nodes in blocks(source).values() for node in nodes]
    put_back(few, source, [], made)
    assert np.array_equal(outputs(made, given), outputs(few, given))
    put_back(few, source, names, made)
    near = np.abs(outputs(made, given) - outputs(source, given)).max()
    assert near < (1e-4 if kind == "transformer" else 0.1 * np.abs(outputs(source, given)).max())
    assert near < np.abs(outputs(few, given) - outputs(source, given)).max()
    assert facts.quantised(onnx.load(made)).total() == 0
    put_back(few, source, names[:1], made)
    assert facts.quantised(onnx.load(made)).total() == count - 1


def test_an_operator_whose_output_the_other_file_does_not_know_is_named(tmp_path: Path) -> None:
    source, other = cnn(tmp_path / "cnn.onnx"), transformer(tmp_path / "other.onnx")
    name = next(node.name for node in onnx.load(source).graph.node if node.op_type == "Conv")
    with pytest.raises(UsageError, match="is not there under its name"):
        put_back(other, source, [name], tmp_path / "made.onnx")
