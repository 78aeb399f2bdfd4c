"""`harness quantize`: writes, checks, compares, and says why not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image

from harness.quantise.recipes import Quantised
from harness.quantise.trial import Agreement, Speed, Trial, mark_pareto
from harness.zoo._graph import Graph
from harness.zoo.shapes import vit

Run = Callable[..., Any]
MODEL = Path(__file__).parents[2] / "fixtures" / "tiny-qwen2-vl"


@pytest.fixture
def transformer(tmp_path: Path) -> Path:
    file = tmp_path / "encoder.onnx"
    file.write_bytes(vit("tiny", 64, 4, 1, patch=8, side=16).SerializeToString())
    return file


@pytest.fixture
def cnn(tmp_path: Path) -> Path:
    graph = Graph("tiny cnn")
    x = graph.input("x", ["batch", 3, 16, 16])
    for channels, out in ((3, 8), (8, 16)):
        x = graph.node("Relu", graph.conv(x, channels, out, 3))
    graph.output(graph.linear(graph.node("Flatten", graph.node("GlobalAveragePool", x)), 16, 5), "logits", ["batch", 5])
    file = tmp_path / "cnn.onnx"
    file.write_bytes(graph.model().SerializeToString())
    return file


def inputs(file: Path, seed: int, count: int = 8) -> Path:
    np.savez(file, x=np.random.default_rng(seed).standard_normal((count, 3, 16, 16)).astype(np.float32))
    return file


def test_the_recipe_for_the_kind_is_chosen_written_and_verified(run_here: Run, transformer: Path) -> None:
    done = run_here("quantize", transformer, "--rounds", 2, "--json", "--weights", "uint8")
    assert done.code == 0, done.err
    (trial,) = json.loads(done.out)["trials"]
    assert trial["made"]["recipe"] == "transformer"
    assert trial["made"]["nodes"] == {"MatMul": 7}
    assert trial["agreement"]["cosine"] > 0.99
    written = transformer.with_name("encoder_int8.onnx")
    assert sum(node.op_type == "MatMulInteger" for node in onnx.load(written).graph.node) == 7


def test_a_cnn_without_calibration_says_what_it_needs(run_here: Run, cnn: Path) -> None:
    done = run_here("quantize", cnn)
    assert done.code == 2
    assert "needs calibration data" in done.err


def test_a_cnn_with_calibration_is_judged_on_other_inputs(run_here: Run, cnn: Path, tmp_path: Path) -> None:
    tuned, judged = inputs(tmp_path / "a.npz", 1), inputs(tmp_path / "b.npz", 2)
    done = run_here("quantize", cnn, "--calibration", tuned, "--evaluation", judged, "--rounds", 2, "--min-cosine", 0.9)
    assert done.code == 0, done.err
    assert "judged on the evaluation inputs" in done.out
    assert "2 Conv" in done.out


def test_inputs_on_both_sides_are_refused(run_here: Run, cnn: Path, tmp_path: Path) -> None:
    same = inputs(tmp_path / "a.npz", 1)
    done = run_here("quantize", cnn, "--calibration", same, "--evaluation", same)
    assert done.code == 2
    assert "8 inputs are both" in done.err


def test_a_cnn_as_a_transformer_is_refused_with_the_reason(run_here: Run, cnn: Path) -> None:
    done = run_here("quantize", cnn, "--recipe", "transformer")
    assert done.code == 2
    assert "five to ten times slower" in done.err


def test_outputs_that_agree_too_little_fail(run_here: Run, transformer: Path) -> None:
    done = run_here("quantize", transformer, "--rounds", 2, "--min-cosine", 1)
    assert done.code == 1


def test_auto_tries_all_and_draws_the_front(run_here: Run, transformer: Path, tmp_path: Path) -> None:
    out, plot = tmp_path / "all", tmp_path / "front.png"
    done = run_here("quantize", transformer, "-r", "auto", "-o", out, "--rounds", 2, "--plot", plot)
    assert done.code == 0, done.err
    assert {file.name for file in out.iterdir()} >= {"encoder-transformer-int8.onnx", "encoder-weight-only-4.onnx"}
    assert "weight-only-8" in done.out
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_images_need_an_adapter_that_says_how_they_become_the_input(
    run_here: Run, transformer: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        Image.new("RGB", (20, 20), (40 * i, 100, 50)).save(photos / f"{i}.png")
    assert "name an adapter" in run_here("quantize", transformer, "--evaluation", photos).err
    (tmp_path / "like.yaml").write_text("adapter: like\ntype: onnx_classifier\nmodel: encoder.onnx\nsize: [16, 16]\n")
    done = run_here("quantize", transformer, "--evaluation", photos, "--like", tmp_path / "like.yaml", "--rounds", 2,
                    "--weights", "uint8")  # fmt: skip
    assert done.code == 0, done.err
    assert "like.yaml" not in run_here("quantize", transformer, "--like", "mock").out


@pytest.mark.parametrize(
    ("content", "said"),
    [({"y": np.zeros((2, 3))}, "no array for the input"), ({"x": np.zeros((0, 3))}, "one or more")],
    ids=["names", "empty"],
)
def test_inputs_that_do_not_fit_are_a_sentence(
    run_here: Run, cnn: Path, tmp_path: Path, content: dict[str, np.ndarray], said: str
) -> None:
    np.savez(tmp_path / "bad.npz", **content)
    done = run_here("quantize", cnn, "--calibration", tmp_path / "bad.npz")
    assert done.code == 2
    assert said in done.err


def test_a_file_that_is_no_model_is_a_sentence(run_here: Run, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"not a model")
    done = run_here("quantize", tmp_path / "m.onnx")
    assert done.code == 2
    assert "cannot be loaded" in done.err


def trial(name: str, ratio: float, size: int, cosine: float) -> Trial:
    made = Quantised(Path(name), "transformer", "int8", {}, {}, 100, size)
    return Trial(name, made, Agreement(1, cosine, cosine, None), Speed(ratio, ratio, ratio, 1, 1, 2))


def test_the_front_holds_what_nothing_dominates() -> None:
    trials = [
        trial("fast", 3, 50, 0.99),
        trial("near", 2, 50, 0.999),
        trial("worse", 2, 60, 0.99),
        trial("small", 1, 20, 0.9),
    ]
    refused = Trial("no", None, None, None, "does not fit")
    assert [t.name for t in mark_pareto([*trials, refused]) if t.pareto] == ["fast", "near", "small"]


def test_inputs_that_must_fit_each_other_are_not_drawn_at_random(run_here, tmp_path: Path) -> None:
    model = tmp_path / "tower.onnx"
    shutil.copy(MODEL / "onnx" / "vision_encoder.onnx", model)
    done = run_here("quantize", model)
    assert done.code == 2
    assert "grid_thw: whole numbers that must fit pixel_values" in done.err
    assert "--evaluation FILE.npz" in done.err
    assert [file.name for file in tmp_path.glob("tower*")] == ["tower.onnx"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda model: _with_nan(model).SerializeToString(), "1 weights with NaN or infinite numbers"),
        (lambda model: _with_opset(model, 99).SerializeToString(), "its opset is 99, and the installed ONNX Runtime"),
        (lambda model: model.SerializeToString()[:5000], "it is no ONNX file, or cut off"),
        (lambda model: b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_a_file_that_cannot_be_quantised_is_named_for_what_it_is(
    run_here: Run, transformer: Path, spoil: Callable[[Any], bytes], said: str
) -> None:
    transformer.write_bytes(spoil(onnx.load(transformer)))
    done = run_here("quantize", transformer, "--rounds", 2)
    assert done.code == 2
    assert said in done.err
    assert "internal error" not in done.err


def _with_nan(model: Any) -> Any:
    weight = next(one for one in model.graph.initializer if len(one.dims) == 2)
    values = onnx.numpy_helper.to_array(weight).copy()
    values[0, 0] = np.nan
    weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
    return model


def _with_opset(model: Any, version: int) -> Any:
    model.opset_import[0].version = version
    return model
