"""Time and size of reports: ``python -m benchmarks.report [RUN]``. Runs on the mock: no model is timed."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record.folder import read_run, write_run
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite

SAMPLES = 10_000
_SUITE = """
suite: large
version: 1
datasets:
  charts: {{type: charts, limit: {samples}}}
tasks:
  qa: {{kind: qa, dataset: charts, metrics: [relaxed_accuracy, numeric_accuracy]}}
"""
_REPORT = """
import json, sys, time
from pathlib import Path
from harness.report.html import write_html
file = write_html(Path(sys.argv[1]), Path(sys.argv[2]))
beside = file.with_suffix(".data.js")
size = file.stat().st_size + (beside.stat().st_size if beside.exists() else 0)
print(json.dumps({"cpu": time.process_time(), "bytes": size}))
"""


def report(run: Path) -> dict[str, float]:
    """Write the report of a run in a fresh process; return its CPU seconds, imports included, and its bytes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _REPORT, str(run), str(Path(folder) / "report.html")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def large_run(folder: Path) -> tuple[Path, float]:
    """Run the mock over many charts, keep their thumbnails; return the run and the CPU seconds of the thumbnails."""
    from harness.engine.thumbnails import keep_thumbnails

    suite = folder / "large.yaml"
    suite.write_text(_SUITE.format(samples=SAMPLES), encoding="utf-8")
    run, _ = run_suite(load_suite(str(suite)), read_adapter("mock"), RunOptions(folder / "runs"), Silent())
    record = read_run(run)
    write_run(run, record.model_copy(update={"suite": record.suite.model_copy(update={"file": str(suite)})}))
    start = time.process_time()
    assert keep_thumbnails(run) == SAMPLES
    return run, time.process_time() - start


class Report:
    """The report of 10,000 samples with thumbnails."""

    timeout = 600

    def setup_cache(self) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            run, _ = large_run(Path(folder))
            return report(run)

    def track_cpu(self, measured: dict[str, float]) -> float:
        return measured["cpu"]

    track_cpu.unit = "s"

    def track_size(self, measured: dict[str, float]) -> float:
        return measured["bytes"] / 1e6

    track_size.unit = "MB"


def main() -> None:
    """Print the costs of a run that is named, and of 10,000 samples with thumbnails."""
    for name in sys.argv[1:]:
        told = report(Path(name))
        print(f"{Path(name).name}: {told['cpu']:.1f} s of CPU (≤ 2), {told['bytes'] / 1e6:.2f} MB (≤ 2)")
    with tempfile.TemporaryDirectory() as folder:
        run, seconds = large_run(Path(folder))
        told = report(run)
    print(f"{SAMPLES:,} samples: report {told['cpu']:.1f} s of CPU (with thumbnails' {seconds:.1f} s ≤ 15), "
          f"{told['bytes'] / 1e6:.1f} MB (≤ 25)")  # fmt: skip


if __name__ == "__main__":
    main()
