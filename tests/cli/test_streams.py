"""Whatever standard output can take, a run is not lost to a print."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli._streams import in_ascii

SUITE = """\
suite: tiny
version: 1
datasets: {charts: {type: charts, limit: 3}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}}
gates: [{metric: qa/relaxed_accuracy, min: 0.1}]
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_stream_that_is_not_utf_8_gets_ascii_and_the_run_its_exit_code(
    tmp_path: Path, write: Callable[..., Path], run_apart: Callable[..., Any], encoding: str
) -> None:
    write("tiny.yaml", SUITE)
    environment = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "100"}
    done = run_apart("run", "tiny.yaml", "-a", "mock", "--no-report", cwd=tmp_path, env=environment)
    assert done.code in (0, 3), done.err
    assert "qa/relaxed_accuracy" in done.out
    assert ">= 0" in done.out
    assert "Error" not in done.err


def test_a_run_whose_standard_error_is_closed_is_finished(tmp_path: Path, write: Callable[..., Path]) -> None:
    write("tiny.yaml", SUITE)
    command = [sys.executable, "-m", "harness", "run", "tiny.yaml", "-a", "mock", "--no-report"]
    subprocess.run(["sh", "-c", '"$@" 2>&-', "sh", *command], cwd=tmp_path, check=False, stdout=subprocess.DEVNULL)
    (file,) = tmp_path.glob("results/runs/*/run.json")
    assert json.loads(file.read_text(encoding="utf-8"))["status"] == "complete"


def test_signs_are_written_by_what_they_look_like() -> None:
    assert in_ascii("↑ ≥ 0.5 × … ┏━┓ 日") == "^ >= 0.5 x ... +-+ ?"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("option", ["--no-report", "--json"])
def test_a_standard_output_that_takes_nothing_costs_no_run(
    tmp_path: Path, write: Callable[..., Path], option: str
) -> None:
    write("tiny.yaml", SUITE)
    command = [sys.executable, "-m", "harness", "run", "tiny.yaml", "-a", "mock", "-q", "--no-report", option]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=tmp_path, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    (folder,) = (tmp_path / "results" / "runs").iterdir()
    assert done.returncode in (0, 3)
    assert done.stderr == (
        f"standard output cannot be written (No space left on device); the record is in results/runs/{folder.name}\n"
    )
