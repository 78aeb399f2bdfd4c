"""Runs with the scores that a test chooses, and a pair of sweeps: fixtures of compare and gate."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from harness import metrics
from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.record import Run, read_run
from harness.record.folder import write_run, write_samples
from harness.record.schema import CellRecord, MetricRecord, TaskRecord
from harness.record.store import ResponseStore, Row
from harness.spec.document import parse_document
from harness.suite.adapters import read_adapter
from harness.suite.bind import bind_suite
from harness.types import Score, Status

METRIC = "exact_match"


def row(sample: str, score: float | None, **changes: Any) -> Row:
    """One response to one sample; a score of None is a failed one."""
    status = "ok" if score is not None else "error"
    values: dict[str, Any] = {
        "task": "qa",
        "cell": "clean",
        "sample_id": sample,
        "cluster": "",
        "batch": 0,
        "status": status,
        "error": None,
        "request_hash": f"{sample:0>64}",
        "prompt": f"question {sample}",
        "references": ["right"],
        "evidence": None,
        "response": None if score is None else "right" if score >= 0.5 else "wrong",
        "tokens_in": 1,
        "image_tokens": 1,
        "tokens_out": 1,
        "batch_seconds": 0.1,
        "tags": {},
        "scores": {METRIC: (score, status)},
    }
    return Row(**values | changes)


@pytest.fixture
def make_run(tmp_path: Path, small_run: Path) -> Callable[..., Run]:
    """Write a run of one task with the scores that a test chooses.

    ``scores`` maps sample ids to scores (or is a list of them); ``rows`` changes columns by sample id;
    ``adapter``, ``suite``, ``config`` and further keywords change the record.
    """
    template = read_run(small_run)
    number = count()

    def make(
        name: str,
        scores: Mapping[str, float | None] | Sequence[float | None],
        rows: Mapping[str, Mapping[str, Any]] | None = None,
        adapter: Mapping[str, Any] | None = None,
        suite: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Run:
        known = scores if isinstance(scores, Mapping) else {f"s{i:04d}": score for i, score in enumerate(scores)}
        made = [row(sample, score, **(rows or {}).get(sample, {})) for sample, score in known.items()]
        folder = tmp_path / f"{next(number):03d}-{name}"
        folder.mkdir()
        with ResponseStore(folder / "responses.sqlite") as store:
            store.append(made)
            write_samples(folder, store, [METRIC], sorted({tag for one in made for tag in one.tags}))
        record = template.model_copy(
            update={
                "run_id": name,
                "tasks": {"qa": _task(known, config or {})},
                "adapter": template.adapter.model_copy(
                    update={"simulated": False, "name": "model"} | dict(adapter or {})
                ),
                "suite": template.suite.model_copy(update={"name": "made"} | dict(suite or {})),
                "gates": [],
            }
            | changes
        )
        write_run(folder, record.model_copy(update={"files": {}}))
        return Run(folder)

    return make


def _task(scores: Mapping[str, float | None], config: Mapping[str, Any]) -> TaskRecord:
    told = [Score(math.nan, Status.ERROR) if score is None else Score(score) for score in scores.values()]
    value = MetricRecord.of(metrics.sample_metric(METRIC).aggregate(told))
    body = {"kind": "qa", "dataset": "d0", "prompt": "{{ question }}", "metrics": [METRIC]} | dict(config)
    cell = CellRecord(labels={}, metrics={METRIC: value})
    return TaskRecord(
        kind="qa", primary=METRIC, config=body, config_hash="", metrics={METRIC: value}, cells={"clean": cell}
    )


SWEEP = """\
suite: sweeping
version: 1
datasets:
  charts: {type: charts, limit: 40}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [relaxed_accuracy]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness, rotation], severities: [1, 3]}
gates:
  - {metric: sweep/retained_accuracy, max_drop: 0.05}
"""


@pytest.fixture(scope="session")
def sweep_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """A sweep on a simulated model, and on one that suffers more from severity; not to be changed."""
    folder = tmp_path_factory.mktemp("sweeps")
    suite = bind_suite(parse_document(SWEEP, folder / "sweeping.yaml"))
    runs = []
    for name, rate in (("steady", 0.02), ("frail", 0.2)):
        file = folder / f"{name}.yaml"
        file.write_text(f"adapter: {name}\ntype: mock\nerror_rate: 0.0\nerror_per_severity: {rate}\n")
        run, _ = run_suite(suite, read_adapter(str(file)), RunOptions(out=folder), Silent())
        runs.append(Run(run))
    return runs[0], runs[1]
