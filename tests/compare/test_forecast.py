"""What a gate will be able to see is said before the run."""

import math

import pytest

from harness.compare.forecast import forecast
from harness.spec.models import GateSpec

DROP = GateSpec(metric="qa/exact_match", max_drop=0.02)


def test_more_samples_see_smaller_drops_and_more_gates_larger_ones(make_run) -> None:
    record = make_run("a", [1.0, 1.0, 0.0] * 100).record
    few, many = (forecast([DROP], {"qa": n}, record)[0].minimum_effect for n in (100, 1000))
    family = forecast([DROP, GateSpec(metric="qa/other", max_drop=0.1)], {"qa": 1000}, record)[0].minimum_effect
    assert 0.02 < many < few
    assert many < family


def test_gates_that_need_no_baseline_have_no_forecast(make_run) -> None:
    assert forecast([GateSpec(metric="qa/exact_match", min=0.5)], {"qa": 10}, make_run("a", [1.0]).record) == []


def test_what_the_baseline_does_not_tell_is_said(make_run) -> None:
    (unknown,) = forecast([GateSpec(metric="qa/new", max_drop=0.1)], {"qa": 10}, make_run("a", [1.0]).record)
    assert math.isnan(unknown.minimum_effect)
    assert str(unknown) == "qa/new: n = 10; the baseline does not tell what can be detected"


def test_an_aggregate_metric_is_planned_from_its_interval(sweep_runs) -> None:
    (one,) = forecast([GateSpec(metric="sweep/retained_accuracy", max_drop=0.02)], {"sweep": 400}, sweep_runs[0].record)
    assert 0.0 < one.minimum_effect < 0.5


def test_without_a_baseline_scores_are_taken_to_be_0_or_1() -> None:
    (one,) = forecast([GateSpec(metric="qa/exact_match", max_drop=0.02)], {"qa": 400}, None)
    assert one.minimum_effect == pytest.approx(0.041, abs=0.001)
    (few,) = forecast([GateSpec(metric="qa/exact_match", max_drop=0.02)], {"qa": 1}, None)
    assert math.isnan(few.minimum_effect)


def test_a_task_that_scores_no_sample_is_planned_from_what_its_baseline_counted(sweep_runs) -> None:
    record, gate = sweep_runs[0].record, GateSpec(metric="sweep/retained_accuracy", max_drop=0.02)
    (one,) = forecast([gate], {}, record)
    assert one.n == record.tasks["sweep"].metrics["retained_accuracy"].n
    (unknown,) = forecast([gate], {}, None)
    assert str(unknown) == "sweep/retained_accuracy: what it counts is not known before the first run"
