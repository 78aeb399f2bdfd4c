"""What a gate will be able to see, said before the run: planned samples and minimum detectable effect."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.record.schema import MetricRecord, RunRecord
from harness.spec.models import GateSpec
from harness.stats.power import mcnemar_minimum_effect, t_minimum_effect

CHANGED: Final = 0.1
"""Planning assumption: this share of the samples changes its score between two versions of a model."""
_Z: Final = 1.96


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one gate will be able to see."""

    metric: str
    margin: float
    n: int
    """0 where it is not known."""
    minimum_effect: float
    """The smallest true drop that is found with 80 % power; NaN where the baseline does not tell."""

    def __str__(self) -> str:
        if not self.n:
            return f"{self.metric}: what it counts is not known before the first run"
        if math.isnan(self.minimum_effect):
            return f"{self.metric}: n = {self.n:,}; the baseline does not tell what can be detected"
        return f"{self.metric}: n = {self.n:,}, detects a drop of {self.minimum_effect:.3f} with 80 % power"


def forecast(gates: Sequence[GateSpec], counts: Mapping[str, int], baseline: RunRecord | None) -> list[Forecast]:
    """Return the forecast of every gate that compares with a baseline.

    Args:
        gates: of the suite.
        counts: planned samples of one cell, by task. Tasks that score no sample have none: what their metrics
            count (streams, rounds) is taken from the baseline.
        baseline: whose intervals tell how much scores vary; without it, scores are taken to be 0 or 1.
    """
    relative = [(gate, gate.margin) for gate in gates if gate.margin is not None]
    alpha = 0.05 / max(1, len(relative))
    found = []
    for gate, margin in relative:
        task, _, metric = gate.metric.partition("/")
        known = baseline.tasks[task].metrics.get(metric) if baseline and task in baseline.tasks else None
        n = counts.get(task, known.n if known else 0)
        if baseline is None:
            effect = mcnemar_minimum_effect(CHANGED, n, alpha=alpha, margin=margin) if n >= 2 else math.nan
        else:
            effect = _effect(known, n, alpha, margin)
        found.append(Forecast(gate.metric, margin, n, effect))
    return found


def _effect(metric: MetricRecord | None, n: int, alpha: float, margin: float) -> float:
    if metric is None or metric.low is None or metric.high is None or n < 2:
        return math.nan
    if metric.method.startswith("wilson") and "Bonferroni" not in metric.method:
        return mcnemar_minimum_effect(CHANGED, n, alpha=alpha, margin=margin)
    one_run = (metric.high - metric.low) / (2 * _Z) * math.sqrt(metric.n)
    if not one_run > 0:
        return math.nan
    return t_minimum_effect(one_run * math.sqrt(2 * CHANGED), n, alpha=alpha, margin=margin)
