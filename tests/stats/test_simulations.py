"""Error rates hold: coverage, false alarms, power and sequential looks, within Monte Carlo error."""

import pytest

from tests.stats import simulations
from tests.stats.simulations import monte_carlo_error

pytestmark = pytest.mark.slow


def test_t_intervals_cover_what_they_say():
    for row in simulations.coverage_of_means(3000):
        skewness = 0.012 if "exponential" in row.data else 0.0
        assert row.two_sided == pytest.approx(0.95, abs=monte_carlo_error(0.95, row.runs) + skewness), row
        assert row.lower_bound >= 0.95 - monte_carlo_error(0.95, row.runs), row


def test_tango_bounds_hold_where_newcombes_do_not():
    rows = simulations.coverage_of_shares(3000)
    for row in rows:
        if row.method == "Tango":
            assert row.two_sided >= 0.94 - monte_carlo_error(0.94, row.runs), row
            assert row.lower_bound >= 0.945 - monte_carlo_error(0.945, row.runs), row
    worst = min(row.lower_bound for row in rows if row.method == "Newcombe")
    assert worst < 0.9


def test_bootstrap_ratios_and_order_statistics_cover_nearly_what_they_say():
    for row in simulations.coverage_of_bootstrap(600):
        assert row.two_sided >= 0.93 - monte_carlo_error(0.93, row.runs), row


def test_draws_that_two_runs_kept_compare_them_as_a_paired_bootstrap_does():
    (row,) = simulations.coverage_of_shared_draws(400)
    assert row.two_sided >= 0.93 - monte_carlo_error(0.93, row.runs), row
    assert row.lower_bound >= 0.93 - monte_carlo_error(0.93, row.runs), row


def test_false_alarms_stay_below_five_percent_over_twenty_metrics():
    for row in simulations.false_alarms(150):
        assert row.any_fail <= row.any_significant <= 0.05 + monte_carlo_error(0.05, row.runs), row
        assert row.any_unadjusted > 0.2
        assert row.any_threshold > 0.5


def test_power_at_the_printed_effect_is_eighty_percent():
    for row in simulations.power_at_printed_effect(3000):
        assert row.power >= 0.8 - monte_carlo_error(0.8, row.runs), row


def test_looking_early_keeps_the_level_and_saves_samples():
    for row in simulations.sequential(1000):
        if row.truth == "no change":
            assert row.fail <= 0.05 + monte_carlo_error(0.05, row.runs), row
            assert row.saved > 0.25
        elif row.truth == f"{-simulations.MARGIN:+.2f}":
            assert row.non_inferior <= 0.05 + monte_carlo_error(0.05, row.runs), row
        else:
            assert row.fail > 0.98
            assert row.saved > 0.5
