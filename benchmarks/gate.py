"""CPU seconds of a gate on 100,000 samples and 20 metrics: ``python -m benchmarks.gate [SAMPLES]``; the goal is 5 s.

Rows are made, no model is asked: half of the metrics are right or wrong, half are graded, samples have five tags.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record.folder import write_run
from harness.record.schema import RunRecord
from harness.record.seal import digests
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite

SAMPLES = 100_000
METRICS = 20
TAGS = {"style": 8, "type": 7, "marks": 3, "language": 12, "source": 20}
_SUITE = """
suite: made
version: 1
datasets: {charts: {type: charts, limit: 40}}
tasks: {qa: {kind: qa, dataset: charts, metrics: [exact_match, anls]}}
"""
_GATE = """
import json, sys, time
from pathlib import Path
from harness.comparison.compare import Options, compare
from harness.comparison.decide import decide, margins
from harness.record import Run
from harness.spec.models import GateSpec
runs = [Run(Path(folder)) for folder in sys.argv[1:3]]
gates = [GateSpec(metric=one["metric"], max_drop=one["max_drop"]) for one in runs[1].record.suite.content["gates"]]
compared = compare(*runs, Options(margins=margins(gates)))
decision = decide(gates, runs[1].record, compared)
print(json.dumps({"cpu": time.process_time(), "verdict": decision.verdict, "slices": compared.looked}))
"""


def made(folder: Path, template: Path, samples: int, clusters: bool, seed: int) -> Path:
    """Write a run with made rows; the same questions whatever the seed."""
    run = folder / f"run-{seed}"
    run.mkdir()
    record: dict[str, Any] = json.loads((template / "run.json").read_text())
    names = {f"m{k:02d}": ("exact_match", "anls")[k % 2] for k in range(METRICS)}
    asked, answered = np.random.default_rng(0), np.random.default_rng(seed)
    one = pq.read_table(template / "samples.parquet").slice(0, 1)
    columns = {name: pa.concat_arrays([one[name].combine_chunks().cast(one[name].type)] * 1).take(
        pa.array(np.zeros(samples, np.int64))) for name in one.column_names
        if not name.startswith(("score.", "status.", "detail.", "tag."))}  # fmt: skip
    columns["sample_id"] = pa.array([f"s{i:07d}" for i in range(samples)])
    columns["request_hash"] = pa.array([f"{i:0>64}" for i in range(samples)])
    if clusters:
        columns["cluster"] = pa.array([f"c{i // 4}" for i in range(samples)])
    for name, count in TAGS.items():
        columns[f"tag.{name}"] = pa.array([f"v{k}" for k in asked.integers(0, count, samples)]).dictionary_encode()
    ok = pa.array(["ok"]).dictionary_encode().take(pa.array(np.zeros(samples, np.int64)))
    for name, kind in names.items():
        base = asked.random(samples) < 0.8 if kind == "exact_match" else asked.beta(5, 1, samples)
        flipped = answered.random(samples) < 0.04
        new = ~base if kind == "exact_match" else np.clip(base + answered.normal(0, 0.1, samples), 0, 1)
        columns[f"score.{name}"] = pa.array(np.where(flipped, new, base).astype(np.float64))
        columns[f"status.{name}"] = ok
    pq.write_table(pa.table(columns), run / "samples.parquet")
    task = record["tasks"]["qa"]

    def renamed(value: Any, old: str, new: str) -> Any:
        return json.loads(json.dumps(value).replace(f'"{old}"', f'"{new}"'))

    for part in ("columns", "metrics"):
        task[part] = {name: renamed(task[part][kind], kind, name) for name, kind in names.items()}
    for part in ("statistics", "per_cell"):
        known = {statistic["name"]: statistic for statistic in task[part]}
        task[part] = [renamed(known[kind], kind, name) for name, kind in names.items()]
    for cell in task["cells"].values():
        cell["metrics"] = {name: renamed(cell["metrics"][kind], kind, name) for name, kind in names.items()}
    task["primary"] = "m00"
    record["suite"]["content"]["gates"] = [{"metric": f"qa/{name}", "max_drop": 0.02} for name in names]
    record["files"] = digests(run)
    write_run(run, RunRecord.model_validate_json(json.dumps(record)))
    return run


def gated(samples: int = SAMPLES, clusters: bool = False) -> dict[str, Any]:
    """Judge made runs in a fresh process; return its CPU seconds, imports included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "made.yaml").write_text(_SUITE, encoding="utf-8")
        suite = load_suite(str(folder / "made.yaml"))
        template, _ = run_suite(suite, read_adapter("mock"), RunOptions(folder / "runs"), Silent())
        runs = [str(made(folder, template, samples, clusters, seed)) for seed in (1, 2)]
        done = subprocess.run([sys.executable, "-c", _GATE, *runs], stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


class Gate:
    """A gate on 100,000 samples."""

    timeout = 600

    def track_cpu(self) -> float:
        return float(gated()["cpu"])

    track_cpu.unit = "s"  # type: ignore[attr-defined]


def main() -> None:
    """Print what a gate costs, with clusters and without."""
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES
    for clusters in (False, True):
        told = gated(samples, clusters)
        kind = "in clusters of 4" if clusters else "independent"
        print(f"{samples:,} samples, {kind}, {METRICS} metrics: {told['cpu']:.1f} s of CPU (≤ 5), {told['verdict']}, "
              f"{told['slices']:,} slices looked at")  # fmt: skip


if __name__ == "__main__":
    main()
