"""What a trivial sample costs here and in other harnesses, measured in one run on one machine.

A peer is measured where it is installed for ``--python`` (its own environment will do); nothing is installed here.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks import overhead

_INSPECT = """
import json, resource, sys, time
from pathlib import Path
from inspect_ai import Task, eval as evaluate
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match
from inspect_ai.model import ModelOutput
from inspect_ai.solver import solver

@solver
def answered():
    # Not generate(): its mock wants a tokeniser's file from the network.
    async def solve(state, generate):
        state.output = ModelOutput.from_content("mock", "4")
        return state
    return solve

count, folder = int(sys.argv[1]), Path(sys.argv[2])
rows = [Sample(id=f"s{i}", input=f"What is {i} plus {i}?", target=str(2 * i)) for i in range(count)]
task = Task(dataset=MemoryDataset(rows), solver=answered(), scorer=match())
(log,) = evaluate(task, model="mockllm/model", log_dir=str(folder), display="none")
size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"cpu": time.process_time(), "peak_kib": peak, "bytes": size, "status": log.status}))
"""

_LM_EVAL = """
import json, os, resource, sys, time
from pathlib import Path
count, folder = int(sys.argv[1]), Path(sys.argv[2])
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hub")}
from lm_eval import simple_evaluate
from lm_eval.loggers import EvaluationTracker

file = folder / "rows.jsonl"
with file.open("w") as out:
    for i in range(count):
        out.write(json.dumps({"question": f"What is {i} plus {i}?", "answer": str(2 * i)}) + "\\n")
task = {
    "task": "trivial", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(file)}},
    "test_split": "test", "output_type": "generate_until", "doc_to_text": "{{question}}", "doc_to_target": "{{answer}}",
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
}
tracker = EvaluationTracker(output_path=str(folder / "out"))
found = simple_evaluate("dummy", tasks=[task], log_samples=True, evaluation_tracker=tracker, bootstrap_iters=0)
samples = found.pop("samples")
tracker.save_results_aggregated(results=found, samples=samples)
for name, rows in samples.items():
    tracker.save_results_samples(task_name=name, samples=rows)
size = sum(file.stat().st_size for file in (folder / "out").rglob("*") if file.is_file())
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"cpu": time.process_time(), "peak_kib": peak, "bytes": size, "status": "success"}))
"""

PEERS = {"inspect-ai": ("inspect_ai", _INSPECT), "lm-eval": ("lm_eval", _LM_EVAL)}
"""Name, module, and the script that runs it with a model that answers at once."""


@dataclass(frozen=True)
class Cost:
    """Of one sample, start-up taken off by a small run; the peak is that of the large run."""

    cpu_ms: float
    bytes: float
    peak_mib: float

    @classmethod
    def of(cls, small: dict[str, float], large: dict[str, float], more: int) -> "Cost":
        return cls(
            (large["cpu"] - small["cpu"]) / more * 1e3,
            (large["bytes"] - small["bytes"]) / more,
            large["peak_kib"] / 1024,
        )


def ours(samples: int) -> Cost:
    """Measure this harness, its durable record on."""
    return Cost.of(overhead.measure(10), overhead.measure(samples), samples - 10)


def peer(python: str, module: str, script: str, samples: int) -> Cost | None:
    """Measure another harness; None where it is not installed."""
    if subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode:
        return None
    found = []
    for count in (10, samples):
        with tempfile.TemporaryDirectory() as folder:
            command = [python, "-c", script, str(count), folder]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
    assert found[1]["status"] == "success"
    return Cost.of(found[0], found[1], samples - 10)


def main() -> None:
    """Print a row for each harness."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--samples", type=int, default=10_000)
    chosen = parser.parse_args()
    print(f"{'':<14}{'CPU/sample':>12}{'disk/sample':>13}{'peak':>10}")
    costs = {"harness": ours(chosen.samples)}
    costs |= {name: peer(chosen.python, *how, chosen.samples) for name, how in PEERS.items()}
    for name, cost in costs.items():
        if cost is None:
            print(f"{name:<14}  not installed for {Path(chosen.python).name}")
            continue
        print(f"{name:<14}{cost.cpu_ms:>9.2f} ms{cost.bytes:>11.0f} B{cost.peak_mib:>6.0f} MiB")


if __name__ == "__main__":
    main()
