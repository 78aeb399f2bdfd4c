"""What it costs to read a log of 100,000 lines of lm-eval and to compare two: ``python -m benchmarks.imports [LINES]``.

Goals: read in 10 s and 300 MiB, compared in 5 s. The lines are made here, as ``lm_eval --log_samples`` writes them.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

LINES = 100_000
_TIME = "2026-01-01T00-00-00.000000"
_IMPORT = """
import json, resource, sys, time
from pathlib import Path
from harness.imports import bring_in
run = bring_in(Path(sys.argv[1]), Path(sys.argv[2]))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"run": str(run), "cpu": time.process_time(), "mib": peak}))
"""
_COMPARE = """
import json, sys, time
import harness
found = harness.compare(*map(harness.load_run, sys.argv[1:3]))
print(json.dumps({"cpu": time.process_time(), "tested": len(found.deltas)}))
"""


def log(folder: Path, lines: int, seed: int) -> Path:
    """Write a log of ``lines`` documents of one task; the same documents whatever the seed."""
    rng = random.Random(seed)  # noqa: S311 - made answers
    folder.mkdir(parents=True)

    def hashed(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    right = 0
    with (folder / f"samples_toy_{_TIME}.jsonl").open("w", encoding="utf-8") as out:
        for place in range(lines):
            prompt, target = f"Question {place}: how much is {place} + {place % 97}?", str(place + place % 97)
            answer = target if rng.random() < 0.8 else str(place)
            score = float(answer == target)
            right += int(score)
            doc = {"id": place, "question": prompt, "answer": target, "topic": f"t{place % 7}"}
            row = {
                "doc_id": place,
                "doc": doc,
                "target": target,
                "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["\n"], "max_gen_toks": 16}}},
                "resps": [[answer]],
                "filtered_resps": [answer],
                "filter": "none",
                "metrics": ["exact_match"],
                "doc_hash": hashed(json.dumps(doc, indent=2, ensure_ascii=False)),
                "prompt_hash": hashed(prompt),
                "target_hash": hashed(target),
                "exact_match": score,
            }
            out.write(json.dumps(row) + "\n")
    results: dict[str, Any] = {
        "results": {"toy": {"alias": "toy", "exact_match,none": right / lines, "exact_match_stderr,none": "N/A"}},
        "configs": {"toy": {"metric_list": [{"metric": "exact_match", "aggregation": "mean"}]}},
        "n-samples": {"toy": {"original": lines, "effective": lines}},
        "higher_is_better": {"toy": {"exact_match": True}},
        "config": {"model": "made", "model_args": "pretrained=made"},
        "lm_eval_version": "0.4.9",
        "date": 0.0,
    }
    (folder / f"results_{_TIME}.json").write_text(json.dumps(results))
    return folder


def _told(program: str, *arguments: Path | str) -> dict[str, Any]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(lines: int = LINES) -> dict[str, float]:
    """Return the CPU seconds and MiB of reading one log, and the CPU seconds of comparing two, imports included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        logs = [log(folder / str(seed), lines, seed) for seed in (1, 2)]
        first, second = (_told(_IMPORT, one, folder / "runs") for one in logs)
        compared = _told(_COMPARE, first["run"], second["run"])
    return {"import_cpu": first["cpu"], "import_mib": first["mib"], "compare_cpu": compared["cpu"]}


class Imports:
    """A log of lm-eval with 100,000 lines."""

    timeout = 600

    def setup_cache(self) -> dict[str, float]:
        return measured()

    def track_import_cpu(self, found: dict[str, float]) -> float:
        return found["import_cpu"]

    def track_import_mib(self, found: dict[str, float]) -> float:
        return found["import_mib"]

    def track_compare_cpu(self, found: dict[str, float]) -> float:
        return found["compare_cpu"]

    track_import_cpu.unit = track_compare_cpu.unit = "s"  # type: ignore[attr-defined]
    track_import_mib.unit = "MiB"  # type: ignore[attr-defined]


def main() -> None:
    """Print what it costs."""
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else LINES
    found = measured(lines)
    print(f"{lines:,} lines of lm-eval: read in {found['import_cpu']:.1f} s of CPU (≤ 10) and "
          f"{found['import_mib']:.0f} MiB (≤ 300), compared in {found['compare_cpu']:.1f} s (≤ 5)")  # fmt: skip


if __name__ == "__main__":
    main()
