"""Did paired scores change? Student's t with clusters, McNemar and Tango."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln, ndtr, ndtri, stdtr, stdtrit

from harness.stats._binomial import at_most
from harness.stats._door import (
    ROUNDING,
    Floats,
    at_least,
    binary,
    inside,
    labels,
    minus,
    same_length,
    vector,
)
from harness.stats.rare import Losses, guarded
from harness.stats.results import MIN_CLUSTERS, Comparison, Flips, checked_span, nothing, without_spread


def oriented(baseline: ArrayLike, candidate: ArrayLike, direction: Literal["higher", "lower"] = "higher") -> Floats:
    """Return the differences [n], oriented so that above zero is better.

    Args:
        baseline: scores [n], finite.
        candidate: scores of the same samples in the same order, [n], finite.
        direction: which way the score gets better.

    Raises:
        ValueError: if lengths differ, a score is not finite, or ``direction`` is neither.

    >>> oriented([3.0, 1.0], [2.0, 1.5], "lower").tolist()
    [1.0, -0.5]
    """
    if direction not in ("higher", "lower"):
        raise ValueError(f"direction: must be 'higher' or 'lower', got {direction!r}")
    a, b = vector("baseline", baseline), vector("candidate", candidate)
    same_length(baseline=a, candidate=b)
    return minus(b, a) if direction == "higher" else minus(a, b)


def paired_t(
    differences: ArrayLike,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    margin: float = 0.0,
    span: float | None = None,
) -> Comparison:
    """Return Student's t test of a mean difference, with cluster-robust errors where samples belong together.

    The squared standard error is G / (G − 1) · Σ (sum of residuals of a cluster)² / n², with G − 1
    degrees of freedom. Without clusters it is the ordinary paired t test. Where it is zero (all
    clusters agree), see :func:`harness.stats.results.without_spread`. With a ``span``, the lower ends
    and ``p_noninferior`` are Gaffke's where those are more careful: see :mod:`harness.stats.rare`.

    Args:
        differences: candidate − baseline, above zero is better, [n], finite.
        clusters: a label for each row, [n]; rows with one label share an image, a table or a clip.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.
        span: the largest possible absolute difference (1 for scores in [0, 1]); without it a rare loss that was not
            drawn cannot be allowed for, and the lower ends are Student's.

    Returns:
        A comparison; NaN with ``n = 0`` for no data, and NaN but for the estimate with a single cluster.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Student 1908; Liang and Zeger 1986 for clusters; Cameron and Miller 2015 for the warning under 30.

    >>> result = paired_t([0.1, -0.2, 0.3, 0.0])
    >>> round(result.estimate, 3), round(result.low, 3), round(result.high, 3), round(result.p_value, 3)
    (0.05, -0.281, 0.381, 0.664)
    """
    d = vector("differences", differences)
    index, groups = labels("clusters", clusters, d.size)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    method = "paired t" if groups == d.size else "paired t, clustered"
    if d.size == 0:
        return nothing(method, confidence, margin)
    mean = float(d.mean())
    limit = checked_span(span, float(np.abs(d).max()))
    sums = np.bincount(index, weights=d - mean, minlength=groups)
    error = math.sqrt(groups / max(groups - 1, 1) * float(sums @ sums)) / d.size
    if groups > 1 and error <= ROUNDING * float(np.abs(d).max()):
        error = 0.0
        found = without_spread(mean, d.size, groups, method, confidence, margin, limit)
    else:
        found = student(mean, error, groups - 1, d.size, method, confidence, margin)
    if limit is None or groups < 2:
        return found
    losses = Losses(d, index, limit)
    # Rows that all agree have their bound in closed form already.
    return replace(found, span=limit) if losses.single and error == 0 else guarded(found, losses)


def student(
    mean: float, error: float, df: int, n: int, method: str, confidence: float = 0.95, margin: float = 0.0
) -> Comparison:
    """Return the comparison of a mean with known standard error (> 0) and df; NaN but for the mean with df = 0."""
    if df < 1:
        nan = math.nan
        warning = ("a single cluster shows no spread: there is no interval",)
        return Comparison(
            mean, nan, nan, nan, nan, nan, nan, nan, nan, n, method, confidence, margin, clusters=1, warnings=warning
        )
    two_sided, one_sided = error * stdtrit(df, 0.5 + confidence / 2), error * stdtrit(df, confidence)
    t = mean / error
    few = df + 1 < min(n, MIN_CLUSTERS)
    return Comparison(
        mean,
        float(mean - two_sided),
        float(mean + two_sided),
        float(mean - one_sided),
        float(mean + one_sided),
        p_value=float(2 * stdtr(df, -abs(t))),
        p_less=float(stdtr(df, t)),
        p_greater=float(stdtr(df, -t)),
        p_noninferior=float(stdtr(df, -(mean + margin) / error)),
        n=n,
        method=method,
        confidence=confidence,
        margin=margin,
        standard_error=error,
        df=df,
        clusters=df + 1,
        warnings=(f"only {df + 1} clusters; under {MIN_CLUSTERS} the interval is too narrow",) if few else (),
    )


def count_flips(baseline: ArrayLike, candidate: ArrayLike) -> Flips:
    """Count flips of binary scores.

    Args:
        baseline: 0 or 1 (or booleans), [n].
        candidate: the same samples in the same order, [n].

    Raises:
        ValueError: if lengths differ or a value is neither 0 nor 1.

    >>> count_flips([1, 1, 0, 0], [1, 0, 1, 1])
    Flips(both_right=1, lost=1, gained=2, both_wrong=0)
    """
    a, b = binary("baseline", baseline), binary("candidate", candidate)
    same_length(baseline=a, candidate=b)
    both, neither = int((a & b).sum()), int((~a & ~b).sum())
    return Flips(both, int((a & ~b).sum()), int((~a & b).sum()), neither)


def mcnemar(flips: Flips, confidence: float = 0.95, margin: float = 0.0, mid_p: bool = False) -> Comparison:
    """Return McNemar's exact test of flips, with Tango's score interval of the difference.

    Given that a sample flips, either way is equally likely under no change, so that the losses are
    Binomial(lost + gained, ½). The exact p-values never exceed their level; ``mid_p`` counts the
    observed table half, which is nearer to the level and may exceed it by a hair. It assumes
    independent samples: for clustered ones use :func:`paired_t`. Without any flip the p-values are 1
    and the interval keeps its width, z² / (n + z²) to either side.

    Args:
        flips: the table of independent samples; see :func:`count_flips`.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more.
        mid_p: whether to count the observed table half in the three tests of no difference.

    Returns:
        A comparison; NaN with ``n = 0`` for an empty table. ``p_noninferior`` is Tango's score test.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        McNemar 1947; Fagerland, Lydersen, Laake 2013 for mid-p; Tango 1998 for interval and non-inferiority.

    >>> result = mcnemar(Flips(both_right=80, lost=9, gained=1, both_wrong=10))
    >>> result.estimate, round(result.p_value, 4), round(result.p_less, 4)
    (-0.08, 0.0215, 0.0107)
    """
    _check_flips(flips)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    method = "McNemar mid-p" if mid_p else "McNemar exact"
    if flips.n == 0:
        return nothing(method, confidence, margin)
    gained, lost, flipped = flips.gained, flips.lost, flips.discordant
    half = 0.5 * _fair_coin(gained, flipped) if mid_p else 0.0
    less, greater = float(at_most(gained, flipped, 0.5)) - half, float(at_most(lost, flipped, 0.5)) - half
    low, high = tango_paired(flips, confidence)
    lower, upper = tango_paired(flips, 2 * confidence - 1) if confidence > 0.5 else (math.nan, math.nan)
    return Comparison(
        flips.difference,
        low,
        high,
        lower,
        upper,
        p_value=min(1.0, 2 * min(less, greater)),
        p_less=less,
        p_greater=greater,
        p_noninferior=float(ndtr(-_tango_score(flips, -margin))),
        n=flips.n,
        method=method,
        confidence=confidence,
        margin=margin,
        standard_error=flips.spread / math.sqrt(flips.n),
        clusters=flips.n,
        flips=flips,
    )


def _fair_coin(heads: int, tosses: int) -> float:
    log = gammaln(tosses + 1) - gammaln(heads + 1) - gammaln(tosses - heads + 1) - tosses * math.log(2)
    return float(np.exp(log))


def _check_flips(flips: Flips) -> None:
    if min(flips.both_right, flips.lost, flips.gained, flips.both_wrong) < 0:
        raise ValueError(f"flips: counts must be 0 or more, got {flips}")


def tango_paired(flips: Flips, confidence: float = 0.95) -> tuple[float, float]:
    """Return Tango's score interval of the difference of two paired shares, candidate − baseline.

    It holds the differences that the score test of the constrained maximum likelihood does not
    reject. Near the edges (few flips, nearly all lost) it covers better than Newcombe's.

    Args:
        flips: the table of independent samples.
        confidence: two-sided coverage, in (0, 1).

    Returns:
        ``(low, high)`` in [−1, 1]; NaN for an empty table.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Tango 1998, "Equivalence test and confidence interval for the difference in proportions for
        the paired-sample design".

    >>> low, high = tango_paired(Flips(both_right=20, lost=2, gained=12, both_wrong=16))
    >>> round(low, 4), round(high, 4)
    (0.0611, 0.3447)
    """
    _check_flips(flips)
    inside("confidence", confidence, 0, 1)
    if flips.n == 0:
        return math.nan, math.nan
    z = float(ndtri(0.5 + confidence / 2))
    low = _falls_through(lambda delta: _tango_score(flips, delta) - z, -1.0, flips.difference)
    high = _falls_through(lambda delta: _tango_score(flips, delta) + z, flips.difference, 1.0)
    return low, high


def _tango_score(flips: Flips, delta: float) -> float:
    n, gained, lost = flips.n, flips.gained, flips.lost
    linear = (2 * n - gained + lost) * delta - gained - lost
    rest = math.sqrt(max(0.0, linear * linear + 8 * n * lost * delta * (1 - delta)))
    losing = (rest - linear) / (4 * n)
    variance = n * (2 * losing + delta * (1 - delta))
    distance = gained - lost - n * delta
    if variance <= 0:
        return math.copysign(math.inf, distance) if abs(distance) > ROUNDING * n else 0.0
    return distance / math.sqrt(variance)


def _falls_through(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a falling function crosses zero, by bisection."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2
