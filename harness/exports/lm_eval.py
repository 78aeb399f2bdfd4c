"""A folder as lm-evaluation-harness writes one with ``--log_samples``: results and, a task, a file of samples.

Layout: EleutherAI/lm-evaluation-harness, ``lm_eval/loggers/evaluation_tracker.py`` (0.4). Cells of a task, such as
the severities of a sweep, are its filters.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.exports._rows import Columns, Row, is_mean, measured, parted, rows, scores, tags
from harness.record import Run

if TYPE_CHECKING:
    import pyarrow as pa

ENTRIES: Final = {"lm-eval": "LmEval"}

_SIMULATED: Final = "dummy"
"""What lm-eval calls a model that answers without looking."""


class LmEval:
    """Writes ``results_<time>.json`` beside ``samples_<task>_<time>.jsonl``."""

    suffix: ClassVar[str] = ""

    def write(self, run: Run, out: Path) -> int:
        """Write a line a document and filter."""
        out.mkdir(exist_ok=True)
        table, written = run.plain_table(), 0
        time = run.record.started.strftime("%Y-%m-%dT%H-%M-%S.%f")
        for task in run.record.tasks:
            metrics, part = measured(run, task), parted(table, task)
            with (out / f"samples_{_named(task)}_{time}.jsonl").open("w", encoding="utf-8") as opened:
                for line in _lines(part, metrics):
                    opened.write(json.dumps(line, ensure_ascii=False) + "\n")
                    written += 1
        results = json.dumps(_results(run, table), indent=2, ensure_ascii=False)
        (out / f"results_{time}.json").write_text(results, encoding="utf-8")
        return written


def _named(task: str) -> str:
    """Return a task's name as a file's."""
    return task.replace("/", "_")


def _lines(table: "pa.Table", metrics: Columns) -> Iterator[dict[str, Any]]:
    places: dict[str, int] = {}
    for row in rows(table):
        place = places.setdefault(row["sample_id"], len(places))
        yield _line(row, place, metrics)


def _line(row: Row, place: int, metrics: Columns) -> dict[str, Any]:
    answer, prompt = row["response"] or "", row["prompt"] or ""
    right = row["references"] or []
    target = right[0] if len(right) == 1 else json.dumps(right, ensure_ascii=False)
    doc = {"id": row["sample_id"], "question": prompt, "references": right, **tags(row)}
    known = scores(row, metrics)
    return {
        "doc_id": place,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": {}}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": row["cell"],
        "metrics": list(known),
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(target),
        "status": row["status"],
        **known,
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _results(run: Run, table: "pa.Table") -> dict[str, Any]:
    record = run.record
    results: dict[str, dict[str, Any]] = {}
    configs: dict[str, dict[str, Any]] = {}
    better: dict[str, dict[str, bool]] = {}
    sizes: dict[str, dict[str, int]] = {}
    for task, told in record.tasks.items():
        name, part, metrics = _named(task), parted(table, task), measured(run, task)
        results[name] = {"alias": name}
        better[name] = {metric: told.columns[metric].direction == "higher" for metric in metrics}
        means = dict.fromkeys(metrics, True)
        for cell, measures in told.cells.items():
            here = parted(part, task, cell)
            for metric in (metric for metric in metrics if metric in measures.metrics):
                value = measures.metrics[metric].value
                results[name] |= {f"{metric},{cell}": value, f"{metric}_stderr,{cell}": "N/A"}
                means[metric] &= is_mean(here, metric, metrics, value)
        configs[name] = {
            "task": name,
            "metric_list": [{"metric": metric, "aggregation": "mean" if means[metric] else "corpus",
                             "higher_is_better": better[name][metric]} for metric in metrics],
        }  # fmt: skip
        count = len(set(part["sample_id"].to_pylist()))
        sizes[name] = {"original": count, "effective": count}
    return {
        "results": results,
        "configs": configs,
        "versions": {_named(task): record.suite.version for task in record.tasks},
        "n-samples": sizes,
        "higher_is_better": better,
        "config": {"model": _SIMULATED if record.adapter.simulated else record.adapter.type,
                   "model_args": f"pretrained={record.adapter.name}"},
        "git_hash": record.git.commit if record.git else None,
        "date": record.started.timestamp(),
        "lm_eval_version": f"0.4 (written by vlm-harness {record.harness_version})",
        "model_name": record.adapter.name,
        "total_evaluation_time_seconds": str(record.seconds),
    }  # fmt: skip
