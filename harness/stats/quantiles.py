"""How slow is the slow tail, and by which factor did the middle move? Order statistics, ratios of medians."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._binomial import at_most
from harness.stats._door import Floats, at_least, inside, same_length, vector
from harness.stats.draws import RESAMPLES
from harness.stats.results import Comparison, nothing

_SURE: Final = 0.99
_CHUNK: Final = 4_000_000


def minimum_n(q: float) -> int:
    """Return the fewest values that a quantile may be reported from.

    The fewest with which, with 99 % confidence, at least two values lie beyond the quantile (on its
    thinner side): below that, the "quantile" is the story of one run.

    Args:
        q: the quantile, in (0, 1).

    >>> minimum_n(0.9), minimum_n(0.99)
    (64, 662)
    """
    thin = min(inside("q", q, 0, 1), 1 - q)
    low, high = 1, 2
    while at_most(1, high, thin) > 1 - _SURE:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at_most(1, middle, thin) <= 1 - _SURE else (middle, high)
    return high


def require_enough(q: float, n: int) -> None:
    """Refuse a quantile from too few values.

    Raises:
        ValueError: if ``n`` is below :func:`minimum_n`.

    >>> require_enough(0.99, 200)
    Traceback (most recent call last):
    ...
    ValueError: n: p99 needs 662 values or more, got 200; report a lower quantile or measure more
    """
    needed = minimum_n(q)
    if n < needed:
        raise ValueError(
            f"n: p{100 * q:g} needs {needed} values or more, got {n}; report a lower quantile or measure more"
        )


@dataclass(frozen=True, slots=True)
class QuantileEstimate:
    """A quantile with its order-statistic interval."""

    estimate: float
    low: float
    """A value of the data; with ``high`` the two-sided interval."""
    high: float
    q: float
    n: int
    confidence: float
    """Asked for."""
    coverage: float
    """What the interval has at least; more than asked for, because ranks are whole."""
    method: str = "order statistics"


def quantile_interval(
    values: ArrayLike, q: float, confidence: float = 0.95, effective: float | None = None
) -> QuantileEstimate:
    """Return a quantile and its distribution-free interval from order statistics.

    The ends are the largest and smallest values with P(too high) ≤ tail and P(too low) ≤ tail under
    Binomial(n, q), so that coverage holds for every distribution. With ties it covers more. Values
    that are all equal give an interval of that one value: it says that at least the tail's share of
    the distribution lies there, which for a quantile, unlike for a mean, is enough.

    Args:
        values: [n], finite.
        q: the quantile, in (0, 1).
        confidence: two-sided coverage, in (0, 1).
        effective: how many independent values they are worth (:func:`effective_n`); None: all are independent.

    Returns:
        An estimate (NumPy's linear rule); NaN with ``n = 0`` for no data.

    Raises:
        ValueError: if an argument is not as described, or there are fewer than :func:`minimum_n` values.

    Source:
        Conover 1999, section 3.2; David and Nagaraja 2003, section 7.1.

    >>> result = quantile_interval(range(100), 0.5)
    >>> result.estimate, result.low, result.high, round(result.coverage, 3)
    (49.5, 39.0, 60.0, 0.965)
    """
    x = np.sort(vector("values", values))
    inside("q", q, 0, 1)
    inside("confidence", confidence, 0, 1)
    if x.size == 0:
        return QuantileEstimate(math.nan, math.nan, math.nan, q, 0, confidence, math.nan)
    require_enough(q, x.size)
    low, high, coverage = order_statistics(x, q, 0.5 - confidence / 2, effective)
    return QuantileEstimate(float(np.quantile(x, q)), low, high, q, x.size, confidence, coverage)


def order_statistics(x: Floats, q: float, tail: float, effective: float | None = None) -> tuple[float, float, float]:
    """Return both ends from sorted values and the coverage; an end beyond the data is infinite.

    Args:
        x: sorted, [n].
        q: the quantile, in (0, 1).
        tail: the chance of missing, on each side.
        effective: how many independent values they are worth; ranks are then those of so many, spread over n.
    """
    n = x.size if effective is None else max(1, min(x.size, math.floor(effective)))
    below = at_most(np.arange(n), n, q)
    first = int(np.searchsorted(below, tail, side="right"))
    last = int(np.searchsorted(below, 1 - tail, side="left"))
    low = float(x[first * x.size // n - 1]) if first else -math.inf
    high = float(x[math.ceil((last + 1) * x.size / n) - 1]) if last < n else math.inf
    missed = (below[first - 1] if first else 0.0) + (1 - below[last] if last < n else 0.0)
    return low, high, float(1 - missed)


def effective_n(values: ArrayLike, q: float) -> float:
    """Return how many independent values a series is worth, where its quantile is asked for.

    n over the autocorrelation time of "at most the quantile"; autocorrelations are summed up in pairs until a pair is
    negative, beyond which they are noise.

    Args:
        values: in the order in which they were measured, [n], finite.
        q: the quantile, in (0, 1).

    Source:
        Geyer 1992, "Practical Markov chain Monte Carlo", section 3.3 (initial positive sequence).

    >>> round(effective_n(np.repeat(np.random.default_rng(0).random(200), 5), 0.5)) < 300
    True
    """
    x = vector("values", values)
    under = (x <= np.quantile(x, q)).astype(np.float64) if x.size else x
    under = under - under.mean() if x.size else under
    if x.size < 3 or not under.any():
        return float(x.size)
    spectrum = np.fft.rfft(under, 2 * x.size)
    lagged = np.fft.irfft(spectrum * np.conj(spectrum))[: x.size]
    lagged /= lagged[0]
    pairs = lagged[0 : x.size - 1 : 2] + lagged[1 : x.size : 2]
    until = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    return float(x.size / max(1.0, 2 * float(pairs[:until].sum()) - 1))


def median_ratio(
    baseline: ArrayLike,
    candidate: ArrayLike,
    rng: np.random.Generator,
    paired: bool = True,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    margin: float = 0.0,
) -> Comparison:
    """Return the ratio of medians candidate / baseline, with percentile bootstrap limits on the log scale.

    Paired: pairs are drawn. Unpaired: each side is drawn by itself. ``standard_error`` is that of the
    log ratio. Where all resamples agree (all timings equal), no spread can be seen: the interval and
    the p-values are NaN, with a warning.

    Args:
        baseline: [n], above 0.
        candidate: above 0; [n] in the order of ``baseline`` if paired, else [m].
        rng: the only source of randomness.
        paired: whether the i-th values belong together.
        resamples: bootstrap draws, 1 or more.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: what counts as the same, 0 or more: ``p_noninferior`` is small where the ratio is below 1 + margin.

    Returns:
        A comparison of ratios: ``p_greater`` is small where the ratio is above 1, ``p_less`` where it is below;
        ``n`` is the smaller of n and m, NaN with ``n = 0`` for no data.

    Raises:
        ValueError: if an argument is not as described.

    Source:
        Efron and Tibshirani 1993, chapter 13.

    >>> old = np.linspace(1.0, 2.0, 50)
    >>> result = median_ratio(old, 1.1 * old, np.random.default_rng(0), resamples=200)
    >>> round(result.estimate, 3)
    1.1
    """
    old, new = _positive("baseline", baseline), _positive("candidate", candidate)
    if paired:
        same_length(baseline=old, candidate=new)
    at_least("resamples", resamples, 1)
    inside("confidence", confidence, 0, 1)
    at_least("margin", margin, 0)
    method = "ratio of medians, bootstrap" + (" of pairs" if paired else "")
    n = min(old.size, new.size)
    if n == 0:
        return nothing(method, confidence, margin)
    estimate = math.log(float(np.median(new)) / float(np.median(old)))
    draws = np.log(_medians(old, new, paired, resamples, rng))
    return ratio_of_draws(estimate, draws, n, method, confidence, margin)


def ratio_of_draws(
    estimate: float, draws: Floats, n: int, method: str, confidence: float = 0.95, margin: float = 0.0
) -> Comparison:
    """Return the comparison that bootstrap draws of a log ratio make; percentile limits.

    Without draws, or where all agree, no spread can be seen: the interval and the p-values are NaN, with a warning.

    Args:
        estimate: the log ratio.
        draws: of the log ratio, [B], finite.
        n: values that it is computed from.
        method: as it will be shown.
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: as in :func:`median_ratio`.
    """
    if draws.size == 0 or float(np.ptp(draws)) <= 1e-12:
        nan = math.nan
        why = "all resamples agree, so no spread can be seen" if draws.size else "no draws were kept"
        warning = (f"{why}: there is no interval",)
        return Comparison(
            math.exp(estimate), nan, nan, nan, nan, nan, nan, nan, nan, n, method, confidence, margin, warnings=warning
        )
    return _on_ratio_scale(estimate, draws, n, method, confidence, margin)


def between_launches(found: Comparison, spread: float) -> Comparison:
    """Return the comparison of two programs that were launched once each, from that of their calls.

    The calls of one launch share what differs from launch to launch (where memory lies, clock and heat of the
    processor, neighbours), and no number of them shows it. On the log scale it adds √2 · ``spread`` to the error of the
    ratio; limits and p-values are then those of a normal distribution.

    Args:
        found: a ratio with a standard error, such as :func:`median_ratio`'s; one without an interval is returned as is.
        spread: standard deviation of the log of what a launch measures, 0 or more.

    >>> old = np.linspace(1.0, 1.1, 100)
    >>> calls = median_ratio(old, 1.06 * old, np.random.default_rng(0), paired=False, margin=0.03)
    >>> launches = between_launches(calls, 0.05)
    >>> calls.lower_bound > 1.03, round(launches.lower_bound, 2), round(launches.upper_bound, 2)
    (True, 0.94, 1.19)
    """
    if math.isnan(found.standard_error) or not spread:
        return found
    estimate, error = math.log(found.estimate), math.hypot(found.standard_error, math.sqrt(2) * spread)
    one, two = NormalDist().inv_cdf(found.confidence), NormalDist().inv_cdf(0.5 + found.confidence / 2)
    low, high, lower, upper = (math.exp(estimate + z * error) for z in (-two, two, -one, one))
    less = NormalDist().cdf(estimate / error)
    return replace(
        found,
        low=low,
        high=high,
        lower_bound=lower,
        upper_bound=upper,
        p_value=2 * min(less, 1 - less),
        p_less=less,
        p_greater=1 - less,
        p_noninferior=NormalDist().cdf((estimate - math.log1p(found.margin)) / error),
        method=f"{found.method}; launches differ by {spread:.2g}",
        standard_error=error,
    )


def _on_ratio_scale(
    estimate: float, draws: Floats, n: int, method: str, confidence: float, margin: float
) -> Comparison:
    low, high, lower, upper = np.exp(
        np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2, 1 - confidence, confidence])
    )
    total = draws.size + 1
    less = (1 + int((draws >= 0).sum())) / total
    greater = (1 + int((draws <= 0).sum())) / total
    return Comparison(
        math.exp(estimate),
        float(low),
        float(high),
        float(lower),
        float(upper),
        p_value=min(1.0, 2 * min(less, greater)),
        p_less=less,
        p_greater=greater,
        p_noninferior=(1 + int((draws >= math.log1p(margin)).sum())) / total,
        n=n,
        method=method,
        confidence=confidence,
        margin=margin,
        standard_error=float(draws.std(ddof=1)),
        clusters=n,
        resamples=draws.size,
    )


def _medians(old: Floats, new: Floats, paired: bool, resamples: int, rng: np.random.Generator) -> Floats:
    out = np.empty(resamples)
    step = max(1, _CHUNK // max(old.size, new.size))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        rows_old = rng.integers(0, old.size, (rows, old.size))
        rows_new = rows_old if paired else rng.integers(0, new.size, (rows, new.size))
        out[start : start + rows] = np.median(new[rows_new], axis=1) / np.median(old[rows_old], axis=1)
    return out


def _positive(name: str, values: ArrayLike) -> Floats:
    x = vector(name, values)
    if x.size and x.min() <= 0:
        raise ValueError(f"{name}: values must be above 0, got {x.min():g}")
    return x
