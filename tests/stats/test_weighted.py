"""Draws with unequal chances: chances, the draw, and what is made of the rows."""

from dataclasses import asdict
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.stats.chances import PLAIN, chances, drawn, expected_moves, worth
from harness.stats.paired import mcnemar, paired_t
from harness.stats.results import Flips
from harness.stats.weighted import Weighted, weighted_t
from harness.stats.weighted_flips import weighted_flips

SCORES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=2, max_size=40)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 4), st.integers(1, 5)), min_size=1, max_size=30), st.floats(0.5, 40))
def test_chances_add_up_and_nobody_falls_below_the_plain_share(units: list[tuple[float, int]], rows: float) -> None:
    moves, sizes = (np.array(side, float) for side in zip(*units, strict=True))
    found = chances(moves, sizes, rows)
    assert found @ sizes == pytest.approx(min(rows, sizes.sum()))
    assert (found <= 1).all()
    assert (found >= min(1.0, PLAIN * rows / sizes.sum()) * (1 - 1e-9)).all()


def test_the_comb_meets_each_unit_with_its_chance_in_every_order() -> None:
    chance = np.array([0.25, 0.5, 0.75, 0.5])
    starts = (np.arange(400) + 0.5) / 400
    for order in permutations(range(4)):
        met = np.zeros(4)
        for start in starts:
            units = drawn(chance, order, float(start))
            assert len(units) == 2
            met[units] += 1 / len(starts)
        assert met == pytest.approx(chance)


def test_weighted_sums_are_unbiased_over_all_draws_of_a_small_population() -> None:
    values, sizes = np.array([3.0, -1.0, 0.0, 2.0, 5.0]), np.array([1.0, 2.0, 1.0, 1.0, 1.0])
    chance = chances([1.0, 0.2, 0.0, 0.4, 2.0], sizes, 3)
    starts = (np.arange(2_000) + 0.5) / 2_000
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 1, 3]):
        sums = []
        for start in starts:
            units = drawn(chance, order, float(start))
            rows = Weighted.of(values[units], 1 / chance[units], None)
            sums.append((rows.sums.sum(), (rows.sizes * sizes[units]).sum()))
        assert np.mean(sums, axis=0) == pytest.approx([values.sum(), sizes.sum()], rel=2e-3)


@settings(max_examples=50, deadline=None)
@given(SCORES, st.sampled_from([1.0, 3.5]), st.booleans())
def test_with_equal_chances_every_number_is_the_plain_one(d: list[float], weight: float, paired: bool) -> None:
    clusters = np.arange(len(d)) // 2 if paired else None
    plain = paired_t(d, clusters, 0.95, 0.05, 1.0)
    assert repr(asdict(weighted_t(d, [weight] * len(d), clusters, 0.95, 0.05, 1.0))) == repr(asdict(plain))


@settings(max_examples=50, deadline=None)
@given(SCORES, st.data())
def test_the_unit_of_the_weights_and_the_order_of_the_rows_do_not_matter(d: list[float], data: st.DataObject) -> None:
    weights = np.array(data.draw(st.lists(st.sampled_from([1.0, 2.0, 4.0]), min_size=len(d), max_size=len(d))))
    order = np.array(data.draw(st.permutations(range(len(d)))))
    one, other = weighted_t(d, weights, span=1.0), weighted_t(np.array(d)[order], 8 * weights[order], span=1.0)
    for name in ("estimate", "low", "high", "p_less", "p_noninferior"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-6, nan_ok=True)


def test_without_one_difference_the_interval_allows_for_the_heaviest_that_was_not_drawn() -> None:
    light = weighted_t(np.zeros(100), np.r_[np.ones(99), 1.001], span=1.0)
    heavy = weighted_t(np.zeros(100), np.r_[np.ones(50), np.full(50, 6.0)], span=1.0)
    assert light.estimate == 0.0
    assert heavy.low < light.low < -0.03
    assert heavy.high > light.high > 0.03
    assert heavy.p_less == heavy.p_greater == 1.0


def test_what_earlier_runs_disagree_on_is_expected_to_move_and_what_none_knows_is_average() -> None:
    found = expected_moves([[1, 1, np.nan, 0], [0, 1, np.nan, 0], [1, 1, np.nan, 0]])
    assert found[0] > found[2] > found[1] == found[3] > 0
    assert expected_moves(np.ones((3, 4))).tolist() == [0.0] * 4


def test_a_draw_by_what_comes_true_is_worth_more_than_a_plain_one() -> None:
    moves = np.r_[np.ones(20), np.zeros(80)]
    assert worth(chances(moves, np.ones(100), 20), np.ones(100), moves) > 1.5
    assert worth(chances(np.zeros(100), np.ones(100), 20), np.ones(100), moves) == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(0, 12), st.integers(2, 60), st.sampled_from([0.0, 0.05]))
def test_flips_of_one_weight_have_tangos_interval(lost: int, gained: int, same: int, margin: float) -> None:
    d = np.r_[-np.ones(lost), np.ones(gained), np.zeros(same)]
    found, plain = (
        weighted_flips(d, np.full(d.size, 3.0), margin=margin),
        mcnemar(Flips(same, lost, gained, 0), margin=margin),
    )
    for name in ("estimate", "low", "high", "lower_bound", "upper_bound", "p_noninferior"):
        assert getattr(found, name) == pytest.approx(getattr(plain, name), abs=1e-9)


def test_without_a_flip_the_interval_reaches_as_far_as_the_heaviest_may_weigh() -> None:
    found = weighted_flips(np.zeros(100), np.r_[np.ones(50), np.full(50, 3.0)])
    assert found.high == -found.low == pytest.approx(1.96**2 * 3 / 200, rel=0.12)
    assert found.p_less >= 0.5
    assert found.p_value == 1.0


def test_losses_among_the_heavy_count_more_than_gains_among_the_light() -> None:
    found = weighted_flips(np.r_[-np.ones(5), np.ones(5), np.zeros(90)], np.r_[np.full(5, 4.0), np.ones(95)])
    assert found.estimate == pytest.approx(-15 / 115)
    assert found.low < found.estimate < found.high < 0.05
    assert found.p_less < 0.1 < found.p_greater


def test_few_flips_do_not_make_a_sure_loss() -> None:
    found = weighted_flips(np.r_[-np.ones(5), np.zeros(95)], np.r_[np.full(5, 1.01), np.ones(95)])
    assert found.p_less > float(mcnemar(Flips(95, 5, 0, 0), mid_p=True).p_less)
