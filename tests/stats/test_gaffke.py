"""Gaffke's bound: Clopper–Pearson's on 0s and 1s, and what simulated weights say on graded values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from harness.stats.gaffke import Sums, lower_bound, p_at_most, units_for, upper_bound

values = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=30).map(np.array)


@pytest.mark.parametrize(("n", "lost"), [(30, 0), (30, 3), (100, 1), (300, 10), (2000, 40)])
@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05, 0.1, 0.2])
def test_on_losses_alone_it_is_clopper_pearson(n: int, lost: int, margin: float) -> None:
    exact = float(beta.sf(margin, lost + 1, n - lost))
    found = p_at_most(Sums.of(np.r_[-np.ones(lost), np.zeros(n - lost)]), -margin, -1.0)
    assert found == pytest.approx(exact, rel=0.03, abs=1e-5)


def test_on_graded_values_it_is_the_share_of_weights_that_say_so(rng: np.random.Generator) -> None:
    seen = np.where(rng.random(50) < 0.05, -1.0, rng.normal(0.01, 0.2, 50))
    weights = rng.exponential(size=(200_000, 51))
    for margin in (0.02, 0.08):
        drawn = float((weights @ np.r_[seen + margin, margin - 1] <= 0).mean())
        assert p_at_most(Sums.of(seen), -margin, -1.0) == pytest.approx(drawn, abs=0.004)


@given(values, st.floats(0.005, 0.4))
def test_a_bound_is_where_its_own_test_stops_rejecting(x: np.ndarray, alpha: float) -> None:
    sums = Sums.of(x)
    bound = lower_bound(sums, alpha, -1.0)
    assert -1 <= bound <= sums.mean + 1e-12
    if -1 + 1e-6 < bound < sums.mean - 1e-6:
        assert p_at_most(sums, bound, -1.0) == pytest.approx(alpha, rel=1e-3)


@given(values)
def test_both_ends_mirror_each_other(x: np.ndarray) -> None:
    assert upper_bound(Sums.of(x), 0.05, 1.0) == pytest.approx(-lower_bound(Sums.of(-x), 0.05, -1.0))


@given(values, st.randoms(use_true_random=False))
def test_order_does_not_matter(x: np.ndarray, random: object) -> None:
    mixed = np.array(sorted(x, key=lambda _: random.random()))  # type: ignore[attr-defined]
    assert p_at_most(Sums.of(x), -0.1, -1.0) == p_at_most(Sums.of(mixed), -0.1, -1.0)


def test_a_worse_worst_value_says_less() -> None:
    seen = Sums.of(np.linspace(-0.1, 0.1, 100))
    assert lower_bound(seen, 0.05, -2.0) < lower_bound(seen, 0.05, -1.0) < lower_bound(seen, 0.05, -0.2)


def test_a_large_unit_makes_the_others_count_less() -> None:
    assert Sums.of(np.zeros(10), np.full(10, 7.0)).effective == pytest.approx(10)
    assert Sums.of(np.zeros(10), np.r_[91.0, np.ones(9)]).effective == pytest.approx(1.2, abs=0.01)


def test_hundred_thousand_rows_take_their_grid_and_keep_their_bound(rng: np.random.Generator) -> None:
    seen = rng.normal(0, 0.2, 100_000).clip(-1, 1)
    standard = float(seen.mean()) - 1.645 * float(seen.std()) / 100_000**0.5
    assert lower_bound(Sums.of(seen), 0.05, -1.0) == pytest.approx(standard, abs=5e-5)


def test_the_rule_of_three_names_the_least_number_of_units() -> None:
    for margin in (0.01, 0.02, 0.05, 0.1):
        least = units_for(margin)
        assert least is not None
        assert (1 - margin) ** least <= 0.05 < (1 - margin) ** (least - 1)
    assert units_for(0.0) is None
    assert units_for(1.0) == 1
