"""Killed at random instants, a run loses nothing that it acknowledged and ends with the same scores."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from harness.record import read_run
from harness.record.folder import SAMPLES_FILE, STORE_FILE
from harness.record.store import ResponseStore

ROOT = Path(__file__).resolve().parents[2]
BATCH = 4
SUITE = """\
suite: killed
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks:
  one: {kind: qa, dataset: rows, metrics: [exact_match, relaxed_accuracy]}
  two: {kind: qa, dataset: rows, prompt: "{{ question }} Briefly.", metrics: [exact_match]}
"""
SAMPLES = 1200
KILLS = 30


class Victim:
    """Starts runs and kills them."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._said = folder / "said.log"

    def run(self, seconds: float | None = None, *, begun: bool = False) -> str:
        """Start a run, kill it so many seconds after its start or its first word, and return what it said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._said.unlink(missing_ok=True)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        if seconds is not None:
            while begun and not (self._said.exists() and self._said.stat().st_size):
                time.sleep(0.001)
            time.sleep(seconds)
            os.kill(child, signal.SIGKILL)  # until it is waited for, the id is nobody else's
        assert self._process.stdout.readline() == "gone\n"
        return self._said.read_text(encoding="utf-8") if self._said.exists() else ""


@pytest.fixture
def victim(write, tmp_path: Path) -> Iterator[Victim]:
    write("suite.yaml", SUITE)
    write("paced.yaml", f"adapter: paced\ntype: paced\nbatch_size: {BATCH}\nerror_rate: 0.3\n")
    row = '{{"id": "s{0}", "question": "{0} plus {0}?", "answer": {1}, "tags": {{"odd": "{2}"}}}}\n'
    write("rows.jsonl", "".join(row.format(i, 2 * i, i % 2) for i in range(SAMPLES // 2)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.engine.killed"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Victim(process, tmp_path)


def acknowledged(said: str) -> int:
    """Return the last number that was written to its end."""
    lines = [line for line in said.split("\n")[:-1] if line.startswith("acknowledged ")]
    return int(lines[-1].split()[1]) if lines else 0


def stored(runs: Path) -> int:
    """Return how many responses the unfinished run holds."""
    files = list(runs.glob(f"*/{STORE_FILE}"))
    if not files:
        return 0
    with ResponseStore(files[0]) as store:
        return sum(store.statuses().values())


def test_a_run_that_is_killed_dozens_of_times_ends_as_if_it_had_never_been(victim: Victim, tmp_path: Path) -> None:
    assert victim.run().endswith("complete\n")
    (tmp_path / "runs").rename(tmp_path / "whole")
    (tmp_path / "asked.log").unlink()

    draw = random.Random(9)  # noqa: S311 - nobody is to be kept from guessing
    kept = kills = 0
    while kills < KILLS:
        said = victim.run(draw.uniform(0.0, 0.1), begun=draw.random() < 0.8)
        assert "exit" not in said
        if said.endswith("complete\n"):
            break
        kills += 1
        before, kept = kept, stored(tmp_path / "runs")
        assert kept >= max(before, acknowledged(said))
        assert kept % BATCH == 0
    assert kills >= 24
    assert victim.run().endswith("complete\n") or said.endswith("complete\n")

    finished = [folder for folder in (tmp_path / "runs").iterdir() if (folder / "run.json").exists()]
    (whole,) = (tmp_path / "whole").iterdir()
    one, two = read_run(whole), read_run(finished[0])
    assert two.tasks == one.tasks
    assert two.responses == one.responses == {"ok": SAMPLES}
    tables = [
        pq.read_table(run / SAMPLES_FILE).drop_columns(["batch_seconds", "seconds"]) for run in (whole, finished[0])
    ]
    assert tables[0].equals(tables[1])
    asked = Counter((tmp_path / "asked.log").read_text(encoding="utf-8").split("\n")[:-1])
    # Each kill costs at most the batch in flight and the one before it, answered and not yet stored.
    assert len(asked) == SAMPLES
    assert sum(asked.values()) - SAMPLES <= 2 * BATCH * kills
    assert len(two.sessions) >= kills // 2
