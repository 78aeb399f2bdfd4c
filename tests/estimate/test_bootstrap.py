"""The bootstrap behind a comparison, against SciPy, Efron's formula and exact moments."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.estimate import ANY, Comparer, Rows, Statistic, call, column, compared, count, linear, ratio, total
from harness.stats.draws import row_weights
from harness.stats.intervals import percentile_interval
from harness.stats.results import Comparison
from tests.estimate.helpers import cell, table

X = column("x", "c")
MEAN_AS_RATIO = ratio(total(X), count(X))
"""A mean that is not seen to be one, so that it is bootstrapped."""


def bootstrap(
    d, *, form=MEAN_AS_RATIO, seed=0, resamples=20_000, clusters=None, bounds=ANY, margin=0.0, before=None
) -> Comparison:
    """Return the comparison of two runs that differ by ``d``."""

    def rows(values: np.ndarray) -> Rows:
        return table(c=cell({"x": values}, units=clusters))

    old = np.zeros(len(d)) if before is None else before
    comparer = Comparer(rows(old), rows(old + np.asarray(d, float)), seed=(seed,), resamples=resamples)
    found = comparer.difference(Statistic("m", form, bounds=bounds), margin).comparison
    assert found is not None
    return found


@pytest.fixture
def bca_alone(monkeypatch):
    """Differences by BCa alone, without the jackknife's t that stands beside it (decision 097)."""
    monkeypatch.setattr(compared, "standard_error", lambda *_: (math.nan, math.nan))


def test_limits_are_those_of_scipy(rng, bca_alone):
    d = rng.exponential(size=40) - 0.8
    ours = bootstrap(d, resamples=50_000)
    reference = scipy.stats.bootstrap(
        (d,), np.mean, n_resamples=50_000, method="BCa", rng=np.random.default_rng(1), batch=5000
    )
    theirs = reference.confidence_interval
    assert ours.method == "bootstrap BCa"
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * ours.standard_error)
    assert ours.standard_error == pytest.approx(reference.standard_error, rel=0.02)


def test_bca_is_efrons_formula(rng, bca_alone):
    """a of a mean is skewness / (6 √n); z₀ is the normal quantile of the share of draws below."""
    d = rng.exponential(size=60)
    result = bootstrap(d, resamples=100_000)
    draws = np.sort(d[np.random.default_rng(5).integers(0, 60, (100_000, 60))].mean(axis=1))
    a = scipy.stats.skew(d) / (6 * math.sqrt(60))
    z0 = scipy.stats.norm.ppf(np.mean(draws < d.mean()))
    z = z0 + scipy.stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(draws, scipy.stats.norm.cdf(z0 + z / (1 - a * z)))
    assert (result.low, result.high) == pytest.approx(expected, abs=0.05 * result.standard_error)


def test_whole_clusters_are_drawn(rng):
    clusters = np.repeat(np.arange(50), 8)
    d = rng.normal(size=50)[clusters]
    result = bootstrap(d, clusters=clusters)
    by_cluster = bootstrap(d[::8])
    assert (result.low, result.high) == pytest.approx((by_cluster.low, by_cluster.high))
    assert (result.n, result.clusters) == (400, 50)


@given(st.integers(0, 2**32), st.floats(-0.5, 0.5))
def test_p_values_and_bounds_are_two_sides_of_one_coin(seed, shift):
    d = np.random.default_rng(seed).normal(shift, 1, 50)
    result = bootstrap(d, seed=seed, resamples=999, margin=0.2)
    if abs(result.p_noninferior - 0.05) > 0.005:
        assert (result.p_noninferior < 0.05) == (result.lower_bound > -0.2)
    if abs(result.p_less - 0.05) > 0.005:
        assert (result.p_less < 0.05) == (result.upper_bound < 0)
    assert result.p_value >= 1 / 1000


@given(st.integers(0, 2**32))
def test_swapping_arms_turns_everything_round(seed):
    d = np.random.default_rng(seed).normal(0.1, 1, 40)
    a, b = (bootstrap(sign * d, seed=seed, resamples=4000) for sign in (1, -1))
    assert (a.estimate, a.low, a.p_less) == pytest.approx((-b.estimate, -b.high, b.p_greater), abs=0.06)
    assert a.estimate == pytest.approx(-b.estimate, rel=1e-12)


def test_limits_are_bca_for_few_units_and_percentile_for_many(rng):
    assert bootstrap(rng.normal(size=2000), resamples=100).method == "bootstrap BCa, jackknife t"
    assert bootstrap(rng.normal(size=2001), resamples=100).method == "bootstrap percentile"


def test_no_spread_claims_no_certainty():
    result = bootstrap(np.zeros(200), margin=0.02, before=np.full(200, 0.5), bounds=(0.0, 1.0))
    assert result.p_value == 1
    assert result.low < 0 < result.high


def share_of_first(columns, weights, least):
    """Return how many rows are as small as that, and nothing for a draw that holds none."""
    found = weights[0] @ (columns[0] <= least)
    return np.where(found > 0, 1.0 + found, np.nan)


def test_draws_without_a_value_leave_no_interval():
    form = call(f"{__name__}:share_of_first", X, least=0.0)
    found = bootstrap(np.ones(5), before=np.arange(5.0), form=linear([(1.0, form)]), resamples=500)
    assert math.isnan(found.low)
    assert "there is no interval" in found.warnings[0]


def test_no_data_and_one_row():
    assert bootstrap([]).n == 0
    assert math.isnan(bootstrap([1.0]).low)


@pytest.mark.parametrize("n", [6, 12, 30, 400])
@pytest.mark.parametrize("size", [1, 2])
def test_ties_are_ties_whatever_rounding_says(n, size):
    after, before = np.random.default_rng(n).integers(0, 4, (2, n))
    exact, near = (after - before) / 10, 0.1 * after - 0.1 * before
    clusters = np.arange(n) // size
    clean, rounded = (bootstrap(d, clusters=clusters, margin=0.1, resamples=2000) for d in (exact, near))
    for name in ("p_value", "p_less", "p_noninferior", "low", "high"):
        assert getattr(rounded, name) == pytest.approx(getattr(clean, name), rel=1e-9)


def test_a_difference_of_aggregates_that_is_rounding_alone_is_none():
    x = np.random.default_rng(0).random(50)
    thirds = linear([(1 / 3, MEAN_AS_RATIO)], 0.1)
    old, new = (table(c=cell({"x": values})) for values in (3 * x, 3 * (x + 1e-17)))
    found = Comparer(old, new).difference(Statistic("m", thirds, bounds=ANY)).comparison
    assert found is not None
    assert (found.estimate, found.p_value) == (0.0, 1.0)


def test_rows_are_drawn_with_their_cluster(rng):
    weights = np.concatenate([*row_weights(6, ["a", "a", "b", "b", "b", "c"], 2000, rng)])
    assert weights.shape == (2000, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 5]].sum(axis=1) == 3).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(6), abs=0.1)


def test_a_percentile_interval_leaves_out_draws_without_a_value(rng):
    draws = rng.normal(size=1000)
    expected = tuple(np.quantile(draws, [0.05, 0.95]))
    assert percentile_interval(np.append(draws, np.nan), 0.9) == pytest.approx(expected)
    assert all(math.isnan(end) for end in percentile_interval(np.array([np.nan])))
