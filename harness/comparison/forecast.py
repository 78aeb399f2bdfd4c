"""What a gate will be able to see, said before the run: planned samples and minimum detectable effect."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.comparison.described import described
from harness.comparison.rows import RunRows, TaskView, rows_of_run
from harness.errors import UsageError
from harness.estimate import Rows, Sight, Statistic, sight
from harness.estimate.forecast import CHANGED
from harness.estimate.rowwise import nothing_binary
from harness.estimate.statistic import cells_in
from harness.record import Run
from harness.spec.models import GateSpec

__all__ = ["CHANGED", "Forecast", "Planned", "forecast"]


@dataclass(frozen=True, slots=True)
class Planned:
    """What a gate is on."""

    statistic: Statistic
    n: int
    """Samples of the run that is planned; 0 where only a run can tell."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one gate will be able to see."""

    metric: str
    margin: float
    n: int
    """0 where it is not known."""
    minimum_effect: float
    """The smallest true drop that is found with 80 % power; NaN where nothing tells."""
    why_not: str = ""
    """Why it cannot be tested at all; empty where it can."""

    def __str__(self) -> str:
        if self.why_not:
            return f"{self.metric}: cannot be tested, because {self.why_not}"
        if not self.n:
            return f"{self.metric}: what it counts is not known before the first run"
        if math.isnan(self.minimum_effect):
            return f"{self.metric}: n = {self.n:,}; how much it varies is not known before the first run"
        return f"{self.metric}: n = {self.n:,}, detects a drop of {self.minimum_effect:.3f} with 80 % power"


def forecast(gates: Sequence[GateSpec], planned: Mapping[str, Planned], baseline: Run | None = None) -> list[Forecast]:
    """Return the forecast of every gate that compares with a baseline.

    Args:
        gates: of the suite.
        planned: what they are on, by ``task/metric``.
        baseline: a run whose rows tell how much scores vary; without it, a share of them is taken to change.
    """
    relative = [(gate, gate.margin) for gate in gates if gate.margin is not None and gate.metric in planned]
    alpha = 0.05 / max(1, len(relative))
    known = _Known(baseline) if baseline else None
    return [_forecast(gate, margin, planned[gate.metric], known, alpha) for gate, margin in relative]


def _forecast(gate: GateSpec, margin: float, planned: Planned, known: "_Known | None", alpha: float) -> Forecast:
    task = gate.metric.partition("/")[0]
    found = known.rows(task) if known else None
    rows = found[0] if found else None
    n = planned.n or (known.n(gate.metric) if known else 0)
    units = round(n * _independent(planned.statistic, rows))
    binary = found[1].described.binary if found else nothing_binary
    seen: Sight = sight(planned.statistic, units, rows, binary=binary, alpha=alpha, margin=margin)
    return Forecast(gate.metric, margin, n, seen.minimum_effect, seen.why_not)


def _independent(statistic: Statistic, rows: Rows | None) -> float:
    """Return how many independent units there are for each sample, as an earlier run shows."""
    import numpy as np

    cells = [rows.cells[name] for name in cells_in(statistic.of) if name in rows.cells] if rows else []
    longest = max(cells, key=len, default=None)
    return len(np.unique(longest.unit)) / len(longest) if longest is not None and len(longest) else 1.0


class _Known:
    """A run's rows, read when they are asked for."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._samples: RunRows | None = None

    def n(self, metric: str) -> int:
        """Return how many rows a metric counted in the run."""
        task, _, name = metric.partition("/")
        known = self._run.record.tasks[task].metrics.get(name) if task in self._run.record.tasks else None
        return known.n if known else 0

    def rows(self, task: str) -> tuple[Rows, TaskView] | None:
        """Return a task's rows and what they are; None where the run does not have the task."""
        record = self._run.record.tasks.get(task)
        if record is None:
            return None
        try:
            if self._samples is None:
                self._samples = rows_of_run(self._run)
        except UsageError:
            return None  # the comparison will say so
        view = TaskView(task, record, described(record, self._samples.samples.metrics))
        return self._samples.of(view), view
