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
        ({"min": 0.5}, metric(0.6, 0.5, 0.8), "pass"),
        ({"min": 0.5}, metric(0.6, 0.4, 0.8), "inconclusive"),
        ({"min": 0.5}, metric(0.5, 0.3, 0.7), "inconclusive"),
        ({"min": 0.5}, metric(0.4, 0.2, 0.6), "inconclusive"),
        ({"min": 0.5}, metric(0.3, 0.1, 0.49), "fail"),
        ({"min": 0.5}, metric(0.3, float("nan"), float("nan")), "inconclusive"),
        ({"max": 0.1}, metric(0.05, 0.0, 0.1), "pass"),
        ({"max": 0.1}, metric(0.05, 0.0, 0.2), "inconclusive"),
        ({"max": 0.1}, metric(0.2, 0.05, 0.4), "inconclusive"),
        ({"max": 0.1}, metric(0.9, 0.8, 1.0), "fail"),
        ({"min": 0.5}, metric(float("nan"), float("nan"), float("nan")), "inconclusive"),
        ({"max": 0.1}, metric(0.0, 0.0, 0.05, ok=0), "inconclusive"),
        ({"max_drop": 0.02}, metric(0.6, 0.4, 0.8), "no baseline"),
    ],
)
def test_a_gate_passes_and_fails_only_beyond_doubt(rule, found: MetricRecord, verdict: str) -> None:
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


def failing(value: float, low: float, high: float, failed: int, n: int = 100) -> MetricRecord:
    statuses = {"ok": n - failed, "error": failed}
    return MetricRecord.of(MetricValue(value, low, high, n, n, "higher", statuses=statuses))


def test_more_failures_than_a_gate_allows_cannot_pass() -> None:
    (decided,) = judge([GateSpec(metric="qa/m", min=0.5)], {"qa/m": failing(0.9, 0.8, 0.95, failed=2)})
    assert decided.verdict == "inconclusive"
    assert "2 of 100 samples failed (2 error): no more than 0.01 may" in decided.reason
    (decided,) = judge([GateSpec(metric="qa/m", min=0.5, max_failures=0.05)], {"qa/m": failing(0.9, 0.8, 0.95, 2)})
    assert decided.verdict == "pass"


def test_failures_alone_do_not_fail_a_gate() -> None:
    (decided,) = judge([GateSpec(metric="qa/m", min=0.9)], {"qa/m": failing(0.7, 0.6, 0.8, failed=30)})
    assert decided.verdict == "inconclusive"
    assert "it may be they that fail it" in decided.reason
    (decided,) = judge([GateSpec(metric="qa/m", min=0.9)], {"qa/m": failing(0.4, 0.3, 0.5, failed=30)})
    assert decided.verdict == "fail"


def test_of_many_gates_at_their_bound_one_beyond_it_may_be_chance() -> None:
    at_bound = {f"qa/m{i}": metric(0.5, 0.4, 0.6) for i in range(19)}
    gates = [GateSpec(metric=name, min=0.5) for name in [*at_bound, "qa/low"]]
    alone, among = (judge(some, at_bound | {"qa/low": metric(0.39, 0.28, 0.495)})[-1] for some in (gates[-1:], gates))
    assert (alone.verdict, among.verdict) == ("fail", "inconclusive")
    assert "may be chance (adjusted p" in among.reason


def test_a_metric_that_most_samples_did_not_reach_does_not_pass() -> None:
    found = MetricRecord.of(MetricValue(0.01, 0.0, 0.02, 2, 100, "lower", statuses={"ok": 2, "unparsed": 98}))
    (decided,) = judge([GateSpec(metric="qa/mape", max=0.05)], {"qa/mape": found})
    assert decided.verdict == "inconclusive"
    assert "98 of 100 samples have no value" in decided.reason
