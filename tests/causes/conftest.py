"""Runs of one small suite on a model with planted faults."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.record import Run
from tests.causes import planted

SUITE = """\
suite: sums
version: 1
seed: 7
datasets:
  sums: {type: jsonl, path: sums.jsonl}
tasks:
  add: {kind: qa, dataset: sums, prompt: "PROMPT", metrics: [exact_match]}
"""
ADAPTER = """\
adapter: tiny
type: python
target: model.py:answer
options: OPTIONS
"""
PROMPT = "{{ question }} Answer briefly."
QUESTIONS = 200

Make = Callable[..., Run]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Run the suite with some options of the model, a prompt, and further keys of the adapter's file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    shutil.copy(planted.__file__, tmp_path / "model.py")
    sums = [(i, 7 * i % 11) for i in range(QUESTIONS)]
    rows = [{"id": f"q{a:03d}", "question": f"{a} + {b}?", "answer": str(a + b)} for a, b in sums]
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(prompt: str = PROMPT, keys: str = "", **options: Any) -> Run:
        (tmp_path / "suite.yaml").write_text(SUITE.replace("PROMPT", prompt))
        told = json.dumps(planted.RIGHT | options)
        (tmp_path / "adapter.yaml").write_text(ADAPTER.replace("OPTIONS", told) + keys)
        monkeypatch.setattr("sys.argv", ["harness", "run", "suite.yaml", "-a", "adapter.yaml"])
        return harness.run("suite.yaml", "adapter.yaml", report=False, fresh=True)

    return make
