"""The Slurm example, run by two shells at a time: a part that is killed and submitted again is continued."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

from harness.engine.merge import merge_runs
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import find_runs
from harness.record.folder import STORE_FILE
from harness.suite.adapters import read_adapter
from tests.conftest import ROOT
from tests.engine.test_resume import same

SUITE = """\
suite: array
version: 1
datasets: {charts: {type: charts, limit: 40}}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [gaussian_blur], severities: [1, 3, 5]}
"""
SLOW = """\
import time
def answer(prompt, images):
    time.sleep(0.01)
    return prompt[-3:]
"""


def _stored(parts: Path) -> int:
    """Return how many answers the only part holds so far."""
    for file in parts.glob(f"*/{STORE_FILE}"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
            return int(store.execute("select count(*) from responses").fetchone()[0])
    return 0


def test_two_shells_one_of_which_dies_make_the_run_of_one_process(write, bind, tmp_path: Path) -> None:
    write("slow.py", SLOW)
    suite = write("suite.yaml", SUITE)
    adapter = write("it.yaml", "adapter: it\ntype: python\ntarget: slow.py:answer\n")
    (programs := tmp_path / "bin").mkdir()
    (programs / "harness").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m harness "$@"\n')
    (programs / "harness").chmod(0o755)
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PARTS": "2"}
    environment["PYTHONPATH"] = str(ROOT)
    parts = tmp_path / "wide" / "parts"

    def element(number: int) -> subprocess.Popen[bytes]:
        command = ["bash", str(ROOT / "docs/examples/slurm.sh"), str(suite), str(adapter), str(tmp_path / "wide")]
        told = environment | {"SLURM_ARRAY_TASK_ID": str(number)}
        return subprocess.Popen(command, env=told, cwd=tmp_path, start_new_session=True)

    doomed = element(1)
    while doomed.poll() is None and not _stored(parts):
        time.sleep(0.005)
    os.killpg(doomed.pid, signal.SIGKILL)
    assert doomed.wait() == -signal.SIGKILL
    assert not list(find_runs(parts))
    shells = [element(1), element(2)]
    assert [shell.wait() for shell in shells] == [0, 0]
    done = sorted(find_runs(parts))
    assert len(done) == len([*parts.iterdir()]) == 2  # the killed one was continued, and is no third
    merged, record = merge_runs(done, tmp_path / "merged")
    whole, _ = run_suite(bind(SUITE), read_adapter(str(adapter)), RunOptions(tmp_path / "whole"), Silent())
    same(whole, merged)
    assert record.responses == {"ok": 200}
