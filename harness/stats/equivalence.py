"""Is a mean difference shown to be small, either way? Two one-sided tests."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from harness.stats._binomial import at_most
from harness.stats._door import binary, inside, labels
from harness.stats.gaffke import lower_bound, p_at_most, units_for, upper_bound
from harness.stats.power import MAX_N, POWER
from harness.stats.rare import clustered
from harness.stats.results import Comparison
from harness.stats.verdict import compare_scores, judge


class Sameness(StrEnum):
    """What can be said about two means."""

    EQUIVALENT = "equivalent"
    """The difference is shown to be smaller than the margin, either way."""
    DIFFERENT = "not equivalent"
    """It is shown to be larger."""
    UNDECIDED = "undecided"
    """Neither; see ``n_needed``."""


@dataclass(frozen=True, slots=True)
class Tost:
    """Two one-sided tests of a paired difference, candidate − baseline."""

    outcome: Sameness
    estimate: float
    low: float
    """Lower end of the interval of ``2 · confidence − 1``: 90 % for tests at 5 %."""
    high: float
    margin: float
    p_value: float
    """The larger of the two p-values: small where the difference is shown to be within the margin."""
    n: int
    """Pairs."""
    units: int
    """Independent ones: clusters where there are any, else pairs."""
    method: str
    confidence: float
    n_needed: int | None
    """Pairs that would show equivalence with 80 % power if the truth is what was observed; None where it is shown, or
    where no number would do."""

    @property
    def level(self) -> float:
        """The coverage of the interval."""
        return 2 * self.confidence - 1


def tost(
    baseline: ArrayLike,
    candidate: ArrayLike,
    margin: float,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    span: float | None = 1.0,
) -> Tost:
    """Return whether paired scores are equivalent: each of two one-sided tests at 1 − ``confidence``.

    Each side is the gate's test of "not worse by the margin" (:func:`harness.stats.verdict.compare_scores`), once as
    it stands and once with the sides exchanged: Tango's score test for 0 and 1, Student's t with clusters and with the
    loss that was not drawn for other bounded scores. That both must reject costs no adjustment (an intersection–union
    test). Equivalence is the interval inside ±margin, difference the interval outside; an interval that crosses a
    margin decides nothing.

    Args:
        baseline: scores [n], finite.
        candidate: scores of the same samples in the same order, [n], finite.
        margin: the difference that matters, above 0.
        clusters: a label for each row, [n].
        confidence: 1 − alpha of each test, in (0.5, 1).
        span: the largest possible absolute difference of one sample; None where there is no limit.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Schuirmann 1987, "A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability"; Berger and Hsu 1996 for the intersection–union argument.

    >>> same = tost([1] * 150 + [0] * 50, [1] * 150 + [0] * 50, margin=0.02)
    >>> same.outcome, round(same.low, 4), round(same.high, 4)
    (<Sameness.EQUIVALENT: 'equivalent'>, -0.0133, 0.0133)
    >>> tost([1] * 20, [1] * 20, margin=0.02).outcome
    <Sameness.UNDECIDED: 'undecided'>
    """
    inside("margin", margin, 0, math.inf)
    inside("confidence", confidence, 0.5, 1)
    forth = compare_scores(baseline, candidate, "higher", clusters, confidence, margin, span)
    back = compare_scores(candidate, baseline, "higher", clusters, confidence, margin, span)
    low, high = forth.lower_bound, -back.lower_bound
    outcome = Sameness.UNDECIDED
    if low > -margin and high < margin:
        outcome = Sameness.EQUIVALENT
    elif low > margin or high < -margin:
        outcome = Sameness.DIFFERENT
    return Tost(
        outcome,
        forth.estimate,
        low,
        high,
        margin,
        max(forth.p_noninferior, back.p_noninferior),
        forth.n,
        forth.clusters,
        forth.method,
        confidence,
        None if outcome is Sameness.EQUIVALENT else _needed(forth, back),
    )


def _needed(forth: Comparison, back: Comparison) -> int | None:
    """Return the n that clears both margins; None where the observed difference lies beyond one."""
    if not abs(forth.estimate) < forth.margin:
        return None
    counts = [judge(side).n_needed for side in (forth, back) if not side.lower_bound > -side.margin]
    known = [count for count in counts if count is not None]
    # A plan by half a flip is too bold where no flip was seen: Tango's bound alone wants z² (1 − m) / m pairs.
    least = math.ceil(ndtri(forth.confidence) ** 2 * (1 - forth.margin) / forth.margin) if forth.flips else 0
    return max(*known, least, forth.n + 1) if known and len(known) == len(counts) else None


def agreement(agrees: ArrayLike, margin: float, clusters: ArrayLike | None = None, confidence: float = 0.95) -> Tost:
    """Return whether two raters agree on all but a share of samples that is smaller than the margin.

    The share that differs is compared with 0, from which it can go only one way: the test against −margin always
    rejects, and the other decides. Its bounds are exact for independent samples (Clopper and Pearson, of which
    Gaffke's is the form for clusters): two models that differ by the margin are called equivalent in one of twenty
    cases at most, where the score interval of paired shares errs up to one and a half times as often.

    Args:
        agrees: 1 where they agree and 0 where they do not, [n].
        margin: the share of differing samples that matters, in (0, 1).
        clusters: a label for each row, [n].
        confidence: 1 − alpha, in (0.5, 1).

    Returns:
        The test of minus that share, as a difference of B's agreement with A from A's with itself.

    Raises:
        ValueError: if an argument is not as described.

    >>> round(agreement([1] * 149, margin=0.02).low, 4), agreement([1] * 149, margin=0.02).outcome
    (-0.0199, <Sameness.EQUIVALENT: 'equivalent'>)
    """
    inside("margin", margin, 0, 1)
    inside("confidence", confidence, 0.5, 1)
    differs = np.asarray(1.0 - binary("agrees", agrees), np.float64)
    index, units = labels("clusters", clusters, differs.size)
    method = "exact binomial" if units == differs.size else "Gaffke, clustered"
    share, alpha, nan = (float(differs.mean()) if differs.size else math.nan), 1 - confidence, math.nan
    told = (differs.size, units, method, confidence)
    if units < 2:  # one image or table says nothing of others
        return Tost(Sameness.UNDECIDED, -share, nan, nan, margin, nan, *told, None)
    above, below = (clustered(differs, index, at_low, (0.0, 1.0)) for at_low in (False, True))
    most, least = upper_bound(above, alpha, 1.0), lower_bound(below, alpha, 0.0)
    outcome = Sameness.UNDECIDED
    if most < margin:
        outcome = Sameness.EQUIVALENT
    elif least > margin:
        outcome = Sameness.DIFFERENT
    p_value = p_at_most(above.mirrored, -margin, -1.0)
    needed = (
        None if outcome is Sameness.EQUIVALENT else _rows_needed(share, margin, alpha, differs.size, above.effective)
    )
    return Tost(outcome, -share, -most, -least, margin, p_value, *told, needed)


def _rows_needed(share: float, margin: float, alpha: float, n: int, effective: float) -> int | None:
    """Return how many rows show a share below the margin with 80 % power if it is the observed one, to some 5 %."""
    if not share < margin:
        return None
    units = float(units_for(margin, alpha) or 1)
    while units < MAX_N:
        size = math.ceil(units - 1e-9)
        counts = np.arange(math.ceil(size * margin) + 1)
        allowed = int((at_most(counts, size, margin) <= alpha).sum()) - 1
        if float(at_most(allowed, size, share)) >= POWER:
            return max(n + 1, math.ceil(size * n / effective - 1e-9))
        units *= 1.05
    return None
