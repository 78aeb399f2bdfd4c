"""What the record keeps of how an answer came: what was sent, how long it took, how often it was tried."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.engine.sent import sent
from harness.hosts.call import Caller
from harness.record import Run
from harness.spec.models import EngineSpec
from harness.suite.bind import Suite
from harness.types import Generation, Request, Response, Status
from tests.doubles import Double

SUITE = """\
suite: sent
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa:
    {kind: qa, dataset: rows, prompt: "{{ question }}?", system: Be brief., max_new_tokens: 8, metrics: [exact_match]}
"""


class Two(Double):
    """Says "2", and how long each answer took where it knows."""

    batch_size = 2

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("2", took=3.5 if request.prompt == "0?" else None) for request in requests]


def test_a_run_keeps_what_was_sent_how_long_it_took_and_how_often_it_was_tried(
    write: Callable[..., Path], bind: Callable[[str], Suite], tmp_path: Path
) -> None:
    write("rows.jsonl", "".join(f'{{"id": "{n}", "question": "{n}", "answer": "2"}}\n' for n in range(4)))
    folder, _ = run_suite(bind(SUITE), Two.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
    rows = Run(folder).table().to_pylist()
    assert {row["sent"] for row in rows} == {json.dumps({"system": "Be brief.", "max_new_tokens": 8})}
    assert [row["attempts"] for row in rows] == [1] * 4
    assert rows[0]["seconds"] == 3.5  # the adapter's own word
    assert rows[1]["seconds"] == pytest.approx(rows[1]["batch_seconds"] / 2)
    again, _ = run_suite(bind(SUITE), Two.choice(tmp_path), RunOptions(out=tmp_path / "again"), Silent())
    known = Run(again).table().to_pylist()
    assert [row["sent"] for row in known] == [row["sent"] for row in rows]
    if Run(again).record.cached:
        assert {(row["seconds"], row["attempts"]) for row in known} == {(None, None)}


class Flaky(Double):
    """Raises in its first two calls."""

    def __init__(self) -> None:
        self.calls = 0

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        self.calls += 1
        if self.calls < 3:
            raise RuntimeError("busy")
        return [Response("ok", attempts=2) for _ in requests]


@pytest.mark.parametrize(("retries", "status", "attempts"), [(2, Status.OK, 4), (1, Status.ERROR, 2)])
def test_every_try_counts_those_of_the_adapter_itself_among_them(retries: int, status: Status, attempts: int) -> None:
    caller = Caller.in_thread(Flaky, EngineSpec(retries=retries))
    (found,) = caller.ask([Request("1", "?")]).responses
    caller.close()
    assert (found.status, found.attempts) == (status, attempts)


def test_all_that_a_request_shows_a_model_is_told_but_for_the_prompt_and_the_pixels() -> None:
    images = (Image.new("RGB", (4, 3)), Image.new("L", (2, 5)))
    request = Request(
        "1",
        "left right",
        images,
        generation=Generation(temperature=0.5, seed=7),
        interleaved=("left", 1, " right", 0),
        times=(0.0, 1.5),
    )
    told: dict[str, Any] = sent(request)
    assert told == {
        "images": [[4, 3], [2, 5]],
        "content": ["left", 1, " right", 0],
        "times": [0.0, 1.5],
        "max_new_tokens": 16,
        "temperature": 0.5,
        "top_p": 1.0,
        "seed": 7,
    }
    assert json.loads(json.dumps(told)) == told
