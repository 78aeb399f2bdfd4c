"""By which factor did a program change? Welch's t on the logs of what launches measured: the launch is the unit."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr, stdtrit

from harness.stats._door import at_least, inside, vector
from harness.stats.results import Comparison, nothing

MIN_LAUNCHES = 2
"""A side."""
_METHOD = "Welch t on logs of launches"


def welch_ratio(baseline: ArrayLike, candidate: ArrayLike, confidence: float = 0.95, margin: float = 0.0) -> Comparison:
    """Return the ratio of geometric means candidate / baseline, from one value a launch.

    The calls of one launch share what differs from launch to launch, so that thousands of them show no more than one
    number does. The degrees of freedom are Welch's: neither side need vary as the other does.

    Args:
        baseline: what each launch measured, the median of its calls, say, [n], above 0.
        candidate: the same, [m], above 0.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: what counts as the same, 0 or more: ``p_noninferior`` is small where the ratio is below 1 + margin.

    Returns:
        A comparison of ratios, as :func:`harness.stats.quantiles.median_ratio`'s; ``n`` is the smaller of n and m. NaN
        with ``n = 0`` where a side has no launch; without bounds where one has fewer than two, or none differ.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Welch 1947; Kalibera and Jones 2013, "Rigorous benchmarking in reasonable time", for launches as units.

    >>> found = welch_ratio([10.0, 10.4, 9.8], [12.1, 11.7, 12.3], margin=0.05)
    >>> round(found.estimate, 3), round(found.lower_bound, 3), round(found.upper_bound, 3)
    (1.195, 1.138, 1.256)
    """
    sides = vector("baseline", baseline), vector("candidate", candidate)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    if any(side.size and side.min() <= 0 for side in sides):
        raise ValueError("launches: values must be above 0")
    n = min(side.size for side in sides)
    if not n:
        return nothing(_METHOD, confidence, margin)
    old, new = (np.log(side) for side in sides)
    estimate = float(new.mean() - old.mean())
    errors = [float(side.var(ddof=1)) / side.size if side.size > 1 else math.nan for side in (old, new)]
    error = math.sqrt(sum(errors)) if n >= MIN_LAUNCHES else math.nan
    if not error > 1e-12:
        nan = math.nan
        why = "a single launch shows no spread" if n < MIN_LAUNCHES else "all launches agree, so no spread can be seen"
        return Comparison(
            math.exp(estimate), nan, nan, nan, nan, nan, nan, nan, nan, n, _METHOD, confidence, margin,
            warnings=(f"{why}: there is no interval",),
        )  # fmt: skip
    df = error**4 / sum(part**2 / (side.size - 1) for part, side in zip(errors, sides, strict=True))
    two, one = error * stdtrit(df, 0.5 + confidence / 2), error * stdtrit(df, confidence)
    low, high, lower, upper = (math.exp(estimate + reach) for reach in (-two, two, -one, one))
    less = float(stdtr(df, estimate / error))
    return Comparison(
        math.exp(estimate),
        low,
        high,
        lower,
        upper,
        p_value=2 * min(less, 1 - less),
        p_less=less,
        p_greater=1 - less,
        p_noninferior=float(stdtr(df, (estimate - math.log1p(margin)) / error)),
        n=n,
        method=_METHOD,
        confidence=confidence,
        margin=margin,
        standard_error=error,
        df=df,
        clusters=n,
    )
