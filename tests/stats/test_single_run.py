"""Intervals of numbers that are no means: separation, calibration, plug-in statistics, dependent quantiles."""

import numpy as np
import pytest
import scipy.stats

from harness.stats.calibrated import calibrated_gaps, calibration_interval, signed_gaps
from harness.stats.intervals import unseen_interval
from harness.stats.jackknife import drawn_t, jackknife_interval
from harness.stats.quantiles import effective_n, quantile_interval
from harness.stats.separation import auroc_interval, effective, fpr_interval, least_positives


@pytest.mark.parametrize("units", [5, 40])
def test_a_number_that_no_unit_moves_has_clopper_pearsons_interval(units: int) -> None:
    exact = scipy.stats.binomtest(units, units).proportion_ci(0.95, "exact")
    assert unseen_interval(1.0, units, (0.0, 1.0)) == pytest.approx((exact.low, exact.high))
    low, high = unseen_interval(0.4, units, (0.0, 1.0))
    assert low < 0.4 < high


def test_a_jackknife_of_a_mean_is_students_t_where_nothing_bounds_it() -> None:
    x = np.random.default_rng(0).normal(3, 1, 30)
    expected = scipy.stats.t.interval(0.95, 29, x.mean(), x.std(ddof=1) / 30**0.5)
    assert jackknife_interval(x.mean(), (x.sum() - x) / 29, bounds=(None, None)) == pytest.approx(expected)


def test_a_jackknife_stays_within_bounds_and_says_nothing_without_spread() -> None:
    low, high = jackknife_interval(0.98, np.array([0.98, 0.99, 0.9, 0.995]))
    assert 0 < low < 0.98 < high < 1
    low, high = jackknife_interval(0.98, np.array([0.98, 0.99, 0.9, 0.995]), bounds=(0.0, None))
    assert 0 < low < 0.98 < high
    for without in (np.full(9, 0.5), np.array([0.5]), np.array([0.4, np.nan, 0.6])):
        assert np.isnan(jackknife_interval(0.5, without)).all()
    assert np.isnan(jackknife_interval(1.0, np.array([1.0, 0.9]))).all()


def test_strata_are_left_out_unit_by_unit_of_each() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 1, 20), rng.normal(0, 3, 40)
    without = np.concatenate([(one.sum() - one) / 19 - two.mean(), one.mean() - (two.sum() - two) / 39])
    value = one.mean() - two.mean()
    strata = [np.arange(20), np.arange(20, 60)]
    found = jackknife_interval(value, without, strata, (None, None))
    expected = scipy.stats.ttest_ind(one, two, equal_var=False).confidence_interval(0.95)
    assert found == pytest.approx((expected.low, expected.high))


def test_draws_give_an_error_and_the_units_its_doubt() -> None:
    drawn = np.random.default_rng(2).normal(0.5, 0.1, 4000)
    few, many = drawn_t(0.5, drawn, 4), drawn_t(0.5, drawn, 400)
    assert few[1] - few[0] > 1.4 * (many[1] - many[0])
    assert np.isnan(drawn_t(0.5, np.full(100, 0.5), 20)).all()


def test_ties_and_perfect_order_are_worth_the_rarer_class() -> None:
    exact = scipy.stats.binomtest(3, 6).proportion_ci(0.95, "wilson")
    assert auroc_interval(np.zeros(6), np.zeros(6)) == pytest.approx((exact.low, exact.high))
    low, high = auroc_interval(np.ones(3), np.zeros(1000))
    assert (round(low, 2), high) == (0.44, 1.0)
    assert np.isnan(auroc_interval(np.ones(1), np.zeros(1000))).all()


def test_an_area_over_clusters_is_wider_and_over_single_rows_the_same() -> None:
    rng = np.random.default_rng(3)
    positives, negatives = np.repeat(rng.normal(1, 1, 30), 5), np.repeat(rng.normal(0, 1, 30), 5)
    alone = auroc_interval(positives, negatives)
    units = np.repeat(np.arange(30), 5), np.repeat(np.arange(30, 60), 5)
    together = auroc_interval(positives, negatives, units)
    assert together[1] - together[0] > 1.8 * (alone[1] - alone[0])
    own = auroc_interval(positives, negatives, (np.arange(150), np.arange(150, 300)))
    assert own == pytest.approx(alone, abs=1e-3)


def test_too_few_positives_bound_no_threshold() -> None:
    rng = np.random.default_rng(4)
    least = least_positives()
    for positives, enough in ((least - 1, False), (least, True)):
        found = fpr_interval(rng.normal(2.5, 1, positives), rng.normal(0, 1, 500))
        assert found[2] is enough
        assert (found[1] == 1.0) is not enough
    assert np.isnan(fpr_interval(np.zeros(0), np.zeros(3))[:2]).all()


def test_a_threshold_over_clusters_counts_clusters() -> None:
    rng = np.random.default_rng(5)
    positives, negatives = rng.normal(2.5, 1, 400), rng.normal(0, 1, 400)
    alone = fpr_interval(positives, negatives)
    together = fpr_interval(positives, negatives, units=(np.arange(400) // 4, np.arange(400, 800) // 4))
    assert together[1] - together[0] > 1.5 * (alone[1] - alone[0])
    assert effective(np.array([0, 0, 0, 1])) == pytest.approx(1.6)


def test_what_a_calibrated_model_shows_is_simulated() -> None:
    rng = np.random.default_rng(6)
    sure, cells = np.repeat([0.2, 0.7], 50), np.repeat([0, 2], 50)
    gaps = calibrated_gaps(sure, cells, 3, rng, 4000)
    assert gaps.mean(axis=0) == pytest.approx(0, abs=0.3)
    assert gaps.std(axis=0) == pytest.approx([8**0.5, 0, 10.5**0.5], rel=0.05)
    together = signed_gaps(np.array([[3.0, 0.0], [4.0, 1.0]]), rng, 4000)
    assert together.std(axis=0) == pytest.approx([5, 1], rel=0.05)
    shown = np.linspace(0.01, 0.1, 101)
    assert calibration_interval(0.05, 0.01, shown)[::2] == (0.0, True)
    low, high, calibrated = calibration_interval(0.3, 0.01, shown)
    assert 0.2 < low < 0.3 < high
    assert not calibrated


def test_calls_that_depend_on_each_other_are_worth_fewer() -> None:
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 1, 4000)
    assert effective_n(noise, 0.5) > 3000
    series = np.zeros(4000)
    for i in range(1, 4000):
        series[i] = 0.9 * series[i - 1] + noise[i]
    worth = effective_n(series, 0.5)
    assert 100 < worth < 700
    alone, dependent = quantile_interval(series, 0.5), quantile_interval(series, 0.5, effective=worth)
    assert dependent.estimate == alone.estimate
    assert dependent.high - dependent.low > 2 * (alone.high - alone.low)
    assert effective_n(np.ones(50), 0.9) == 50
