"""Whether the model is kept busy: a model and a preprocessing of 5 ms a sample each, on two cores.

``python -m benchmarks.pipeline uneven`` holds the pipeline against the least time that two stages can take which sleep,
and so want no core: even and uneven preparation, as where one corruption takes ten times as long as the next.
"""

import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from harness.adapters.mock import MockAdapter
from harness.engine import pipeline as engine
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.patience import Patience
from harness.registry import registry
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import bind_suite
from harness.tasks import Cell
from harness.tasks.qa import QaTask
from harness.types import Request, Response, Sample

SECONDS = 0.005
SAMPLES = 400
_SUITE = """
suite: pipeline
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: laborious_qa, dataset: rows, metrics: [exact_match]}
"""


def _rounds() -> int:
    """How many rounds of a hash that releases the interpreter's lock take 5 ms here."""
    start = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 50_000)
    return int(50_000 * SECONDS / (time.perf_counter() - start))


ROUNDS = _rounds()


def labour() -> float:
    """Work for 5 ms on one core, as a decoder or a model does; return the seconds it took."""
    start = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", ROUNDS)
    return time.perf_counter() - start


class LaboriousQa(QaTask):
    """Takes 5 ms to prepare a sample."""

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        labour()
        return super().requests(cell, sample, oracle=oracle)


class LaboriousMock(MockAdapter):
    """Takes 5 ms to answer a sample."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        for _ in requests:
            labour()
        return super().generate(requests)


def measure(batch_size: int = 8) -> dict[str, float]:
    """Run, and return wall-clock seconds beside the sums of both stages."""
    for kind, name, target in (("tasks", "laborious_qa", "LaboriousQa"), ("adapters", "laborious", "LaboriousMock")):
        if name not in registry(kind):
            registry(kind).add(name, f"benchmarks.pipeline:{target}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = (json.dumps({"question": f"{i}?", "answer": str(i)}) for i in range(SAMPLES))
        (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
        adapter = folder / "laborious.yaml"
        adapter.write_text(f"adapter: laborious\ntype: laborious\nbatch_size: {batch_size}\n", encoding="utf-8")
        suite = bind_suite(parse_document(_SUITE, folder / "suite.yaml"))
        start = time.perf_counter()
        _, record = run_suite(suite, read_adapter(str(adapter)), RunOptions(folder / "runs"), Silent())
        wall = time.perf_counter() - start
    assert record.status == "complete"
    return {"wall": wall, **record.timings}


BATCH: Final = 0.1
"""Seconds that a batch takes where both stages sleep."""
KINDS: Final[dict[str, Callable[[random.Random], float]]] = {
    "all alike": lambda _: BATCH,
    "lognormal": lambda rng: BATCH * rng.lognormvariate(-0.5, 1),
    "one in ten ten times as long": lambda rng: 10 * BATCH if rng.random() < 0.1 else 0.001,
}
"""How long a batch is prepared."""


def _sleeping(preparation: Sequence[float], workers: int) -> float:
    """Return the seconds that the harness's pipeline takes over batches that are prepared in so many seconds each."""

    def prepare(patience: Patience, batch: Any) -> Callable[[], Any]:
        begun = patience.begin(time.sleep, [preparation[batch]])

        def wait() -> Any:
            patience.end(begun, lambda *_: None)
            return SimpleNamespace(size=100_000)

        return wait

    def ask(ready: Any) -> Any:
        time.sleep(BATCH)
        return SimpleNamespace(seconds=BATCH)

    pipeline = engine.Pipeline(prepare, ask, workers=workers, width=1, stop=threading.Event(), grace=1.0)
    start = time.perf_counter()
    # Numbers stand for batches: nothing but the two functions above looks at them.
    for _ in pipeline.run(iter(range(len(preparation)))):  # type: ignore[arg-type]
        pass
    return time.perf_counter() - start


def least_time(preparation: Sequence[float], workers: int) -> float:
    """Return the least time of both stages, each batch begun as soon as a worker is free and asked when it is ready."""
    free, end = [0.0] * workers, 0.0
    for seconds in preparation:
        worker = free.index(min(free))
        free[worker] += seconds
        end = max(end, free[worker]) + BATCH
    return end


def uneven(batches: int = 60) -> None:
    """Print what is reached of the least time."""
    for name, draw in KINDS.items():
        for workers in (1, 2):
            rng = random.Random(workers)  # noqa: S311 - seconds
            preparation = [draw(rng) for _ in range(batches)]
            took, least = _sleeping(preparation, workers), least_time(preparation, workers)
            print(f"{name:<30} {workers} workers: {took:6.2f} s, least {least:6.2f} s: {least / took:.0%}", flush=True)


class Pipeline:
    """Wall-clock time over the larger of the two sums; 1 is perfect, 2 is one after the other."""

    timeout = 120

    def track_wall_over_larger_sum(self) -> float:
        best = float("inf")
        for _ in range(3):
            found = measure()
            best = min(best, found["wall"] / max(found["model"], found["prepare"]))
        return best

    track_wall_over_larger_sum.unit = "ratio"


if __name__ == "__main__":
    if sys.argv[1:] == ["uneven"]:
        uneven()
        sys.exit()
    for key, value in measure().items():
        print(f"{key:<10} {value:8.3f} s")
    print(f"wall over the larger sum: {Pipeline().track_wall_over_larger_sum():.3f}")
