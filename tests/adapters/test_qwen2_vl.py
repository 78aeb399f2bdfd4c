"""The real Qwen2-VL in PyTorch: answers, LoRA, memory, likelihoods, features, gradients."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import huggingface_hub.constants as hub
import numpy as np
import peft
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from harness import digests, locate
from harness.adapters._halving import Halving
from harness.adapters._qwen2_vl.prompts import left_pad
from harness.adapters._torch import adapter as torch_adapter
from harness.adapters._torch import processor as processors
from harness.adapters._torch import source
from harness.adapters._torch.likelihood import log_likelihoods
from harness.adapters._torch.pixels import PixelPath
from harness.adapters.onnx import OnnxAdapter, OnnxConfig
from harness.adapters.qwen2_vl import Qwen2VLAdapter, Qwen2VLConfig
from harness.errors import AdapterError, SampleError
from harness.registry import registry
from harness.types import Adapter, Finish, Generation, Request, Response, Status
from tests.charted import charted

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def load(folder: Path = MODEL, **keys: object) -> Qwen2VLAdapter:
    config = Qwen2VLConfig.model_validate({"model": str(folder), "threads": 1, **keys})
    return Qwen2VLAdapter.from_config(config, ROOT)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv(locate.CACHE_VARIABLE, str(folder))
        yield folder


@pytest.fixture(scope="module")
def adapter() -> Iterator[Qwen2VLAdapter]:
    loaded = load()
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def onnx() -> Iterator[OnnxAdapter]:
    loaded = OnnxAdapter.from_config(OnnxConfig(model=str(MODEL)), ROOT)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def charts() -> list[Request]:
    return [request for request, _ in charted("test-qwen2-vl", 240)]


def in_batches(adapter: Adapter, requests: Sequence[Request], size: int = 8) -> list[Response]:
    starts = range(0, len(requests), size)
    return [response for start in starts for response in adapter.generate(requests[start : start + size])]


def texts(adapter: Adapter, requests: Sequence[Request]) -> list[str | None]:
    return [response.text for response in in_batches(adapter, requests)]


def copy_model(target: Path) -> Path:
    return Path(shutil.copytree(MODEL, target, ignore=shutil.ignore_patterns("onnx")))


def test_it_is_registered_and_keeps_the_protocol(adapter: Qwen2VLAdapter) -> None:
    assert registry("adapters").load("qwen2_vl") is Qwen2VLAdapter
    assert isinstance(adapter, Adapter)
    assert adapter.batch_invariant
    assert not adapter.simulated
    assert adapter.capabilities == {"generate", "score_text", "embed", "gradient"}


def test_importing_the_module_loads_no_heavy_library() -> None:
    code = "import sys, harness.adapters.qwen2_vl; print({'torch', 'transformers', 'peft'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"


def test_its_answers_and_token_counts_are_those_of_the_onnx_export(
    adapter: Qwen2VLAdapter, onnx: OnnxAdapter, charts: list[Request]
) -> None:
    ours, theirs = in_batches(adapter, charts), in_batches(onnx, charts)
    same = [one.text == other.text for one, other in zip(ours, theirs, strict=True)]
    assert np.mean(same) >= 0.995
    assert len({response.text for response in ours}) > 20
    for one, other, alike in zip(ours, theirs, same, strict=True):
        assert (one.tokens_in, one.image_tokens) == (other.tokens_in, other.image_tokens)
        assert not alike or one.tokens_out == other.tokens_out
        assert not alike or one.min_logprob == pytest.approx(other.min_logprob, abs=2e-3)
        assert not alike or one.mean_logprob == pytest.approx(other.mean_logprob, abs=2e-3)
    assert min(one.min_logprob or 0 for one in ours) < -0.5


def test_a_response_says_what_it_cost(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    image = charts[0].images[0]
    both, none = (adapter.generate([replace(charts[0], images=images)])[0] for images in ((image, image), ()))
    assert both.image_tokens == 40
    assert set(both.seconds) == {"preprocess", "vision", "prefill", "decode"}
    assert all(seconds > 0 for seconds in both.seconds.values())
    assert none.image_tokens == 0
    assert "vision" not in none.seconds
    assert (both.tokens_in or 0) - (none.tokens_in or 0) == 44


def test_each_request_keeps_its_own_limit(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    request = replace(charts[0], prompt="What is the value of A?")
    short, long = adapter.generate([replace(request, generation=Generation(limit)) for limit in (1, 16)])
    assert short.tokens_out == 1
    assert (long.tokens_out or 0) > 1
    assert (long.text or "").startswith(short.text or "?")
    assert (short.finish, long.finish) == (Finish.LENGTH, Finish.STOP)
    exact, under = ({long.tokens_out or 0: Finish.STOP, (long.tokens_out or 0) - 1: Finish.LENGTH}).items()
    found = adapter.generate([replace(request, generation=Generation(limit)) for limit, _ in (exact, under)])
    assert [response.finish for response in found] == [exact[1], under[1]]


def test_the_files_system_prompt_stands_in_for_a_missing_one(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    declared = load(system="Be brief.")
    own = replace(charts[0], system="Be brief.")
    counts = [loaded.generate([request])[0].tokens_in for loaded, request in ((declared, charts[0]), (adapter, own))]
    assert counts[0] == counts[1] != adapter.generate([charts[0]])[0].tokens_in


def test_a_smaller_area_costs_fewer_image_tokens(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    small = load(max_pixels=28 * 28 * 8)
    before, after = (loaded.generate(charts[:1])[0].image_tokens for loaded in (adapter, small))
    assert before == 20
    assert after is not None
    assert after <= 8
    with pytest.raises(AdapterError, match=r"min_pixels \(60000\) exceeds max_pixels \(50176\)"):
        load(min_pixels=60000)


def test_half_precision_answers_and_declares_that_batches_count(charts: list[Request]) -> None:
    half = load(dtype="bfloat16")
    assert not half.batch_invariant
    assert load(dtype="bfloat16", batch_invariant=True).batch_invariant
    assert half._open.base.dtype is torch.bfloat16
    assert all(response.status is Status.OK for response in half.generate(charts[:4]))


@pytest.mark.parametrize("prompt", ["What is <|image_pad|>?", "word " * 3000, "\ud800"])
def test_a_bad_request_costs_only_itself(adapter: Qwen2VLAdapter, charts: list[Request], prompt: str) -> None:
    expected = texts(adapter, charts[:2])
    first, bad, second = adapter.generate([charts[0], replace(charts[0], prompt=prompt), charts[1]])
    assert (bad.status, bad.text) == (Status.ERROR, None)
    assert bad.error
    assert [first.text, second.text] == expected


def test_numbers_that_are_not_finite_are_an_error_and_never_an_answer(charts: list[Request]) -> None:
    broken = load()
    with torch.no_grad():
        broken._open.base.model.visual.merger.mlp[0].weight[0, 0] = float("nan")
    bad, good = broken.generate([charts[0], replace(charts[0], images=())])
    assert (bad.status, bad.text) == (Status.ERROR, None)
    assert "not finite" in (bad.error or "")
    assert good.status is Status.OK


def test_a_closed_adapter_says_so() -> None:
    closed = load()
    closed.close()
    closed.close()
    with pytest.raises(AdapterError, match="closed"):
        closed.generate([])


# Memory


def failing_above(limit: int, error: Exception, sizes: list[int]) -> Any:
    """Wrap the real decoding in one that has memory for ``limit`` rows."""
    real = torch_adapter.decode

    def decode(loaded: Any, batch: Any, limits: Any, settings: Any, *watch: Any) -> Any:
        sizes.append(len(limits))
        if len(limits) > limit:
            raise error
        return real(loaded, batch, limits, settings, *watch)

    return decode


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory"), MemoryError()],
    ids=str,
)
def test_a_batch_that_does_not_fit_is_halved_and_the_size_remembered(
    charts: list[Request], adapter: Qwen2VLAdapter, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    expected, small, sizes = texts(adapter, charts[:8]), load(), []  # type: ignore[var-annotated]  # numbers
    monkeypatch.setattr(torch_adapter, "decode", failing_above(2, error, sizes))
    assert texts(small, charts[:8]) == expected
    assert sizes == [8, 4, 2, 2, 2, 2]
    sizes.clear()
    assert texts(small, charts[:8]) == expected
    assert sizes == [2, 2, 2, 2]


def test_a_request_that_does_not_fit_alone_is_an_error_of_its_own(
    charts: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_adapter, "decode", failing_above(0, torch.OutOfMemoryError("CUDA out of memory."), []))
    responses = load().generate(charts[:2])
    assert [response.status for response in responses] == [Status.ERROR] * 2
    assert "does not fit into memory" in (responses[0].error or "")


def test_other_failures_are_not_taken_for_a_lack_of_memory(
    charts: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(torch_adapter, "decode", failing_above(0, RuntimeError("shape mismatch"), sizes))
    responses = load().generate(charts[:4])
    assert {response.error for response in responses} == {"the model refuses this request: shape mismatch"}
    assert sizes == [4, 1, 1, 1, 1]


def test_halving_keeps_order_and_calls_release_before_each_retry() -> None:
    released: list[int] = []
    halving = Halving(lambda: released.append(1))

    def call(part: Sequence[int]) -> list[int]:
        if len(part) > 3:
            raise MemoryError
        return [value * 10 for value in part]

    assert halving.run(range(10), call) == [value * 10 for value in range(10)]
    assert (halving.limit, len(released)) == (2, 2)
    with pytest.raises(MemoryError, match="even alone"):
        halving.run([1], lambda part: call([0] * 9))


def test_an_item_that_needs_more_room_halves_again_and_the_rest_stays_small() -> None:
    halving, sizes = Halving(), []

    def call(part: Sequence[int]) -> Sequence[int]:
        sizes.append(len(part))
        if len(part) > (1 if 9 in part else 3):
            raise MemoryError
        return part

    assert halving.run([1, 2, 3, 9, 4, 5, 6], call) == [1, 2, 3, 9, 4, 5, 6]
    assert sizes == [7, 3, 3, 1, 1, 1, 1]


# LoRA


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA with random weights on the fixture model."""
    torch.manual_seed(3)
    model = load()._open.model
    pattern = r".*(self_attn\.[qkvo]_proj|attn\.qkv|attn\.proj)"
    config = peft.LoraConfig(r=4, lora_alpha=8, target_modules=pattern, init_lora_weights=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT reads a property that transformers deprecates
        tuned = peft.get_peft_model(model, config)
    tuned.peft_config["default"].base_model_name_or_path = "fixtures/tiny-qwen2-vl"
    folder = tmp_path_factory.mktemp("lora")
    tuned.save_pretrained(folder)
    return folder


def edited(lora: Path, target: Path, **values: object) -> Path:
    shutil.copytree(lora, target)
    file = target / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))
    return target


def test_a_lora_changes_what_the_model_finds_likely_and_merging_does_not(
    adapter: Qwen2VLAdapter, charts: list[Request], lora: Path
) -> None:
    apart, merged = load(lora=str(lora)), load(lora=str(lora), merge=True)
    candidates = ["A", "red", "42"]
    base, first, second = (loaded.score_text(charts[0], candidates) for loaded in (adapter, apart, merged))
    assert max(np.abs(np.subtract(base, first))) > 0.5
    np.testing.assert_allclose(first, second, atol=2e-3)
    assert texts(apart, charts[:48]) == texts(merged, charts[:48])
    assert hasattr(apart._open.model, "get_base_model")
    assert not hasattr(merged._open.model, "get_base_model")


def test_the_fingerprint_knows_the_lora_and_its_weights(adapter: Qwen2VLAdapter, lora: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(lora, tmp_path / "lora"))
    weights = load_file(other / "adapter_model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] + 1e-3}, other / "adapter_model.safetensors")
    prints = [adapter.fingerprint(), load(lora=str(lora)).fingerprint(), load(lora=str(other)).fingerprint()]
    assert len(set(prints)) == 3


def test_a_lora_of_another_base_is_refused_naming_both(lora: Path, tmp_path: Path) -> None:
    folder = edited(lora, tmp_path / "lora", base_model_name_or_path="Qwen/Qwen2-VL-7B-Instruct")
    with pytest.raises(AdapterError, match=r"trained on Qwen/Qwen2-VL-7B-Instruct, and the model is .*tiny-qwen2-vl"):
        load(lora=str(folder))


def test_a_lora_that_records_its_bases_weights_is_held_to_them(lora: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    folder = edited(lora, tmp_path / "lora", base_model_name_or_path="a name that moved")
    record = {"base": {"model": "tiny", "sha256": {"model.safetensors": digest}}}
    (folder / "manifest.json").write_text(json.dumps(record))
    load(lora=str(folder))
    record["base"]["sha256"] = {"model.safetensors": "0" * 64}
    (folder / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(AdapterError, match=r"trained on tiny, whose model\.safetensors is 000000000000….* has "):
        load(lora=str(folder))


def test_a_lora_that_does_not_attach_is_an_error_and_not_silently_the_base(lora: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(lora, tmp_path / "lora"))
    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {name: value for name, value in weights.items() if "visual" not in name}, folder / "adapter_model.safetensors"
    )
    with pytest.raises(
        AdapterError, match=r"that its adapter_config\.json asks for are not among its weights: .*visual"
    ):
        load(lora=str(folder))
    with pytest.raises(AdapterError, match=r"has no adapter_config\.json"):
        load(lora=str(tmp_path))


def test_a_lora_of_which_a_part_attaches_to_nothing_is_an_error_naming_the_tensors(lora: Path, tmp_path: Path) -> None:
    folder = edited(lora, tmp_path / "lora", target_modules=r".*self_attn\.[qkvo]_proj")
    with pytest.raises(AdapterError, match=r"\d+ tensors of its weights attach to nothing: .*visual.*lora_A.*, …; "):
        load(lora=str(folder))


def test_a_lora_that_changes_nothing_is_told(adapter: Qwen2VLAdapter, lora: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(lora, tmp_path / "lora"))
    weights = load_file(folder / "adapter_model.safetensors")
    zero = {name: value * 0 if "lora_B" in name else value for name, value in weights.items()}
    save_file(zero, folder / "adapter_model.safetensors")
    (said,) = load(lora=str(folder), merge=True).cautions
    assert said.endswith("changes nothing: all its B matrices are zero")
    assert load(lora=str(lora)).cautions == adapter.cautions == ()


def test_a_lora_that_is_cut_off_says_so(lora: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(lora, tmp_path / "lora"))
    file = folder / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(AdapterError, match=r"adapter_model\.safetensors: it is cut off: [\d,]+ of [\d,]+ bytes"):
        load(lora=str(folder))


# The two processors


class Recorder:
    """Stands for ``AutoProcessor`` where torchvision is installed."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        self.calls: list[dict[str, object]] = []

    def from_pretrained(self, path: Path, **options: object) -> Any:
        self.calls.append({"path": path, **options})
        return self.processor


def test_with_torchvision_the_stock_processor_is_used(
    adapter: Qwen2VLAdapter, charts: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Recorder(adapter._open.processor)
    monkeypatch.setattr(source.library(), "AutoProcessor", stock)
    monkeypatch.setattr(processors, "find_spec", lambda name: object() if name == "torchvision" else find_spec(name))
    loaded = load()
    assert stock.calls == [{"path": MODEL, "trust_remote_code": False}]
    assert texts(loaded, charts[:4]) == texts(adapter, charts[:4])


def test_without_torchvision_it_is_the_same_class_without_its_video_part(
    adapter: Qwen2VLAdapter, charts: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = Recorder(None)
    monkeypatch.setattr(source.library(), "AutoProcessor", stock)
    monkeypatch.setattr(processors, "find_spec", lambda name: None if name == "torchvision" else find_spec(name))
    loaded = load()
    assert stock.calls == []
    assert isinstance(loaded._open.processor, source.library().Qwen2VLProcessor)
    assert texts(loaded, charts[:4]) == texts(adapter, charts[:4])


def test_the_fingerprint_tells_the_two_processors_apart(
    adapter: Qwen2VLAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.adapters._torch import loading

    one = adapter.fingerprint()
    monkeypatch.setattr(loading, "has_torchvision", lambda: not processors.has_torchvision())
    assert load().fingerprint() != one


def test_a_model_whose_files_name_no_processor_gets_its_types(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "qwen2_vl"}')
    assert processors.processor_class(tmp_path) is source.library().Qwen2VLProcessor
    (tmp_path / "config.json").write_text('{"model_type": "never heard of"}')
    with pytest.raises(AdapterError, match="knows no processor for models of type 'never heard of'"):
        processors.processor_class(tmp_path)


# Likelihoods, features, gradients


def test_a_likelihood_is_the_product_of_the_steps_that_decoding_takes(
    adapter: Qwen2VLAdapter, charts: list[Request]
) -> None:
    for request in charts[:6]:
        (response,) = adapter.generate([request])
        batch = adapter._encode([request]).batch
        tokens = adapter._tokens(str(response.text))
        assert len(tokens) == response.tokens_out
        with torch.inference_mode():
            steps = adapter._open.model.generate(
                **batch,
                generation_config=adapter._settings,
                max_new_tokens=16,
                output_logits=True,
                return_dict_in_generate=True,
            ).logits
        expected = sum(float(step.log_softmax(-1)[0, token]) for step, token in zip(steps, tokens, strict=True))
        assert adapter.score_text(request, [str(response.text)])[0] == pytest.approx(expected, abs=1e-4)


def test_the_likelihoods_of_all_answers_add_up_to_at_most_one(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    request = replace(charts[0], prompt="Which is highest?")
    found = adapter.score_text(request, list("ABCDEF"))
    assert sum(np.exp(found)) <= 1 + 1e-6
    assert "ABCDEF"[int(np.argmax(found))] == adapter.generate([request])[0].text
    alone = [adapter.score_text(request, [letter])[0] for letter in "ABCDEF"]
    np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-4)
    assert adapter.score_text(request, []) == []


def test_embeddings_are_the_mean_features_of_the_onnx_vision_encoder(
    adapter: Qwen2VLAdapter, onnx: OnnxAdapter, charts: list[Request]
) -> None:
    images = [request.images[0] for request in charts[:3]] + [charts[3].images[0].resize((300, 90))]
    found = adapter.embed(images)
    assert found.dtype == np.float32
    assert onnx._graphs is not None
    for image, row in zip(images, found, strict=True):
        batch = left_pad([onnx._encoder(Request("", "", (image,)))], 0)
        assert batch.pixel_values is not None
        np.testing.assert_allclose(row, onnx._graphs.encode_images(batch.pixel_values, batch.grids).mean(0), atol=1e-4)
    assert adapter.embed([]).shape == (0, found.shape[1])


@pytest.mark.parametrize("size", [(140, 112), (200, 77), (61, 90), (400, 500)])
def test_the_differentiable_pixels_are_those_of_the_processor(
    adapter: Qwen2VLAdapter, charts: list[Request], size: tuple[int, int]
) -> None:
    image = charts[0].images[0].resize(size)
    batch = adapter._encode([replace(charts[0], images=(image,))]).batch
    path = PixelPath.of(adapter._open.processor.image_processor)
    found = path(torch.tensor(np.asarray(image, np.float32)), tuple(batch["image_grid_thw"][0].tolist()))
    difference = (found - batch["pixel_values"]).abs() * 255 * 0.27
    assert float(difference.max()) <= 2.0  # Pillow rounds to whole numbers, after the columns and after the rows
    assert float(difference.mean()) <= (0.5 if image.size != (140, 112) else 1e-3)


@pytest.mark.parametrize("size", [(140, 112), (190, 80)])
def test_a_gradient_agrees_with_finite_differences(
    adapter: Qwen2VLAdapter, charts: list[Request], size: tuple[int, int]
) -> None:
    request = replace(charts[2], images=(charts[2].images[0].resize(size),))
    batch = adapter._encode([request]).batch
    path = PixelPath.of(adapter._open.processor.image_processor)
    grid = tuple(batch["image_grid_thw"][0].tolist())
    tokens = [adapter._tokens("nothing like it")]
    start = torch.tensor(np.asarray(request.images[0], np.float32)).clamp(10, 245)
    (gradient,) = adapter.image_gradient(
        [replace(request, images=(Image.fromarray(start.numpy().astype("uint8")),))], ["nothing like it"]
    )
    direction = torch.tensor(gradient / np.linalg.norm(gradient))

    def loss(step: float) -> float:
        with torch.inference_mode():
            seen = {**batch, "pixel_values": path(start + step * direction, grid)}
            return -float(log_likelihoods(adapter._open, seen, tokens)[0])

    slope = (loss(2.0) - loss(-2.0)) / 4.0
    assert slope == pytest.approx(float(np.linalg.norm(gradient)), rel=0.05)


def test_a_step_along_the_gradient_hurts_more_than_a_random_one(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    requests = charts[:6]
    answers = [str(text) for text in texts(adapter, requests)]
    gradients = adapter.image_gradient(requests)
    rng = np.random.default_rng(5)
    for request, gradient, answer in zip(requests, gradients, answers, strict=True):
        pixels = np.asarray(request.images[0], np.float32)
        assert (gradient.shape, gradient.dtype) == (pixels.shape, np.float32)

        def after(
            step: np.ndarray, request: Request = request, pixels: np.ndarray = pixels, answer: str = answer
        ) -> float:
            moved = Image.fromarray(np.clip(pixels + 8 * step, 0, 255).round().astype(np.uint8))
            return adapter.score_text(replace(request, images=(moved,)), [answer])[0]

        assert after(np.sign(gradient)) < after(np.sign(rng.normal(size=pixels.shape)))


def test_gradients_do_not_depend_on_the_batch_and_use_the_answers_given(
    adapter: Qwen2VLAdapter, charts: list[Request]
) -> None:
    requests = [charts[0], replace(charts[1], images=(charts[1].images[0].resize((200, 90)),)), charts[2]]
    together = adapter.image_gradient(requests)
    alone = [adapter.image_gradient([request])[0] for request in requests]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())
    own = [str(text) for text in texts(adapter, requests)]
    for one, other in zip(together, adapter.image_gradient(requests, own), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(other).max())
    assert not np.allclose(together[0], adapter.image_gradient(requests[:1], ["purple"])[0])


def test_what_has_no_gradient_is_refused_by_name(adapter: Qwen2VLAdapter, charts: list[Request]) -> None:
    with pytest.raises(SampleError, match="exactly one image; request 0 has 0"):
        adapter.image_gradient([replace(charts[0], images=())])
    with pytest.raises(SampleError, match=r"request 0: .*image token"):
        adapter.score_text(replace(charts[0], prompt="<|image_pad|>"), ["A"])
    with pytest.raises(SampleError, match="no pixels"):
        adapter.embed([Image.new("RGB", (0, 4))])


# Fingerprints


def test_a_fingerprint_is_the_same_after_loading_again_and_follows_the_weights(
    adapter: Qwen2VLAdapter, tmp_path: Path
) -> None:
    copy = copy_model(tmp_path / "copy")
    assert load().fingerprint() == adapter.fingerprint() == load(copy).fingerprint()
    weights = load_file(copy / "model.safetensors")
    name = sorted(weights)[0]
    save_file({**weights, name: weights[name] * 1.01}, copy / "model.safetensors", metadata={"format": "pt"})
    assert load(copy).fingerprint() != adapter.fingerprint()
    assert load(max_pixels=40000).fingerprint() != adapter.fingerprint()


def test_the_second_fingerprint_reads_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    file = tmp_path / "weights.bin"
    file.write_bytes(b"weights")
    monkeypatch.setattr(digests, "_SETTLED_NS", -1)
    expected = hashlib.sha256(b"weights").hexdigest()
    assert digests.digest(file) == expected
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("the file was read again"))
    assert digests.digest(file) == expected


def test_a_changed_file_is_read_again_and_a_fresh_one_never_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    file = tmp_path / "weights.bin"
    for content, time in ((b"one", 10**18), (b"two", 10**18 + 1)):
        file.write_bytes(content)
        os.utime(file, ns=(1, time))
        assert digests.digest(file) == hashlib.sha256(content).hexdigest()
    file.write_bytes(b"new")
    stamp = file.stat().st_mtime_ns
    assert digests.digest(file) == hashlib.sha256(b"new").hexdigest()
    file.write_bytes(b"nEw")
    os.utime(file, ns=(stamp, stamp))  # two writes within one tick of the clock
    assert digests.digest(file) == hashlib.sha256(b"nEw").hexdigest()


def test_a_file_that_is_put_back_in_time_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "_SETTLED_NS", -1)
    file = tmp_path / "weights.bin"
    for content in (b"one", b"two"):
        file.write_bytes(content)
        os.utime(file, ns=(1, 10**18))
        assert digests.digest(file) == hashlib.sha256(content).hexdigest()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv(locate.CACHE_VARIABLE, str(tmp_path / "cache"))
    file = tmp_path / "weights.bin"
    file.write_bytes(b"weights")
    os.utime(file, ns=(1, 10**18))
    assert digests.digest(file) == hashlib.sha256(b"weights").hexdigest()


# What cannot be loaded


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"model": "nowhere/at/all"}, "no model folder"),
        ({"model": "acme/tiny"}, "name its commit as `revision:`"),
        ({"device": "cuda:7"}, "`device: cuda:7` is not there"),
        ({"load_in_4bit": True, "merge": True}, "`merge` would round the LoRA"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_what_to_do(keys: dict[str, object], says: str) -> None:
    with pytest.raises(AdapterError, match=says):
        load(**keys)  # type: ignore[arg-type]  # `model` replaces the folder


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(AdapterError, match=r"need torch; run `pip install .*torch[<=].*transformers[<=]"):
        load()


def test_four_bits_without_their_package_are_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "find_spec", lambda name: None if name == "bitsandbytes" else object())
    with pytest.raises(AdapterError, match=r"need bitsandbytes; run `pip install 'bitsandbytes>="):
        load(load_in_4bit=True)


def test_a_model_of_another_type_is_sent_to_the_adapter_for_it(tmp_path: Path) -> None:
    copy = copy_model(tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "llava"}))
    with pytest.raises(AdapterError, match="of type 'llava', not 'qwen2_vl'; use `type: transformers`"):
        load(copy)


def test_missing_weights_are_an_error_and_not_random_numbers(tmp_path: Path) -> None:
    copy = copy_model(tmp_path / "copy")
    weights = load_file(copy / "model.safetensors")
    dropped = next(name for name in weights if "mlp" in name)
    save_file(
        {name: value for name, value in weights.items() if name != dropped},
        copy / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(AdapterError, match="lacks 1 weights"):
        load(copy)


def offline_hub(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(folder))


def test_a_pinned_repository_in_the_cache_loads_without_a_network(
    adapter: Qwen2VLAdapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline_hub(monkeypatch, tmp_path)
    copy_model(tmp_path / "models--acme--tiny" / "snapshots" / COMMIT)
    loaded = load(Path("acme/tiny"), revision=COMMIT)
    assert loaded._open.path.name == COMMIT


def test_a_model_in_a_folder_of_a_pinned_repository_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline_hub(monkeypatch, tmp_path)
    copy_model(tmp_path / "models--acme--many" / "snapshots" / COMMIT / "vl" / "step-200")
    loaded = load(Path("acme/many/vl/step-200"), revision=COMMIT)
    assert loaded._open.path.parts[-3:] == (COMMIT, "vl", "step-200")
    with pytest.raises(
        AdapterError, match=f"acme/many at {COMMIT} has no vl/config.json; is that the folder of a model"
    ):
        load(Path("acme/many/vl"), revision=COMMIT)
    with pytest.raises(AdapterError, match=r"no model folder .* with its commit as `revision:`"):
        load(Path("acme/many/vl/step-200"))


def test_a_lora_in_a_folder_of_a_pinned_repository_is_the_one_on_disk(
    charts: list[Request], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = ROOT / "fixtures" / "tiny-qwen2-vl-lora"
    offline_hub(monkeypatch, tmp_path)
    shutil.copytree(local, tmp_path / "models--acme--tuned" / "snapshots" / COMMIT / "step-200")
    there = load(lora="acme/tuned/step-200", lora_revision=COMMIT)
    assert texts(there, charts[:8]) == texts(load(lora=str(local)), charts[:8])
    with pytest.raises(AdapterError, match="name its commit as `lora_revision:`"):
        load(lora="acme/tuned/step-200")


def test_spread_over_the_devices_and_in_its_own_precision_the_model_answers_the_same(
    adapter: Qwen2VLAdapter, charts: list[Request]
) -> None:
    spread = load(device_map="auto", dtype="auto")
    assert not spread.batch_invariant
    assert texts(spread, charts[:8]) == texts(adapter, charts[:8])


def test_a_repository_that_is_not_in_the_cache_names_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline_hub(monkeypatch, tmp_path)
    with pytest.raises(AdapterError, match=f"hf download acme/tiny --revision {COMMIT}"):
        load(Path("acme/tiny"), revision=COMMIT)
