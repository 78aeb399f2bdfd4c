"""The rules that a single run decides, at other levels than a record's: what a gate needs that looks several times."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

from harness.comparison.absolute import Ruled, rules
from harness.comparison.described import Described, described
from harness.comparison.rows import RunRows, TaskView, rows_of_run
from harness.engine.summarise import draws_of
from harness.estimate import Estimator
from harness.record import Run
from harness.record.schema import MetricRecord
from harness.spec.models import GateSpec
from harness.stats.draws import RESAMPLES

_DRAWS_BEYOND: Final = 5
"""With fewer draws beyond an end of an interval that end is not known."""


def alone(gates: Sequence[GateSpec]) -> int:
    """Return how many rules a single run decides."""
    return sum((gate.min is not None) + (gate.max is not None) for gate in gates)


class RunRules:
    """The rules of a suite on one run.

    Args:
        gates: of the suite.
        run: complete.
    """

    def __init__(self, gates: Sequence[GateSpec], run: Run) -> None:
        self._gates = gates
        self._run = run
        self._known: dict[str, tuple[Estimator, Described]] = {}

    def at(self, level: float) -> list[Ruled]:
        """Return every rule with intervals whose ends are each wrong with a chance of ``level``.

        Numbers whose draws are too few for that, and those that only the run itself can compute, decide nothing.
        """
        names = {gate.metric for gate in self._gates if gate.min is not None or gate.max is not None}
        found = {name: value for name in names if (value := self._value(name, level)) is not None}
        return [rule for rule in rules(self._gates, found) if rule.gate.verdict != "no baseline"]

    def _value(self, name: str, level: float) -> MetricRecord | None:
        task, _, metric = name.partition("/")
        if not level > 0 or task not in self._run.record.tasks:
            return None
        estimator, known = self._estimator(task)
        statistic = known.statistics.get(metric)
        if statistic is None or statistic.of["form"] == "stored":
            return None
        value = estimator.value(statistic, 1 - 2 * level)
        drawn = value.method.startswith("bootstrap")
        return None if drawn and level * RESAMPLES < _DRAWS_BEYOND else MetricRecord.of(value)

    def _estimator(self, task: str) -> tuple[Estimator, Described]:
        if task not in self._known:
            record = self._run.record.tasks[task]
            known = described(record, self._rows.samples.metrics)
            rows = self._rows.of(TaskView(task, record, known))
            seed = draws_of(self._run.record.suite.seed, task)
            self._known[task] = Estimator(rows, seed, known.binary), known
        return self._known[task]

    @cached_property
    def _rows(self) -> RunRows:
        return rows_of_run(self._run)
