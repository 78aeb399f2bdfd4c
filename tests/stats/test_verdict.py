"""The decision rule, case by case."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.stats.multiplicity import holm
from harness.stats.paired import mcnemar, paired_t
from harness.stats.power import mcnemar_minimum_effect, t_minimum_effect, t_power
from harness.stats.quantiles import median_ratio
from harness.stats.results import Flips, nothing
from harness.stats.verdict import Outcome, compare_scores, judge, judge_family, judge_ratio

margins = st.floats(0, 0.2)
tables = st.builds(Flips, *[st.integers(0, 80)] * 4)


@given(tables, margins, st.booleans())
@example(Flips(0, 0, 1, 0), 1.1125369292536007e-308, False)
def test_the_rule_is_the_rule(flips, margin, strict):
    comparison = mcnemar(flips, margin=margin)
    verdict = judge(comparison, strict=strict)
    fails = comparison.p_less <= 0.05 and -comparison.estimate >= margin
    clears = comparison.lower_bound > -margin
    assert not (fails and clears)
    expected = Outcome.FAIL if fails else Outcome.NON_INFERIOR if clears else Outcome.INCONCLUSIVE
    assert verdict.outcome is expected
    assert verdict.blocking == (fails or (strict and not clears))
    assert (verdict.n_needed is None) or expected is Outcome.INCONCLUSIVE


def test_a_change_of_nothing_passes_with_enough_samples_and_not_with_few(rng):
    scores = rng.random(400)
    enough = compare_scores(scores, scores, margin=0.02, span=1)
    few = compare_scores(scores[:40], scores[:40], margin=0.02, span=1)
    assert judge(enough).outcome is Outcome.NON_INFERIOR
    assert judge(few).outcome is Outcome.INCONCLUSIVE


def test_nothing_measured_is_inconclusive_and_says_so():
    verdict = judge(nothing("paired t", 0.95, 0.02))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.reason == "nothing was measured"
    assert verdict.n_needed is None
    assert math.isnan(verdict.minimum_effect)


def test_a_method_without_interval_is_inconclusive_with_its_reason():
    verdict = judge(paired_t([0.0, 0.0], margin=0.1))
    assert "no spread" in verdict.reason


def test_the_effect_printed_is_the_one_found_with_80_percent_at_the_level_of_the_family(rng):
    d = rng.normal(-0.01, 0.3, 400)
    verdict = judge(paired_t(d, margin=0.02), family=20)
    sd = d.std(ddof=1)
    assert verdict.minimum_effect == pytest.approx(t_minimum_effect(sd, 400, alpha=0.05 / 20, margin=0.02))
    binary = judge(mcnemar(Flips(300, 20, 15, 65), margin=0.02))
    assert binary.minimum_effect == pytest.approx(mcnemar_minimum_effect(35 / 400, 400, margin=0.02))


def test_the_n_that_would_decide_decides_if_what_was_seen_is_true():
    d = np.resize([0.2, -0.21], 100)  # −0.005 on average
    verdict = judge(paired_t(d, margin=0.02))
    sd = float(d.std(ddof=1))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert t_power(0.015, sd, verdict.n_needed) >= 0.8 > t_power(0.015, sd, verdict.n_needed - 1)
    assert t_power(0.02, sd, verdict.n_if_unchanged) >= 0.8
    assert verdict.n_needed > verdict.n_if_unchanged


def test_an_insignificant_large_drop_needs_more_samples_to_fail():
    verdict = judge(mcnemar(Flips(20, 4, 1, 5), margin=0.02))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert verdict.n_needed > 30
    graded = judge(paired_t([-0.5, 0.4, -0.3, 0.2], margin=0.02))
    assert graded.n_needed > 4


def test_a_family_is_judged_by_holm(rng):
    comparisons = [paired_t(rng.normal(-0.1, 1, 300), margin=0.02) for _ in range(6)]
    comparisons.append(nothing("paired t", 0.95, 0.02))
    verdicts = judge_family(comparisons)
    adjusted = holm([c.p_less for c in comparisons[:6]])
    assert [v.adjusted_p for v in verdicts[:6]] == pytest.approx(adjusted)
    assert math.isnan(verdicts[6].adjusted_p)
    assert judge_family([]) == []


def test_binary_scores_take_mcnemar_and_clustered_or_graded_ones_take_t(rng):
    old, new = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    assert compare_scores(old, new).method == "McNemar exact"
    assert compare_scores(old, new, clusters=np.arange(60)).method == "McNemar exact"
    assert compare_scores(old, new, clusters=np.arange(60) // 2).method == "paired t, clustered"
    assert compare_scores(old / 2, new).method == "paired t"
    assert compare_scores([], []).n == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_where_lower_is_better_a_rise_is_a_drop(pairs):
    old, new = (np.array(side, float) for side in zip(*pairs, strict=True))
    lower, higher = compare_scores(old, new, "lower"), compare_scores(1 - old, 1 - new)
    assert lower == higher
    assert lower.estimate == pytest.approx(float(np.mean(old - new)))


def test_latency_fails_beyond_the_margin_only(rng):
    old = rng.lognormal(0, 0.05, 40)
    slower = [
        judge_ratio(median_ratio(old, factor * old * rng.lognormal(0, 0.005, 40), rng, margin=0.03))
        for factor in (1.1, 1.0)
    ]
    assert [verdict.outcome for verdict in slower] == [Outcome.FAIL, Outcome.NON_INFERIOR]
    few = judge_ratio(median_ratio(old[:4], 1.1 * old[:4], rng, margin=0.03), strict=True)
    assert few.outcome is Outcome.INCONCLUSIVE
    assert few.blocking


def test_a_wrong_argument_is_named():
    comparison = mcnemar(Flips(1, 1, 1, 1))
    with pytest.raises(ValueError, match="adjusted_p: must lie in"):
        judge(comparison, 1.5)
    with pytest.raises(ValueError, match="family: must be 1 or more"):
        judge(comparison, family=0)


@pytest.mark.parametrize(
    ("lower", "upper", "outcome"),
    [
        (0.99, 1.0299, Outcome.NON_INFERIOR),
        (0.99, 1.0301, Outcome.INCONCLUSIVE),
        (1.0299, 1.05, Outcome.INCONCLUSIVE),
        (1.0301, 1.05, Outcome.FAIL),
        (0.99, 1.03, Outcome.INCONCLUSIVE),
        (1.03, 1.05, Outcome.INCONCLUSIVE),
    ],
)
def test_a_ratio_is_decided_by_which_side_of_the_limit_its_bounds_lie(lower, upper, outcome):
    middle = (lower + upper) / 2
    seen = replace(nothing("ratio", 0.95, 0.03), estimate=middle, lower_bound=lower, upper_bound=upper, n=40)
    assert judge_ratio(seen).outcome is outcome


def test_a_significant_drop_of_exactly_the_margin_fails():
    assert judge(mcnemar(Flips(680, 20, 0, 300), margin=0.02)).outcome is Outcome.FAIL
    assert judge(mcnemar(Flips(681, 19, 0, 300), margin=0.02)).outcome is not Outcome.FAIL
