"""Whether a run is faster where two processes prepare its samples than where two threads do, and what sending costs.

``python -m benchmarks.preparing [TURNS [WORK …]]`` prints a table. Each turn is a whole run of the mock in threads and
one in processes, in random order, so that other work on the machine falls on both alike. Samples a second, and the CPU
of a sample in all processes, are those of the last two thirds of the run: processes have started then. A ratio is the
median over turns, with the order statistics that hold it in 95 of 100 cases (from six turns on).

``python -m benchmarks.preparing transport`` prints what sending a picture takes, on both sides.

``python -m benchmarks.preparing least`` holds a run against the least time that its two stages can take. Both sleep and
want no core, so that it says the same on a busy machine.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, ClassVar, Final

import numpy as np
from PIL import Image

from benchmarks.corruptions import imagenet_c, picture
from benchmarks.lanes import ratio
from benchmarks.pipeline import BATCH, KINDS, least_time
from harness.adapters.mock import MockAdapter
from harness.engine.options import Prepare, Silent
from harness.engine.run import RunOptions, run_suite
from harness.hosts.parcels import Arena, pack, unpack
from harness.registry import registry
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import bind_suite, load_suite
from harness.types import Request, Response

WAYS: Final[tuple[Prepare, ...]] = ("threads", "processes")
_SUITE: Final = """
suite: preparing
version: 1
datasets:
  rows: {{type: jsonl, path: rows.jsonl}}
tasks:
  qa: {{kind: qa, dataset: rows, metrics: [exact_match]}}
{sweep}
"""
_SWEEP: Final = "  sweep: {{kind: sweep, of: qa, metric: exact_match, corruptions: [{names}], severities: [1, 3, 5]}}"
_ADAPTER: Final = "adapter: mock\ntype: mock\nbatch_size: {size}\n"


def _works() -> dict[str, tuple[str, int, int, Sequence[str]]]:
    """Of each work: the pictures' format, their number and side, and the corruptions."""
    return {
        "decode PNG, 224 × 224": ("PNG", 1200, 224, ()),
        "decode JPEG, 224 × 224": ("JPEG", 1200, 224, ()),
        "decode PNG, 640 × 640": ("PNG", 240, 640, ()),
        "decode JPEG, 640 × 640": ("JPEG", 240, 640, ()),
        "jpeg_compression": ("PNG", 300, 224, ("jpeg_compression",)),
        "all nineteen of ImageNet-C": ("PNG", 60, 224, tuple(imagenet_c())),
    }


class Watched:
    """Hears how many samples are done, and when."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float, int]] = []

    def begin(self, adapter: str, total: int) -> None: ...

    def advance(self, cell: str, done: int, failed: int) -> None:
        self._seen.append((time.perf_counter(), cpu_now(), done))

    def end(self) -> None: ...

    def rates(self) -> tuple[float, float]:
        """Return samples a second, and CPU milliseconds a sample, after the first third of them."""
        done = np.cumsum([count for *_, count in self._seen])
        first = int(np.searchsorted(done, done[-1] / 3))
        (wall, cpu, _), (end, cpu_end, _) = self._seen[first], self._seen[-1]
        count = int(done[-1] - done[first])
        return count / (end - wall), 1000 * (cpu_end - cpu) / count


def cpu_now() -> float:
    """Return the CPU seconds of this process and of those that it has started, on Linux."""
    tasks = Path("/proc/self/task").glob("*/children")
    children = [child for task in tasks for child in task.read_text().split()]
    ticks = 0
    for child in children:
        with suppress(OSError):
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def prepare_data(folder: Path, kind: str, count: int, side: int) -> None:
    """Write pictures that differ, and their rows."""
    rng = np.random.default_rng(0)
    base = picture(side)
    rows = []
    for i in range(count):
        shifted = np.roll(base, rng.integers(0, side, 2), (0, 1))
        name = f"{i}.{kind.lower()}"
        Image.fromarray(shifted).save(folder / name, kind)
        rows.append(json.dumps({"id": str(i), "image": name, "question": "what is it?", "answer": str(i)}))
    (folder / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")


def one_run(folder: Path, sweep: str, size: int, how: Prepare, workers: int) -> tuple[float, float]:
    """Run once; return samples a second, and CPU milliseconds a sample of all processes."""
    adapter = folder / "mock.yaml"
    adapter.write_text(_ADAPTER.format(size=size), encoding="utf-8")
    suite = bind_suite(parse_document(_SUITE.format(sweep=sweep), folder / "suite.yaml"))
    watched = Watched()
    options = RunOptions(folder / "runs", workers=workers, prepare=how, fresh=True)
    _, record = run_suite(suite, read_adapter(str(adapter)), options, watched)
    if record.status != "complete" or (how == "processes") != ("apart" in record.timings):
        raise RuntimeError(f"{how}: {record.status} {record.reason} {record.timings}")
    return watched.rates()


def compare(work: str, turns: int, size: int = 32) -> str:
    """Return a row of the table."""
    kind, count, side, corruptions = _works()[work]
    sweep = _SWEEP.format(names=", ".join(corruptions)) if corruptions else ""
    found: dict[Prepare, list[tuple[float, float]]] = {how: [] for how in WAYS}
    shuffled = random.Random(work)  # noqa: S311 - an order
    with tempfile.TemporaryDirectory() as name:
        prepare_data(Path(name), kind, count, side)
        for _ in range(turns):
            for how in shuffled.sample(WAYS, len(WAYS)):
                found[how].append(one_run(Path(name), sweep, size, how, workers=2))
    rates = {how: [rate for rate, _ in found[how]] for how in WAYS}
    cpu = {how: [one for _, one in found[how]] for how in WAYS}
    cells = (
        work, *(f"{median(rates[how]):,.0f}" for how in WAYS), ratio(rates["processes"], rates["threads"]),
        *(f"{median(cpu[how]):.2f} ms" for how in WAYS), ratio(cpu["processes"], cpu["threads"]),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def transport(rounds: int = 300) -> None:
    """Print the CPU microseconds that sending a request with one picture takes."""
    print("| picture | sent, shared memory | received | sent, pipe | received |\n|---|---|---|---|---|")
    for side in (224, 640):
        image = Image.fromarray(picture(side))
        value = (None, ((Request("a", "what is it?", (image,)), "0" * 64),), None)
        cells = [f"{side} × {side} RGB"]
        for arena in (Arena.new(), None):
            theirs = Arena(arena.file) if arena else None
            sent, received = [], []
            for _ in range(rounds):
                parcel, seconds = _timed(lambda: pack(value, theirs))  # noqa: B023 - called at once
                sent.append(seconds)
                received.append(_timed(lambda: unpack(parcel, arena))[1])  # noqa: B023
                if arena and theirs:
                    theirs.turn()
                    arena.done()
            cells += [f"{1e6 * median(one):.0f} µs" for one in (sent, received)]
        print(f"| {' | '.join(cells)} |")


_PLUG_IN: Final = """
import time
from harness.tasks.qa import QaTask

class Sleeping(QaTask):
    kind = "sleeping"

    def requests(self, cell, sample, *, oracle):
        time.sleep(float(sample.tags["seconds"]))
        return super().requests(cell, sample, oracle=oracle)
"""
SIZE: Final = 4
"""Samples a batch, where both stages sleep."""


class SleepingMock(MockAdapter):
    """Sleeps a tenth of a second over a batch, and notes when it begins and ends."""

    seen: ClassVar[list[float]] = []

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        self.seen.append(time.perf_counter())
        time.sleep(BATCH)
        self.seen.append(time.perf_counter())
        return super().generate(requests)


def sleep_here(how: Prepare, workers: int) -> None:
    """Run the suite in this folder; print the seconds from the model's first call to the end of its last."""
    registry("adapters").add("sleeping", f"{__name__}:SleepingMock")
    options = RunOptions(Path("runs"), workers=workers, prepare=how)
    run_suite(load_suite("suite.yaml"), read_adapter("mock.yaml"), options, Silent())
    print(SleepingMock.seen[-1] - SleepingMock.seen[0])


def sleeping(preparation: Sequence[float], how: Prepare, workers: int) -> float:
    """Return the seconds of a run whose batches, of four samples each, sleep so long while they are prepared."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = [one / SIZE for one in preparation for _ in range(SIZE)]
        rows = [{"question": f"{i}?", "answer": "a", "tags": {"seconds": str(one)}} for i, one in enumerate(seconds)]
        files = {
            "sleeping_task.py": _PLUG_IN,
            "sleeping_task-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: sleeping-task\nVersion: 1.0\n",
            "sleeping_task-1.0.dist-info/entry_points.txt": "[harness.tasks]\nsleeping = sleeping_task:Sleeping\n",
            "rows.jsonl": "\n".join(map(json.dumps, rows)),
            "suite.yaml": _SUITE.format(sweep="").replace("kind: qa", "kind: sleeping"),
            "mock.yaml": _ADAPTER.format(size=SIZE).replace("type: mock", "type: sleeping"),
        }
        for file, content in files.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(content, encoding="utf-8")
        paths = os.pathsep.join([name, str(Path(__file__).resolve().parents[1]), *sys.path])
        command = [sys.executable, "-m", "benchmarks.preparing", "sleep", how, str(workers)]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=True
        )
        return float(done.stdout.split()[-1])


def against_the_least(batches: int = 60) -> None:
    """Print what is reached of the least time, as ``benchmarks.pipeline uneven`` does for threads."""
    print("| preparation of a batch | workers | least | threads | processes |\n|---|---|---|---|---|")
    for name, draw in KINDS.items():
        for workers in (1, 2):
            rng = random.Random(workers)  # noqa: S311 - seconds
            preparation = [draw(rng) for _ in range(batches)]
            least = least_time(preparation, workers) - preparation[0]
            took = {how: sleeping(preparation, how, workers) for how in WAYS}
            reached = " | ".join(f"{one:.2f} s: {least / one:.0%}" for one in took.values())
            print(f"| {name} | {workers} | {least:.2f} s | {reached} |", flush=True)


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def main(turns: int, works: Sequence[str]) -> None:
    """Print a row for each kind of work."""
    titles = ("work", "threads, samples/s", "processes", "ratio", "threads, CPU a sample", "processes", "ratio")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for work in works or _works():
        print(compare(work, turns), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["transport"]:
        transport()
    elif sys.argv[1:2] == ["least"]:
        against_the_least()
    elif sys.argv[1:2] == ["sleep"]:
        sleep_here("processes" if sys.argv[2] == "processes" else "threads", int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7, sys.argv[2:])
