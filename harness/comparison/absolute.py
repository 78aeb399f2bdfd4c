"""Gates that one run can decide by itself: a metric at least or at most a number."""

from collections.abc import Iterable, Mapping

from harness.record.schema import GateRecord, MetricRecord, Verdict
from harness.spec.models import GateSpec
from harness.types import Status


def judge(gates: Iterable[GateSpec], metrics: Mapping[str, MetricRecord]) -> list[GateRecord]:
    """Decide every gate.

    A value on the right side of its bound passes. On the wrong side it fails if its whole
    interval lies there too, and is inconclusive otherwise: more samples would decide.
    ``max_drop``, ``max_increase`` and ``max_ratio`` need a baseline and are left to ``harness gate``.
    """
    return [record for gate in gates for record in _judge(gate, metrics.get(gate.metric))]


def _judge(gate: GateSpec, metric: MetricRecord | None) -> Iterable[GateRecord]:
    if gate.min is not None:
        yield _bound(gate.metric, f"≥ {gate.min:g}", metric, gate.min, at_least=True)
    if gate.max is not None:
        yield _bound(gate.metric, f"≤ {gate.max:g}", metric, gate.max, at_least=False)
    rule = relative_rule(gate)
    if rule:
        yield GateRecord(metric=gate.metric, rule=rule, verdict="no baseline", reason="needs a run to compare with")


def relative_rule(gate: GateSpec) -> str:
    """Return how a gate that needs a baseline is written; empty for others."""
    if gate.max_ratio is not None:
        return f"ratio ≤ {gate.max_ratio:g}"
    if gate.max_drop is not None:
        return f"drop ≤ {gate.max_drop:g}"
    return "" if gate.max_increase is None else f"increase ≤ {gate.max_increase:g}"


def _bound(name: str, rule: str, metric: MetricRecord | None, bound: float, *, at_least: bool) -> GateRecord:
    verdict: Verdict
    if metric is None or metric.value is None:
        return GateRecord(metric=name, rule=rule, verdict="inconclusive", reason="the metric has no value")
    if not metric.statuses.get(Status.OK):
        return GateRecord(metric=name, rule=rule, verdict="inconclusive", reason="no sample was scored")
    good = metric.value >= bound if at_least else metric.value <= bound
    far_end = metric.high if at_least else metric.low
    certain = far_end is not None and (far_end < bound if at_least else far_end > bound)
    interval = "no interval" if metric.low is None or metric.high is None else f"[{metric.low:.3f}, {metric.high:.3f}]"
    verdict = "pass" if good else "fail" if certain else "inconclusive"
    return GateRecord(metric=name, rule=rule, verdict=verdict, reason=f"{metric.value:.3f} {interval}, n = {metric.n}")
