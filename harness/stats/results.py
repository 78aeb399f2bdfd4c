"""What every comparison of two runs returns, whatever method made it."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.stats._door import at_least

MIN_UNITS: Final = 5
"""With fewer units Student's t finds drops where rows merely differ."""
MIN_CLUSTERS: Final = 30
"""With fewer clusters cluster-robust intervals are too narrow (Cameron and Miller 2015)."""


@dataclass(frozen=True, slots=True)
class Flips:
    """How many samples are right and wrong before and after."""

    both_right: int
    lost: int
    """Right in the baseline, wrong in the candidate."""
    gained: int
    """Wrong in the baseline, right in the candidate."""
    both_wrong: int

    @property
    def n(self) -> int:
        """All samples."""
        return self.both_right + self.lost + self.gained + self.both_wrong

    @property
    def discordant(self) -> int:
        """Samples that flipped, either way."""
        return self.lost + self.gained

    @property
    def difference(self) -> float:
        """Share right in the candidate minus share right in the baseline; NaN without samples."""
        return (self.gained - self.lost) / self.n if self.n else math.nan

    @property
    def spread(self) -> float:
        """Standard deviation of one sample's difference; NaN without samples."""
        return math.sqrt(max(0.0, self.discordant / self.n - self.difference**2)) if self.n else math.nan


@dataclass(frozen=True, slots=True)
class Comparison:
    """An estimate with its interval and its p-values.

    For differences above zero is better; for ratios (``median_ratio``) "zero" below
    stands for a ratio of 1. NaN stands for "this method, or this data, says nothing about it".
    """

    estimate: float
    low: float
    """Lower end of the two-sided interval."""
    high: float
    """Upper end of the two-sided interval."""
    lower_bound: float
    """One-sided: with ``confidence`` the truth is not below this."""
    upper_bound: float
    """One-sided: with ``confidence`` the truth is not above this."""
    p_value: float
    """Two-sided, against no difference."""
    p_less: float
    """One-sided; small where the truth is below zero (for differences: worse)."""
    p_greater: float
    """One-sided; small where the truth is above zero (for differences: better)."""
    p_noninferior: float
    """One-sided; small where the truth is above −margin. ``p_noninferior < 1 − confidence`` says the same
    as ``lower_bound > −margin``, up to Monte Carlo error for a bootstrap."""
    n: int
    """Pairs that the estimate is computed from."""
    method: str
    confidence: float = 0.95
    margin: float = 0.0
    """The margin that ``p_noninferior`` speaks of, 0 or more."""
    standard_error: float = math.nan
    df: float = math.nan
    """Degrees of freedom, where the method has them."""
    clusters: int = 0
    """Independent units: clusters where there are any, else pairs."""
    resamples: int = 0
    """Bootstrap draws or permutations behind it; 0 for none."""
    flips: Flips | None = None
    """The table of flips, where scores are binary."""
    span: float = math.nan
    """The largest possible absolute difference of one unit, where the lower ends allow for losses not drawn."""
    effective: float = math.nan
    """What clusters of unequal size are worth, in clusters of one size; NaN where they are worth their number."""
    warnings: tuple[str, ...] = ()
    """What a reader must know before trusting this, as sentences."""

    @property
    def effective_units(self) -> float:
        """How many independent units of one size there are."""
        return self.clusters if math.isnan(self.effective) else self.effective


def nothing(method: str, confidence: float, margin: float = 0.0) -> Comparison:
    """Return the comparison of no data: NaN throughout, ``n = 0``."""
    nan = math.nan
    return Comparison(nan, nan, nan, nan, nan, nan, nan, nan, nan, 0, method, confidence, margin)


def without_spread(
    estimate: float, n: int, units: int, method: str, confidence: float, margin: float, span: float | None
) -> Comparison:
    """Return what can honestly be said where all units agree, so that no spread can be seen.

    No zero-width interval is claimed. With ``span`` the interval allows for the share ε of unseen
    units that could behave differently although none of those seen did: (1 − ε)^units = tail
    probability (the "rule of three" and its kin), moving the estimate to −span or +span on that
    share. Without ``span`` the interval and ``p_noninferior`` are NaN. The p-values are 1 for an
    estimate of zero and otherwise those of a sign-flip test, 0.5^units on the estimate's side.

    Args:
        estimate: the common difference.
        n: pairs.
        units: independent units (clusters).
        method: as it will be shown.
        confidence: of the interval.
        margin: for ``p_noninferior``.
        span: the largest possible absolute difference, ``|estimate|`` or more, or None where there is no limit.
    """
    tail = 1 - confidence
    one_sided = 0.5**units if estimate else 1.0
    low, high = _allowing_for_unseen(estimate, units, tail / 2, span)
    lower, upper = _allowing_for_unseen(estimate, units, tail, span)
    noninferior = math.nan
    if span is not None:
        gap, reach = estimate + margin, span + estimate
        noninferior = 1.0 if gap <= 0 else max(0.0, 1 - gap / reach) ** units if reach > 0 else 0.0
    return Comparison(
        estimate,
        low,
        high,
        lower,
        upper,
        p_value=min(1.0, 2 * one_sided),
        p_less=one_sided if estimate <= 0 else 1.0,
        p_greater=one_sided if estimate >= 0 else 1.0,
        p_noninferior=noninferior,
        n=n,
        method=method,
        confidence=confidence,
        margin=margin,
        standard_error=0.0,
        clusters=units,
        warnings=("all units agree, so no spread can be seen: the interval allows for unseen ones that differ",)
        if span is not None
        else ("all units agree, so no spread can be seen: there is no interval",),
    )


def _allowing_for_unseen(estimate: float, units: int, tail: float, span: float | None) -> tuple[float, float]:
    if span is None:
        return math.nan, math.nan
    share = -np.expm1(np.log(tail) / units)
    return float(estimate - share * (span + estimate)), float(estimate + share * (span - estimate))


def checked_span(span: float | None, estimate: float) -> float | None:
    """Return ``span``, which must be at least as large as what was seen.

    Raises:
        ValueError: if it is smaller, or negative.
    """
    if span is None:
        return None
    at_least("span", span, 0)
    if span < abs(estimate) * (1 - 1e-12):
        raise ValueError(f"span: a difference of {estimate:g} was seen, so {span:g} cannot be the largest possible")
    return max(float(span), abs(estimate))
