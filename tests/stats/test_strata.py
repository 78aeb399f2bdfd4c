"""Score bounds of a mean by strata: those of Wilson, Tango and of two shares, where these are the same question."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import ndtr
from statsmodels.stats.proportion import proportion_confint

from harness.stats.paired import tango_paired
from harness.stats.results import Flips
from harness.stats.strata import LEAST, Strata, Tilt, strata_by

PULLS = (0.3, 1.0, 3.0, 10.0)
"""Times the least count: strong ones give a value that was not seen a share."""


def flips_of(lost: int, same: int, gained: int) -> Strata:
    told = np.repeat([-1.0, 0.0, 1.0], [lost, same, gained])
    return Strata.of(np.zeros(told.size, np.int64), told, np.ones(told.size), np.ones(1), (-1.0, 1.0))


def confidence_of(tilt: Tilt) -> float:
    return 1 - 2 * float(ndtr(-tilt.score))


@pytest.mark.parametrize("counts", [(2, 30, 9), (0, 12, 8), (0, 20, 0), (15, 0, 5), (5, 15, 0), (0, 0, 20)])
def test_losses_ties_and_wins_in_one_stratum_are_tangos_score(counts: tuple[int, int, int]) -> None:
    lost, same, gained = counts
    one, seen = flips_of(*counts), 0
    for pull in PULLS:
        tilt = one.tilted(sum(counts) * pull / 4)
        if 0.01 < tilt.score < 6:
            low = tango_paired(Flips(both_right=same, lost=lost, gained=gained, both_wrong=0), confidence_of(tilt))[0]
            assert one.estimate - tilt.gap == pytest.approx(low, abs=1e-6)
            seen += 1
    assert seen


@pytest.mark.parametrize(("right", "n"), [(17, 20), (50, 50), (1, 30), (0, 12)])
def test_values_of_0_and_1_are_wilsons_score(right: int, n: int) -> None:
    told = (np.arange(n) < right).astype(float)
    one = Strata.of(np.zeros(n, np.int64), told, np.ones(n), np.ones(1), (0.0, 1.0))
    for pull in PULLS:
        if 0.01 < (tilt := one.tilted(n * pull)).score < 6:
            low = proportion_confint(right, n, 1 - confidence_of(tilt), "wilson")[0]
            assert one.estimate - tilt.gap == pytest.approx(low, abs=1e-9)


@pytest.mark.parametrize("table", [(7, 25, 11, 30), (20, 25, 1, 40), (3, 8, 5, 60)])
def test_two_strata_are_the_score_of_a_difference_of_two_shares(table: tuple[int, int, int, int]) -> None:
    """A mean of p₁ and 1 − p₂ in halves: twice that, less 1, is the difference (Miettinen and Nurminen, as of Mee)."""
    k, n, j, m = table
    told = np.r_[np.arange(n) < k, np.arange(m) >= j].astype(float)
    one = Strata.of(np.repeat([0, 1], [n, m]), told, np.ones(n + m), np.array([0.5, 0.5]), (0.0, 1.0))
    for pull in (0.2, 0.5, 1.0):
        tilt = one.tilted(min(n, m) * pull)
        off = 2 * (one.estimate - tilt.gap) - 1

        def unlikely(p: float, off: float = off) -> float:
            return -float(k * np.log(p) + (n - k) * np.log(1 - p) + j * np.log(p - off) + (m - j) * np.log(1 - p + off))

        p = minimize_scalar(unlikely, bounds=(max(0, off) + 1e-9, min(1, 1 + off) - 1e-9), method="bounded").x
        variance = p * (1 - p) / n + (p - off) * (1 - p + off) / m
        assert tilt.score == pytest.approx((k / n - j / m - off) / math.sqrt(variance), rel=1e-4)


def test_shares_under_a_mean_are_the_likeliest() -> None:
    """Values between too, in strata of unlike size, against a minimiser that knows nothing of pulls."""
    values, counts = np.array([0.0, 0.5, 1.0, 0.0, 1.0]), np.array([2.0, 3.0, 9.0, 1.0, 20.0])
    shares = np.array([0.3, 0.7])
    one = Strata(values, counts, np.array([0, 3]), shares, (0.0, 1.0))
    tilt = one.tilted(25.0)
    rows, of = np.repeat(shares, [3, 2]) * values, np.repeat([0, 1], [3, 2])
    rules = [{"type": "eq", "fun": lambda q: q @ rows - (one.estimate - tilt.gap)}]
    rules += [{"type": "eq", "fun": lambda q, h=h: q[of == h].sum() - 1} for h in (0, 1)]
    best = minimize(lambda q: -counts @ np.log(q), counts / one.sizes[of], constraints=rules, bounds=[(1e-9, 1)] * 5)
    assert best.success
    q = best.x
    each = [q[of == h] @ values[of == h] ** 2 - (q[of == h] @ values[of == h]) ** 2 for h in (0, 1)]
    assert tilt.score == pytest.approx(tilt.gap / math.sqrt(float(shares**2 @ (each / one.sizes))), rel=1e-3)


@st.composite
def anything(draw: st.DrawFn) -> Strata:
    """Up to four strata of few or many labels, all alike or not, of values of any kind, and of rows not asked."""
    codes = np.array(draw(st.lists(st.integers(0, 3), min_size=2, max_size=30)))
    codes = np.unique(codes, return_inverse=True)[1].ravel()
    kinds = st.sampled_from([st.just(0.0), st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1, width=16)])
    kind = draw(kinds)
    told = np.array(draw(st.lists(kind, min_size=codes.size, max_size=codes.size)))
    weights = np.array(draw(st.lists(st.floats(0.25, 4), min_size=codes.size, max_size=codes.size)))
    count = len(set(codes.tolist()))
    shares = np.array(draw(st.lists(st.floats(0.01, 1), min_size=count, max_size=count)))
    found = Strata.of(codes, told, weights, shares / shares.sum() * draw(st.floats(0.05, 1)), (-1.0, 1.0))
    return Strata(found.values, found.counts, found.starts, found.shares, found.bounds, 0.0, draw(st.floats(0, 0.01)))


@settings(max_examples=80, deadline=None)
@given(anything(), st.floats(0.3, 4))
def test_ends_hold_the_estimate_turn_round_with_it_and_grow_with_their_quantile(one: Strata, quantile: float) -> None:
    low, high = one.ends(quantile)
    assert low <= one.estimate <= high
    assert one.mirrored.ends(quantile) == pytest.approx((-high, -low), abs=1e-9)
    wider = one.ends(1.2 * quantile)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9
    fewer = one.times(0.5).ends(quantile)
    assert fewer[0] <= low + 1e-9
    whole = float(one.shares.sum())
    if one.rest == 0:
        assert -whole - 1e-9 <= low
        assert high <= whole + 1e-9


@settings(max_examples=80, deadline=None)
@given(anything(), st.floats(0.3, 4))
def test_a_limit_lies_as_far_off_as_the_end_that_falls_on_it(one: Strata, quantile: float) -> None:
    low, high = one.ends(quantile)
    whole = float(one.shares.sum())
    if one.estimate - low > 1e-6 and (low > 1e-3 - whole or one.rest > 1e-6):
        assert one.deviate(low) == pytest.approx(quantile, rel=1e-3)
    if high - one.estimate > 1e-6 and (high < whole - 1e-3 or one.rest > 1e-6):
        assert one.deviate(high) == pytest.approx(-quantile, rel=1e-3)
    assert one.deviate(one.estimate) == 0


def test_a_label_is_worth_more_the_better_the_strata_foretell_it() -> None:
    told, weights, half = np.repeat([-1.0, 0.0, 1.0, 1.0], 10), np.ones(40), np.full(2, 0.5)
    blind, good = np.tile([0, 1], 20), np.repeat([0, 1], 20)
    worths = [Strata.of(codes, told, weights, half, (-1.0, 1.0)).worth for codes in (blind, good)]
    assert worths[0] == pytest.approx(1)
    assert worths[1] > 4
    assert flips_of(3, 14, 3).worth == 1


def test_bounds_that_hold_no_more_often_than_not_lie_beyond_the_estimate() -> None:
    one = flips_of(3, 14, 3)
    assert one.ends(0.0) == (one.estimate, one.estimate)
    assert one.reach(-0.5) == pytest.approx(-one.mirrored.reach(0.5))


def test_skewness_moves_an_end_out_and_never_in() -> None:
    assert Tilt(0.1, 2.0, 0.5).deviate < 2.0
    assert Tilt(0.1, 2.0, -0.5).deviate == 2.0
    assert Tilt(0.1, 0.5, 3.0).deviate == 0.5
    assert Tilt(0.1, 1.0 + 1e-9, 3.0).deviate == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "quantile"), [(20, 1.73), (50, 1.68)])
def test_a_loss_that_was_not_drawn_is_allowed_for_once_however_many_strata_there_are(n: int, quantile: float) -> None:
    one = Strata.of(np.zeros(n, np.int64), np.zeros(n), np.ones(n), np.ones(1), (-1.0, 1.0))
    four = Strata.of(np.arange(n) * 4 // n, np.zeros(n), np.ones(n), np.full(4, 0.25), (-1.0, 1.0))
    missed = (1 - one.reach(quantile)) ** n
    assert 0.05 < missed < 0.065
    assert one.reach(quantile) <= four.reach(quantile) < 1.3 * one.reach(quantile)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 80), st.sampled_from([1, 3, 6, 10**6]))
def test_strata_turn_round_with_the_proxy_and_have_labels_enough(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    proxy, labelled = np.floor(levels * rng.random(n)) / levels, rng.random(n) < 0.5
    labelled[0] = True
    codes = strata_by(proxy, labelled)
    assert strata_by(-proxy, labelled).tolist() == (codes.max() - codes).tolist()
    told = np.bincount(codes, labelled)
    assert told.min() >= LEAST or told.size == 1
    order = np.argsort(proxy, kind="stable")
    assert (np.diff(codes[order]) >= 0).all()
    assert all(len(set(codes[proxy == value].tolist())) == 1 for value in np.unique(proxy))


def test_labels_that_suffice_do_suffice_if_they_say_the_same() -> None:
    one = flips_of(3, 14, 3)
    beyond, within = one.labels_beyond(0.2, 10**4, 20), one.labels_within(0.1, 10**4, 20, 0.95)
    assert beyond is not None
    assert within is not None
    assert one.times((within + 1) / 20).reach(1.98) < 0.1 < one.times((within - 1) / 20).reach(1.99)
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(200):
        again = flips_of(*rng.multinomial(beyond, [0.15, 0.7, 0.15]).tolist())
        passed += again.estimate - again.reach(1.66) > -0.2
    assert 0.72 <= passed / 200 <= 0.9
    assert one.labels_beyond(0.2, beyond - 1, 20) is None
