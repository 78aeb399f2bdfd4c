"""The repository's own benchmarks are such that asv runs them."""

import subprocess
import sys

from tests.conftest import ROOT


def test_asv_can_call_every_benchmark() -> None:
    command = [sys.executable, "-m", "asv", "check", "--python=same"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No problems found" in done.stdout
