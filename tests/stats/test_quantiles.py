"""Quantiles against SciPy's binomial and exact coverage; ratios against SciPy's bootstrap."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.stats.quantiles import (
    median_ratio,
    minimum_n,
    quantile_interval,
    require_enough,
)


@pytest.mark.parametrize(("q", "needed"), [(0.9, 64), (0.99, 662), (0.1, 64)])
def test_the_minimum_n_is_where_two_values_lie_beyond_with_99_percent(q, needed):
    thin = min(q, 1 - q)
    assert minimum_n(q) == needed
    assert scipy.stats.binom.sf(1, needed, thin) >= 0.99
    assert scipy.stats.binom.sf(1, needed - 1, thin) < 0.99


def test_too_few_values_are_refused_by_name():
    with pytest.raises(ValueError, match="n: p99 needs 662 values or more, got 661"):
        quantile_interval(np.arange(661.0), 0.99)
    with pytest.raises(ValueError, match="n: p90 needs 64 values or more, got 63"):
        require_enough(0.9, 63)
    require_enough(0.9, 64)


@given(st.integers(662, 2000), st.sampled_from([0.5, 0.9, 0.99]), st.sampled_from([0.9, 0.95]))
def test_ranks_have_the_coverage_they_claim(n, q, confidence):
    result = quantile_interval(np.arange(1.0, n + 1), q, confidence)
    low, high = int(result.low), int(result.high)  # values are ranks
    covered = scipy.stats.binom.cdf(high - 1, n, q) - scipy.stats.binom.cdf(low - 1, n, q)
    assert result.coverage == pytest.approx(covered, abs=1e-9)
    assert covered >= confidence
    assert scipy.stats.binom.cdf(low, n, q) > 0.5 - confidence / 2  # the next rank would be too high
    assert result.low <= result.estimate <= result.high


def test_it_agrees_with_scipys_quantile_test(rng):
    x = rng.exponential(size=500)
    theirs = scipy.stats.quantile_test(x, p=0.9).confidence_interval(0.95)
    ours = quantile_interval(x, 0.9)
    assert (ours.low, ours.high) == (theirs.low, theirs.high)


@given(st.permutations(range(30)))
def test_order_does_not_matter(values):
    assert quantile_interval(values, 0.5) == quantile_interval(range(30), 0.5)


@pytest.mark.parametrize("paired", [True, False])
def test_median_ratio_is_scipys_bootstrap(paired, rng):
    old = rng.lognormal(0, 0.4, 60)
    new = old * rng.lognormal(0.1, 0.1, 60)
    ours = median_ratio(old, new, np.random.default_rng(0), paired=paired, resamples=20_000)

    def log_ratio(a, b, axis=-1):
        return np.log(np.median(b, axis=axis) / np.median(a, axis=axis))

    theirs = scipy.stats.bootstrap(
        (old, new), log_ratio, paired=paired, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1)
    )
    assert math.log(ours.low) == pytest.approx(theirs.confidence_interval.low, abs=0.4 * ours.standard_error)
    assert math.log(ours.high) == pytest.approx(theirs.confidence_interval.high, abs=0.4 * ours.standard_error)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.03)


def test_pairing_removes_what_pairs_share(rng):
    old = rng.lognormal(0, 0.5, 80)
    new = 1.05 * old * rng.lognormal(0, 0.01, 80)
    paired, unpaired = (median_ratio(old, new, np.random.default_rng(0), p) for p in (True, False))
    assert paired.standard_error < unpaired.standard_error / 5
    assert paired.p_greater < 0.01 < unpaired.p_greater


@given(st.integers(5, 60), st.integers(0, 2**32), st.floats(0, 0.3))
def test_ratio_bounds_and_p_values_agree(n, seed, margin):
    rng = np.random.default_rng(seed)
    old, new = rng.lognormal(size=n), rng.lognormal(0.1, 1, size=n)
    result = median_ratio(old, new, rng, resamples=999, margin=margin)
    if abs(result.p_noninferior - 0.05) > 0.005:
        assert (result.p_noninferior < 0.05) == (result.upper_bound < 1 + margin)
    if abs(result.p_greater - 0.05) > 0.005:
        assert (result.p_greater < 0.05) == (result.lower_bound > 1)


def test_swapping_the_sides_inverts_ratios(rng):
    old, new = rng.lognormal(size=40), rng.lognormal(size=40)
    a, b = (median_ratio(*sides, np.random.default_rng(0)) for sides in ((old, new), (new, old)))
    assert (a.estimate, a.low, a.upper_bound) == pytest.approx((1 / b.estimate, 1 / b.high, 1 / b.lower_bound))
    assert (a.p_less, a.p_value) == pytest.approx((b.p_greater, b.p_value))


def test_no_spread_has_no_interval():
    result = median_ratio([1.0] * 30, [1.0] * 30, np.random.default_rng(0))
    assert result.estimate == 1
    assert math.isnan(result.low)
    assert "no spread" in result.warnings[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: median_ratio([0.0], [1.0], np.random.default_rng(0)), "baseline: values must be above 0"),
        (lambda: median_ratio([1.0], [1.0, 2.0], np.random.default_rng(0)), "baseline and candidate: lengths differ"),
        (lambda: quantile_interval([math.nan], 0.5), "values: NaN at 0"),
        (lambda: minimum_n(1.0), "q: must lie between 0 and 1"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_data_is_nan_with_n_zero():
    assert quantile_interval([], 0.5).n == 0
    assert median_ratio([], [1.0], np.random.default_rng(0), paired=False).n == 0
