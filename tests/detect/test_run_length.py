"""Run lengths against the textbooks, and simulation against theory."""

import numpy as np
import pytest

from harness.detect import ControlChart, drift_detector
from harness.detect.run_length import arl, limit_for, steady_state_arl
from harness.detect.simulate import calibrate, run_lengths

TEXTBOOK = [
    # Lucas and Saccucci 1990, tables 3 and 4; Montgomery, tables 9.10 and 9.11.
    ("ewma", {"weight": 0.2}, 2.962, {0: 499.7, 0.5: 41.8, 1: 10.54, 2: 3.74}),
    ("ewma", {"weight": 0.1}, 2.814, {0: 499.6, 0.5: 31.3, 1: 10.33, 2: 4.36}),
    # Hawkins and Olwell 1998; Montgomery, section 9.1.
    ("cusum", {}, 5.0, {0: 465.4, 0.5: 38.0, 1: 10.38, 2: 4.01}),
    ("cusum", {"sides": 1}, 5.0, {0: 930.9}),
    ("shewhart", {}, 3.0, {0: 370.4, 1: 43.89, 2: 6.30}),
]


def chart(name: str, **params: object) -> ControlChart:
    made = drift_detector(name, **params)
    assert isinstance(made, ControlChart)
    return made


def simulated(made: ControlChart, shift: float, runs: int, steps: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    made.begin(runs)
    return np.stack([made.next(rng.standard_normal(runs) + shift) for _ in range(steps)], axis=1)


@pytest.mark.parametrize(("name", "params", "limit", "values"), TEXTBOOK)
def test_run_lengths_are_those_of_the_textbook(
    name: str, params: dict[str, object], limit: float, values: dict[float, float]
) -> None:
    for shift, value in values.items():
        assert arl(chart(name, **params), limit, shift) == pytest.approx(value, rel=0.002)
        assert arl(chart(name, **params), limit, -shift) == pytest.approx(value, rel=0.002) or params.get("sides") == 1


@pytest.mark.parametrize(
    ("name", "params", "limit"),
    [
        ("ewma", {"weight": 0.2}, 2.962),
        ("ewma", {"weight": 0.2, "limits": "time_varying"}, 2.962),
        ("cusum", {}, 5.0),
        ("shewhart", {}, 2.5),
    ],
)
def test_theory_and_simulation_agree(name: str, params: dict[str, object], limit: float) -> None:
    found = run_lengths(simulated(chart(name, **params), 1.0, 20_000, 150), limit)
    error = found.steps.std() / np.sqrt(20_000)
    assert found.mean == pytest.approx(arl(chart(name, **params), limit, 1.0), abs=4 * error)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "params", "limit", "values"), [row for row in TEXTBOOK if len(row[3]) > 1])
def test_a_hundred_thousand_simulated_runs_come_within_two_percent(
    name: str, params: dict[str, object], limit: float, values: dict[float, float]
) -> None:
    for shift, value in values.items():
        if value < 20:
            found = run_lengths(simulated(chart(name, **params), shift, 100_000, int(8 * value) + 20), limit)
            assert found.mean == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize(
    ("name", "params"), [("ewma", {}), ("cusum", {}), ("cusum", {"sides": 1}), ("ewma", {"weight": 1.0})]
)
def test_steady_state_is_what_a_late_change_gives(name: str, params: dict[str, object]) -> None:
    made = chart(name, **params)
    limit = limit_for(made, 100)
    rng = np.random.default_rng(5)
    made.begin(30_000)
    steps = [made.next(rng.standard_normal(30_000) + (t >= 40)) for t in range(140)]
    statistics = np.stack(steps, axis=1)
    quiet = (statistics[:, :40] <= limit).all(axis=1)
    found = run_lengths(statistics[quiet, 40:], limit)
    if name == "cusum" and made.sides == 2:  # type: ignore[attr-defined]
        with pytest.raises(ValueError, match="by simulation only"):
            steady_state_arl(made, limit, 1.0)
    else:
        assert found.mean == pytest.approx(steady_state_arl(made, limit, 1.0), rel=0.03)


@pytest.mark.parametrize("target", [20.0, 370.4, 5000.0])
@pytest.mark.parametrize("name", ["shewhart", "ewma", "cusum"])
def test_the_limit_for_a_target_gives_the_target(name: str, target: float) -> None:
    assert arl(chart(name), limit_for(chart(name), target)) == pytest.approx(target, rel=1e-6)


def test_an_ewma_of_weight_one_is_shewharts_chart() -> None:
    assert arl(chart("ewma", weight=1.0), 2.7, 0.8) == pytest.approx(arl(chart("shewhart"), 2.7, 0.8))
    assert arl(chart("ewma", weight=0.999), 2.7, 0.8) == pytest.approx(arl(chart("shewhart"), 2.7, 0.8), rel=0.01)


def test_time_varying_limits_see_an_early_shift_sooner() -> None:
    early = {way: arl(chart("ewma", limits=way), 2.962, 2.0) for way in ("fixed", "time_varying")}
    assert early["time_varying"] < early["fixed"]


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan")])
def test_an_impossible_limit_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match="limit: must be above 0"):
        arl(chart("cusum"), limit)


@pytest.mark.parametrize("target", [1.0, -5.0, float("nan"), 1e12])
def test_an_impossible_target_is_refused(target: float) -> None:
    with pytest.raises(ValueError, match="target: a run length above 1"):
        limit_for(chart("cusum"), target)


def test_a_detector_without_theory_says_so() -> None:
    with pytest.raises(ValueError, match="by simulation only"):
        arl(drift_detector("page_hinkley"), 5.0)


def test_a_simulated_limit_meets_the_analytic_one_and_states_its_error() -> None:
    made = chart("cusum")
    found = calibrate(simulated(made, 0.0, 4000, 500), 100.0)
    assert found.limit == pytest.approx(limit_for(made, 100.0), rel=0.02)
    assert found.arl == pytest.approx(100, rel=0.01)
    assert 0.005 < found.error < 0.03
    assert found.censored == pytest.approx(4000 * np.exp(-500 / 100), rel=0.4)


def test_a_statistic_with_few_values_gets_a_limit_on_the_safe_side() -> None:
    coarse = np.round(np.abs(np.random.default_rng(2).standard_normal((2000, 300))), 0)
    found = calibrate(coarse, 50.0)
    assert found.arl >= 50.0
    assert run_lengths(coarse, found.limit - 1).mean < 50


def test_a_target_out_of_reach_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="simulate more streams or lower the target"):
        calibrate(np.random.default_rng(0).random((20, 50)), 1e6)
    with pytest.raises(ValueError, match="NaN"):
        calibrate(np.full((5, 5), np.nan), 10.0)


def test_censored_streams_count_as_time_without_an_alarm() -> None:
    found = run_lengths(np.array([[0.0, 0, 9], [0, 0, 0], [9, 0, 0]]), 1.0)
    assert found.mean == (3 + 3 + 1) / 2
