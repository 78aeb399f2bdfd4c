"""What exporters write beside an ONNX classifier, and what its graph says, is heeded: its numbers are the origin's."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from PIL import Image

from harness.errors import AdapterError, HarnessError
from harness.suite.adapters import read_adapter
from harness.testing.adapters import examine
from harness.types import Request

FLOAT, BYTE, LONG = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT64
IMAGE = ("pixel_values", FLOAT, ["batch", 3, "height", "width"])
VIT = {
    "image_processor_type": "ViTImageProcessor", "do_normalize": True, "do_rescale": True, "do_resize": True,
    "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.6, 0.7], "resample": 3, "rescale_factor": 1 / 255,
    "size": {"height": 12, "width": 10},
}  # fmt: skip

STATED = "size: [12, 10]\nmean: [0, 0, 0]\nstd: [255, 255, 255]\nresize: stretch\nresample: bilinear\n"

Make = Callable[..., Any]


def graph(inputs: list[Any], nodes: list[Any], outputs: list[tuple[str, list[Any]]]) -> bytes:
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs],
        [helper.make_tensor("colours", FLOAT, [3, 2], [1, 0, 0, 1, -1, 0.5])],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def node(kind: str, inputs: str, outputs: str, **keys: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), **keys)


def two_classes(image: Any = IMAGE, axes: tuple[int, ...] = (2, 3), batch: Any = "batch") -> bytes:
    """The mean colour, times a matrix: two logits, behind three features."""
    nodes = [
        node("Cast", image[0], "numbers", to=FLOAT),
        node("ReduceMean", "numbers", "features", axes=list(axes), keepdims=0),
        node("MatMul", "features colours", "logits"),
    ]
    return graph([image], nodes, [("features", [batch, 3]), ("logits", [batch, 2])])


@pytest.fixture
def make(tmp_path: Path) -> Make:
    (tmp_path / "m" / "onnx").mkdir(parents=True)

    def load(model: bytes | None = None, keys: str = "", **files: Any) -> Any:
        (tmp_path / "m" / "onnx" / "model.onnx").write_bytes(model or two_classes())
        for name, content in files.items():
            (tmp_path / "m" / f"{name}.json").write_text(json.dumps(content))
        (tmp_path / "a.yaml").write_text(f"adapter: a\ntype: onnx_classifier\nmodel: m\n{keys}")
        return read_adapter("a.yaml", folder=tmp_path).load()

    return load


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(2)
    sizes = [(37, 23), (23, 41), (16, 16), (9, 7)]
    made = [Image.fromarray(rng.integers(0, 256, (h, w, 3), dtype=np.uint8)) for w, h in sizes]
    return [*made, made[0].convert("L"), made[1].convert("RGBA")]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("ViT", {"size": {"height": 12, "width": 10}}),
        ("ViT", {"size": {"height": 9, "width": 9}, "do_normalize": False, "resample": 0}),
        ("ViT", {"size": {"height": 9, "width": 9}, "do_rescale": False}),
        ("CLIP", {"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 16}}),
        ("CLIP", {"size": {"shortest_edge": 12}, "crop_size": {"height": 15, "width": 17}}),
        ("DeiT", {"size": {"height": 20, "width": 18}, "crop_size": {"height": 13, "width": 13}}),
        ("ConvNext", {"size": {"shortest_edge": 28}, "crop_pct": 0.875}),
        ("ConvNext", {"size": {"shortest_edge": 384}}),
        ("Bit", {"size": {"shortest_edge": 18}, "crop_size": {"height": 18, "width": 18}}),
        ("Levit", {"size": {"shortest_edge": 21}, "crop_size": {"height": 21, "width": 21}}),
        ("MobileViT", {"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 16}}),
        ("EfficientNet", {"size": {"height": 17, "width": 17}, "rescale_offset": True, "rescale_factor": 1 / 127.5}),
        ("EfficientNet", {"size": {"height": 17, "width": 17}, "include_top": False}),
        ("Siglip", {"size": {"height": 14, "width": 14}}),
    ],
    ids=str,
)
def test_pixels_are_those_of_the_processor_itself(make: Make, kind: str, keys: dict[str, Any]) -> None:
    transformers = pytest.importorskip("transformers")
    processor = getattr(transformers, f"{kind}ImageProcessorPil")(**keys)
    settings = json.loads(json.dumps(processor.to_dict(), default=dict))
    adapter = make(preprocessor_config=settings)
    for picture in pictures():
        theirs = np.asarray(processor(picture.convert("RGB"), return_tensors="np")["pixel_values"])
        ours = adapter.prepare([picture.convert("RGB")])
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-5)


TIMM: dict[str, Any] = {
    "input_size": [3, 16, 16], "crop_pct": 0.9, "interpolation": "bicubic", "crop_mode": "center",
    "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.6, 0.7],
}  # fmt: skip


def test_timms_configuration_means_what_its_transforms_do(make: Make) -> None:
    """Its shorter side is the size over `crop_pct`, rounded down: the same numbers for CLIP's processor."""
    ours = make(config={"pretrained_cfg": TIMM, "label_names": ["cat", "dog"]})
    assert ours.classes == ("cat", "dog")
    pixels = ours.prepare(pictures())
    told = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "size": {"shortest_edge": 17}}
    told |= {"crop_size": 16, "image_mean": TIMM["mean"], "image_std": TIMM["std"], "resample": 3}
    np.testing.assert_allclose(pixels, make(config={}, preprocessor_config=told).prepare(pictures()), atol=1e-5)


def test_settings_of_older_versions_mean_the_same(make: Make) -> None:
    older = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 20, "crop_size": 16, "do_center_crop": True}
    newer = {"image_processor_type": "CLIPImageProcessor", "do_center_crop": True, "size": {"shortest_edge": 20}}
    newer["crop_size"] = {"height": 16, "width": 16}
    rest = {key: VIT[key] for key in ("image_mean", "image_std", "resample")}
    one, other = (make(preprocessor_config=keys | rest).prepare(pictures()) for keys in (older, newer))
    assert np.array_equal(one, other)
    assert make(preprocessor_config=VIT | older | {"feature_extractor_type": "ViTFeatureExtractor"}).prepare(
        pictures()
    ).shape == (6, 3, 16, 16)


def test_labels_come_from_the_folder_and_every_setting_counts_in_the_fingerprint(make: Make) -> None:
    adapter = make(config={"id2label": {"1": "dog", "0": "cat"}}, preprocessor_config=VIT)
    assert adapter.classes == ("cat", "dog")
    assert adapter.path.name == "model.onnx"
    first = adapter.fingerprint()
    assert make(config={"id2label": {"0": "cat", "1": "wolf"}}).fingerprint() != first
    again = make(config={"id2label": {"1": "dog", "0": "cat"}}, preprocessor_config=VIT | {"resample": 2})
    assert again.fingerprint() != first


def test_the_law_of_files_holds_for_a_folder_with_settings(make: Make, tmp_path: Path) -> None:
    make(config={"id2label": {"0": "cat", "1": "dog"}}, preprocessor_config=VIT)
    assert [one.outcome for one in examine(tmp_path / "a.yaml") if one.law == "files count"] == ["kept"]


def test_what_the_adapters_file_states_wins_and_a_contradiction_is_said(make: Make) -> None:
    with pytest.warns(UserWarning, match=r"`mean: \[0, 0, 0\]` .* says \[127.5, 102, 76.5\]"):
        adapter = make(keys="mean: [0, 0, 0]\n", preprocessor_config=VIT)
    picture = Image.new("RGB", (5, 5), (50, 60, 70))
    found = adapter.prepare([picture])
    assert found.shape == (1, 3, 12, 10)
    np.testing.assert_allclose(found[0, :, 0, 0], [50 / 127.5, 60 / 153, 70 / 178.5], rtol=1e-5)
    with pytest.warns(UserWarning, match="`size: "):
        assert make(keys="size: [8, 8]\n").prepare([picture]).shape == (1, 3, 8, 8)
    half = Image.new("RGB", (40, 20), "white")
    half.paste("black", (0, 0, 20, 20))
    with pytest.warns(UserWarning, match="`size: "):
        stretched = make(keys="size: [8, 8]\n").prepare([half])[0, 0]
    assert np.array_equal(stretched[0], np.sort(stretched[0])), "still stretched: all of it is there"
    assert (stretched[:, :3] < 0).all()
    with pytest.warns(UserWarning, match="config.json has 2 others, from number 1 on"):
        assert make(keys="classes: [cat, wolf]\n", config={"id2label": {"0": "cat", "1": "dog"}}).classes[1] == "wolf"


def test_a_file_that_says_the_same_is_no_contradiction(make: Make) -> None:
    same = "size: [12, 10]\nmean: [127.5, 102, 76.5]\nstd: [127.5, 153, 178.5]\nresample: bicubic\nresize: stretch\n"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stated = make(keys=same, preprocessor_config=VIT).prepare(pictures())
        partly = make(keys="size: [12, 10]\n").prepare(pictures())
    np.testing.assert_allclose(stated, make().prepare(pictures()), atol=1e-5)
    assert np.array_equal(partly, make().prepare(pictures()))


@pytest.mark.parametrize(
    ("files", "keys", "said"),
    [
        ({"preprocessor_config": VIT | {"image_processor_type": "DetrImageProcessor"}}, "", "'Detr' is none"),
        ({"preprocessor_config": VIT | {"do_pad": True}}, "", "`do_pad` is not done here"),
        ({"preprocessor_config": VIT | {"resample": 9}}, "", "none of Pillow's filters"),
        ({"preprocessor_config": VIT | {"image_mean": None}}, "", "`image_mean` is None"),
        ({"preprocessor_config": VIT | {"image_std": [0, 1, 1]}}, "", "lie above 0"),
        ({"preprocessor_config": VIT | {"size": {"shortest_edge": 9}}}, "", "without a crop"),
        ({"preprocessor_config": VIT | {"size": {"longest_edge": 9}}}, "", "does not say the sides"),
        ({"config": {"pretrained_cfg": TIMM | {"crop_mode": "border"}}}, "", "`crop_mode: border`"),
        ({"config": {"pretrained_cfg": TIMM | {"crop_pct": 0}}}, "", "no share"),
        ({"config": {"pretrained_cfg": TIMM | {"input_size": [3, 16, 8]}}}, "", "no square"),
        ({"config": {"id2label": {"0": "cat"}}}, "", "1 labels in config.json for 2 logits"),
        ({"config": {"id2label": {"1": "cat", "2": "dog"}}}, "", "does not number its classes"),
        ({"config": []}, "", "holds a list, not an object"),
        ({}, "quantisation: int8\n", "no model_int8.onnx; it has onnx/model.onnx"),
        ({}, "layout: nhwc\n", "takes"),
    ],
    ids=str,
)
def test_what_cannot_be_heeded_is_refused_with_file_and_key(make: Make, files: Any, keys: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        make(two_classes(("x", FLOAT, ["batch", 3, 12, 10])), keys, **files)


def test_what_is_refused_needs_no_file_once_the_adapter_states_it_all(make: Make) -> None:
    adapter = make(keys=STATED, preprocessor_config={"image_processor_type": "DetrImageProcessor", "do_pad": True})
    assert adapter.prepare(pictures()).max() <= 1


def test_sides_layout_and_grey_levels_come_from_the_graph(make: Make) -> None:
    image = Image.new("RGB", (7, 7), (10, 20, 31))
    nhwc = make(two_classes(("x", BYTE, ["batch", 6, 8, 3]), (1, 2)))
    assert nhwc.prepare([image]).shape == (1, 6, 8, 3)
    np.testing.assert_allclose(nhwc.embed([image]), [[10, 20, 31]])
    np.testing.assert_allclose(nhwc.classify([image]), [[10 - 31, 20 + 15.5]])
    nchw = make(two_classes(("x", FLOAT, ["batch", 3, 6, 8])))
    assert nchw.prepare([image]).shape == (1, 3, 6, 8)
    with pytest.warns(UserWarning, match="takes whole grey levels"):
        assert (
            make(two_classes(("x", BYTE, ["n", 12, 10, 3]), (1, 2)), preprocessor_config=VIT).prepare([image]).max()
            == 31
        )
    with pytest.raises(HarnessError, match="nothing can be taken off"):
        make(two_classes(("x", BYTE, ["n", 12, 10, 3]), (1, 2)), STATED.replace("[0, 0, 0]", "[1, 1, 1]"))
    with pytest.raises(HarnessError, match="images of 6 x 8, not 12 x 10"):
        make(two_classes(("x", FLOAT, ["batch", 3, 6, 8])))


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_gives_the_answers_of_an_open_one(make: Make, batch: int, runtime: str) -> None:
    pytest.importorskip(runtime)
    fixed = two_classes(("x", FLOAT, [batch, 3, 8, 8]), batch=batch)
    adapter = make(fixed, f"size: [8, 8]\nruntime: {runtime}\n")
    images = pictures()
    found = adapter.classify(images)
    asked = [Request(str(i), "", (image,)) for i, image in enumerate(images)]
    answers = adapter.generate(asked)
    np.testing.assert_allclose(found, make(keys="size: [8, 8]\n").classify(images), atol=1e-5)
    assert [one.text for one in answers] == [adapter.classes[i] for i in found.argmax(1)]
    assert adapter.embed(images).shape == (6, 3)


def hidden(outputs: list[tuple[str, list[Any]]]) -> bytes:
    """Tokens first, then what is made of them."""
    nodes = [
        node("ReduceMean", "pixel_values", "last_hidden_state", axes=[3], keepdims=0),
        node("ReduceMax", "last_hidden_state", "pooler_output", axes=[2], keepdims=0),
        node("MatMul", "pooler_output colours", "scores"),
    ]
    return graph([IMAGE], nodes, outputs)


def test_hidden_states_that_come_first_are_features_and_never_class_scores(make: Make) -> None:
    tokens, pooled, scores = ("last_hidden_state", ["b", 3, "t"]), ("pooler_output", ["b", 3]), ("scores", ["b", 2])
    encoder = make(hidden([tokens, pooled]), "size: [6, 5]\n")
    assert encoder.capabilities == {"embed"}
    raw = encoder.prepare(pictures()).mean(axis=3)
    np.testing.assert_allclose(encoder.embed(pictures()), raw.max(axis=2), atol=1e-5)
    with pytest.raises(AdapterError, match="name one as `logits:`"):
        encoder.classify(pictures())
    np.testing.assert_allclose(make(hidden([tokens]), "size: [6, 5]\n").embed(pictures()), raw.mean(axis=1), atol=1e-5)
    whole = make(hidden([tokens, pooled, scores]), "size: [6, 5]\n")
    assert whole.capabilities == {"classify", "generate", "embed"}
    assert whole.classify(pictures()).shape == (6, 2)


def clip(masked: bool) -> bytes:
    """A score an image and a text: the mean colour times the largest number of a token."""
    ids, mask = ("input_ids", LONG, ["texts", "tokens"]), ("attention_mask", LONG, ["texts", "tokens"])
    nodes = [
        node("Mul", f"input_ids {'attention_mask' if masked else 'input_ids'}", "counted"),
        node("Cast", "counted", "numbers", to=FLOAT),
        node("ReduceMax", "numbers", "text", axes=[1], keepdims=1),
        node("ReduceMean", "pixel_values", "image_embeds", axes=[2, 3], keepdims=0),
        node("ReduceMean", "image_embeds", "light", axes=[1], keepdims=1),
        node("Transpose", "text", "across", perm=[1, 0]),
        node("MatMul", "light across", "logits_per_image"),
    ]
    inputs = [ids, IMAGE, *([mask] if masked else [])]
    return graph(inputs, nodes, [("logits_per_image", ["n", "texts"]), ("image_embeds", ["n", 3])])


def tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<pad>", "a", "photo", "of", "cat", "dog"]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<pad>"))  # noqa: S106
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))


def test_a_model_of_images_and_texts_classifies_by_label_prompts(make: Make, tmp_path: Path) -> None:
    tokenizer(tmp_path / "m")
    adapter = make(clip(masked=True), "classes: [cat, dog]\nsize: [6, 6]\n")
    assert adapter.capabilities == {"classify", "generate", "embed"}
    light = adapter.embed(pictures()).mean(axis=1)
    np.testing.assert_allclose(adapter.classify(pictures()), light[:, None] * [4, 5], rtol=1e-4, atol=1e-4)
    assert (
        make(clip(masked=True), "classes: [cat, dog]\nsize: [6, 6]\nprompt: '{}'\n").fingerprint()
        != adapter.fingerprint()
    )
    with pytest.raises(HarnessError, match="model_max_length"):
        make(clip(masked=False), "classes: [cat, dog]\n")
    filled = make(clip(masked=False), "classes: [cat, dog]\nsize: [6, 6]\n", tokenizer_config={"model_max_length": 9})
    np.testing.assert_allclose(filled.classify(pictures()), light[:, None] * [16, 25], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("", "name the labels"),
        ("classes: [cat]\nprompt: a cat\n", "no one place"),
        ("classes: [cat]\n", "tokenizer.json"),
    ],
    ids=str,
)
def test_without_labels_or_a_tokenizer_it_is_refused(make: Make, keys: str, said: str) -> None:
    with pytest.raises(HarnessError, match=said):
        make(clip(masked=True), keys)


def test_inputs_that_nobody_knows_are_named(make: Make) -> None:
    with pytest.raises(AdapterError, match="has the inputs x, y"):
        make(graph([("x", FLOAT, [1, 3]), ("y", FLOAT, [1, 3])], [node("Add", "x y", "logits")], [("logits", [1, 3])]))
