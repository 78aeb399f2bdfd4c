"""What a gate will be able to see is said before the run."""

import math

import pytest

from harness.comparison.forecast import Planned, forecast
from harness.estimate import Statistic, column, mean, stored
from harness.spec.models import GateSpec

DROP = GateSpec(metric="qa/exact_match", max_drop=0.02)
ACCURACY = Statistic("exact_match", mean(column("exact_match", "clean")))


def planned(n: int, name: str = "qa/exact_match", statistic: Statistic = ACCURACY) -> dict[str, Planned]:
    return {name: Planned(statistic, n)}


def test_more_samples_see_smaller_drops_and_more_gates_larger_ones(make_run) -> None:
    run = make_run("a", [1.0, 1.0, 0.0] * 100)
    few, many = (forecast([DROP], planned(n), run)[0].minimum_effect for n in (100, 1000))
    both = planned(1000) | planned(1000, "qa/other")
    family = forecast([DROP, GateSpec(metric="qa/other", max_drop=0.1)], both, run)[0].minimum_effect
    assert 0.02 < many < few
    assert many < family


def test_gates_that_need_no_baseline_have_no_forecast(make_run) -> None:
    assert forecast([GateSpec(metric="qa/exact_match", min=0.5)], planned(10), make_run("a", [1.0])) == []


def test_what_cannot_be_tested_is_said_before_anything_is_asked() -> None:
    step = Statistic("breaking", stored(), untestable="it steps")
    (one,) = forecast([GateSpec(metric="qa/breaking", max_drop=0.1)], planned(10, "qa/breaking", step))
    assert str(one) == "qa/breaking: cannot be tested, because it steps"


def test_a_sweep_is_planned_from_the_rows_of_its_baseline(sweep_runs) -> None:
    run = sweep_runs[0]
    statistic = run.record.tasks["sweep"].defined()["retained_accuracy"]
    gate = GateSpec(metric="sweep/retained_accuracy", max_drop=0.02)
    (one,) = forecast([gate], planned(400, gate.metric, statistic), run)
    assert 0.0 < one.minimum_effect < 0.2
    (without,) = forecast([gate], planned(400, gate.metric, statistic))
    assert one.minimum_effect < without.minimum_effect < 10 * one.minimum_effect  # as if all cells moved together


def test_without_a_baseline_scores_are_taken_to_be_0_or_1() -> None:
    (one,) = forecast([DROP], planned(400))
    assert one.minimum_effect == pytest.approx(0.041, abs=0.001)
    (few,) = forecast([DROP], planned(1))
    assert few.why_not


def test_a_task_that_scores_no_sample_is_planned_from_what_its_baseline_counted(sweep_runs) -> None:
    run, gate = sweep_runs[0], GateSpec(metric="sweep/retained_accuracy", max_drop=0.02)
    statistic = run.record.tasks["sweep"].defined()["retained_accuracy"]
    (one,) = forecast([gate], planned(0, gate.metric, statistic), run)
    assert one.n == run.record.tasks["sweep"].metrics["retained_accuracy"].n
    (unknown,) = forecast([gate], planned(0, gate.metric, statistic))
    assert str(unknown) == "sweep/retained_accuracy: what it counts is not known before the first run"
    assert math.isnan(unknown.minimum_effect)


def test_samples_that_share_an_image_are_as_many_as_there_are_images(make_run) -> None:
    rows = {f"s{i:04d}": {"cluster": f"image {i // 10}"} for i in range(300)}
    alone, together = make_run("a", [1.0, 1.0, 0.0] * 100), make_run("b", [1.0, 1.0, 0.0] * 100, rows)
    effects = [forecast([DROP], planned(300), run)[0].minimum_effect for run in (alone, together)]
    assert effects[1] > 2 * effects[0]
