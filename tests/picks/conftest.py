"""A pool of thirty questions about pictures, with no answer, or with what a test says; and runs of it."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import harness
from harness.record import Run

MODEL = """\
import os
from harness.adapters import Response

def answer(prompt, images):
    number = int(prompt.split()[-1].strip("?"))
    if number == 29:
        raise ValueError("no")
    if os.environ.get("SURE") == "no":
        return str(number % 7 + int(os.environ.get("OFF", 0)) * (number % 3 == 0))
    return Response(str(number % 7), mean_logprob=-number / 40, min_logprob=-number / 20)
"""
SUITE = """\
suite: {name}
version: 1
datasets:
  rows: {{type: jsonl, path: {name}.jsonl, unanswered: ask}}
tasks:
  ask: {{kind: qa, dataset: rows, metrics: [exact_match]}}
"""
Make = Callable[..., Run]


def rows(numbers: Iterable[int] = range(30), **more: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Return a row for each number; ``more`` makes further keys of it."""
    made = []
    for n in numbers:
        row = {"id": f"q{n:02d}", "question": f"How much is {n}?", "image": f"{n}.png"}
        made.append(row | {key: value(n) for key, value in more.items() if value(n) is not None})
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures and an adapter, to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SURE", raising=False)
    monkeypatch.delenv("OFF", raising=False)
    noise = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)
    noise[27] = noise[28]  # 27 is nearly 28
    noise[27, 0, 0] ^= 1
    for n, pixels in enumerate(noise):
        Image.fromarray(pixels).resize((48, 48), Image.Resampling.BICUBIC).save(tmp_path / f"{n}.png")
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "a.yaml").write_text("adapter: a\ntype: python\ntarget: model.py:answer\n")
    return tmp_path


@pytest.fixture
def make(folder: Path) -> Make:
    """Write rows and a suite of them, run it, and return the run."""

    def go(made: list[dict[str, Any]], name: str = "pool", more: str = "", **options: Any) -> Run:
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
        (folder / f"{name}.yaml").write_text(SUITE.format(name=name) + more)
        return harness.run(f"{name}.yaml", "a.yaml", report=False, fresh=True, cache=False, **options)

    return go
