"""Is a mean difference shown to be small, either way? Two one-sided tests."""

import math
from dataclasses import dataclass
from enum import StrEnum

from numpy.typing import ArrayLike
from scipy.special import ndtri

from harness.stats._door import inside
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
