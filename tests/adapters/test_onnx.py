"""The ONNX adapter as the engine sees it."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as state
from PIL import Image
from pydantic import ValidationError

from harness.adapters import onnx as onnx_adapter
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.data.charts.draw import render
from harness.data.charts.model import draw_chart
from harness.errors import AdapterError, SampleError
from harness.registry import registry
from harness.seeds import Stream
from harness.types import Adapter, EmbeddingAdapter, Finish, Generation, Request, Response, Status
from tests.charted import charted

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
CHARTS = 160


def load(folder: Path = MODEL, **keys: object) -> OnnxAdapter:
    return OnnxAdapter.from_config(OnnxConfig.model_validate({"model": str(folder), **keys}), ROOT)


@pytest.fixture(scope="module")
def fp32() -> Iterator[OnnxAdapter]:
    adapter = load()
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def int8() -> Iterator[OnnxAdapter]:
    adapter = load(quantisation="int8")
    yield adapter
    adapter.close()


@pytest.fixture(scope="module")
def charts() -> list[tuple[Request, str]]:
    return charted("test-onnx", CHARTS)


def in_batches(adapter: OnnxAdapter, requests: list[Request], size: int) -> list[Response]:
    parts = [requests[start : start + size] for start in range(0, len(requests), size)]
    return [response for part in parts for response in adapter.generate(part)]


def question(prompt: str = "Which is highest?", *images: Image.Image, **keys: object) -> Request:
    return Request("request", prompt, images, **keys)  # type: ignore[arg-type]  # the tests pass what fits


def chart_image() -> Image.Image:
    stream = Stream("test-onnx-image")
    return render(draw_chart(stream, "test", "vbar-light"), stream).image


def copy_model(target: Path) -> Path:
    """Copy the folder without its torch weights, which the adapter does not need."""
    shutil.copytree(MODEL, target, ignore=shutil.ignore_patterns("*.safetensors", "*.md"))
    return target


def test_it_is_registered_and_keeps_the_protocol(fp32: OnnxAdapter) -> None:
    assert registry("adapters").load("onnx") is OnnxAdapter
    assert isinstance(fp32, Adapter)
    assert not fp32.simulated
    assert fp32.capabilities == {"generate", "embed"}
    assert isinstance(fp32, EmbeddingAdapter)


@pytest.mark.parametrize("name", ["onnx-fp32", "onnx-int8"])
def test_the_adapter_files_of_the_repository_load(name: str) -> None:
    content = yaml.safe_load((ROOT / "adapters" / f"{name}.yaml").read_text())
    assert content.pop("adapter") == name
    assert content.pop("type") == "onnx"
    assert content.pop("description")
    adapter = OnnxAdapter.from_config(OnnxConfig.model_validate(content), ROOT / "adapters")
    assert adapter.generate([question()])[0].status is Status.OK
    adapter.close()


def test_importing_the_module_loads_no_runtime() -> None:
    code = (
        "import sys, harness.adapters.onnx; print({'onnxruntime', 'tokenizers', 'jinja2', 'torch'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"


def test_running_it_loads_neither_torch_nor_transformers() -> None:
    code = (
        "import sys; from pathlib import Path; from harness.adapters.onnx import OnnxAdapter, OnnxConfig; "
        "from harness.types import Request; "
        f"adapter = OnnxAdapter.from_config(OnnxConfig(model={str(MODEL)!r}), Path()); "
        "adapter.generate([Request('a', 'Which is highest?')]); adapter.fingerprint(); "
        "print({'torch', 'transformers', 'onnx'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_adapter, "find_spec", lambda name: None if name == "tokenizers" else object())
    with pytest.raises(AdapterError, match=r"need tokenizers; run `pip install 'onnxruntime>=.*' 'tokenizers>=.*'`"):
        load()


def share_right(responses: list[Response], charts: list[tuple[Request, str]]) -> float:
    return sum(response.text == answer for response, (_, answer) in zip(responses, charts, strict=True)) / len(charts)


def test_it_reads_held_out_charts_and_does_not_guess(fp32: OnnxAdapter, charts: list[tuple[Request, str]]) -> None:
    requests = [request for request, _ in charts]
    of_others = [replace(request, images=requests[index - 1].images) for index, request in enumerate(requests)]
    seeing, guessing = (share_right(in_batches(fp32, asked, 8), charts) for asked in (requests, of_others))
    assert seeing > guessing + 0.25


def test_int8_is_about_as_right_as_fp32(
    fp32: OnnxAdapter, int8: OnnxAdapter, charts: list[tuple[Request, str]]
) -> None:
    requests = [request for request, _ in charts]
    float_share, integer_share = (share_right(in_batches(adapter, requests, 8), charts) for adapter in (fp32, int8))
    assert abs(float_share - integer_share) <= 0.06


def test_fp32_answers_do_not_depend_on_the_batch(fp32: OnnxAdapter, charts: list[tuple[Request, str]]) -> None:
    assert fp32.batch_invariant
    requests = [request for request, _ in charts[:48]] + [question("Which is lowest?"), question("What color is A?")]
    alone = [response.text for response in in_batches(fp32, requests, 1)]
    for size in (3, 8, 50):
        assert [response.text for response in in_batches(fp32, requests, size)] == alone
    backwards = [response.text for response in in_batches(fp32, requests[::-1], 7)]
    assert backwards[::-1] == alone


def test_int8_repeats_exactly_in_the_same_batches(int8: OnnxAdapter, charts: list[tuple[Request, str]]) -> None:
    assert not int8.batch_invariant
    requests = [request for request, _ in charts[:32]]
    first, second = (in_batches(int8, requests, 8) for _ in range(2))
    assert [response.text for response in first] == [response.text for response in second]


@pytest.mark.parametrize(
    ("keys", "invariant"),
    [
        ({}, True),
        ({"quantisation": "int8"}, False),
        ({"quantisation": "int8", "batch_invariant": True}, True),
        ({"suffix": "_mine"}, False),
        ({"suffixes": {"vision_encoder": "_mine"}}, False),
        ({"quantisation": "q4"}, True),
    ],
)
def test_batch_invariance_follows_from_the_quantisation(keys: dict[str, object], invariant: bool) -> None:
    assert OnnxConfig.model_validate({"model": "m", **keys}).is_batch_invariant() is invariant


@pytest.mark.parametrize(
    ("keys", "suffix"),
    [
        ({}, ""),
        ({"quantisation": "int8"}, "_int8"),
        ({"quantisation": "q8"}, "_quantized"),
        ({"suffix": "_mine"}, "_mine"),
    ],
)
def test_the_quantisation_names_the_files(keys: dict[str, object], suffix: str) -> None:
    assert OnnxConfig.model_validate({"model": "m", **keys}).file_suffix() == suffix


@pytest.mark.parametrize("keys", [{"modell": "m"}, {"model": "m", "threads": 0}, {"model": "m", "batch_size": "8"}, {}])
def test_a_wrong_key_or_value_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OnnxConfig.model_validate(keys)


def test_a_response_says_what_it_cost(fp32: OnnxAdapter) -> None:
    (response,) = fp32.generate([question("Which is highest?", chart_image(), chart_image())])
    assert response.image_tokens == 40
    assert response.tokens_in is not None
    assert response.tokens_in > 40
    assert response.tokens_out is not None
    assert 1 <= response.tokens_out <= 16
    assert set(response.seconds) == {"preprocess", "vision", "prefill", "decode"}
    assert all(seconds > 0 for seconds in response.seconds.values())


def test_a_text_only_request_spends_nothing_on_vision(fp32: OnnxAdapter) -> None:
    (response,) = fp32.generate([question()])
    assert response.status is Status.OK
    assert response.image_tokens == 0
    assert "vision" not in response.seconds


def test_an_empty_batch_has_no_answers(fp32: OnnxAdapter) -> None:
    assert fp32.generate([]) == []


def test_each_request_keeps_its_own_limit(fp32: OnnxAdapter) -> None:
    image = chart_image()
    prompt = "What is the value of A?"
    responses = fp32.generate([question(prompt, image, generation=Generation(limit)) for limit in (1, 16)])
    assert responses[0].tokens_out == 1
    assert responses[1].tokens_out is not None
    assert responses[1].tokens_out > 1
    assert [response.finish for response in responses] == [Finish.LENGTH, Finish.STOP]


@pytest.mark.parametrize("name", ["fp32", "int8"])
def test_features_of_an_image_depend_on_the_image_alone(
    name: str, request: pytest.FixtureRequest, charts: list[tuple[Request, str]]
) -> None:
    adapter: OnnxAdapter = request.getfixturevalue(name)
    images = [asked.images[0] for asked, _ in charts[:6]]
    together = adapter.embed(images)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    assert len(np.unique(together, axis=0)) == 6
    alone = np.concatenate([adapter.embed([image]) for image in images])
    np.testing.assert_array_equal(together, alone)
    assert adapter.embed([]).shape == (0, together.shape[1])


def test_int8_features_point_where_those_of_fp32_do(
    fp32: OnnxAdapter, int8: OnnxAdapter, charts: list[tuple[Request, str]]
) -> None:
    images = [asked.images[0] for asked, _ in charts[:6]]
    exact, coarse = fp32.embed(images), int8.embed(images)
    cosine = (exact * coarse).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(coarse, axis=1)
    assert cosine.min() > 0.95


def test_an_image_that_cannot_be_embedded_is_refused_as_a_sample(fp32: OnnxAdapter) -> None:
    with pytest.raises(SampleError, match="no pixels"):
        fp32.embed([Image.new("RGB", (0, 4))])


def test_a_smaller_area_costs_fewer_image_tokens(fp32: OnnxAdapter) -> None:
    small = load(max_pixels=28 * 28 * 8)
    request = question("Which is highest?", chart_image())
    before, after = (adapter.generate([request])[0].image_tokens for adapter in (fp32, small))
    assert before == 20
    assert after is not None
    assert after <= 8
    small.close()


def broken_image() -> Image.Image:
    """An image whose file ends in the middle, so that it fails when it is decoded."""
    whole = BytesIO()
    chart_image().save(whole, "PNG")
    return Image.open(BytesIO(whole.getvalue()[:400]))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (lambda: Image.new("RGB", (0, 20)), "no pixels"),
        (lambda: Image.new("RGB", (4000, 10)), "over 200 times"),
        (broken_image, "cannot be decoded"),
    ],
)
def test_a_bad_image_costs_its_own_request_only(
    fp32: OnnxAdapter, charts: list[tuple[Request, str]], image: Callable[[], Image.Image], says: str
) -> None:
    good = [request for request, _ in charts[:3]]
    expected = [response.text for response in fp32.generate(good)]
    bad = question("Which is highest?", chart_image(), image())
    responses = fp32.generate([good[0], bad, good[1], good[2]])
    assert responses[1].status is Status.ERROR
    assert responses[1].text is None
    assert says in (responses[1].error or "")
    assert [responses[index].text for index in (0, 2, 3)] == expected


def test_a_batch_of_bad_images_alone_is_answered(fp32: OnnxAdapter) -> None:
    responses = fp32.generate([question("Which is highest?", Image.new("RGB", (0, 0)))] * 2)
    assert [response.status for response in responses] == [Status.ERROR] * 2


def test_an_image_token_in_the_question_does_not_shift_the_images(fp32: OnnxAdapter) -> None:
    bad, good = fp32.generate([question("What is <|image_pad|>?", chart_image()), question("x", chart_image())])
    assert bad.status is Status.ERROR
    assert "2 image tokens (<|image_pad|>) for 1 images" in (bad.error or "")
    assert good.status is Status.OK


def test_a_prompt_that_is_longer_than_the_model_reads_is_an_error(fp32: OnnxAdapter) -> None:
    (response,) = fp32.generate([question("word " * 2100)])
    assert response.status is Status.ERROR
    assert "the model reads 2048" in (response.error or "")


def test_numbers_that_are_not_finite_are_an_error_and_never_an_answer(tmp_path: Path, fp32: OnnxAdapter) -> None:
    folder = copy_model(tmp_path / "model")
    path = folder / "onnx" / "embed_tokens.onnx"
    graph = onnx.load(path)
    table = numpy_helper.to_array(graph.graph.initializer[0]).copy()
    table[json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]["Z"]] = np.nan
    graph.graph.initializer[0].CopyFrom(numpy_helper.from_array(table, graph.graph.initializer[0].name))
    onnx.save(graph, path)
    requests = [question("Which is highest?", chart_image()), question("Z", chart_image())]
    broken = load(folder)
    good, bad = broken.generate(requests)
    assert (bad.status, bad.text) == (Status.ERROR, None)
    assert "not finite" in (bad.error or "")
    assert good.text == fp32.generate(requests)[0].text
    broken.close()


def test_features_that_are_not_finite_are_an_error_in_int8_too(
    int8: OnnxAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dynamic quantisation turns a NaN into an ordinary number, so that the logits alone would not show it.
    assert int8._graphs is not None
    encode = int8._graphs.encode_images
    monkeypatch.setattr(int8._graphs, "encode_images", lambda pixels, grids: encode(pixels, grids) * np.nan)
    bad, good = int8.generate([question("Which is highest?", chart_image()), question()])
    assert (bad.status, bad.text) == (Status.ERROR, None)
    assert good.status is Status.OK


def test_a_prompt_that_is_not_unicode_costs_its_own_request_only(fp32: OnnxAdapter) -> None:
    bad, good = fp32.generate([question("\ud800"), question()])
    assert bad.status is Status.ERROR
    assert "not valid Unicode" in (bad.error or "")
    assert good.status is Status.OK


class Failing:
    """A runtime session that always fails."""

    def __init__(self, message: str) -> None:
        self.message = message

    def run(self, *_: object) -> list[np.ndarray]:
        raise state.RuntimeException(self.message)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Failed to allocate memory for requested buffer of size 1099511627776", MemoryError),
        ("Non-zero status code returned while running Gather node", AdapterError),
    ],
)
def test_a_batch_that_does_not_fit_is_told_from_other_failures(
    monkeypatch: pytest.MonkeyPatch, message: str, error: type[Exception]
) -> None:
    adapter = load()
    monkeypatch.setattr(adapter._graphs._decoder, "_session", Failing(message))  # type: ignore[union-attr]  # a test's eye
    with pytest.raises(error, match=message):
        adapter.generate([question()])


def cast_to_half(path: Path, names: Callable[[str], bool]) -> None:
    """Give a graph's float inputs and outputs of these names half precision, as public fp16 files have."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        if not names(value.name):
            continue
        inner = f"{value.name}.float"
        for node in model.graph.node:
            for ends in (node.input, node.output):
                ends[:] = [inner if name == value.name else name for name in ends]
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
        if value in model.graph.input:
            cast = helper.make_node("Cast", [value.name], [inner], to=onnx.TensorProto.FLOAT)
            model.graph.node.insert(0, cast)
        else:
            model.graph.node.append(helper.make_node("Cast", [inner], [value.name], to=onnx.TensorProto.FLOAT16))
    onnx.save(model, path)


def test_half_precision_files_are_fed_half_precision(
    tmp_path: Path, fp32: OnnxAdapter, charts: list[tuple[Request, str]]
) -> None:
    folder = copy_model(tmp_path / "model")
    floats = ("pixel_values", "image_features", "inputs_embeds", "logits", "past_key_values", "present")
    for path in (folder / "onnx").glob("*.onnx"):
        if "int8" in path.name:
            path.unlink()
        else:
            cast_to_half(path, lambda name: name.startswith(floats))
            path.rename(path.with_stem(f"{path.stem}_fp16"))
    half, requests = load(folder, quantisation="fp16"), [request for request, _ in charts[:16]]
    pairs = zip(half.generate(requests), fp32.generate(requests), strict=True)
    assert sum(one.text == other.text for one, other in pairs) >= 15


def test_the_fingerprint_follows_every_file_and_key_but_not_the_folder(tmp_path: Path) -> None:
    first = load().fingerprint()
    folder = copy_model(tmp_path / "copy")
    assert load(folder).fingerprint() == first
    assert load(quantisation="int8").fingerprint() != first
    assert load(max_pixels=28 * 28 * 8).fingerprint() != first
    settings = folder / "preprocessor_config.json"
    settings.write_text(settings.read_text() + "\n")
    assert load(folder).fingerprint() != first


def test_the_fingerprint_does_not_follow_files_that_are_not_used(tmp_path: Path) -> None:
    folder = copy_model(tmp_path / "copy")
    (folder / "onnx" / "embed_tokens_int8.onnx").unlink()
    (folder / "NOTES.txt").write_text("note")
    assert load(folder).fingerprint() == load().fingerprint()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match=r"no model folder .*nowhere; `model` in the adapter's file is relative"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("config.json", r"has no config\.json; is it a model folder\?"),
        ("tokenizer.json", r"has no tokenizer\.json"),
        ("onnx/decoder_model_merged.onnx", r"decoder_model_merged\.onnx is missing; the folder needs"),
    ],
)
def test_a_missing_file_is_named_with_a_remedy(tmp_path: Path, name: str, says: str) -> None:
    folder = copy_model(tmp_path / "model")
    (folder / name).unlink()
    with pytest.raises(AdapterError, match=says):
        load(folder)


def test_a_missing_quantisation_says_which_there_are() -> None:
    with pytest.raises(AdapterError, match=r"vision_encoder_q4\.onnx is missing; the folder has fp32, int8: set"):
        load(quantisation="q4")


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = copy_model(tmp_path / "model")
    (folder / "onnx" / "embed_tokens.onnx").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(AdapterError, match=r"embed_tokens\.onnx cannot be loaded(.|\n)*pointer of Git LFS"):
        load(folder)


def test_files_in_the_wrong_place_are_noticed(tmp_path: Path) -> None:
    folder = copy_model(tmp_path / "model")
    shutil.copy(folder / "onnx" / "embed_tokens.onnx", folder / "onnx" / "vision_encoder.onnx")
    with pytest.raises(
        AdapterError, match=r"vision_encoder\.onnx has the inputs input_ids, not grid_thw, pixel_values"
    ):
        load(folder)


def test_the_grid_may_be_called_as_in_later_models(tmp_path: Path, fp32: OnnxAdapter) -> None:
    folder = copy_model(tmp_path / "model")
    path = folder / "onnx" / "vision_encoder.onnx"
    graph = onnx.load(path)
    for node in graph.graph.node:
        node.input[:] = ["image_grid_thw" if name == "grid_thw" else name for name in node.input]
    graph.graph.input[1].name = "image_grid_thw"
    onnx.save(graph, path)
    request = question("Which is highest?", chart_image())
    assert load(folder).generate([request])[0].text == fp32.generate([request])[0].text


def test_an_unknown_provider_lists_those_that_there_are() -> None:
    with pytest.raises(AdapterError, match=r"no WarpExecutionProvider; it has .*CPUExecutionProvider"):
        load(providers=["WarpExecutionProvider"])


@pytest.mark.parametrize("place", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
def test_the_chat_template_is_found_wherever_it_stands(tmp_path: Path, place: str) -> None:
    folder = copy_model(tmp_path / "model")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    with pytest.raises(AdapterError, match="no chat template"):
        load(folder)
    template = "{{ messages[0]['content'][0]['text'] }}"
    content = template if place.endswith("jinja") else json.dumps(settings | {"chat_template": template})
    (folder / place).write_text(content)
    assert load(folder)._encoder(question("Which?")).ids.tolist() == load()._encoder.tokenizer.encode("Which?").ids


def test_a_template_that_refuses_a_system_message_costs_the_request_only(tmp_path: Path) -> None:
    folder = copy_model(tmp_path / "model")
    template = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}Which?"
    (folder / "chat_template.jinja").write_text(template)
    refused, answered = load(folder).generate([question("a", system="b"), question("a")])
    assert (refused.status, answered.status) == (Status.ERROR, Status.OK)
    assert "no system" in (refused.error or "")


def test_a_template_cannot_leave_its_sandbox(tmp_path: Path) -> None:
    folder = copy_model(tmp_path / "model")
    (folder / "chat_template.jinja").write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}")
    (response,) = load(folder).generate([question()])
    assert response.status is Status.ERROR


def test_a_closed_adapter_says_so() -> None:
    adapter = load()
    adapter.close()
    with pytest.raises(AdapterError, match="closed"):
        adapter.generate([question()])
