"""The adapter's key and the command follow from which blocks stay in float, and where the files lie."""

from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from harness.causes import remade as module
from harness.causes.changes import Change
from harness.causes.setups import Place
from harness.quantise.recipes import quantise, recipe_of
from tests.quantise.test_recipes import feeds, transformer


def planned(changes: list[Change], folder: Path, **config: object) -> SimpleNamespace:
    after = SimpleNamespace(config=config, adapter_file=folder / "a.yaml", name="mine", type="onnx_classifier")
    return SimpleNamespace(before=None, after=after, changes=changes)


def test_a_static_recipe_asks_for_images_and_a_built_model_for_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = transformer(tmp_path / "m.onnx")
    quantise(source, tmp_path / "m_int8.onnx", "cnn", feeds(source), "uint8")
    names = [node.name for node in onnx.load(source).graph.node if node.op_type == "MatMul"]
    changes = [Change(names[1], "float", "quantised", (Place("block", ("model", names[1])),))]
    files = iter([{"model": source}, {"model": tmp_path / "m_int8.onnx"}] * 3)
    monkeypatch.setattr(module, "graphs_of", lambda setup: next(files))
    monkeypatch.setattr(module, "blocks", lambda path: {name: (name,) for name in names})
    assert recipe_of(tmp_path / "m_int8.onnx") == "cnn"
    found = module.remade(planned(changes, tmp_path), [names[1]])  # type: ignore[arg-type]
    assert found is not None
    (command,) = found.commands
    like = tmp_path / "a.yaml"
    assert f"--keep-float {names[1]} --calibration IMAGES --like {like} --out" in command
    assert found.key == "model: m_int8_kept.onnx"
    assert "none of those that the model is judged on" in found.note
    built = module.remade(planned(changes, tmp_path, build="vit"), [names[1]])  # type: ignore[arg-type]
    assert built == module.Remade((), f'keep_float: ["{names[1]}"]')
    assert module.remade(planned(changes, tmp_path), ["threads"]) is None  # type: ignore[arg-type]
