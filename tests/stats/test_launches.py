"""Welch's t on logs of launches is SciPy's, and two launches that differ by themselves decide nothing wrongly."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage.launches import ratios_judged
from harness.stats.launches import welch_ratio
from tests.stats.simulations import monte_carlo_error

times = st.lists(st.floats(0.5, 50.0).map(lambda x: round(x, 2)), min_size=2, max_size=12, unique=True)


@given(times, times)
@settings(max_examples=100, deadline=None)
def test_it_is_welchs_t_of_logs(old: list[float], new: list[float]) -> None:
    found = welch_ratio(old, new, margin=0.05)
    wanted = scipy.stats.ttest_ind(np.log(new), np.log(old), equal_var=False)
    assert found.p_value == pytest.approx(wanted.pvalue, abs=1e-9)
    assert [found.low, found.high] == pytest.approx(np.exp(list(wanted.confidence_interval())), rel=1e-6)
    assert found.estimate == pytest.approx(scipy.stats.gmean(new) / scipy.stats.gmean(old))
    assert found.p_less + found.p_greater == pytest.approx(1)
    moved = scipy.stats.ttest_ind(np.log(new) - np.log(1.05), np.log(old), equal_var=False, alternative="less")
    assert found.p_noninferior == pytest.approx(moved.pvalue, abs=1e-9)


@pytest.mark.parametrize(("old", "new"), [([], [1.0]), ([1.0], []), ([], [])])
def test_without_a_launch_on_one_side_nothing_is_said(old: list[float], new: list[float]) -> None:
    assert welch_ratio(old, new).n == 0


@pytest.mark.parametrize(("old", "new"), [([1.0], [1.1, 1.2]), ([2.0, 2.0], [3.0, 3.0])])
def test_one_launch_or_launches_without_spread_have_a_ratio_and_no_bounds(old: list[float], new: list[float]) -> None:
    found = welch_ratio(old, new)
    assert found.estimate > 1
    assert np.isnan(found.lower_bound)
    assert "no interval" in found.warnings[0]


def test_a_time_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        welch_ratio([0.0, 1.0], [1.0, 2.0])


def test_launches_that_differ_by_themselves_fail_and_pass_wrongly_in_less_than_a_twentieth() -> None:
    for one in ratios_judged(150):
        assert one.wrong_FAIL <= 0.05 + monte_carlo_error(0.05, one.runs), one
        assert one.wrong_PASS <= 0.05 + monte_carlo_error(0.05, one.runs), one
