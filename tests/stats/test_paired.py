"""Paired tests against SciPy, statsmodels, published tables and brute force."""

import math

import numpy as np
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from harness.stats.paired import (
    count_flips,
    mcnemar,
    oriented,
    paired_t,
    tango_paired,
)
from harness.stats.results import Flips
from tests.stats.simulations import newcombe_paired

scores = hnp.arrays(np.float64, st.integers(2, 40), elements=st.integers(-8, 8).map(lambda k: k / 8))
tables = st.builds(Flips, *[st.integers(0, 60)] * 4).filter(lambda flips: flips.n > 0)


@given(scores.filter(lambda d: np.ptp(d) > 0), st.floats(0.5, 0.99))
def test_paired_t_is_scipys_without_clusters(d, confidence):
    ours, theirs = paired_t(d, confidence=confidence), scipy.stats.ttest_1samp(d, 0)
    interval = theirs.confidence_interval(confidence)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-8)
    assert ours.p_less == pytest.approx(scipy.stats.ttest_1samp(d, 0, alternative="less").pvalue, rel=1e-8)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high), rel=1e-8, abs=1e-12)
    one_sided = scipy.stats.ttest_1samp(d, 0, alternative="greater").confidence_interval(confidence)
    assert ours.lower_bound == pytest.approx(one_sided.low, rel=1e-8, abs=1e-12)


def test_clustered_standard_error_is_that_of_statsmodels(rng):
    clusters = rng.integers(0, 25, 200)
    d = rng.normal(size=25)[clusters] + rng.normal(size=200)
    fit = sm.OLS(d, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": True})
    ours = paired_t(d, clusters)
    # statsmodels' factor is G / (G − 1) · (n − 1) / (n − k); k = 1 leaves ours
    assert ours.standard_error == pytest.approx(float(fit.bse[0]), rel=1e-10)
    assert ours.df == 24
    assert "25 clusters" in ours.warnings[0]


def test_clusters_of_one_are_no_clusters(rng):
    d = rng.normal(size=50)
    assert paired_t(d, np.arange(50)) == paired_t(d)


def test_thirty_clusters_are_enough_for_no_warning(rng):
    result = paired_t(rng.normal(size=90), np.repeat(np.arange(30), 3))
    assert result.warnings == ()


@given(scores, st.randoms(use_true_random=False))
def test_order_does_not_matter(d, random):
    clusters = np.arange(d.size) // 2
    order = np.array(random.sample(range(d.size), d.size))
    a, b = paired_t(d, clusters, span=2), paired_t(d[order], clusters[order], span=2)
    assert (a.low, a.p_value) == pytest.approx((b.low, b.p_value), nan_ok=True, abs=1e-9)


@given(scores)
def test_swapping_the_arms_turns_everything_round(d):
    a, b = paired_t(d), paired_t(-d)
    mirrored = (-b.estimate, -b.high, -b.upper_bound)
    assert (a.estimate, a.low, a.lower_bound) == pytest.approx(mirrored, abs=1e-12, nan_ok=True)
    assert (a.p_less, a.p_value) == pytest.approx((b.p_greater, b.p_value))


@given(scores.filter(lambda d: np.ptp(d) > 0))
def test_duplicating_whole_clusters_within_themselves_changes_nothing(d):
    once, twice = paired_t(d), paired_t(np.repeat(d, 2), np.repeat(np.arange(d.size), 2))
    assert (once.low, once.high, once.p_value) == pytest.approx((twice.low, twice.high, twice.p_value))


@given(scores.filter(lambda d: np.ptp(d) > 0), st.floats(0, 0.5))
def test_noninferiority_p_and_bound_agree(d, margin):
    result = paired_t(d, margin=margin)
    if abs(result.lower_bound + margin) > 1e-9:
        assert (result.p_noninferior < 0.05) == (result.lower_bound > -margin)


def test_no_spread_claims_no_certainty():
    same = paired_t(np.zeros(100), margin=0.02, span=1.0)
    assert (same.low, same.high) == pytest.approx((-(1 - 0.025**0.01), 1 - 0.025**0.01))
    assert same.lower_bound == pytest.approx(-(1 - 0.05**0.01))
    assert same.p_value == 1
    assert same.p_noninferior == pytest.approx(0.98**100)
    assert math.isnan(paired_t(np.zeros(100)).low)


@given(scores.filter(lambda d: np.ptp(d) > 0), st.floats(0, 0.5))
def test_the_lower_ends_allow_for_losses_not_drawn_and_nothing_else_moves(d, margin):
    seen, careful = paired_t(d, margin=margin), paired_t(d, margin=margin, span=2)
    assert careful.low <= seen.low
    assert careful.lower_bound <= seen.lower_bound
    assert careful.p_noninferior >= seen.p_noninferior
    assert (careful.high, careful.p_less, careful.p_value) == (seen.high, seen.p_less, seen.p_value)
    if abs(careful.lower_bound + margin) > 1e-6:
        assert (careful.p_noninferior < 0.05) == (careful.lower_bound > -margin)


def test_small_changes_of_few_samples_do_not_prove_that_none_is_lost(rng):
    assert paired_t(rng.normal(0, 0.01, 100), margin=0.02, span=1.0).p_noninferior > 0.05
    assert paired_t(rng.normal(0, 0.01, 160), margin=0.02, span=1.0).p_noninferior < 0.05


def test_a_cluster_that_was_not_drawn_counts_whole_until_there_are_enough_of_them(rng):
    drawn = (rng.normal(0, 0.01, 10 * clusters) for clusters in (20, 80))
    few, many = (paired_t(d, np.arange(d.size) // 10, margin=0.05, span=1.0) for d in drawn)
    assert few.p_noninferior > 0.05 > many.p_noninferior


def test_clusters_of_unequal_size_count_as_fewer(rng):
    sizes = np.array([200, *[4] * 59])
    clusters = np.repeat(np.arange(60), sizes)
    result = paired_t(rng.normal(0, 0.01, clusters.size), clusters, margin=0.05, span=1.0)
    assert result.clusters == 60
    assert result.effective_units < 6
    assert result.p_noninferior > 0.05


def test_no_spread_but_a_shift_has_the_p_of_a_sign_flip():
    shifted = paired_t(np.full(10, -0.25), span=1.0)
    assert (shifted.p_less, shifted.p_greater, shifted.p_value) == (0.5**10, 1.0, 2 * 0.5**10)
    assert shifted.low < -0.25 < shifted.high


def test_float_noise_is_no_spread():
    d = np.array([0.3 - 0.2, 0.1, 0.4 - 0.3, 1.1 - 1.0])
    assert paired_t(d, span=1).high > 0.5


def test_one_pair_or_one_cluster_has_no_interval():
    for result in (paired_t([0.5]), paired_t([0.5, 0.1], ["a", "a"])):
        assert math.isnan(result.low)
        assert math.isnan(result.p_less)
        assert not math.isnan(result.estimate)


def test_no_data_is_nan_with_n_zero():
    for result in (paired_t([]), mcnemar(Flips(0, 0, 0, 0))):
        assert result.n == 0
        assert math.isnan(result.estimate)
        assert math.isnan(result.p_value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: paired_t([0.0, math.nan]), "differences: NaN at 1"),
        (lambda: paired_t([math.inf]), "differences: an infinite value at 0"),
        (lambda: paired_t([[1.0]]), "differences: expected 1 dimension"),
        (lambda: paired_t([1.0, 2.0], [1]), "clusters: expected one label for each of 2 rows"),
        (lambda: paired_t([1.0, 2.0], [1.0, math.nan]), "clusters: NaN"),
        (lambda: paired_t([1.0], confidence=1), "confidence: must lie between 0 and 1"),
        (lambda: paired_t([1.0], margin=-0.1), "margin: must be 0 or more"),
        (lambda: paired_t([1.0, 2.0], span=1.5), "span: a difference of 2 was seen"),
        (lambda: oriented([1.0], [1.0, 2.0]), "baseline and candidate: lengths differ"),
        (lambda: oriented([1.0], [1.0], "up"), "direction: must be"),
        (lambda: count_flips([0, 2], [0, 1]), "baseline: values must be 0 or 1"),
        (lambda: mcnemar(Flips(1, -1, 0, 0)), "flips: counts must be 0 or more"),
    ],
)
def test_a_wrong_argument_is_named(call, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        call()


@given(tables)
def test_mcnemar_is_statsmodels_and_scipys(flips):
    ours = mcnemar(flips)
    reference = reference_mcnemar([[flips.both_right, flips.lost], [flips.gained, flips.both_wrong]], exact=True)
    assert ours.p_value == pytest.approx(reference.pvalue, rel=1e-9)
    if flips.discordant:
        less = scipy.stats.binomtest(flips.gained, flips.discordant, alternative="less").pvalue
        assert ours.p_less == pytest.approx(less, rel=1e-9)
    else:
        assert ours.p_less == ours.p_greater == 1


@given(tables)
def test_mid_p_counts_the_observed_table_half(flips):
    exact, mid = mcnemar(flips), mcnemar(flips, mid_p=True)
    point = scipy.stats.binom.pmf(flips.gained, flips.discordant, 0.5)
    assert mid.p_less == pytest.approx(exact.p_less - point / 2, abs=1e-9)
    assert mid.p_less + mid.p_greater == pytest.approx(1)


@given(tables)
def test_swapping_arms_mirrors_binary_intervals(flips):
    swapped = Flips(flips.both_right, flips.gained, flips.lost, flips.both_wrong)
    for interval in (newcombe_paired, tango_paired):
        low, high = interval(flips)
        other_low, other_high = interval(swapped)
        assert (low, high) == pytest.approx((-other_high, -other_low), abs=1e-9)
        assert -1 <= low <= flips.difference <= high <= 1
        assert high > low


@pytest.mark.parametrize(
    ("flips", "low", "high"),
    # Newcombe 1998, 95 % limits by method 10
    [(Flips(20, 2, 12, 16), 0.0562, 0.3292), (Flips(36, 2, 12, 0), 0.0569, 0.3404)],
)
def test_newcombe_gives_the_limits_of_his_paper(flips, low, high):
    assert newcombe_paired(flips) == pytest.approx((low, high), abs=5e-5)


def test_all_binary_methods_give_the_published_numbers_of_one_example():
    """Airway hyper-responsiveness (Bentur 2009) in Fagerland, Lydersen, Laake 2014."""
    flips = Flips(both_right=1, lost=7, gained=1, both_wrong=12)
    assert newcombe_paired(flips) == pytest.approx((-0.507, -0.026), abs=5e-4)
    assert tango_paired(flips) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert mcnemar(flips).p_value == pytest.approx(0.0703, abs=5e-5)
    assert mcnemar(flips, mid_p=True).p_value == pytest.approx(0.0391, abs=5e-5)


@given(tables.filter(lambda flips: flips.discordant > 0), st.sampled_from([0.8, 0.95]))
def test_tango_limits_are_where_the_constrained_likelihood_says(flips, confidence):
    """The variance of Tango's score uses the p₂₁ that maximises the likelihood given the difference."""
    z = scipy.stats.norm.ppf(0.5 + confidence / 2)
    for limit in tango_paired(flips, confidence):
        if abs(limit) > 0.98:
            continue
        bottom, top = max(0.0, -limit), (1 - limit) / 2

        def cost(losing, limit=limit):
            cells = [
                (flips.gained, losing + limit),
                (flips.lost, losing),
                (flips.n - flips.discordant, 1 - 2 * losing - limit),
            ]
            return -sum(count * math.log(max(share, 1e-300)) for count, share in cells if count)

        losing = minimize_scalar(cost, bounds=(bottom, top), method="bounded", options={"xatol": 1e-10}).x
        variance = flips.n * (2 * losing + limit - limit**2)
        score = abs(flips.gained - flips.lost - flips.n * limit) / math.sqrt(variance)
        assert score == pytest.approx(z, rel=2e-3)


@given(tables, st.floats(0.001, 0.3))
def test_tango_noninferiority_agrees_with_its_bound(flips, margin):
    result = mcnemar(flips, margin=margin)
    if abs(result.lower_bound + margin) > 1e-9:
        assert (result.p_noninferior < 0.05) == (result.lower_bound > -margin)


def test_no_flip_still_has_a_width():
    same = mcnemar(Flips(60, 0, 0, 40))
    z = scipy.stats.norm.ppf(0.975) ** 2
    assert (same.low, same.high) == pytest.approx((-z / (100 + z), z / (100 + z)))
    assert same.p_value == 1


def test_scores_that_differ_by_rounding_alone_do_not_differ():
    summed, told = np.array([0.1 + 0.2, 0.7 + 0.1, 1.1 + 2.2, 0.5]), np.array([0.3, 0.8, 3.3, 0.25])
    assert oriented(told, summed).tolist() == oriented(summed, told, "lower").tolist() == [0.0, 0.0, 0.0, 0.25]
