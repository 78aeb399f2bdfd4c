"""Garbage is looked for seldom while a run goes on, and as often as before when it is over."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

import harness
from harness.collecting import collect_rarely, collecting_rarely

SUITE = """
suite: tiny
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
"""
TELLS = """
import gc


def told(prompt, images):
    return str(gc.get_threshold()[0])
"""


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize("threshold", [(0, 10, 10), (50_000, 3, 4)])
def test_who_wants_it_rarer_or_never_is_left_alone(threshold: tuple[int, int, int]) -> None:
    gc.set_threshold(*threshold)
    with collecting_rarely():
        assert gc.get_threshold() == threshold
    collect_rarely()
    assert gc.get_threshold() == threshold


def test_a_run_from_python_leaves_the_callers_setting_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "rows.jsonl").write_text('{"question": "2 + 2?", "answer": "4"}\n', encoding="utf-8")
    (tmp_path / "own.py").write_text(TELLS, encoding="utf-8")
    (tmp_path / "own.yaml").write_text("{adapter: own, type: python, target: 'own.py:told'}", encoding="utf-8")
    run = harness.run(tmp_path / "suite.yaml", tmp_path / "own.yaml", out=tmp_path / "runs", report=False)
    (answer,) = run.table()["response"].to_pylist()
    assert int(answer) >= 20_000
    assert gc.get_threshold() == (700, 10, 10)
