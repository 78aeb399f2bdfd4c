"""Gates that one run can decide by itself: a metric at least or at most a number."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from harness.record.schema import GateRecord, MetricRecord, Verdict
from harness.spec.models import GateSpec
from harness.types import Status

_LOST = (Status.ERROR, Status.TIMEOUT, Status.MISSING)
"""The model never answered."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """One rule, with the p that its failing would rest on."""

    position: int
    """Of its gate in the suite, from 0."""
    gate: GateRecord
    p: float
    """One-sided; small where the truth lies on the wrong side. NaN where nothing tells."""
    level: float
    """What the p must not exceed, adjusted for the family: 1 − the interval's confidence."""


def judge(gates: Sequence[GateSpec], metrics: Mapping[str, MetricRecord]) -> list[GateRecord]:
    """Decide every gate; those that need a baseline are left to ``harness gate``.

    Args:
        gates: of a suite.
        metrics: of a run, by ``task/metric``.
    """
    found = adjusted(rules(gates, metrics))
    return [rule.gate for rule in found]


def rules(gates: Sequence[GateSpec], metrics: Mapping[str, MetricRecord]) -> list[Ruled]:
    """Return every rule, decided as if it were the only one.

    A rule passes where the whole interval lies on its right side, fails where all of it lies on the wrong side, and is
    inconclusive otherwise: more samples would decide. Samples without a value decide nothing: with more of them than
    the gate's ``max_failures`` it cannot pass; and where the value might be right had all answers come that never
    did, it is they that fail, not the model.
    """
    return [ruled for position, gate in enumerate(gates) for ruled in _rules(position, gate, metrics.get(gate.metric))]


def adjusted(found: Sequence[Ruled], beside: Sequence[float] = ()) -> list[Ruled]:
    """Return the rules, those that fail only by chance among so many left open (Holm 1979).

    Args:
        found: rules as if each were the only one.
        beside: one-sided p of other tests in the same family.
    """
    import numpy as np

    from harness.stats.multiplicity import holm

    p = np.array([rule.p for rule in found] + list(beside), np.float64)
    told = ~np.isnan(p)
    p[told] = holm(p[told])
    return [_held(rule, float(one)) for rule, one in zip(found, p, strict=False)]


def _held(rule: Ruled, p: float) -> Ruled:
    if rule.gate.verdict != "fail" or p <= rule.level:
        return rule
    reason = f"{rule.gate.reason}; among so many gates this may be chance (adjusted p = {p:.2g})"
    return Ruled(rule.position, _record(rule.gate.metric, rule.gate.rule, "inconclusive", reason), rule.p, rule.level)


def _rules(position: int, gate: GateSpec, metric: MetricRecord | None) -> Iterator[Ruled]:
    if gate.min is not None:
        yield _bound(position, gate, f"≥ {gate.min:g}", metric, gate.min, at_least=True)
    if gate.max is not None:
        yield _bound(position, gate, f"≤ {gate.max:g}", metric, gate.max, at_least=False)
    rule = relative_rule(gate)
    if rule:
        yield Ruled(position, _record(gate.metric, rule, "no baseline", "needs a run to compare with"), math.nan, 0.0)


def relative_rule(gate: GateSpec) -> str:
    """Return how a gate that needs a baseline is written; empty for others."""
    if gate.max_ratio is not None:
        return f"ratio ≤ {gate.max_ratio:g}"
    if gate.max_drop is not None:
        return f"drop ≤ {gate.max_drop:g}"
    return "" if gate.max_increase is None else f"increase ≤ {gate.max_increase:g}"


def failures_told(statuses: Mapping[str, int], total: int) -> str:
    """Say how many answers never came; nothing where all did.

    >>> failures_told({"ok": 2, "error": 98}, 100)
    '98 of 100 samples failed (98 error)'
    """
    counts = [f"{statuses[status]:,} {status}" for status in _LOST if statuses.get(status)]
    return f"{lost(statuses):,} of {total:,} samples failed ({', '.join(counts)})" if counts else ""


def lost(statuses: Mapping[str, int]) -> int:
    """Return how many answers never came."""
    return sum(statuses.get(status, 0) for status in _LOST)


def _bound(
    position: int, gate: GateSpec, rule: str, metric: MetricRecord | None, bound: float, *, at_least: bool
) -> Ruled:
    def ruled(verdict: Verdict, reason: str, p: float = math.nan, level: float = 0.0) -> Ruled:
        return Ruled(position, _record(gate.metric, rule, verdict, reason), p, level)

    if metric is None or metric.value is None:
        return ruled("inconclusive", "the metric has no value")
    if not metric.statuses.get(Status.OK):
        return ruled("inconclusive", "no sample was scored")
    if metric.low is None or metric.high is None:
        said = f"{metric.value:.3f}, n = {metric.n}: without an interval nothing is shown"
        return ruled("inconclusive", said)
    reason = f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}], n = {metric.n}"
    failed = failures_told(metric.statuses, metric.total)
    reason += f"; {failed}" if failed else ""
    unseen = metric.total - metric.n
    if unseen > 0 and not failed:
        reason += f"; {unseen:,} of {metric.total:,} samples have no value"
    # Turned so that more is better on both kinds of rule.
    sign = 1 if at_least else -1
    ends = sorted((sign * metric.low, sign * metric.high))
    value, limit = sign * metric.value, sign * bound
    share = lost(metric.statuses) / max(metric.total, 1)
    level = 1 - metric.confidence
    p = _p(value, ends[1], limit, metric.confidence)
    if ends[0] >= limit:
        if max(share, unseen / max(metric.total, 1)) > gate.max_failures:
            return ruled("inconclusive", f"{reason}: no more than {gate.max_failures:.3g} may, to pass", p, level)
        return ruled("pass", reason, p, level)
    if ends[1] >= limit:
        return ruled("inconclusive", reason, p, level)
    if share and ends[1] + share * _reach(metric) >= limit:
        return ruled("inconclusive", f"{reason}: it may be they that fail it, not the answers", p, level)
    return ruled("fail", reason, p, level)


def _reach(metric: MetricRecord) -> float:
    """Return how far one answer can move the metric, at least as far as is seen: its values are shares, or as large."""
    numbers = (1.0, metric.value or 0.0, metric.low or 0.0, metric.high or 0.0)
    return max(map(abs, numbers))


def _p(value: float, high: float, limit: float, confidence: float) -> float:
    """Return the one-sided p of "the truth is at least the limit", on the scale of the interval's upper half."""
    half = high - value
    if not half > 0:
        return 1.0 if high >= limit else 0.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    return NormalDist().cdf(-z * (limit - value) / half)


def _record(metric: str, rule: str, verdict: Verdict, reason: str) -> GateRecord:
    return GateRecord(metric=metric, rule=rule, verdict=verdict, reason=reason)


__all__ = ["Ruled", "adjusted", "failures_told", "judge", "lost", "relative_rule", "rules"]
