"""Any vision-language checkpoint: the fixture model, and a LLaVA of random weights that the test builds."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import (
    AutoTokenizer,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Qwen2Config,
)

from harness import locate
from harness.adapters.qwen2_vl import Qwen2VLAdapter, Qwen2VLConfig
from harness.adapters.transformers import TransformersAdapter
from harness.errors import AdapterError
from harness.registry import registry
from harness.testing.adapters import Subject, check_adapter
from harness.types import Adapter, Generation, Request, Status
from tests.charted import charted

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "fixtures" / "tiny-qwen2-vl"
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}assistant:"
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(locate.CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


def load(folder: Path, **keys: object) -> TransformersAdapter:
    config = TransformersAdapter.Config.model_validate({"model": str(folder), "threads": 1, **keys})
    return TransformersAdapter.from_config(config, ROOT)  # type: ignore[arg-type]  # what `Config` makes


@pytest.fixture(scope="module")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LLaVA with a CLIP tower, of random weights and a few thousand parameters."""
    folder = tmp_path_factory.mktemp("llava")
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tower = CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7
    )
    language = Qwen2Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.5,
    )  # fmt: skip
    torch.manual_seed(0)
    config = LlavaConfig(
        vision_config=tower, text_config=language, image_token_id=tokenizer.convert_tokens_to_ids("<image>")
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}),
        tokenizer=tokenizer, patch_size=7, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )  # fmt: skip
    processor.save_pretrained(folder)
    return folder


def charts(count: int) -> list[Request]:
    return [request for request, _ in charted("test-transformers", count)]


def test_it_is_registered_and_keeps_the_protocol() -> None:
    assert registry("adapters").load("transformers") is TransformersAdapter
    loaded = load(MODEL)
    assert isinstance(loaded, Adapter)
    assert loaded.capabilities == {"generate"}


def test_through_the_general_door_the_fixture_model_answers_as_through_its_own() -> None:
    own = Qwen2VLAdapter.from_config(Qwen2VLConfig(model=str(MODEL), threads=1), ROOT)
    requests = charts(24)
    one, other = (
        [(response.text, response.tokens_in, response.image_tokens) for response in adapter.generate(requests)]
        for adapter in (own, load(MODEL))
    )
    assert one == other


def test_a_model_of_another_architecture_keeps_every_law(llava: Path) -> None:
    def changed(scratch: Path) -> Adapter:
        copy = Path(shutil.copytree(llava, scratch / "copy"))
        with (copy / "model.safetensors").open("r+b") as weights:
            weights.seek(-1, 2)
            weights.write(b"\x3c")
        return load(copy)

    check_adapter(Subject("llava", load(llava), lambda: load(llava), changed))


def test_a_model_of_another_architecture_sees_its_images_and_counts_them(llava: Path) -> None:
    loaded = load(llava)
    red, blue = (
        Request("a", "What is it?", (Image.new("RGB", (40, 30), color),), generation=Generation(12))
        for color in ("red", "blue")
    )
    first, second = loaded.generate([red, blue])
    assert (first.status, second.status) == (Status.OK, Status.OK)
    assert first.text != second.text
    assert first.image_tokens == 16
    assert first.seconds["vision"] > 0


def test_bounds_of_pixels_are_refused_where_a_processor_has_none(llava: Path) -> None:
    with pytest.raises(AdapterError, match=r"CLIPImageProcessor\w* has no `min_pixels` and `max_pixels`"):
        load(llava, max_pixels=1000)


def test_a_model_that_only_reads_text_is_refused(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(MODEL, tmp_path / "copy", ignore=shutil.ignore_patterns("onnx")))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config["text_config"], "model_type": "qwen2"}))
    with pytest.raises(AdapterError, match=r"type 'qwen2' .* no class for that reads images and text"):
        load(copy)
