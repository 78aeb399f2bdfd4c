"""A block whose INT8 weights were made badly is found by the answers, and put back in float."""

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from harness.locate import builtin_root
from tests.causes.test_real import SUITE
from tests.conftest import Done

ADAPTER = (
    "adapter: NAME\ntype: onnx\nmodel: model\nthreads: 1\nbatch_size: 1\nbatch_invariant: true\nquantisation: NAME\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    model = builtin_root() / "fixtures" / "tiny-qwen2-vl"
    shutil.copytree(model, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "charts.yaml").write_text(SUITE)
    for name in ("fp32", "int8"):
        (tmp_path / f"{name}.yaml").write_text(ADAPTER.replace("NAME", name))
    return tmp_path


def spoil(file: Path, block: str) -> None:
    """Round the weights of one block to multiples of 40."""
    model = onnx.load(file)
    for tensor in model.graph.initializer:
        if block in tensor.name and tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 2:
            rounded = np.round(numpy_helper.to_array(tensor).astype(int) / 40) * 40
            tensor.CopyFrom(numpy_helper.from_array(np.clip(rounded, -128, 127).astype(np.int8), tensor.name))
    onnx.save(model, file)


def test_a_spoilt_block_comes_first_and_what_it_costs_in_float_is_shown(folder: Path, run_here, monkeypatch) -> None:
    monkeypatch.setattr("harness.causes.layers.ROUNDS", 3)
    spoil(folder / "model" / "onnx" / "vision_encoder_int8.onnx", "tower.blocks.1.")
    layers = ("why", "fp32.yaml", "int8.yaml", "--layers", "--suite", "charts.yaml", "-q")
    done: Done = run_here(*layers, "--steps", 1, "--keep", "kept", "--html", "page.html", "--json")
    assert done.code in (0, 3), done.err
    told = json.loads(done.out)
    first = told["causes"][0]
    assert first["change"] == "vision_encoder: tower.blocks.1"
    assert first["share_of_flips"] > 0.8
    assert first["effect"]["high"] < 0
    as_it_is, with_block, floating = told["steps"]
    assert with_block["metric"]["value"] > as_it_is["metric"]["value"]
    assert as_it_is["to_float"]["high"] < 0 < with_block["to_float"]["high"]
    assert floating["to_float"] is None
    assert told["looking"]["verdict"] == "looks less"
    page = (folder / "page.html").read_text()
    assert all(text in page for text in ("+1</text>", "looks less than it did", "harness quantize", "tower.blocks.1"))
    assert as_it_is["bytes"] < with_block["bytes"] < floating["bytes"]
    assert len(with_block["in_float"]["vision_encoder: tower.blocks.1"]) == 4
    again = run_here("run", "charts.yaml", "-a", "kept/step-1/adapter.yaml", "-q", "--no-report", "--json")
    assert again.code == 0, again.err
    (record,) = json.loads(again.out)
    assert record["tasks"]["qa"]["metrics"]["exact_match"]["value"] == with_block["metric"]["value"]
    # The command that it prints makes a model with that block in float, under the name that the key says.
    (command,) = told["remade"]["commands"]
    made = run_here(*shlex.split(command)[1:], "--json")
    assert made.code == 0, made.err
    (trial,) = json.loads(made.out)["trials"]
    assert (len(trial["made"]["kept"]), trial["made"]["left"]) == (4, {"Gemm": 4})
    key = told["remade"]["key"]
    assert key == "suffixes: {vision_encoder: _int8_kept}"
    (folder / "mixed.yaml").write_text(ADAPTER.replace("NAME", "int8") + key)
    mixed = run_here("run", "charts.yaml", "-a", "mixed.yaml", "-n", 8, "-q", "--no-report", "--json")
    assert json.loads(mixed.out)[0]["tasks"]["qa"]["metrics"]["exact_match"]["value"] > as_it_is["metric"]["value"]


def test_whole_parts_are_told_apart_and_a_limited_run_stays_so(folder: Path, run_here, monkeypatch) -> None:
    monkeypatch.setattr("harness.causes.layers.ROUNDS", 2)
    spoil(folder / "model" / "onnx" / "vision_encoder_int8.onnx", "tower.blocks.1.")
    outside = folder / "model" / "onnx" / "embed_tokens.onnx"
    onnx.save(onnx.load(outside), outside, save_as_external_data=True, location="embed_tokens.onnx_data")
    layers = ("why", "fp32.yaml", "int8.yaml", "--layers", "--parts", "--suite", "charts.yaml", "-n", 24, "-q")
    done: Done = run_here(*layers, "--no-looking", "--steps", 1, "--json")
    assert done.code in (0, 3), done.err
    told = json.loads(done.out)
    known = {"vision_encoder: tower", "vision_encoder: projector", "embed_tokens", "decoder_model_merged"}
    assert told["causes"][0]["change"] == "vision_encoder: tower"
    assert {cause["change"] for cause in told["causes"]} <= known | {"2 others", "3 others"}
    assert [step["metric"]["n"] for step in told["steps"]] == [24, 24, 24]
    assert "looking" not in told
    (command,) = told["remade"]["commands"]
    assert "--keep-float patch_embed --keep-float tower.blocks.0" in command
    assert "merger" not in command


def test_layers_of_what_has_no_graphs_or_no_suite_are_refused(folder: Path, run_here) -> None:
    wrong = run_here("why", "fp32.yaml", "int8.yaml", "--layers")
    assert (wrong.code, "--layers needs --suite" in wrong.err) == (2, True)
    same = run_here("why", "int8.yaml", "int8.yaml", "--layers", "--suite", "charts.yaml", "-q", "-n", "4")
    assert (same.code, "the same files" in same.err) == (2, True)
