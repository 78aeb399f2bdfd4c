"""What the harness itself costs: CPU a sample, memory, bytes on disk, time to the first sample. No model runs."""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

_RUN = """
import json, resource, sys, time
from pathlib import Path
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite
from harness.engine.run import RunOptions, run_suite

class Watch:
    first = None
    def begin(self, adapter, total): pass
    def advance(self, cell, done, failed): self.first = self.first or time.process_time()
    def end(self): pass

watch = Watch()
folder, record = run_suite(load_suite(sys.argv[1]), read_adapter("mock"), RunOptions(Path(sys.argv[2])), watch)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
cost = {"cpu": time.process_time(), "first": watch.first, "peak_kib": peak, "bytes": size}
print(json.dumps(cost | {"status": record.status}))
"""
_SUITE = """
suite: overhead
version: 1
datasets:
  rows: {type: jsonl, path: rows.jsonl}
tasks:
  qa: {kind: qa, dataset: rows, metrics: [exact_match]}
"""


def measure(samples: int) -> dict[str, float]:
    """Run the mock over ``samples`` text-only rows in a fresh process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "rows.jsonl").open("w", encoding="utf-8") as rows:
            for i in range(samples):
                row = {"id": f"s{i}", "question": f"What is {i} plus {i}?", "answer": str(2 * i)}
                rows.write(json.dumps(row) + "\n")
        (folder / "suite.yaml").write_text(_SUITE, encoding="utf-8")
        command = [sys.executable, "-c", _RUN, str(folder / "suite.yaml"), str(folder / "runs")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert measured["status"] == "complete"
    return measured


class Overhead:
    """The cost of 10,000 trivial samples, start-up taken off by a run of ten."""

    timeout = 300

    def setup_cache(self) -> dict[str, dict[str, float]]:
        return {"small": measure(10), "large": measure(10_000)}

    def track_cpu_per_sample(self, measured: dict[str, dict[str, float]]) -> float:
        return (measured["large"]["cpu"] - measured["small"]["cpu"]) / 9_990 * 1e3

    track_cpu_per_sample.unit = "ms"

    def track_cpu_to_first_sample(self, measured: dict[str, dict[str, float]]) -> float:
        return measured["large"]["first"]

    track_cpu_to_first_sample.unit = "s"

    def track_peak_memory(self, measured: dict[str, dict[str, float]]) -> float:
        return measured["large"]["peak_kib"] / 1024

    track_peak_memory.unit = "MiB"

    def track_memory_growth(self, measured: dict[str, dict[str, float]]) -> float:
        return (measured["large"]["peak_kib"] - measured["small"]["peak_kib"]) / 1024

    track_memory_growth.unit = "MiB"

    def track_bytes_per_sample(self, measured: dict[str, dict[str, float]]) -> float:
        return (measured["large"]["bytes"] - measured["small"]["bytes"]) / 9_990

    track_bytes_per_sample.unit = "bytes"


class Startup:
    """CPU of `harness --help` in a fresh process, beside a bare interpreter."""

    def track_help_cpu(self) -> float:
        return _cpu("from harness.cli import invoke; invoke(['--help'])")

    track_help_cpu.unit = "s"

    def track_bare_python_cpu(self) -> float:
        return _cpu("pass")

    track_bare_python_cpu.unit = "s"


def _cpu(code: str, repeats: int = 10) -> float:
    """Return the smallest CPU time of a child process, user and system."""
    best = float("inf")
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return best
