"""Markers of images from a row to a model: checked with the data, placed in the request, sent in their order."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.adapters._openai.config import OpenAIConfig
from harness.adapters._openai.messages import body
from harness.adapters._qwen2_vl.prompts import ChatTemplate
from harness.adapters._torch.prompting import Encoder, Padding, Reading
from harness.engine.prepare import request_hash
from harness.errors import SampleError
from harness.suite.bind import Suite
from harness.suite.data import check_data
from harness.types import Request, Sample

ROWS = [
    {"id": "order", "images": ["a.png", "b.png"], "question": "In <image 2> and <image 1>: which is red?"},
    {"id": "first", "images": ["a.png"], "question": "<image>\nWhat colour?"},
    {"id": "three", "images": ["a.png", "b.png"], "question": "<image> <image> <image> which?"},
]
SUITE = """\
suite: s
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match], prompt: "{{ question }} Say it."}
  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}
  blind: {kind: blind, of: qa}
"""


@pytest.fixture
def suite(write: Callable[..., Path], bind: Callable[..., Suite], tmp_path: Path) -> Suite:
    for name, size in (("a.png", (4, 4)), ("b.png", (6, 6))):
        Image.new("RGB", size, "red").save(tmp_path / name)
    write("rows.jsonl", "".join(json.dumps({"answer": "x", **row}) + "\n" for row in ROWS))
    return bind(SUITE)


def asked(suite: Suite, task: str, cell: str) -> list[Request | str]:
    """What a task asks in one of its cells; the reason where it cannot."""
    chosen: Any = suite.tasks[task]
    (place,) = (one for one in chosen.cells() if one.id == cell)

    def ask(sample: Sample) -> Request | str:
        try:
            (request,) = chosen.requests(place, sample, oracle=False)
        except SampleError as cause:
            return str(cause)
        return request  # type: ignore[no-any-return]

    return [ask(sample) for sample in chosen.samples(place)]


@pytest.mark.parametrize(("task", "cell"), [("qa", "clean"), ("sweep", "brightness@1"), ("blind", "blank")])
def test_images_stand_where_their_markers_stood_in_every_cell(suite: Suite, task: str, cell: str) -> None:
    order, first, three = asked(suite, task, cell)
    assert isinstance(order, Request)
    assert order.prompt == "In image 2 and image 1: which is red? Say it."
    assert order.content() == ("In ", 1, " and ", 0, ": which is red? Say it.")
    assert [image.size for image in order.images] == [(4, 4), (6, 6)]
    assert [image.size for image in order.shown()] == [(6, 6), (4, 4)]
    assert isinstance(first, Request)
    assert first.content() == (0, "What colour? Say it.")
    assert three == "rows.jsonl:3: 3 markers `<image>` for 2 images"


def test_without_their_images_questions_have_no_markers_and_no_fault(suite: Suite) -> None:
    prompts = [one.prompt for one in asked(suite, "blind", "no_image") if isinstance(one, Request)]
    assert prompts == ["In image 2 and image 1: which is red? Say it.", "What colour? Say it.", "which? Say it."]


def test_a_wrong_count_is_told_when_the_data_is_read(suite: Suite) -> None:
    (said,) = check_data(suite).warnings()
    assert said == (
        "qa: 1 row cannot be used and will not be asked; first rows.jsonl:3: 3 markers `<image>` for 2 images"
    )


def test_pages_behind_the_first_are_told_when_the_data_is_read(suite: Suite, tmp_path: Path, bind: Any) -> None:
    pages = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    pages[0].save(tmp_path / "a.png", "TIFF", save_all=True, append_images=pages[1:])
    _, said = check_data(bind(SUITE)).warnings()
    assert said == "qa: of 2 rows not all is shown; first rows.jsonl:1: a.png has 3 pages, and the first is shown"
    named = bind(SUITE.replace("path: rows.jsonl", "path: rows.jsonl, page: 2"))
    assert len(check_data(named).warnings()) == 1
    first = asked(named, "qa", "clean")[1]
    assert isinstance(first, Request)
    assert first.images[0].getpixel((0, 0)) == pages[1].getpixel((0, 0))


def test_clean_and_corrupted_cells_show_the_same_sixteen_bits(suite: Suite, tmp_path: Path, bind: Any) -> None:
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    again = bind(SUITE.replace("brightness", "jpeg_compression"))
    for task, cell in (("qa", "clean"), ("sweep", "clean"), ("sweep", "jpeg_compression@1")):
        request = asked(again, task, cell)[1]
        assert isinstance(request, Request)
        assert request.images[0].mode == "L"
        assert np.asarray(request.images[0]).mean() == pytest.approx(127.5, abs=1)


def red_and_blue(**more: Any) -> Request:
    images = (Image.new("RGB", (56, 56), "red"), Image.new("RGB", (84, 56), "blue"))
    return Request("1", "is image 2 left of image 1?", images, **more)


MIXED = ("is ", 1, " left of ", 0, "?")


def test_a_chat_completion_mixes_texts_and_images() -> None:
    config = OpenAIConfig(base_url="http://127.0.0.1/v1", model="m")
    (message,) = body(red_and_blue(interleaved=MIXED), config)["messages"]
    parts = message["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "text", "image_url", "text"]
    assert [part["text"] for part in parts if "text" in part] == ["is ", " left of ", "?"]
    plain = body(red_and_blue(), config)["messages"][0]["content"]
    assert [part["type"] for part in plain] == ["image_url", "image_url", "text"]
    assert [parts[1], parts[3]] == [plain[1], plain[0]]


TEMPLATE = (
    "{% for m in messages %}{% for c in m.content %}"
    "{% if c.type == 'image' %}<|i|>{% else %}{{ c.text }}{% endif %}{% endfor %}{% endfor %}"
)


def test_a_models_own_template_gets_texts_and_images_in_their_order() -> None:
    template = ChatTemplate(TEMPLATE, {})
    assert template.render(red_and_blue(interleaved=MIXED)) == "is <|i|> left of <|i|>?"
    assert template.render(red_and_blue()) == "<|i|><|i|>is image 2 left of image 1?"


def test_a_processor_gets_the_images_in_the_order_of_the_text() -> None:
    seen: dict[str, Any] = {}

    class Processor:
        image_token = "<|i|>"  # noqa: S105 - no secret
        tokenizer = SimpleNamespace(bos_token=None)

        def apply_chat_template(self, messages: Any, **how: Any) -> str:
            return ChatTemplate(TEMPLATE, {}).render(SimpleNamespace(content=lambda: told(messages), system=None))  # type: ignore[arg-type]

        def __call__(self, images: Any, text: Any, **how: Any) -> Any:
            seen.update(images=images, text=text)
            return {"attention_mask": np.ones((1, 3))}

    def told(messages: Any) -> tuple[str | int, ...]:
        return tuple(part.get("text", 0) for part in messages[-1]["content"])

    reads = Reading(Padding.LEFT, needs_image=False, in_decoder=False, longest=None)
    encoded = Encoder(Processor(), None, reads, None, lambda _: None)([red_and_blue(interleaved=MIXED)])
    assert encoded.problems == {}
    assert seen["text"] == ["is <|i|> left of <|i|>?"]
    assert [image.size for image in seen["images"][0]] == [(84, 56), (56, 56)]


def test_where_the_images_stand_is_part_of_what_was_asked() -> None:
    plain = red_and_blue()
    hashes = {request_hash(replace(plain, interleaved=how)) for how in ((), MIXED, ("is ", 0, " left of ", 1, "?"))}
    assert len(hashes) == 3
