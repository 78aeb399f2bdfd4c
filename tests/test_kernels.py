"""The kernels' benchmark: it measures what is stored, and names what became slower, and nothing else."""

import json
import subprocess
import sys

from benchmarks import kernels
from tests.conftest import ROOT


def test_every_kernel_has_a_stored_ratio_and_runs() -> None:
    stored = json.loads(kernels.STORED.read_text(encoding="utf-8"))["ratios"]
    chosen = kernels.kernels()
    assert list(stored) == list(chosen)
    assert all(ratio > 0 for ratio in stored.values())
    for kernel in chosen.values():
        kernel()


def test_a_kernel_that_does_twice_the_work_is_named_and_its_neighbour_is_not() -> None:
    def once() -> float:
        return sum(kernels.arithmetic() for _ in range(2))

    stored = kernels.measured({"slow": once, "same": once}, rounds=3)
    now = kernels.measured({"slow": lambda: (once(), once()), "same": once}, rounds=3)
    assert list(kernels.slower(now, stored, most=1.5)) == ["slow"]
    assert [line.split()[0] for line in kernels.report(now, stored)] == ["kernel", "slow", "same"]


def test_its_command_says_what_it_is() -> None:
    command = [sys.executable, "-m", "benchmarks.kernels", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--strict" in done.stdout
