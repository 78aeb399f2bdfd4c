"""The decision on one metric: FAIL, NON-INFERIOR or INCONCLUSIVE, with what it would take to decide."""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from harness.stats._door import labels
from harness.stats.gaffke import units_for
from harness.stats.multiplicity import holm
from harness.stats.paired import count_flips, mcnemar, oriented, paired_t
from harness.stats.power import (
    POWER,
    mcnemar_minimum_effect,
    mcnemar_sample_size,
    t_minimum_effect,
    t_sample_size,
)
from harness.stats.results import MIN_UNITS, Comparison


class Outcome(StrEnum):
    """What can be said about one metric."""

    FAIL = "fail"
    """Significantly worse, and by the margin or more."""
    NON_INFERIOR = "non-inferior"
    """Not worse by the margin: shown, not assumed."""
    INCONCLUSIVE = "inconclusive"
    """Neither; see ``n_needed``."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one metric, and why."""

    outcome: Outcome
    blocking: bool
    """Whether the metric alone stops the change: FAIL does; under ``strict`` so does all but NON-INFERIOR."""
    comparison: Comparison
    adjusted_p: float
    """One-sided p for a drop, adjusted for the family; NaN where the rule uses none."""
    minimum_effect: float
    """The smallest true drop that this n finds with 80 % power, at the level of the whole family."""
    n_needed: int | None
    """The n that would decide with 80 % power if the truth is what was observed; None where decided or none would."""
    n_if_unchanged: int | None
    """The n that would show non-inferiority with 80 % power if nothing has changed; None where no n would."""
    reason: str
    """A sentence."""


def compare_scores(
    baseline: ArrayLike,
    candidate: ArrayLike,
    direction: Literal["higher", "lower"] = "higher",
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    margin: float = 0.0,
    span: float | None = None,
) -> Comparison:
    """Return the comparison that the gate uses for a per-sample metric.

    McNemar's exact test with Tango's interval where all scores are 0 or 1 and all samples
    independent; else the paired t test, with clusters where samples share one (McNemar's test knows
    no clusters).

    Args:
        baseline: scores [n], finite.
        candidate: scores of the same samples in the same order, [n], finite.
        direction: which way the score gets better.
        clusters: a label for each row, [n].
        confidence: 1 − alpha of the gate, in (0, 1).
        margin: the drop that matters, 0 or more.
        span: the largest possible absolute difference of one sample (1 for scores in [0, 1]).

    Raises:
        ValueError: if an argument is not as described.

    >>> compare_scores([1, 1, 0, 1], [1, 0, 0, 1], margin=0.02).method
    'McNemar exact'
    """
    d = oriented(baseline, candidate, direction)
    a, b = np.asarray(baseline, np.float64), np.asarray(candidate, np.float64)
    zero_one = np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all()
    independent = clusters is None or labels("clusters", clusters, d.size)[1] == d.size
    if not (zero_one and independent):
        return paired_t(d, clusters, confidence, margin, span)
    flips = count_flips(a, b) if direction == "higher" else count_flips(1 - a, 1 - b)
    return mcnemar(flips, confidence, margin)


def judge(comparison: Comparison, adjusted_p: float | None = None, family: int = 1, strict: bool = False) -> Verdict:
    """Return the verdict on one metric; alpha is 1 − ``comparison.confidence``.

    FAIL iff the adjusted p ≤ alpha and the observed drop ≥ the margin, from five independent units on.
    NON-INFERIOR iff the one-sided lower bound > −margin. Otherwise INCONCLUSIVE, also where there is no data or no
    interval. Non-inferiority is not adjusted for the family: all metrics must show it, and "all"
    is wrong only if each of them is (an intersection–union test).

    Args:
        comparison: oriented so that above zero is better, with its margin.
        adjusted_p: one-sided p for a drop after Holm; None: the comparison's own (a family of one).
        family: metrics that are tested together, 1 or more; the effect and the n are planned at alpha / family.
        strict: whether anything but NON-INFERIOR blocks.

    Raises:
        ValueError: if an argument is not as described.

    >>> from harness.stats.results import Flips
    >>> from harness.stats.paired import mcnemar
    >>> judge(mcnemar(Flips(300, 40, 10, 50), margin=0.02)).outcome
    <Outcome.FAIL: 'fail'>
    >>> judge(mcnemar(Flips(30, 1, 1, 8), margin=0.02)).reason
    'neither a drop of 0.02 nor its absence is shown; lower bound -0.0836'
    """
    p = comparison.p_less if adjusted_p is None else adjusted_p
    if p < 0 or p > 1:
        raise ValueError(f"adjusted_p: must lie in [0, 1], got {p:g}")
    if family < 1:
        raise ValueError(f"family: must be 1 or more, got {family}")
    alpha, margin = 1 - comparison.confidence, comparison.margin
    drop = -comparison.estimate
    few = comparison.flips is None and comparison.clusters < MIN_UNITS
    if p <= alpha and drop >= margin and not few:
        outcome = Outcome.FAIL
        reason = f"a drop of {drop:.3g}, at least the margin of {margin:g}, with adjusted p = {p:.2g}"
    elif comparison.lower_bound > -margin:
        outcome = Outcome.NON_INFERIOR
        reason = f"the drop is below the margin of {margin:g}; lower bound {comparison.lower_bound:.3g}"
    else:
        outcome = Outcome.INCONCLUSIVE
        reason = _why_not(comparison)
    spread = _planning_spread(comparison)
    undecided = outcome is Outcome.INCONCLUSIVE
    return Verdict(
        outcome,
        blocking=outcome is Outcome.FAIL or (strict and undecided),
        comparison=comparison,
        adjusted_p=p,
        minimum_effect=_minimum_effect(comparison, spread, alpha / family),
        n_needed=_n_needed(comparison, spread, alpha, family) if undecided else None,
        n_if_unchanged=_n_to_clear(0.0, comparison, spread, alpha),
        reason=reason,
    )


def judge_family(
    comparisons: Sequence[Comparison], strict: bool = False, beside: Sequence[float] = ()
) -> list[Verdict]:
    """Return the verdicts on metrics that are tested together, with Holm over those that have a p-value.

    Args:
        comparisons: one for each metric, each with its margin; those without data stay out of the family.
        strict: whether anything but NON-INFERIOR blocks.
        beside: one-sided p-values of other tests in the same family; NaN for one that has none.

    >>> from harness.stats.paired import paired_t
    >>> worse, same = paired_t([-1.0, -1.1, -0.9, -1.2, -1.0]), paired_t([0.1, -0.1, 0.2, -0.2, 0.0])
    >>> [verdict.outcome.value for verdict in judge_family([worse, same])]
    ['fail', 'inconclusive']
    """
    adjusted = np.array([*(comparison.p_less for comparison in comparisons), *beside], np.float64)
    tested = ~np.isnan(adjusted)
    adjusted[tested] = holm(adjusted[tested])
    family = max(1, int(tested.sum()))
    return [judge(c, float(q), family, strict) for c, q in zip(comparisons, adjusted, strict=False)]


def judge_ratio(comparison: Comparison, strict: bool = False) -> Verdict:
    """Return the verdict on a ratio candidate / baseline where more is worse (latency, memory).

    FAIL iff the one-sided lower bound exceeds 1 + margin, NON-INFERIOR iff the one-sided upper bound
    is below 1 + margin, else INCONCLUSIVE.

    Args:
        comparison: such as ``median_ratio``'s, with its margin.
        strict: whether anything but NON-INFERIOR blocks.

    >>> from harness.stats.quantiles import median_ratio
    >>> old = np.linspace(1.0, 1.2, 20)
    >>> new = old * np.linspace(1.19, 1.21, 20)
    >>> judge_ratio(median_ratio(old, new, np.random.default_rng(0), margin=0.03)).outcome
    <Outcome.FAIL: 'fail'>
    """
    limit = 1 + comparison.margin
    undecided = False
    if comparison.lower_bound > limit:
        outcome, reason = Outcome.FAIL, f"slower by a factor of {comparison.lower_bound:.3g} at least; limit {limit:g}"
    elif comparison.upper_bound < limit:
        outcome, reason = Outcome.NON_INFERIOR, f"a factor of {comparison.upper_bound:.3g} at most; limit {limit:g}"
    else:
        outcome, reason, undecided = Outcome.INCONCLUSIVE, _why_not(comparison), True
    alpha = 1 - comparison.confidence
    spread = comparison.standard_error * math.sqrt(comparison.n)
    known = spread > 0 and comparison.estimate > 0
    gap = abs(math.log(limit / comparison.estimate)) if known else math.nan
    return Verdict(
        outcome,
        blocking=outcome is Outcome.FAIL or (strict and undecided),
        comparison=comparison,
        adjusted_p=math.nan,
        minimum_effect=limit * math.exp(t_minimum_effect(spread, comparison.n, alpha=alpha)) - 1 if known else math.nan,
        n_needed=t_sample_size(gap, spread, alpha=alpha) if known and undecided and gap > 0 else None,
        n_if_unchanged=t_sample_size(math.log(limit), spread, alpha=alpha) if known and limit > 1 else None,
        reason=reason,
    )


def _why_not(comparison: Comparison) -> str:
    if comparison.n == 0:
        return "nothing was measured"
    if math.isnan(comparison.lower_bound):
        return "no interval: " + "; ".join(comparison.warnings or ("too few samples to see any spread",))
    bound = f"lower bound {comparison.lower_bound:.3g}"
    said = f"neither a drop of {comparison.margin:g} nor its absence is shown; {bound}"
    if comparison.flips is None and comparison.clusters < MIN_UNITS:
        return f"{said}; {comparison.clusters} independent units are too few, {MIN_UNITS} are the least"
    least = least_units(comparison)
    if least is not None and comparison.effective_units < least:
        return f"{said}; {units_told(comparison)}, and no fewer than {least} can show it"
    return said


def least_units(comparison: Comparison) -> int | None:
    """Return with how few independent units a drop of the margin cannot be shown absent; None where nothing tells."""
    if not comparison.span > 0 or not comparison.margin > 0:
        return None
    return units_for(comparison.margin / comparison.span, 1 - comparison.confidence)


def units_told(comparison: Comparison) -> str:
    """Say how many independent units there are, and what they are worth where their sizes differ.

    >>> from harness.stats.paired import paired_t
    >>> units_told(paired_t([0.0, 0.1, 0.0, 0.2, 0.1, 0.0], ["a", "a", "a", "b", "c", "d"], span=1.0))
    'its 4 clusters count as 3'
    """
    worth = math.floor(comparison.effective_units + 1e-9)
    if comparison.clusters == comparison.n:
        return f"there are {comparison.n} independent samples"
    worthy = "" if worth >= comparison.clusters else f" count as {worth}"
    return f"its {comparison.clusters} clusters{worthy}" if worthy else f"there are {comparison.clusters} clusters"


def _planning_spread(comparison: Comparison) -> float:
    """Return the standard deviation of one difference for planning; binary scores without flips get half a flip."""
    if comparison.flips is not None and comparison.flips.n:
        flips = comparison.flips
        share = max(flips.discordant, 0.5) / flips.n
        return math.sqrt(share - flips.difference**2) if share > flips.difference**2 else 0.0
    return comparison.standard_error * math.sqrt(comparison.n)


def _minimum_effect(comparison: Comparison, spread: float, alpha: float) -> float:
    if comparison.flips is not None and comparison.n:
        share = min(1.0, max(comparison.flips.discordant, 0.5) / comparison.n)
        return mcnemar_minimum_effect(share, comparison.n, alpha=alpha, margin=comparison.margin)
    if not spread > 0:
        return math.nan
    return t_minimum_effect(spread, comparison.n, alpha=alpha, margin=comparison.margin)


def _n_needed(comparison: Comparison, spread: float, alpha: float, family: int) -> int | None:
    if -comparison.estimate <= comparison.margin:
        return _n_to_clear(comparison.estimate, comparison, spread, alpha)
    if comparison.flips is not None and comparison.n:
        lost, gained = comparison.flips.lost / comparison.n, comparison.flips.gained / comparison.n
        return mcnemar_sample_size(lost, gained, POWER, alpha / family, margin=comparison.margin)
    if not spread > 0:
        return None
    return t_sample_size(-comparison.estimate, spread, POWER, alpha / family, margin=comparison.margin)


def _n_to_clear(truth: float, comparison: Comparison, spread: float, alpha: float) -> int | None:
    gap = truth + comparison.margin
    if gap <= 0:
        return None
    if comparison.span > 0 and comparison.flips is None and spread > 0:
        return _n_beyond_rare_losses(comparison, gap, spread, alpha)
    return t_sample_size(gap, spread, POWER, alpha) if spread > 0 else _n_without_spread(comparison, gap, alpha)


def _n_beyond_rare_losses(comparison: Comparison, gap: float, spread: float, alpha: float) -> int:
    """Return how many rows Gaffke's bound needs: those of the t test, and some three units for each gap in the span.

    Within 5 % of the simulated n for 80 % power over spreads of 0 to .25 and margins of .02 and .05.
    """
    a_unit = comparison.n / max(comparison.effective_units, 1.0)
    by_spread = (ndtri(1 - alpha) + ndtri(POWER)) ** 2 * (spread / gap) ** 2
    return math.ceil(by_spread - math.log(alpha) * a_unit * comparison.span / gap)


def _n_without_spread(comparison: Comparison, gap: float, alpha: float) -> int | None:
    """Return how many units without any difference hide so small a share that it moves the mean by less than ``gap``.

    n units that agree leave room for a share of 1 − α^(1/n) that does not, each by as much as the metric can reach.
    """
    units = comparison.clusters or comparison.n
    room = comparison.estimate - comparison.lower_bound
    if not (units and room > 0):
        return None
    reach = room / (1 - alpha ** (1 / units))
    if gap >= reach:
        return 1
    per_unit = comparison.n / units
    if gap / reach < sys.float_info.epsilon:  # no number of units would do
        return None
    return math.ceil(per_unit * (math.log(alpha) / math.log1p(-gap / reach) + 1e-9))
