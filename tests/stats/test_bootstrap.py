"""The bootstrap against SciPy, drawing row by row, and exact moments."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.bootstrap import (
    Resampling,
    bootstrap_mean,
    bootstrap_paired,
    percentile_interval,
    resampled_means,
    row_by_row,
)
from harness.stats.draws import draw_totals
from harness.stats.roc import delong_test, weighted_auroc

MANY = Resampling(20_000)


def seeded(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_limits_are_those_of_scipy(method, rng):
    d = rng.exponential(size=40) - 0.8
    ours = bootstrap_mean(d, seeded(), Resampling(50_000, method))
    name = "BCa" if method == "bca" else method
    reference = scipy.stats.bootstrap((d,), np.mean, n_resamples=50_000, method=name, rng=seeded(1), batch=5000)
    theirs = reference.confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * ours.standard_error)
    assert ours.standard_error == pytest.approx(reference.standard_error, rel=0.02)


def test_bca_is_efrons_formula(rng):
    """a of a mean is skewness / (6 √n); z₀ is the normal quantile of the share of draws below."""
    d = rng.exponential(size=60)
    result = bootstrap_mean(d, seeded(), Resampling(100_000, "bca"))
    draws = np.sort(d[seeded(5).integers(0, 60, (100_000, 60))].mean(axis=1))
    a = scipy.stats.skew(d) / (6 * math.sqrt(60))
    z0 = scipy.stats.norm.ppf(np.mean(draws < d.mean()))
    z = z0 + scipy.stats.norm.ppf([0.025, 0.975])
    expected = np.quantile(draws, scipy.stats.norm.cdf(z0 + z / (1 - a * z)))
    assert (result.low, result.high) == pytest.approx(expected, abs=0.05 * result.standard_error)


@pytest.mark.parametrize("kind", ["binary", "continuous", "skewed", "clusters"])
def test_drawing_together_has_the_moments_of_drawing_row_by_row(kind, rng):
    n = 6000
    sums = {
        "binary": rng.choice([-1.0, 0, 1], n, p=[0.05, 0.9, 0.05]),
        "continuous": rng.normal(size=n),
        "skewed": rng.exponential(size=n) ** 2,
        "clusters": rng.normal(0.3, 1, size=n),
    }[kind]
    sizes = rng.integers(1, 5, n).astype(float) if kind == "clusters" else np.ones(n)
    totals, rows = draw_totals(sums, sizes, 20_000, seeded())
    error = math.sqrt(n) * sums.std()
    assert totals.mean() == pytest.approx(sums.sum(), abs=5 * error / math.sqrt(20_000))
    assert totals.std() == pytest.approx(error, rel=5 / math.sqrt(40_000))
    assert scipy.stats.skew(totals) == pytest.approx(
        scipy.stats.skew(sums) / math.sqrt(n), abs=5 * math.sqrt(6 / 20_000)
    )
    if kind == "clusters":
        assert np.cov(totals, rows)[0, 1] == pytest.approx(n * np.cov(sums, sizes)[0, 1], abs=0.05 * error * rows.std())
    else:
        assert (rows == n).all()


def test_an_outlier_is_drawn_by_itself(rng):
    d = np.r_[rng.normal(size=9999), 1e4]
    totals, _ = draw_totals(d, np.ones(10_000), 20_000, seeded())
    times = np.round(totals / 1e4)
    assert np.mean(times == 0) == pytest.approx(math.exp(-1), abs=0.02)
    assert np.mean(times == 2) == pytest.approx(math.exp(-1) / 2, abs=0.02)


def test_both_forms_agree_on_a_mean(rng):
    d = rng.normal(0.05, 1, 300)
    by_weights = bootstrap_paired(lambda w: 0 * w[:, 0], lambda w: w @ d / w.sum(axis=1), 300, seeded(1), MANY)
    by_counts = bootstrap_mean(d, seeded(2), MANY)
    tolerance = 0.08 * by_counts.standard_error
    assert by_weights.estimate == pytest.approx(by_counts.estimate)
    assert (by_weights.low, by_weights.high) == pytest.approx((by_counts.low, by_counts.high), abs=tolerance)
    assert by_weights.p_less == pytest.approx(by_counts.p_less, abs=0.02)


def test_whole_clusters_are_drawn(rng):
    clusters = np.repeat(np.arange(50), 8)
    d = rng.normal(size=50)[clusters]
    result = bootstrap_mean(d, seeded(), Resampling(10_000, clusters=clusters))
    by_cluster = bootstrap_mean(d[::8], seeded(), Resampling(10_000))
    assert (result.low, result.high) == pytest.approx((by_cluster.low, by_cluster.high))
    assert (result.n, result.clusters) == (400, 50)
    weights = bootstrap_paired(
        lambda w: 0 * w[:, 0], lambda w: w @ d / w.sum(axis=1), 400, seeded(), Resampling(4000, clusters=clusters)
    )
    assert weights.standard_error == pytest.approx(result.standard_error, rel=0.05)


def test_strata_keep_their_size_and_remove_what_differs_between_them(rng):
    stratum = np.repeat(["a", "b"], [100, 300])
    d = np.where(stratum == "a", 5.0, -1.0) + rng.normal(size=400)
    result = bootstrap_mean(d, seeded(), Resampling(20_000, strata=stratum))
    parts = [d[stratum == s] for s in ("a", "b")]
    expected = math.sqrt(sum(part.size * part.var() for part in parts)) / 400
    assert result.standard_error == pytest.approx(expected, rel=0.03)
    weights = bootstrap_paired(
        lambda w: np.zeros(len(w)),
        lambda w: w[:, :100].sum(axis=1),
        400,
        seeded(),
        Resampling(50, strata=stratum),
        span=1e9,
    )
    assert weights.standard_error == 0


def test_strata_fit_their_rows_when_labels_of_clusters_are_not_in_order():
    clusters, stratum = np.array([3, 2, 1, 0, 7, 6]), np.array(["a", "a", "a", "b", "b", "b"])
    result = bootstrap_paired(
        lambda w: np.zeros(len(w)),
        lambda w: w[:, :3].sum(axis=1),
        6,
        seeded(),
        Resampling(50, clusters=clusters, strata=stratum),
    )
    assert result.standard_error == 0


def test_a_cluster_in_two_strata_is_refused():
    with pytest.raises(ValueError, match="strata: a cluster lies in more than one"):
        bootstrap_mean([1.0, 2.0], seeded(), Resampling(10, clusters=[0, 0], strata=[0, 1]))


def test_auroc_by_bootstrap_is_near_delong(rng):
    y = rng.random(800) < 0.4
    old = rng.normal(size=800) + y
    new = old + rng.normal(0, 0.7, 800)
    ours = bootstrap_paired(weighted_auroc(y, old), weighted_auroc(y, new), 800, seeded(), Resampling(4000, strata=y))
    reference = delong_test(y, old, new)
    assert ours.estimate == pytest.approx(reference.estimate)
    assert ours.standard_error == pytest.approx(reference.standard_error, rel=0.08)
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=0.3 * reference.standard_error)


@given(st.integers(0, 2**32), st.sampled_from(["percentile", "bca"]), st.floats(-0.5, 0.5))
def test_p_values_and_bounds_are_two_sides_of_one_coin(seed, method, shift):
    d = np.random.default_rng(seed).normal(shift, 1, 50)
    result = bootstrap_mean(d, seeded(seed), Resampling(999, method), margin=0.2)
    if abs(result.p_noninferior - 0.05) > 0.005:
        assert (result.p_noninferior < 0.05) == (result.lower_bound > -0.2)
    if abs(result.p_less - 0.05) > 0.005:
        assert (result.p_less < 0.05) == (result.upper_bound < 0)
    assert result.p_value >= 1 / 1000


@given(st.integers(0, 2**32))
def test_swapping_arms_turns_everything_round(seed):
    d = np.random.default_rng(seed).normal(0.1, 1, 40)
    a, b = (bootstrap_mean(sign * d, seeded(seed), Resampling(4000, "percentile")) for sign in (1, -1))
    assert (a.estimate, a.low, a.p_less) == pytest.approx((-b.estimate, -b.high, b.p_greater), abs=0.06)
    assert a.estimate == -b.estimate


def test_the_same_seed_gives_the_same_result_and_order_of_rows_is_no_matter(rng):
    d = rng.choice([-1.0, 0.0, 1.0], 500)
    assert bootstrap_mean(d, seeded(4)) == bootstrap_mean(rng.permutation(d), seeded(4))


def test_auto_is_bca_for_few_and_percentile_for_many(rng):
    assert bootstrap_mean(rng.normal(size=2000), seeded(), Resampling(100)).method == "bootstrap BCa"
    assert bootstrap_mean(rng.normal(size=2001), seeded(), Resampling(100)).method == "bootstrap percentile"


def test_no_spread_claims_no_certainty():
    result = bootstrap_mean(np.zeros(200), seeded(), margin=0.02, span=1)
    assert result.lower_bound == pytest.approx(-(1 - 0.05 ** (1 / 200)))
    assert result.p_value == 1
    assert math.isnan(bootstrap_mean(np.zeros(200), seeded()).low)


def test_draws_without_a_value_are_left_out_and_counted():
    def share_of_first(w):
        return np.where(w[:, 0] > 0, w @ np.arange(5.0), np.nan)

    result = bootstrap_paired(lambda w: np.zeros(len(w)), share_of_first, 5, seeded(), Resampling(1000))
    assert 600 < result.resamples < 740
    assert "resamples had no value" in result.warnings[0]

    def never(w):
        return np.where(w[:, :4].min(axis=1) > 0, 1.0 + w[:, 0], np.nan)

    empty = bootstrap_paired(lambda w: np.zeros(len(w)), never, 5, seeded(), Resampling(1000))
    assert math.isnan(empty.low)
    assert "there is no interval" in empty.warnings[0]


def test_no_data_and_one_row():
    assert bootstrap_mean([], seeded()).n == 0
    assert bootstrap_paired(lambda w: w[:, 0], lambda w: w[:, 0], 0, seeded()).n == 0
    assert math.isnan(bootstrap_mean([1.0], seeded()).low)


def test_a_statistic_of_one_row_of_weights_can_be_used(rng):
    x = rng.normal(size=30)
    one = bootstrap_paired(
        row_by_row(lambda w: 0.0), row_by_row(lambda w: np.average(x, weights=w)), 30, seeded(), Resampling(200)
    )
    many = bootstrap_paired(lambda w: 0 * w[:, 0], lambda w: w @ x / 30, 30, seeded(), Resampling(200))
    assert (one.low, one.high) == pytest.approx((many.low, many.high))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap_mean([math.nan], seeded()), "differences: NaN at 0"),
        (lambda: bootstrap_mean([1.0], seeded(), Resampling(0)), "resamples: must be 1 or more"),
        (lambda: bootstrap_mean([1.0], seeded(), Resampling(9, "wild")), "method: must be 'auto'"),
        (lambda: bootstrap_paired(lambda w: w, lambda w: w, 3, seeded(), Resampling(9)), "candidate, baseline: 1 rows"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_resampled_means_use_the_same_samples_for_every_column(rng):
    x = rng.normal(size=100)
    means = resampled_means(np.column_stack([x, 2 * x + 1, np.where(x > 0, x, np.nan)]), 500, seeded())
    assert means[:, 1] == pytest.approx(2 * means[:, 0] + 1)
    low, high = percentile_interval(means[:, 0])
    assert low < x.mean() < high


@pytest.mark.parametrize("n", [6, 12, 30, 400])
@pytest.mark.parametrize("clusters", [1, 2])
def test_ties_are_ties_whatever_rounding_says(n, clusters):
    after, before = np.random.default_rng(n).integers(0, 4, (2, n))
    exact, near = (after - before) / 10, 0.1 * after - 0.1 * before
    resampling = Resampling(clusters=np.arange(n) // clusters)
    clean, rounded = (bootstrap_mean(d, np.random.default_rng(1), resampling, margin=0.1) for d in (exact, near))
    for name in ("p_value", "p_less", "p_noninferior", "low", "high"):
        assert getattr(rounded, name) == pytest.approx(getattr(clean, name), rel=1e-9)


def test_a_difference_of_aggregates_that_is_rounding_alone_is_none():
    x = np.random.default_rng(0).random(50)
    both = bootstrap_paired(lambda w: w @ (3 * x) / 50, lambda w: 3 * (w @ x) / 50, 50, np.random.default_rng(0))
    assert (both.estimate, both.p_value) == (0.0, 1.0)
