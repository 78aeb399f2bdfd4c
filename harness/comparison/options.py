"""How two runs are to be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.comparison.labelled import WithLabels
from harness.stats.draws import RESAMPLES


@dataclass(frozen=True, slots=True)
class Options:
    """How to compare."""

    resamples: int = RESAMPLES
    """Bootstrap draws for aggregate metrics."""
    confidence: float = 0.95
    margins: Mapping[str, float] = field(default_factory=dict)
    """By ``task/metric``: the drop that matters."""
    ratios: Mapping[str, float] = field(default_factory=dict)
    """By ``task/metric``: how many times worse matters."""
    allow_missing: float = 0.0
    """The share of the baseline's rows of a task that may have no partner before its gates decide nothing."""
    force: bool = False
    """Compare what must not be compared; the result says so."""
    labels: WithLabels | None = None
    """What people say of some answers: a row of its own for each task, never mixed with the metrics."""
