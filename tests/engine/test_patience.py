"""What hangs beside the model costs its sample, and holds neither the run nor the process."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness import patience
from harness.data._images import FileImage
from harness.digests import Digests
from harness.errors import ExitCode
from harness.patience import Patience, Stuck
from harness.record import Run
from harness.tasks.qa import QaTask
from harness.types import Response, Sample, Score

ROOT = Path(__file__).resolve().parents[2]
SUITE = """\
suite: hung
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [exact_match]}}
engine: {timeout: 1}
"""


@pytest.fixture
def hang(monkeypatch) -> Iterator[Callable[[], Any]]:
    """Wait until the test is over, and let nobody be patient for longer than a moment."""
    over = threading.Event()
    monkeypatch.setattr(patience, "LONGEST", 0.3)
    yield over.wait
    over.set()


def test_an_item_that_hangs_is_given_up_and_those_behind_it_are_done(hang: Callable[[], Any]) -> None:
    def work(item: int) -> str:
        if item in (1, 4):
            hang()
        return str(item)

    with Patience(2) as pool:
        errands = [pool.begin(work, range(start, start + 3)) for start in (0, 3, 6)]
        done = [pool.end(errand, lambda item, said: f"{item}: {said}") for errand in errands]
    late = "no end of it within 0.3 s"
    assert done == [["0", f"1: {late}", "2"], ["3", f"4: {late}", "5"], ["6", "7", "8"]]


def test_what_was_raised_is_raised_where_the_results_are_wanted() -> None:
    with Patience() as pool, pytest.raises(ZeroDivisionError):
        pool.end(pool.begin(lambda item: 1 // item, [1, 0]), lambda item, said: 0)


def test_what_hangs_too_often_ends_the_run(hang: Callable[[], Any], monkeypatch) -> None:
    monkeypatch.setattr(patience, "_MOST", 1)
    with Patience() as pool, pytest.raises(Stuck, match="2 samples took more than"):
        pool.end(pool.begin(lambda _: hang(), range(3)), lambda item, said: False)


def test_a_picture_on_a_dead_mount_and_a_metric_that_hangs_cost_their_samples(
    hang: Callable[[], Any], write, run_here, tmp_path: Path, monkeypatch
) -> None:
    load, score = FileImage.load, QaTask.score

    def dead(self: FileImage) -> Image.Image:
        return hang() if self.path.name == "dead.png" else load(self)

    def endless(self: QaTask, sample: Sample, said: Sequence[Response]) -> Mapping[str, Score]:
        return hang() if sample.id == "r3" else score(self, sample, said)

    monkeypatch.setattr(FileImage, "load", dead)
    monkeypatch.setattr(QaTask, "score", endless)
    rows = [{"id": f"r{i}", "question": "q", "answer": "a", "image": "live.png"} for i in range(5)]
    rows[1]["image"] = "dead.png"
    for name in ("live", "dead"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    suite = write("suite.yaml", SUITE)
    write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    done = run_here("run", suite, "-a", "mock", "-o", tmp_path / "runs", "-q", "--no-report")
    assert done.code == ExitCode.INCONCLUSIVE, done.err
    (folder,) = (tmp_path / "runs").iterdir()
    table = Run(folder).table()
    late = "no end of it within 1 s"
    assert table["status"].to_pylist() == ["ok", "error", "ok", "ok", "ok"]
    assert table["status.exact_match"].to_pylist()[3] == "error"
    said = table["error"].to_pylist()
    assert (said[1], said[3]) == (f"it could not be loaded and perturbed: {late}", f"it could not be scored: {late}")
    monkeypatch.setattr("harness.engine.dry._SAMPLES", 5)
    validated = run_here("validate", suite)
    assert "sample 'r1': it could not be loaded and perturbed" in validated.out + validated.err


def test_a_file_that_cannot_be_read_before_anything_is_asked_is_named(
    hang: Callable[[], Any], write, run_here, tmp_path: Path, monkeypatch
) -> None:
    known = Digests._of
    dead = lambda self, path, found: hang() if path.endswith("dead.png") else known(self, path, found)  # noqa: E731
    monkeypatch.setattr(Digests, "_of", dead)
    Image.new("RGB", (8, 8)).save(tmp_path / "dead.png")
    write("rows.jsonl", json.dumps({"question": "q", "answer": "a", "image": "dead.png"}) + "\n")
    done = run_here("run", write("suite.yaml", SUITE), "-a", "mock", "-o", tmp_path / "runs", "-q")
    assert done.code == ExitCode.RUN_FAILED
    assert "dead.png: nothing of it came for 1 s; is its disk or mount gone?" in done.err


HANGING = """
import sys, time
from harness.cli import invoke
from harness.data._images import FileImage

def dead(self):
    print("reading", flush=True)
    time.sleep(3600)

FileImage.load = dead
sys.exit(invoke(["run", "suite.yaml", "-a", "mock", "--out", "runs", "-q"]))
"""


def test_two_signals_end_a_run_whose_picture_never_comes(write, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    write("suite.yaml", SUITE)
    write("rows.jsonl", json.dumps({"question": "q", "answer": "a", "image": "a.png"}) + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert process.stdout.readline() == "reading\n"
            process.send_signal(signal.SIGTERM)
            while "once more to stop at once" not in process.stderr.readline():
                pass
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == ExitCode.INTERRUPTED, said
    assert "to continue: harness resume" in said
