"""The kernels' benchmark: what is measured is what is stored, and what became slower is named, and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import kernels
from tests.conftest import ROOT

pytest.importorskip("pytest_benchmark", reason="PYTEST-BENCHMARK IS NOT INSTALLED: make speed is not tested")

PLANTED = (
    "from pathlib import Path\nfrom benchmarks import kernels\nkernels.STORED = Path(__file__).with_suffix('.json')\n"
)


def test_every_kernel_has_a_stored_ratio_and_no_machine_is_named() -> None:
    assert list(kernels.stored()) == list(kernels.kernels())
    assert all(ratio > 0 for ratio in kernels.stored().values())
    told = json.loads(kernels.STORED.read_text(encoding="utf-8"))
    assert (set(told["machine_info"]), told["commit_info"]) == ({"cpu", "python"}, {})


def test_a_kernel_that_became_slower_is_named_and_its_neighbour_is_not(tmp_path: Path) -> None:
    told = json.loads(kernels.STORED.read_text(encoding="utf-8"))
    for found in told["benchmarks"]:
        found["extra_info"]["ratio"] *= 0.01 if found["param"] == "metric: anls" else 100
    (tmp_path / "planted.json").write_text(json.dumps(told), encoding="utf-8")
    (tmp_path / "planted.py").write_text(PLANTED, encoding="utf-8")
    run = [
        "-m",
        "pytest",
        "-p",
        "planted",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        "-k",
        "anls or rms",
        "benchmarks/kernels.py",
    ]
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }  # no xdist worker
    environment["PYTHONPATH"] = path
    done = subprocess.run(
        [sys.executable, *run], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (named,) = (line for line in done.stdout.splitlines() if "times as slow" in line)
    assert named.startswith("metric: anls is ")
    assert "metric: rms_f1: " in done.stdout  # its ratio stands beside the stored one
