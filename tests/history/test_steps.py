"""Steps in both directions, recoveries and drift: also those that asv's defaults miss or forget."""

from itertools import pairwise

import numpy as np
import pytest
from asv.step_detect import detect_regressions, detect_steps, solve_potts_autogamma

from harness.history.steps import changes, levels
from harness.history.trend import trend
from tests.history.helpers import stepped


def kinds(values: list[float]) -> list[str]:
    return [change.kind for change in changes(values)]


def test_a_step_of_three_deviations_is_found_where_asvs_default_misses_it() -> None:
    found = missed = 0
    for seed in range(20):
        values = stepped(30, 15, 0.10, 0.13, 0.01, seed)
        found += any(change.kind == "worse" and abs(change.at - 15) <= 2 for change in changes(values))
        missed += len(solve_potts_autogamma(values, [1.0] * 30)[0]) == 1
    assert found >= 16
    assert missed >= 14


def test_a_better_step_is_a_change_too_which_asv_never_reports() -> None:
    values = stepped(40, 20, 0.2, 0.1, 0.01)
    assert kinds(values) == ["better"]
    assert detect_regressions(detect_steps(values))[0] is None


def test_a_regression_that_has_recovered_stays_in_the_history_where_asv_drops_it() -> None:
    values = [0.1 + 0.001 * (i % 3) for i in range(15)] + [0.2 + 0.001 * (i % 3) for i in range(15)]
    values += [0.1 + 0.001 * (i % 3) for i in range(15)]
    assert kinds(values) == ["worse", "recovered"]
    assert detect_regressions(detect_steps(values))[0] is None


def test_half_a_recovery_counts_and_less_does_not() -> None:
    def level(value: float) -> list[float]:
        return [value + 0.0005 * (i % 3) for i in range(12)]

    assert kinds(level(0.1) + level(0.2) + level(0.14)) == ["worse", "recovered"]
    assert kinds(level(0.1) + level(0.2) + level(0.17)) == ["worse", "better"]


def lingering(n: int, correlation: float, rng: np.random.Generator) -> np.ndarray:
    """Return noise of standard deviation 1, each value of which remembers the one before."""
    fresh = rng.normal(size=n + 50)
    out = np.zeros(n + 50)
    for i in range(1, n + 50):
        out[i] = correlation * out[i - 1] + np.sqrt(1 - correlation**2) * fresh[i]
    return out[50:]


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_noise_that_lingers_is_no_drift(correlation: float) -> None:
    rng = np.random.default_rng(7)
    alarms = [trend(lingering(100, correlation, rng)).p < 0.01 for _ in range(300)]
    assert np.mean(alarms) <= 0.03


def test_a_drift_of_two_deviations_in_a_hundred_commits_is_found() -> None:
    rng = np.random.default_rng(8)
    found = [trend(lingering(100, 0.0, rng) + np.linspace(0, 2, 100)) for _ in range(50)]
    assert np.mean([one.p < 0.01 for one in found]) >= 0.95
    assert np.mean([one.end - one.start for one in found]) == pytest.approx(2, abs=0.15)


def test_slow_drift_is_told_where_no_single_step_is() -> None:
    alone = told = false = 0
    for seed in range(20):
        noise = np.random.default_rng(seed).normal(0, 0.01, 60)
        found = kinds([float(0.1 + 0.0003 * i + e) for i, e in enumerate(noise)])
        alone += found == ["drift"]
        told += bool({"drift", "worse"} & set(found))
        false += kinds([float(0.1 + e) for e in noise]) != []
    assert told >= 15
    assert alone >= 1
    assert false <= 2


def test_a_straight_climb_is_a_drift_and_forty_nine_commits_are_too_few_for_one() -> None:
    assert trend([float(i) for i in range(20)]).p == 0
    rng = np.random.default_rng(4)
    values = [float(0.1 + 0.00002 * i + e) for i, e in enumerate(rng.normal(0, 0.0005, 50))]
    assert "drift" in kinds(values)
    assert "drift" not in kinds(values[1:])


@pytest.mark.parametrize("values", [[], [0.1], [0.1] * 50, [0.1, 0.2, 0.1], [0.0] * 10])
def test_short_and_constant_series_have_no_change(values: list[float]) -> None:
    assert changes(values) == []
    assert sum(level.end - level.start for level in levels(values)) == len(values)


def test_levels_cover_the_series_without_gap_or_overlap() -> None:
    values = stepped(60, 20, 0.1, 0.2, 0.01)
    found = levels(values)
    assert found[0].start == 0
    assert found[-1].end == 60
    assert all(one.end == other.start for one, other in pairwise(found))


@pytest.mark.slow
def test_a_step_of_three_deviations_in_sixty_commits_is_found_at_few_false_alarms() -> None:
    from benchmarks.history import power

    found = power(60, 3.0, series=120, seed=5)
    assert found.power >= 0.90
    assert found.false_alarms <= 0.05
