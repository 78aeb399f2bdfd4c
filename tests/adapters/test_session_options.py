"""Settings of ONNX Runtime in an adapter's file: by its own names, and wrong ones refused at their line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.errors import SpecError
from harness.suite.adapters import read_adapter
from tests.adapters.test_onnx_settings import STATED, two_classes

ROOT = Path(__file__).parents[2]
Load = Callable[..., Any]
PICTURES = [Image.new("RGB", (12, 10), colour) for colour in ("red", "teal", "white")]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    (tmp_path / "m.onnx").write_bytes(two_classes())

    def make(keys: str = "", kind: str = "onnx_classifier") -> Any:
        model = "m.onnx" if kind == "onnx_classifier" else ROOT / "fixtures" / "tiny-qwen2-vl"
        stated = STATED if kind == "onnx_classifier" else ""
        (tmp_path / "a.yaml").write_text(f"adapter: a\ntype: {kind}\nmodel: {model}\n{keys}{stated}")
        return read_adapter("a.yaml", folder=tmp_path).load()

    return make


ALL = """\
session_options:
  graph_optimization_level: ORT_DISABLE_ALL
  execution_mode: ORT_PARALLEL
  enable_cpu_mem_arena: false
  enable_mem_pattern: false
  session.intra_op.allow_spinning: "0"
provider_options: {CPUExecutionProvider: {}}
"""


@pytest.mark.parametrize("kind", ["onnx_classifier", "onnx"])
def test_settings_arrive_count_in_the_fingerprint_and_change_no_answer(load: Load, kind: str) -> None:
    plain, told = load(kind=kind), load(ALL, kind)
    runner = told._runner if kind == "onnx_classifier" else told._graphs._vision
    found = runner._session.get_session_options()
    assert str(found.graph_optimization_level).endswith("ORT_DISABLE_ALL")
    assert (found.enable_cpu_mem_arena, found.get_session_config_entry("session.intra_op.allow_spinning")) == (
        False,
        "0",
    )
    assert plain.fingerprint() != told.fingerprint()
    assert plain.fingerprint() == load("session_options: {}\n", kind).fingerprint()
    np.testing.assert_allclose(told.embed(PICTURES), plain.embed(PICTURES), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{enable_cpu_mem_arean: false}", "no setting of ONNX Runtime's SessionOptions.*`enable_cpu_mem_arena`"),
        ("{graph_optimization_level: ORT_ENABLE_MOST}", "did you mean `ORT_ENABLE"),
        ("{enable_mem_pattern: 1}", "of type bool, not int"),
        ("{intra_op_num_threads: 4}", "the key `threads` sets it"),
        ("{optimized_model_filepath: x}", "no setting of ONNX Runtime's SessionOptions"),
        ("{session.allow_spinning: '0'}", "has no configuration entry `session.allow_spinning`"),
    ],
)
@pytest.mark.parametrize("kind", ["onnx_classifier", "onnx"])
def test_a_setting_that_there_is_not_is_refused_at_its_line(load: Load, kind: str, keys: str, said: str) -> None:
    with pytest.raises(SpecError, match=rf"(?s)a\.yaml:4:.*{said}"):
        load(f"session_options: {keys}\n", kind)


def test_options_belong_to_a_provider_of_the_file_and_to_onnx_runtime(load: Load) -> None:
    with pytest.raises(SpecError, match=r"(?s)a\.yaml:4:.*none of `providers`"):
        load("provider_options: {CUDAExecutionProvider: {device_id: 1}}\n")
    pytest.importorskip("openvino")
    with pytest.raises(SpecError, match=r"(?s)a\.yaml:4:.*settings of ONNX Runtime"):
        load("session_options: {enable_mem_pattern: false}\nruntime: openvino\n")
