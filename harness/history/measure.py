"""Metrics as asv wants them: lower is better, never below zero, one benchmark a metric, adapter and cell as parameters.

asv has no notion of direction, and its relative thresholds break below zero. A share becomes ``error = 1 − share``;
another number that is better when higher becomes its inverse. Never is a metric negated.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from harness.record.schema import MetricRecord, RunRecord

PREFIX: Final = "suites"
WHOLE: Final = ""
"""The cell of a metric over a whole task."""
_INVERSE: Final = "_inverse"
_PER: Final = "1 / "
ERROR: Final = "1 − "
_BOUNDED: Final = ("share", "share per severity")
_Z95, _Z99, _QUARTILE = (NormalDist().inv_cdf(p) for p in (0.975, 0.995, 0.75))


@dataclass(frozen=True, slots=True)
class Measured:
    """One value of one series, lower is better. NaN: the metric has no meaning here; None: the run failed."""

    value: float | None
    low: float = math.nan
    high: float = math.nan
    n: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value belongs: a benchmark, and a point of its parameters."""

    benchmark: str
    unit: str
    adapter: str
    cell: str


def measured(record: RunRecord) -> Iterator[tuple[Place, Measured]]:
    """Yield every metric of a complete run, over tasks and over cells, as something that is better when lower."""
    adapter = f"{record.adapter.name} (simulated)" if record.adapter.simulated else record.adapter.name
    for task, body in record.tasks.items():
        for name, metric in body.metrics.items():
            base, _, inside = name.partition("[")
            yield _place(record, task, base, metric, adapter, inside.removesuffix("]")), _lowered(metric)
        if len(body.cells) < 2:
            continue  # its metrics are the task's
        for cell, found in body.cells.items():
            for name, metric in found.metrics.items():
                yield _place(record, task, name, metric, adapter, cell), _lowered(metric)


def _place(record: RunRecord, task: str, name: str, metric: MetricRecord, adapter: str, cell: str) -> Place:
    suffix, unit = "", metric.unit
    if metric.direction == "higher":
        suffix, unit = ("_error", f"{ERROR}{name}") if metric.unit in _BOUNDED else (_INVERSE, f"{_PER}{metric.unit}")
    return Place(f"{PREFIX}.{record.suite.name}.{task}.{name}{suffix}", unit, adapter, cell)


def _lowered(metric: MetricRecord) -> Measured:
    if metric.value is None:
        return Measured(math.nan)
    low, high = metric.low, metric.high
    turn = _turned(metric)
    if low is None or high is None:
        return Measured(turn(metric.value), n=metric.n)
    ends = sorted((turn(low), turn(high)))
    return Measured(turn(metric.value), ends[0], ends[1], metric.n)


def _turned(metric: MetricRecord) -> Callable[[float], float]:
    if metric.direction == "lower":
        return lambda value: value
    if metric.unit in _BOUNDED:
        # A ratio of two shares can be a little above 1; asv cannot bear what is below 0.
        return lambda value: max(0.0, 1.0 - value)
    return inverse


def inverse(value: float) -> float:
    """Return 1 / value; infinity where it is not above 0."""
    return 1.0 / value if value > 0 else math.inf


def bounded(unit: str) -> bool:
    """Whether the history's values of this unit are shares, or one less a share."""
    return unit in _BOUNDED or unit.startswith(ERROR)


def inverted(benchmark: str, unit: str) -> str | None:
    """Return the metric's own unit where the history holds its inverse; None where it holds what it should hold."""
    return unit.removeprefix(_PER) if benchmark.endswith(_INVERSE) and unit.startswith(_PER) else None


def as_statistics(found: Measured) -> dict[str, float | int] | None:
    """Return asv's statistics of a value: its 95 % interval, widened to 99 % and narrowed to quartiles side by side.

    The scaling is that of a normal distribution, so that :func:`from_statistics` gives the interval back exactly.
    """
    if found.value is None or not all(map(math.isfinite, (found.value, found.low, found.high))):
        return None
    below, above = found.value - found.low, found.high - found.value
    return {
        "ci_99_a": found.value - below * _Z99 / _Z95,
        "ci_99_b": found.value + above * _Z99 / _Z95,
        "q_25": found.value - below * _QUARTILE / _Z95,
        "q_75": found.value + above * _QUARTILE / _Z95,
        "number": 1,
        "repeat": found.n,
    }


def from_statistics(value: float | None, low: float | None, high: float | None, n: float | None) -> Measured:
    """Return a value with its 95 % interval from asv's 99 % one."""
    if value is None or low is None or high is None or not math.isfinite(value):
        return Measured(value, n=int(n or 0))
    scale = _Z95 / _Z99
    return Measured(value, value - (value - low) * scale, value + (high - value) * scale, int(n or 0))
