"""With ``--json`` nothing but JSON is on standard output, whatever an adapter's code prints."""

import json
from pathlib import Path

import pytest

PRINTS = """\
import os

print("imported")


class Model:
    def __init__(self):
        print("loaded")

    def __call__(self, prompt, images):
        print("asked")
        os.write(1, b"past Python\\n")
        return "light"

    def close(self):
        print("closed")
"""
SUITE = """\
suite: mine
version: 1
datasets:
  charts: {type: charts, limit: 100}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
gates:
  - {metric: qa/exact_match, max_drop: 0.05}
engine: {isolation: ISOLATION}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prints.py").write_text(PRINTS)
    (tmp_path / "prints.yaml").write_text("adapter: prints\ntype: python\ntarget: prints.py:Model\n")
    for isolation in ("thread", "process"):
        (tmp_path / f"{isolation}.yaml").write_text(SUITE.replace("ISOLATION", isolation))
    return tmp_path


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_a_run(folder: Path, run_apart, isolation: str) -> None:
    done = run_apart("run", f"{isolation}.yaml", "-a", "prints.yaml", "--json", "--no-report", "-q", cwd=folder)
    assert done.code == 0, done.err
    assert json.loads(done.out)[0]["status"] == "complete"
    for said in ("imported", "loaded", "asked", "past Python", "closed"):
        assert said in done.err, said


def test_a_gate(folder: Path, run_apart) -> None:
    assert run_apart("run", "thread.yaml", "-a", "prints.yaml", "--no-report", "-q", cwd=folder).code == 0
    assert run_apart("baseline", "save", "main", cwd=folder).code == 0
    done = run_apart("gate", "thread.yaml", "-a", "prints.yaml", "--json", "-q", cwd=folder)
    assert done.code == 0, done.err
    assert json.loads(done.out)["verdict"] == "pass"


def test_the_laws(folder: Path, run_apart) -> None:
    done = run_apart("adapters", "check", "prints.yaml", "--json", cwd=folder)
    assert json.loads(done.out)["adapter"] == "prints.yaml", done.err


def test_without_json_it_prints_where_it_did(folder: Path, run_apart) -> None:
    done = run_apart("run", "thread.yaml", "-a", "prints.yaml", "--no-report", "-q", cwd=folder)
    assert "asked" in done.out
