"""Gates that one run decides by itself."""

import pytest

from harness.comparison.absolute import judge
from harness.record.schema import MetricRecord
from harness.spec.models import GateSpec
from harness.types import MetricValue


def metric(value: float, low: float, high: float, ok: int = 10) -> MetricRecord:
    statuses = {"ok": ok, "timeout": 10 - ok}
    return MetricRecord.of(MetricValue(value, low, high, 10, 10, "higher", statuses=statuses))


@pytest.mark.parametrize(
    ("rule", "found", "verdict"),
    [
        ({"min": 0.5}, metric(0.6, 0.4, 0.8), "pass"),
        ({"min": 0.5}, metric(0.5, 0.3, 0.7), "pass"),
        ({"min": 0.5}, metric(0.4, 0.2, 0.6), "inconclusive"),
        ({"min": 0.5}, metric(0.3, 0.1, 0.49), "fail"),
        ({"min": 0.5}, metric(0.3, float("nan"), float("nan")), "inconclusive"),
        ({"max": 0.1}, metric(0.05, 0.0, 0.2), "pass"),
        ({"max": 0.1}, metric(0.2, 0.05, 0.4), "inconclusive"),
        ({"max": 0.1}, metric(0.9, 0.8, 1.0), "fail"),
        ({"min": 0.5}, metric(float("nan"), float("nan"), float("nan")), "inconclusive"),
        ({"max": 0.1}, metric(0.0, 0.0, 0.05, ok=0), "inconclusive"),
        ({"max_drop": 0.02}, metric(0.6, 0.4, 0.8), "no baseline"),
    ],
)
def test_a_gate_passes_on_the_right_side_and_fails_only_beyond_doubt(rule, found: MetricRecord, verdict: str) -> None:
    (decided,) = judge([GateSpec(metric="qa/m", **rule)], {"qa/m": found})
    assert decided.verdict == verdict


def test_each_rule_of_a_gate_is_judged_by_itself() -> None:
    gate = GateSpec(metric="qa/m", min=0.5, max=0.7, max_drop=0.1)
    decided = judge([gate], {"qa/m": metric(0.9, 0.8, 1.0)})
    assert [(g.rule, g.verdict) for g in decided] == [
        ("≥ 0.5", "pass"),
        ("≤ 0.7", "fail"),
        ("drop ≤ 0.1", "no baseline"),
    ]


def test_a_metric_that_is_not_there_is_inconclusive() -> None:
    (decided,) = judge([GateSpec(metric="qa/m", min=0.5)], {})
    assert (decided.verdict, decided.reason) == ("inconclusive", "the metric has no value")


def test_the_reason_shows_value_interval_and_n() -> None:
    (decided,) = judge([GateSpec(metric="qa/m", min=0.5)], {"qa/m": metric(0.6, 0.4, 0.8)})
    assert decided.reason == "0.600 [0.400, 0.800], n = 10"
