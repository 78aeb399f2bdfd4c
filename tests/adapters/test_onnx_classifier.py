"""The image classifier: logits, features, answers, and mistakes in its file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.errors import AdapterError, HarnessError
from harness.hosts.dispatch import dispatch
from harness.locate import CACHE_VARIABLE
from harness.quantise.recipes import quantise
from harness.suite.adapters import read_adapter
from harness.testing.adapters import examine
from harness.types import Adapter, ClassifyingAdapter, EmbeddingAdapter, Request, Status
from harness.zoo._graph import Graph
from harness.zoo.shapes import vit

Load = Callable[..., Any]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def load(tmp_path: Path) -> Load:
    (tmp_path / "m.onnx").write_bytes(vit("tiny", 32, 4, 1, patch=8, side=16).SerializeToString())

    def make(**keys: Any) -> Any:
        content: dict[str, Any] = {"adapter": "tiny", "type": "onnx_classifier", "model": "m.onnx", "size": [16, 16]}
        lines = [f"{key}: {value}" for key, value in (content | keys).items() if value is not None]
        (tmp_path / "a.yaml").write_text("\n".join(lines))
        return read_adapter("a.yaml", folder=tmp_path).load()

    return make


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(1)
    return [Image.fromarray(rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)) for _ in range(count)]


def test_it_classifies_and_embeds_whatever_the_batch(load: Load) -> None:
    adapter = load()
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, ClassifyingAdapter)
    assert isinstance(adapter, EmbeddingAdapter)
    images = pictures(5)
    logits, features = adapter.classify(images), adapter.embed(images)
    assert logits.shape == (5, 1000) == (5, len(adapter.classes))
    assert features.shape == (5, 32)
    one_by_one = np.concatenate([adapter.classify([image]) for image in images])
    np.testing.assert_allclose(one_by_one, logits, atol=1e-5)


def test_preparing_and_inferring_is_classifying(load: Load) -> None:
    adapter = load()
    images = pictures(3)
    assert np.array_equal(adapter.infer(adapter.prepare(images)), adapter.classify(images))


def test_openvino_gives_the_same_logits(load: Load) -> None:
    pytest.importorskip("openvino")
    images = pictures(3)
    np.testing.assert_allclose(load(runtime="openvino").classify(images), load().classify(images), atol=1e-3)


def test_its_answer_to_a_question_is_the_best_class_and_a_bad_request_costs_itself(load: Load) -> None:
    adapter = load()
    image = pictures(1)[0]
    asked = [Request("a", "?", (image,)), Request("b", "no image"), Request("c", "?", (Image.new("L", (0, 3)),))]
    answers = adapter.generate(asked)
    assert answers[0].text == adapter.classes[int(adapter.classify([image])[0].argmax())]
    assert [answer.status for answer in answers] == [Status.OK, Status.ERROR, Status.ERROR]


def test_an_image_without_pixels_costs_its_own_sample_of_a_batch(load: Load) -> None:
    images = [*pictures(2), Image.new("L", (0, 3))]
    answers = dispatch(load(), [Request(str(i), "", (image,), ask="classify") for i, image in enumerate(images)])
    assert [answer.status for answer in answers] == [Status.OK, Status.OK, Status.ERROR]


def test_scales_taken_at_run_time_make_it_depend_on_its_batch(load: Load, tmp_path: Path) -> None:
    quantise(tmp_path / "m.onnx", tmp_path / "q.onnx", "transformer")
    assert load().batch_invariant
    assert not load(model="q.onnx").batch_invariant
    assert load(model="q.onnx", batch_invariant="true").batch_invariant


@pytest.mark.parametrize(
    "change", [{"mean": [0, 0, 0]}, {"optimisation": "none"}, {"classes": [f"c{i}" for i in range(1000)]}], ids=str
)
def test_what_changes_an_answer_changes_the_fingerprint(load: Load, change: dict[str, Any]) -> None:
    assert load().fingerprint() == load(batch_size=3).fingerprint()
    assert load(**change).fingerprint() != load().fingerprint()


def test_another_weight_is_another_fingerprint(load: Load, tmp_path: Path) -> None:
    before = load().fingerprint()
    (tmp_path / "m.onnx").write_bytes(vit("other", 32, 4, 1, patch=8, side=16).SerializeToString())
    assert load().fingerprint() != before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "nowhere.onnx"}, "there is no file"),
        ({"model": None}, "either `model` or `build`"),
        ({"build": "resnet18"}, "either `model` or `build`"),
        ({"model": None, "build": "resnet81"}, "did you mean 'resnet18'"),
        ({"keep_float": ["block 1"]}, "only what is built here in INT8 is quantised here"),
        ({"mean": [1, 2]}, "for one or for three channels"),
        ({"std": [0, 1, 1]}, "above 0"),
        ({"classes": ["a", "b"]}, "2 names for 1000 logits"),
        ({"logits": "scores"}, "no output 'scores'"),
        ({"providers": ["NoProvider"]}, "has no NoProvider"),
    ],
    ids=str,
)
def test_a_mistake_in_the_file_is_a_sentence(load: Load, change: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        load(**change)


def test_a_file_that_is_no_model_is_a_sentence(load: Load, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(AdapterError, match="cannot be loaded"):
        load(model="bad.onnx")


def test_a_file_without_features_does_not_claim_to_embed(load: Load, tmp_path: Path) -> None:
    graph = Graph("plain")
    x = graph.input("x", ["batch", 64])
    graph.output(graph.linear(x, 64, 4), "scores", ["batch", 4])
    (tmp_path / "plain.onnx").write_bytes(graph.model().SerializeToString())
    adapter = load(model="plain.onnx", size=[8, 8], mean=[0], std=[255], layout="flat")
    assert "embed" not in adapter.capabilities
    with pytest.raises(AdapterError, match="no output `features`"):
        adapter.embed(pictures(1))


def test_a_closed_adapter_says_so(load: Load) -> None:
    adapter = load()
    adapter.close()
    with pytest.raises(AdapterError, match="closed"):
        adapter.classify(pictures(1))


@pytest.mark.slow
def test_efficientnet_recognises_the_cat_in_float_and_in_int8() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    from harness.data.photo_crops import PhotoCrops, PhotoCropsConfig

    samples = list(PhotoCrops(PhotoCropsConfig(limit=24, area=(0.9, 1.0))))
    images = [sample.images[0].load() for sample in samples]
    floats, ints = (read_adapter(f"efficientnet-lite0-{bits}").load() for bits in ("fp32", "int8"))
    a, b = floats.classify(images), ints.classify(images)
    right = [floats.classes[int(row.argmax())] in s.references for row, s in zip(a, samples, strict=True)]
    assert np.mean(right) > 0.8
    assert np.mean(a.argmax(1) == b.argmax(1)) > 0.75
    assert floats.embed(images[:2]).shape == (2, 1280)


def test_weights_outside_the_graph_count_wherever_it_says_that_they_lie(load: Load, tmp_path: Path) -> None:
    import onnx

    model = onnx.load(tmp_path / "m.onnx")
    (tmp_path / "weights").mkdir()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="weights/far.bin", size_threshold=512)
    whole, adapter = (tmp_path / "weights/far.bin").read_bytes(), load()
    first = adapter.fingerprint()
    images = pictures(2)
    logits = adapter.classify(images)
    for place in (8, len(whole) // 2, len(whole) - 1):
        (tmp_path / "weights/far.bin").write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1 :])
        assert load().fingerprint() != first
    assert not np.array_equal(load().classify(images), logits)
    (tmp_path / "weights/far.bin").write_bytes(whole)
    assert load().fingerprint() == first
    assert [found.outcome for found in examine(tmp_path / "a.yaml") if found.law == "files count"] == ["kept"]
