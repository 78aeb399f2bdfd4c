"""A part that fell is found, its neighbours are not blamed for it, and chance is not taken for a loss."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage.slices import sliced, slices_found
from harness.stats import parts
from harness.stats._permuted import orders
from harness.stats.parts import against_rest
from tests.stats.simulations import monte_carlo_error


def test_the_part_that_lost_is_found_and_the_others_are_not_blamed() -> None:
    d, tags, units = sliced(np.random.default_rng(1), loss=0.3)
    found = against_rest(d[:, None], tags, units)
    assert [one for one, p in zip(found.of, found.p[:, 0], strict=True) if p <= 0.05] == [(0, 0)]
    at = found.of.index((0, 0))
    assert found.inside[at, 0] == pytest.approx(d[tags[0] == 0].mean())
    assert found.rest[at, 0] == pytest.approx(d[tags[0] != 0].mean())
    assert d.mean() > found.shrunk[at, 0] > found.inside[at, 0]
    assert int(np.argmin(found.shrunk[:, 0])) == at


def test_a_part_that_only_shares_rows_with_the_one_that_fell_is_explained_by_it() -> None:
    rng = np.random.default_rng(3)
    d, tags, units = sliced(rng, loss=0.5)
    tags.append(np.where(rng.random(len(d)) < 0.7, tags[0], rng.integers(0, 8, len(d))))
    found = against_rest(d[:, None], tags, units)
    true, neighbour = found.of.index((0, 0)), found.of.index((3, 0))
    assert found.p[true, 0] <= 0.05 < found.p[neighbour, 0]
    assert found.beside[neighbour, 0] == true


def test_two_parts_that_lost_are_both_found() -> None:
    d, tags, units = sliced(np.random.default_rng(5), loss=0.5)
    d[tags[1] == 2] = -1.0
    found = against_rest(d[:, None], tags, units)
    assert {one for one, p in zip(found.of, found.p[:, 0], strict=True) if p <= 0.05} == {(0, 0), (1, 2)}


@pytest.mark.parametrize("least", [0.0, np.inf])
def test_a_part_whose_rows_flip_more_often_both_ways_has_not_fallen(least: float) -> None:
    rng, flagged = np.random.default_rng(7), 0
    for seed in range(60):
        d, tags, units = sliced(rng, loss=0.0)
        hard = tags[1] == 0
        d[hard] = rng.choice([-1.0, 0.0, 1.0], int(hard.sum()), p=[0.15, 0.7, 0.15])
        found = against_rest(d[:, None], tags, units, seed=seed, draws=199, most_permuted=least)  # type: ignore[arg-type]
        flagged += bool((found.p <= 0.05).any())
    assert flagged / 60 <= 0.05 + monte_carlo_error(0.05, 60)


def test_a_slice_of_an_eighth_that_lost_a_fifth_is_found_and_chance_is_not() -> None:
    none, lost = slices_found(150, (0.0, 0.2), ("one metric",))
    assert none.others <= 0.05 + monte_carlo_error(0.05, none.runs), none
    assert lost.others <= 0.05 + monte_carlo_error(0.05, lost.runs), lost
    assert lost.found >= 0.92 - monte_carlo_error(0.92, lost.runs), lost


def test_the_least_of_normal_numbers_stands_for_that_of_permutations() -> None:
    rng = np.random.default_rng(11)
    _, tags, units = sliced(rng, loss=0.0)
    d = rng.normal(0, 1, (400, 2)) @ np.array([[1.0, 0.8], [0.0, 0.6]]) - 0.3 * (tags[1] == 3)[:, None]
    made, drawn = (against_rest(d, tags, units, draws=1999, most_permuted=most).p for most in (10**9, 0))
    assert drawn == pytest.approx(made, abs=0.04)
    assert 0.05 < made.min() < 0.9


def test_many_scores_and_undefined_rows_are_looked_at_together() -> None:
    rng = np.random.default_rng(2)
    d, tags, units = sliced(rng, loss=0.4)
    other = np.where(rng.random(len(d)) < 0.4, np.nan, rng.choice([-1.0, 0.0, 1.0], len(d), p=[0.02, 0.96, 0.02]))
    constant = np.zeros(len(d))
    found = against_rest(np.column_stack([other, d, constant]), tags, units)
    at = found.of.index((0, 0))
    assert (found.p[at] <= 0.05).tolist() == [False, True, False]
    assert found.n[at, 0] == (~np.isnan(other[tags[0] == 0])).sum()
    assert (found.p[:, 2] == 1).all()


def test_a_stratum_that_fell_as_a_whole_is_no_part_that_fell() -> None:
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1], 200)
    d = np.where(strata == 1, -0.5, 0.0) + rng.normal(0, 0.1, 400)
    tags = [np.where(rng.random(400) < 0.9, strata, rng.integers(0, 2, 400)), rng.integers(0, 4, 400)]
    assert (against_rest(d[:, None], tags, strata=strata).p > 0.05).all()
    assert (against_rest(d[:, None], tags).p[:, 0].min()) <= 0.05


@pytest.mark.parametrize("n", [0, 5, 30])
def test_where_there_is_nothing_to_compare_nothing_is_found(n: int) -> None:
    nothing = against_rest(np.full((n, 1), np.nan), [np.zeros(n, np.int64)])
    assert list(nothing.of) == []
    assert against_rest(np.zeros((n, 2)), []).p.shape == (0, 2)
    still = against_rest(np.zeros((n, 1)), [np.arange(n) % 2])
    assert (still.p == 1).all()


def test_the_same_seed_gives_the_same_p() -> None:
    d, tags, units = sliced(np.random.default_rng(1), loss=0.1)
    one, same, other = (against_rest(d[:, None], tags, units, seed=seed).p for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@given(
    sizes=st.lists(st.integers(1, 3), min_size=1, max_size=12),
    strata=st.integers(1, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_units_of_one_size_move_as_a_whole_within_their_stratum(sizes: list[int], strata: int, seed: int) -> None:
    equal = [2**size for size in sizes]
    units = np.repeat(np.arange(len(equal)), equal)
    kinds = (np.arange(len(equal)) % strata)[units]
    for order in orders(units, kinds, 3, np.random.default_rng(seed)):
        assert sorted(order) == list(range(len(units)))
        assert np.array_equal(kinds[order], kinds)
        for unit, size in enumerate(equal):
            assert len(set(units[order[units == unit]])) == 1
            assert (units == units[order[units == unit]][0]).sum() == size


@given(st.floats(-8, -1.01), st.floats(-1.5, 1.5))
@settings(max_examples=100, deadline=None)
def test_the_normal_scale_has_the_lower_tail_of_pearsons_third_type(t: float, skew: float) -> None:
    found = scipy.stats.norm.cdf(parts._unskewed(np.array([t]), np.array([skew])))[0]
    if abs(skew) < 0.02:
        assert found == pytest.approx(scipy.stats.pearson3.cdf(t, skew), rel=0.05)
    elif (wanted := scipy.stats.pearson3.cdf(t, skew)) > 1e-200:
        assert found == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("size", [1, 4])
def test_variance_and_skewness_are_those_of_permutations(size: int) -> None:
    rng = np.random.default_rng(0)
    units = np.arange(400) // size
    d = np.where(rng.random(400 // size)[units] < 0.06, -1.0, 0.0)  # a whole cluster is lost
    tag = (np.arange(400 // size) % 8)[units]
    look = parts._Look(d[:, None], tag[None], 8, units, np.zeros(400, np.int64))
    inside = np.array([(d[order] * (tag == 0)).sum() for order in orders(units, look.kinds, 20_000, rng)]) / 50
    gap = inside - (d.sum() - 50 * inside) / 350
    variance = look.second[0] * (1 / 50 + 1 / 350) * look.spread[0, 0]
    assert variance == pytest.approx(gap.var(), rel=0.05)
    assert look.skew[0, 0] == pytest.approx(scipy.stats.skew(gap), rel=0.15)
