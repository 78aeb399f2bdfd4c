"""What grows with the samples: ``python -m benchmarks.scale [--samples 10000 100000 1000000]``. No model is timed.

Each command runs in a process of its own, over runs of the mock on rows of text with twenty metrics. What reads runs is
measured beyond 100,000 on runs that are repeated under other ids (``--asked``). The slope is of log CPU time on log
samples, start-up (the same command on ten samples) taken off: 1 is linear.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from harness.record import Run, RunRecord, find_runs, read_run
from harness.record.folder import samples_writer, write_run
from harness.record.seal import digests
from harness.report.serve import Viewer

METRICS: Final = (
    *("exact_match", "hf_exact_match", "relaxed_accuracy", "numeric_accuracy", "numeric_precision", "anls", "ocrbench"),
    *("anls_star", "squad_f1", "squad_em", "rouge_l", "cer", "wer", "mape", "lines_right", "words_missed"),
    *("words_invented", "corpus_cer", "corpus_wer", "cohen_kappa"),
)
_GROUP: Final = 4_096
"""Rows of a row group, as runs write them."""
_COLOURS: Final = ("red", "green", "blue", "grey", "black")


class Cost(NamedTuple):
    """Of one process and its children."""

    cpu: float
    wall: float
    mib: float


def cost(*arguments: str | Path) -> Cost:
    """Run ``harness`` with these arguments and return what it took."""
    start = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-m", "harness", *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in {0, 1, 3}:  # what a gate says of the mock is no matter here
        raise SystemExit(f"harness {' '.join(map(str, arguments))}: exit code {child.returncode}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss / 1024)


def prepared(folder: Path, samples: int, metrics: int) -> Path:
    """Write rows, a suite and two adapters; return the suite."""
    folder.mkdir()
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as rows:
        for i in range(samples):
            answer = str(i % 50) if i % 2 else f"the {_COLOURS[i % 5]} one"
            row = {
                "id": f"s{i}",
                "question": f"What do you see in the place {i}?",
                "answer": answer,
                "tags": {"kind": _COLOURS[i % 5]},
            }
            rows.write(json.dumps(row) + "\n")
    for name, rate in (("first", 0.05), ("second", 0.06)):
        (folder / f"{name}.yaml").write_text(f"adapter: {name}\ntype: mock\nerror_rate: {rate}\n", encoding="utf-8")
    suite = {
        "suite": "scale",
        "version": 1,
        "datasets": {"rows": {"type": "jsonl", "path": "rows.jsonl"}},
        "slice_by": ["kind"],
        "gates": [{"metric": f"qa/{METRICS[0]}", "max_drop": 0.02}],
        "tasks": {"qa": {"kind": "qa", "dataset": "rows", "metrics": METRICS[:metrics]}},
    }
    (folder / "suite.yaml").write_text(json.dumps(suite), encoding="utf-8")
    return folder / "suite.yaml"


def repeated(run: Path, times: int, out: Path) -> Path:
    """Write a run as often under other ids: what reads runs is measured on more answers than are asked here.

    The file is as a run of so many answers would write it, and the record agrees with it; intervals stay those of one.
    """
    import pyarrow.compute as pc

    table = Run(run).table()
    place = table.column_names.index("sample_id")
    out.mkdir(parents=True)
    with samples_writer(out / "samples.parquet", table.schema) as writer:
        for k in range(times):
            ids = pc.binary_join_element_wise(table["sample_id"], str(k), "-")
            part = table.set_column(place, "sample_id", ids)
            for start in range(0, len(part), _GROUP):
                writer.write_table(part.slice(start, _GROUP).combine_chunks())
    told = _times(json.loads(read_run(run).model_dump_json()), times)
    write_run(out, RunRecord.model_validate_json(json.dumps(told | {"files": digests(out)})))
    return out


def _times(told: Any, times: int) -> Any:
    """Return a record with every count of rows as often."""
    if isinstance(told, list):
        return [_times(one, times) for one in told]
    if not isinstance(told, dict):
        return told
    counts = {"n", "total", "known", "cut"}
    made = {key: value * times if key in counts and isinstance(value, int) else _times(value, times)
            for key, value in told.items()}  # fmt: skip
    for key in ("responses", "statuses"):
        if isinstance(told.get(key), dict):
            made[key] = {name: count * times for name, count in told[key].items()}
    return made


def measured(folder: Path, samples: int, asked: int, metrics: int) -> Iterator[tuple[str, Cost, int]]:
    """Yield each command's name, what it took, and the bytes that it wrote."""
    few = min(samples, asked)
    suite, runs = prepared(folder, few, metrics), folder / "runs"
    for name in ("first", "second"):
        found = cost("run", suite, "-a", folder / f"{name}.yaml", "--out", runs, "--no-report", "--quiet")
        if name == "first" and few == samples:
            yield "run", found, _bytes(runs)
    first, second = find_runs(runs)
    if few < samples:
        first, second = (repeated(run, samples // few, folder / "more" / run.name) for run in (first, second))
    page = folder / "page"
    page.mkdir()
    yield "report", cost("report", first, "--out", page / "report.html"), _bytes(page)
    for form, file in (("markdown", "compare.md"), ("html", "compare.html")):
        page = folder / form
        page.mkdir()
        yield f"compare, {form}", cost("compare", first, second, "--format", form, "--out", page / file), _bytes(page)
    (folder / "gate").mkdir()
    asked_for = ("--baseline", first, "--candidate", second, "--junit", folder / "gate" / "junit.xml", "--quiet")
    yield "gate", cost("gate", suite, "-a", folder / "second.yaml", *asked_for), _bytes(folder / "gate")
    name = "s7" if few == samples else "s7-0"
    yield "show, one answer", cost("show", first, "--answer", name), 0


def listed(runs: Path) -> tuple[float, float]:
    """Return the CPU seconds that the list of a thousand runs takes `harness view`, the first time and after that."""
    (run,) = find_runs(runs)
    record = read_run(run)
    for number in range(1_000):
        (more := runs / f"copy-{number}").mkdir()
        write_run(more, record)
    viewer, took = Viewer(runs, runs, runs), []
    for _ in range(2):
        start = time.process_time()
        viewer.answer("/")
        took.append(time.process_time() - start)
    return took[0], took[1]


def slope(costs: Sequence[tuple[int, float]]) -> float:
    """Return the least-squares slope of log cost on log samples.

    >>> round(slope([(10, 2.0), (100, 20.0), (1000, 200.0)]), 6)
    1.0
    """
    points = [(math.log(samples), math.log(max(spent, 1e-9))) for samples, spent in costs]
    x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def main() -> None:
    """Print a row for each command and size, each command's slope, and what a list of runs takes."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.split("\n")[0])
    asked.add_argument("--samples", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    asked.add_argument("--asked", type=int, default=100_000, help="beyond, runs are repeated under other ids")
    asked.add_argument("--metrics", type=int, default=len(METRICS), help="how many")
    chosen = asked.parse_args()
    start: dict[str, float] = {}
    spent: dict[str, list[tuple[int, float]]] = {}
    print(f"{'':<18}{'samples':>10}{'CPU':>11}{'wall':>11}{'peak':>11}{'written':>12}")
    for samples in [10, *chosen.samples]:
        with tempfile.TemporaryDirectory() as folder:
            for name, found, size in measured(Path(folder) / "scale", samples, chosen.asked, chosen.metrics):
                row = f"{found.cpu:>9.1f} s{found.wall:>9.1f} s{found.mib:>7.0f} MiB{size / 1e6:>9.1f} MB"
                print(f"{name:<18}{samples:>10,}{row}", flush=True)
                if samples == 10:
                    start[name] = found.cpu
                else:
                    spent.setdefault(name, []).append((samples, found.cpu - start[name]))
    for name, costs in spent.items():
        if len(costs) > 1:
            print(f"{name:<18}slope {slope(costs):.2f}")
    with tempfile.TemporaryDirectory() as folder:
        cost("run", "robustness", "-a", "mock", "--limit", "5", "--out", folder, "--no-report", "--quiet")
        first, again = listed(Path(folder))
    print(f"view: a list of 1,000 runs of {first:.1f} s of CPU when they are new to it, {again:.2f} s after that")


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
