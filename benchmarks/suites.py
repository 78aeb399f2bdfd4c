"""Suites as asv benchmarks: the fixture model's errors, better when lower, beside the harness's own costs."""

import tempfile
from pathlib import Path

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite


class Robustness:
    """The robustness suite on the fixture model, ten samples a cell."""

    timeout = 600
    params = (["onnx-int8", "onnx-fp32"], ["chart-qa/relaxed_accuracy", "severity-sweep/retained_accuracy"])
    param_names = ("adapter", "metric")

    def setup_cache(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for adapter in self.params[0]:
            with tempfile.TemporaryDirectory() as folder:
                options = RunOptions(Path(folder), limit=10)
                _, record = run_suite(load_suite("robustness"), read_adapter(adapter), options, Silent())
            found[adapter] = {
                f"{task}/{name}": float("nan") if metric.value is None else max(0.0, 1 - metric.value)
                for task, body in record.tasks.items()
                for name, metric in body.metrics.items()
            }
        return found

    def track_error(self, found: dict[str, dict[str, float]], adapter: str, metric: str) -> float:
        return found[adapter][metric]

    track_error.unit = "1 − metric"
