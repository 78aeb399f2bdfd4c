"""Several frames in one prompt to a real Qwen2-VL: the path is there, whatever a model of this size makes of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.types import Adapter, Generation, Request, Status

SUITE = """\
suite: s
version: 1
datasets: {clips: {type: evolving_charts, limit: 3}}
tasks: {when: {kind: temporal, dataset: clips, frames: 4, controls: [shuffled], metrics: [miou]}}
"""


def requests(bind: Callable[[str], Suite]) -> list[Request]:
    task = bind(SUITE).tasks["when"]
    cell = task.cells()[0]
    asked = [task.prepare(cell, sample, oracle=False) for sample in task.samples(cell)]
    return [replace(request, generation=Generation(4)) for request in asked]


def answers(adapter: Adapter, asked: list[Request]) -> list[str | None]:
    responses = adapter.generate(asked)
    assert [response.status for response in responses] == [Status.OK] * len(asked)
    (single,) = adapter.generate([replace(asked[0], images=asked[0].images[:1], times=asked[0].times[:1])])
    assert single.image_tokens
    assert all(response.image_tokens == 4 * single.image_tokens for response in responses)
    return [response.text for response in responses]


def test_frames_reach_the_model_as_images_of_one_prompt_in_torch_as_in_onnx(bind: Callable[[str], Suite]) -> None:
    pytest.importorskip("transformers")
    asked = requests(bind)
    assert all(len(request.images) == len(request.times) == 4 for request in asked)
    onnx, torch = read_adapter("onnx-fp32").load(), read_adapter("qwen2-vl").load()
    try:
        assert answers(onnx, asked) == answers(torch, asked)
    finally:
        onnx.close()
        torch.close()
