"""Logs of Inspect, which ``inspect view`` shows: a folder with a log for each task and cell.

Layout: UKGovernmentBEIS/inspect_ai, ``src/inspect_ai/log/_log.py`` (0.3, version 2 of its logs). Metrics are scorers.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.exports._rows import Columns, Row, is_mean, measured, parted, rows, scores, tags
from harness.record import Run
from harness.record.schema import MetricRecord

if TYPE_CHECKING:
    import pyarrow as pa

ENTRIES: Final = {"inspect": "Inspect"}

_SIMULATED: Final = "mockllm"
"""What Inspect calls a provider of answers that no model gave."""
_STOPS: Final = {"length": "max_tokens", "filter": "content_filter", "stop": "stop"}
_STATUS: Final = {"complete": "success", "failed": "error"}
_ODD: Final = re.compile(r"[^\w.@=-]+")


class Inspect:
    """Writes ``<time>_<task>_<id>.json`` for each task and cell."""

    suffix: ClassVar[str] = ""

    def write(self, run: Run, out: Path) -> int:
        """Write a sample an answer."""
        out.mkdir(exist_ok=True)
        table, written = run.plain_table(), 0
        time = run.record.started.strftime("%Y-%m-%dT%H-%M-%S-00-00")
        for task, told in run.record.tasks.items():
            for cell in told.cells:
                part = parted(table, task, cell)
                name = _ODD.sub("-", f"{task}@{cell}" if len(told.cells) > 1 else task)
                code = hashlib.sha256(f"{run.record.run_id} {task} {cell}".encode()).hexdigest()[:22]
                with (out / f"{time}_{name}_{code}.json").open("w", encoding="utf-8") as opened:
                    head = json.dumps(_head(run, task, cell, name, code, part), indent=1, ensure_ascii=False)
                    opened.write(head.removesuffix("}").rstrip() + ',\n "samples": [')
                    for place, sample in enumerate(_samples(run, task, part)):
                        opened.write((",\n  " if place else "\n  ") + json.dumps(sample, ensure_ascii=False))
                    opened.write("\n ]\n}\n")
                written += part.num_rows
        return written


def _model(run: Run) -> str:
    adapter = run.record.adapter
    return f"{_SIMULATED if adapter.simulated else adapter.type}/{adapter.name}"


def _head(run: Run, task: str, cell: str, name: str, code: str, part: "pa.Table") -> dict[str, Any]:
    record = run.record
    columns, told = measured(run, task), record.tasks[task].cells[cell].metrics
    created, ended = record.started, record.started + timedelta(seconds=record.seconds)
    ids = part["sample_id"].to_pylist()
    return {
        "version": 2,
        "status": _STATUS.get(record.status, "cancelled"),
        "eval": {
            "eval_id": code,
            "run_id": record.run_id,
            "created": created.isoformat(),
            "task": name,
            "task_id": code,
            "task_version": record.suite.version,
            "task_args": {},
            "dataset": {"name": record.suite.name, "samples": len(ids), "sample_ids": ids, "shuffled": False},
            "model": _model(run),
            "model_args": {},
            "config": {"epochs": 1},
            "packages": {"vlm-harness": record.harness_version},
            "tags": ["simulated"] if record.adapter.simulated else [],
        },
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {}},
        "results": {
            "total_samples": len(ids),
            "completed_samples": part["status"].to_pylist().count("ok"),
            "scores": [
                _score(name, told[name], is_mean(part, name, columns, told[name].value))
                for name in columns
                if name in told
            ],
        },
        "stats": {"started_at": created.isoformat(), "completed_at": ended.isoformat(), "model_usage": {}},
    }


def _score(metric: str, told: MetricRecord, mean: bool) -> dict[str, Any]:
    # Called a mean only where it is one: Inspect, and whoever reads its logs, would compute it so.
    measures = {"mean" if mean else "corpus": told.value, "interval_low": told.low, "interval_high": told.high}
    return {
        "name": metric,
        "scorer": metric,
        "reducer": "mean",
        "scored_samples": told.n,
        "unscored_samples": told.total - told.n,
        "params": {},
        "metrics": {key: {"name": key, "value": value, "params": {}} for key, value in measures.items()
                    if value is not None},
    }  # fmt: skip


def _samples(run: Run, task: str, part: "pa.Table") -> Iterator[dict[str, Any]]:
    model, metrics = _model(run), measured(run, task)
    for row in rows(part):
        yield _sample(row, model, metrics)


def _sample(row: Row, model: str, metrics: Columns) -> dict[str, Any]:
    answer, right = row["response"] or "", row["references"] or []
    known = scores(row, metrics)
    usage = {"input_tokens": row["tokens_in"] or 0, "output_tokens": row["tokens_out"] or 0}
    usage["total_tokens"] = sum(usage.values())
    sample: dict[str, Any] = {
        "id": row["sample_id"],
        "epoch": 1,
        "input": row["prompt"] or "",
        "target": right[0] if len(right) == 1 else right,
        "messages": [{"role": "user", "content": row["prompt"] or ""}],
        "output": {
            "model": model,
            "choices": [{"message": {"role": "assistant", "content": answer, "source": "generate"},
                         "stop_reason": _STOPS.get(row.get("finish") or "", "unknown")}],
            "completion": answer,
            "usage": usage,
        },
        "scores": {name: {"value": known[name], "answer": answer} for name in known},
        "metadata": {**tags(row), **({"cluster": row["cluster"]} if row["cluster"] else {}), "status": row["status"]},
        "store": {},
        "model_usage": {model: usage},
        "attachments": {},
    }  # fmt: skip
    if row["error"] and known:  # Inspect leaves out samples with an error; this one counts as wrong
        sample["metadata"]["error"] = row["error"]
    elif row["error"]:
        sample["error"] = {"message": row["error"], "traceback": "", "traceback_ansi": ""}
    return sample
