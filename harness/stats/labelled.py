"""Did two runs' answers get better, by what people say of a few of them? Prediction-powered, and safe with few labels.

Where two runs give the same answer the difference is exactly 0 and nobody need be asked. Of the other rows some are
drawn with known chances and labelled; a proxy, any score that all rows have, tells what those that were not drawn
would add, as far as it proved right on those that were: its weight λ is tuned on the labels, and a proxy that is
worthless or biased costs nothing but its help.

The estimate is the mean over all N rows of

    zᵢ = λpᵢ + r̄ + [drawn] wᵢ (dᵢ − λpᵢ − r̄),

d being what the label says (above zero is better), p the proxy's difference, r̄ the weighted mean of d − λp over the
labelled rows and w one over a row's chance; where d is known without a draw, as for equal answers, z = d. The variance
of the mean of z, by cluster, holds both what was not labelled and what was not asked. Below 100 labels a rare loss may
not have been drawn among them, and the ends of the interval are Gaffke's where those are more careful (:mod:`harness.
stats.gaffke`), for labels alone without the proxy.

Source:
    Angelopoulos, Bates, Fannjiang, Jordan, Zrnic 2023 (arXiv:2301.09633) and Angelopoulos, Duchi, Zrnic 2023, "PPI++"
    (arXiv:2311.01453); Särndal, Swensson, Wretman 1992, chapter 6, for the regression estimator and Hájek's mean;
    Farquhar, Gal, Rainforth 2021 (arXiv:2101.11665) for the weights of draws without replacement at chosen chances.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtr, stdtrit

from harness.stats._door import ROUNDING, Floats, Index, at_least, inside, labels, same_length, vector
from harness.stats.gaffke import Sums, lower_bound, p_at_most, upper_bound
from harness.stats.paired import paired_t, student
from harness.stats.power import POWER
from harness.stats.results import Comparison, nothing

MANY: Final = 100
"""From so many labels on Student's t, made straight, is trusted with what was not drawn: wrong PASS 4 to 6 % at a level
of 5; of 50 labels it were 3 to 8 %."""
METHOD: Final = "labels, prediction-powered t"
PLAIN: Final = "labels, t"
ALL: Final = "labels of all that differs"
ALL_VALUES: Final = "labels of all answers, t"
DIFFERENCES: Final = (-1.0, 1.0)
"""The least and the largest possible difference of one row."""
VALUES: Final = (0.0, 1.0)
"""The same of what one answer is worth."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ByLabels:
    """What a few labels say of two runs."""

    comparison: Comparison
    """Above zero is better. Its ``n`` counts all rows, its ``clusters`` the independent units that were labelled."""
    rows: int
    differing: int
    """Rows in which the two answers differ."""
    labelled: int
    """Of those that differ, how many have a label."""
    tuned: float
    """λ, the weight that the proxy has earned; 0 without one, and where it says nothing of the labels."""
    worth: float
    """How many labels one is worth for the help of the proxy: 1 without it."""
    more: int | None
    """About how many more would decide with 80 % power, if the truth is what is seen; 0 where it is decided, None
    where labels alone will not: too few rows were asked."""
    spread: "Spread | None" = None
    """What the number's error is made of; None where it is not for want of labels, or cannot be known."""

    def more_within(self, half: float) -> int | None:
        """Return about how many more labels make the interval end no further than ``half`` from the estimate.

        0 where it does already; None where no number of labels does: too few rows were asked.
        """
        found, spread = self.comparison, self.spread
        reached = max(found.high - found.estimate, found.estimate - found.low)
        if reached <= half:
            return 0
        wanted = None if spread is None else spread.labels_within(half, found.confidence)
        return None if wanted is None or wanted > spread.of else max(1, wanted - spread.count)  # type: ignore[union-attr]


@dataclass(frozen=True, slots=True)
class Spread:
    """What the error of a number by labels is made of."""

    count: int
    """Labels that were drawn."""
    by_label: float
    """The variance that one label leaves; n leave an n-th of it."""
    by_label_alone: float
    """The same without a proxy."""
    rest: float
    """The variance that labels do not lessen: rows that were not asked."""
    reach: float
    """How far one undrawn row can move the number: the share of rows that can be labelled, times a row's span."""
    of: int
    """How many can be labelled."""

    def labels_within(self, half: float, confidence: float) -> int | None:
        """Return about how many labels an interval takes that ends ``half`` from the estimate; None where none does."""
        z = float(ndtri(0.5 + confidence / 2))
        alone = half * half - z * z * max(0.0, self.rest - (self.by_label_alone - self.by_label) / self.of)
        if half * half <= z * z * self.rest:
            return None
        by_t = z * z * self.by_label / (half * half - z * z * self.rest)
        if by_t >= MANY:
            return math.ceil(by_t - 1e-9)
        unseen = -math.log(0.5 - confidence / 2) * self.reach / half
        by_gaffke = z * z * self.by_label_alone / alone + unseen
        return math.ceil(min(float(MANY), max(by_t, by_gaffke)) - 1e-9)


def lure_weights(chances: ArrayLike, of: int) -> Floats:
    """Return the weights of draws without replacement, [drawn], whose mean makes that of the drawn values unbiased.

    Args:
        chances: of each draw, among what was left, in (0, 1], in the order of the draws, [drawn].
        of: how many there were to draw from.

    Raises:
        ValueError: if more were drawn than there were.

    Source:
        Farquhar, Gal and Rainforth 2021, "On Statistical Bias In Active Learning", the weights of R_LURE.

    >>> lure_weights([1 / 4, 1 / 3, 1 / 2], 4).round(6).tolist()  # all equally likely
    [1.0, 1.0, 1.0]
    """
    q = vector("chances", chances)
    if q.size > of:
        raise ValueError(f"of: {q.size} were drawn, so there were not {of}")
    left = of - np.arange(q.size)
    if q.size == of:
        return np.ones(q.size)
    weights: Floats = 1 + (of - q.size) / (left - 1.0) * (1 / (left * q) - 1)
    return weights


def by_labels(
    truth: ArrayLike,
    drawn: ArrayLike,
    *,
    differ: ArrayLike,
    weights: ArrayLike | None = None,
    proxy: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    margin: float | None = 0.0,
) -> ByLabels:
    """Return the difference of two runs by the labels of a few of their rows, or what the answers of one are worth.

    Args:
        truth: candidate − baseline as labels say it, above zero is better, in [−1, 1], [n]; NaN where nobody was asked.
            Of one run what each answer is worth, in [0, 1].
        drawn: which rows were labelled because they were drawn, [n]. A row that is not, and whose truth is there, is
            known without a draw: its answers are equal, or an earlier label holds.
        differ: which rows have two different answers, [n]; the truth of the others is 0.
        weights: of the rows that were drawn, [n]: 1 on average; None: all had one chance.
        proxy: a score's difference, in whatever unit, [n]; NaN where it has none. None: there is no proxy.
        clusters: a label for each row, [n].
        confidence: of the interval (two-sided) and of the bounds (one-sided), in (0, 1).
        margin: the drop that ``p_noninferior`` is about, 0 or more. None: the rows are of one run, of which nothing is
            decided: the estimate and its ends are all that is told.

    Raises:
        ValueError: if an argument is not as described.

    >>> told = np.array([0.0] * 80 + [1.0, -1.0, 1.0, 0.0, 1.0] + [np.nan] * 15)
    >>> apart = np.arange(100) >= 80
    >>> found = by_labels(told, ~np.isnan(told) & apart, differ=apart)
    >>> found.differing, found.labelled, round(found.comparison.estimate, 3)
    (20, 5, 0.08)
    """
    d = np.array(truth, np.float64)
    sampled, apart = np.asarray(drawn, bool), np.asarray(differ, bool)
    v = np.ones(d.size) if weights is None else np.array(weights, np.float64)
    p = np.zeros(d.size) if proxy is None else np.nan_to_num(np.array(proxy, np.float64))
    same_length(truth=d, drawn=sampled, differ=apart, weights=v, proxy=p)
    inside("confidence", confidence, 0, 1)
    two, margin = margin is not None, margin or 0.0
    at_least("margin", margin, 0)
    index, _ = labels("clusters", clusters, d.size)
    if np.isnan(d[~apart]).any() or d[~apart].any():
        raise ValueError("truth: rows whose answers do not differ must have a truth of 0")
    if np.isnan(d[sampled]).any():
        raise ValueError("drawn: a row without a truth was not labelled")
    least, most = bounds = DIFFERENCES if two else VALUES
    if np.nanmin(d, initial=least) < least - ROUNDING or np.nanmax(d, initial=most) > most + ROUNDING:
        raise ValueError(f"truth: must lie in [{least:g}, {most:g}], got {np.nanmin(d):g} to {np.nanmax(d):g}")
    labelled, differing = int((apart & ~np.isnan(d)).sum()), int(apart.sum())
    all_known = not np.isnan(d).any()
    if all_known and not two:  # nothing is left for a proxy to tell, and all rows are a sample like any other
        sampled, v, p = np.ones(d.size, bool), np.ones(d.size), np.zeros(d.size)
    rows = _Rows(d, sampled, v, p * apart, index, bounds)
    if all_known and two:
        found = replace(paired_t(d, index, confidence, margin, most), method=ALL)
        return ByLabels(found, d.size, differing, labelled, 0.0, 1.0, 0 if _decided(found) else None)
    fit = _Fit.of(rows)
    if fit is None:
        found = replace(nothing(PLAIN, confidence, margin), n=d.size, clusters=rows.units)
        return ByLabels(found, d.size, differing, labelled, 0.0, 1.0, None)
    method = METHOD if fit.tuned else ALL_VALUES if all_known else PLAIN
    found = _student(rows, fit, method, confidence, margin)
    if fit.count < MANY or fit.error == 0:
        found = _careful(found, rows)
    spread = None if all_known else _spread(rows, fit)
    more = _more(found, fit, spread) if two and spread else None
    return ByLabels(found, d.size, differing, labelled, fit.tuned, fit.worth, more, spread)


@dataclass(frozen=True, eq=False)
class _Rows:
    """All rows, checked."""

    d: Floats
    drawn: Mask
    weights: Floats
    p: Floats
    index: Index
    bounds: tuple[float, float]

    @property
    def known(self) -> Mask:
        """Which rows' truth is there without a draw."""
        return ~np.isnan(self.d) & ~self.drawn

    @property
    def units(self) -> int:
        """Clusters that were drawn from."""
        return len(np.unique(self.index[self.drawn]))

    def thinned(self) -> Sums:
        """Return the rows as if as many of the known ones had been asked as there were labelled of the others.

        That is a plain sample of all rows, each of which is known: Gaffke's bound holds of it as it is.
        """
        known, drawn = self.known, self.drawn
        share = float(drawn.sum() / (~known).sum())
        groups = int(self.index.max()) + 1
        v = np.where(drawn, self.weights, 0.0)
        ours, ours_of = (np.bincount(self.index, one, groups) for one in (np.where(drawn, v * self.d, 0.0), v))
        rest, rest_of = (np.bincount(self.index, one, groups) for one in (np.where(known, self.d, 0.0), known * 1.0))
        there = np.bincount(self.index, drawn, groups) > 0
        values = np.where(there, ours + share * rest, rest)
        sizes = np.where(there, ours_of + share * rest_of, rest_of)
        kept = sizes > 0
        pairs, place = np.unique(np.column_stack([values, sizes])[kept], axis=0, return_inverse=True)
        counts = np.bincount(place.ravel(), np.where(there, 1.0, share)[kept]).astype(np.float64)
        atom = float(counts @ np.square(pairs[:, 1]) / (counts @ pairs[:, 1]))
        return Sums(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]), counts, max(1.0, atom))


@dataclass(frozen=True, slots=True)
class _Fit:
    """The estimate with its error, and what of the error is for want of labels."""

    estimate: float
    error: float
    count: int
    """Labels that were drawn."""
    df: int
    tuned: float
    worth: float
    by_label: float
    """The variance that one label alone would leave, and n labels leave an n-th of."""
    by_label_alone: float
    """The same without the proxy."""
    skew: float
    """The third cumulant of the estimate over its error³: rare losses make it negative."""

    @classmethod
    def of(cls, rows: _Rows) -> "_Fit | None":
        """Fit them; None with fewer than two labels."""
        drawn, unknown = rows.drawn, ~rows.known
        count, n = int(drawn.sum()), rows.d.size
        if count < 2 or rows.units < 2:
            return None
        d, p, v = rows.d[drawn], rows.p[drawn], rows.weights[drawn]
        mean_d, mean_p = (float(v @ one / v.sum()) for one in (d, p))
        spread = float(v @ np.square(p - mean_p))
        tuned = max(0.0, float(v @ ((p - mean_p) * (d - mean_d))) / spread) if spread > 1e-12 * float(v.sum()) else 0.0
        df = rows.units - 1 - bool(tuned)
        if df < 1:
            tuned, df = 0.0, rows.units - 1
        r = d - tuned * p
        centre = float(v @ r / v.sum())
        z = np.where(unknown, tuned * rows.p + centre, np.nan_to_num(rows.d))
        scale = math.sqrt(count / (count - 1 - bool(tuned))) if count > 1 + bool(tuned) else 1.0
        reach = float(unknown.sum()) / float(v.sum()) * v
        z[drawn] += reach * scale * (r - centre)
        estimate = float(z.mean())  # the last part adds up to 0
        sums = np.bincount(rows.index, z - estimate)
        groups = sums.size
        error = math.sqrt(groups / max(groups - 1, 1) * float(sums @ sums)) / n
        if error <= ROUNDING * max(float(np.abs(z).max()), ROUNDING):
            error = 0.0
        alone = reach * (d - mean_d)
        of_r, of_d = (float(np.square(one).sum()) * count / n**2 for one in (reach * scale * (r - centre), alone))
        worth = of_d / of_r if tuned and of_r > 0 else 1.0
        skew = float(np.power(sums, 3).sum()) / (error * n) ** 3 if error else 0.0
        return cls(estimate, error, count, df, tuned, worth, of_r, of_d, skew)


def _student(rows: _Rows, fit: _Fit, method: str, confidence: float, margin: float) -> Comparison:
    n, units = rows.d.size, rows.units
    if fit.error > 0:
        found = student(fit.estimate, fit.error, fit.df, n, method, confidence, margin)
        # With fewer labels Gaffke's bound stands beside it, and skewness is itself seen badly: it would widen twice.
        return replace(_unskewed(found, fit) if fit.count >= MANY else found, clusters=units, warnings=())
    same = fit.estimate
    return Comparison(
        same, same, same, same, same, 1.0, 1.0, 1.0, 1.0, n, method, confidence, margin,
        standard_error=0.0, df=fit.df, clusters=units,
    )  # fmt: skip


def _unskewed(found: Comparison, fit: _Fit) -> Comparison:
    """Return a comparison by Student's t whose ends and p-values allow for skewness, by Hall's cubic.

    A mean of which a few labels in a hundred say otherwise lies off its t as much as its spread is seen too small.

    Source:
        Hall 1992, "On the removal of skewness by transformation", JRSS B 54, for a Studentised mean.
    """
    k, tail = fit.skew, 1 - found.confidence
    if abs(k) < ROUNDING:
        return found

    def straight(t: float) -> float:
        return t + k * t * t / 3 + k * k * t**3 / 27 + k / 6

    def end(q: float) -> float:
        return fit.estimate - fit.error * 3 / k * (float(np.cbrt(1 + k * (q - k / 6))) - 1)

    two, one = (float(stdtrit(fit.df, 1 - share)) for share in (tail / 2, tail))
    at_zero, at_margin = straight(fit.estimate / fit.error), straight((fit.estimate + found.margin) / fit.error)
    return replace(
        found, low=end(two), high=end(-two), lower_bound=end(one), upper_bound=end(-one),
        p_value=float(2 * stdtr(fit.df, -abs(at_zero))), p_less=float(stdtr(fit.df, at_zero)),
        p_greater=float(stdtr(fit.df, -at_zero)), p_noninferior=float(stdtr(fit.df, -at_margin)),
    )  # fmt: skip


def _careful(found: Comparison, rows: _Rows) -> Comparison:
    """Return a comparison whose ends and p-values are Gaffke's, of labels alone, where those are more careful."""
    sums, tail = rows.thinned(), 1 - found.confidence
    worst, best = rows.bounds
    less, greater = p_at_most(sums.mirrored, 0.0, -best), p_at_most(sums, 0.0, worst)
    worse, better = max(found.p_less, less), max(found.p_greater, greater)
    one_sided = (worse, better) if found.standard_error else (less, greater)
    inferior = p_at_most(sums, -found.margin, worst)
    return replace(
        found,
        low=min(found.low, lower_bound(sums, tail / 2, worst)),
        high=max(found.high, upper_bound(sums, tail / 2, best)),
        lower_bound=min(found.lower_bound, lower_bound(sums, tail, worst)),
        upper_bound=max(found.upper_bound, upper_bound(sums, tail, best)),
        p_less=one_sided[0],
        p_greater=one_sided[1],
        p_value=min(1.0, max(2 * min(one_sided), found.p_value if found.standard_error else 0.0)),
        p_noninferior=max(found.p_noninferior, inferior) if found.standard_error else inferior,
        span=best,
        method=f"{found.method}, Gaffke",
    )


def _decided(found: Comparison) -> bool:
    """Return whether it is shown that no more than the margin is lost, or that more is; without one, which is better.

    What a verdict says of it (:func:`harness.stats.verdict.judge`), told from the numbers alone.
    """
    alpha = 1 - found.confidence
    if not found.margin or -found.estimate >= found.margin:
        return min(found.p_less, 1.0 if found.margin else found.p_greater) <= alpha
    return found.lower_bound > -found.margin


def _spread(rows: _Rows, fit: _Fit) -> Spread:
    unknown = ~rows.known
    rest = max(0.0, fit.error**2 - fit.by_label / fit.count)
    reach = float(unknown.mean()) * max(map(abs, rows.bounds))
    return Spread(fit.count, fit.by_label, fit.by_label_alone, rest, reach, int(unknown.sum()))


def _more(found: Comparison, fit: _Fit, spread: Spread) -> int | None:
    """Return about how many more labels decide, if the truth is what is seen."""
    if _decided(found):
        return 0
    drop = -fit.estimate
    gap = found.margin - drop if found.margin > drop else abs(drop)
    alpha = 1 - found.confidence
    wanted = labels_needed(gap, fit.by_label, fit.by_label_alone, spread.rest, spread.reach, spread.of, alpha)
    return None if wanted is None or wanted > spread.of else max(1, wanted - fit.count)


def labels_needed(
    gap: float, by_label: float, by_label_alone: float, rest: float, reach: float, of: float, alpha: float = 0.05
) -> int | None:
    """Return how many labels show with 80 % power that a number is not as far off as ``gap``.

    Below 100 the labels alone must show it, by Gaffke's bound; from there on a proxy helps.

    Args:
        gap: how far what is true lies from what is to be excluded, 0 or more.
        by_label: the variance that one label leaves; n leave an n-th of it.
        by_label_alone: the same without a proxy.
        rest: the variance that labels do not lessen: rows that were not asked.
        reach: how far one undrawn row can move the number: the share of rows that differ, times a row's span.
        of: how many can be labelled.
        alpha: the level, one-sided.

    Returns:
        The number; None where no number of labels would.

    >>> labels_needed(0.07, 0.04, 0.04, 0.0, 0.2, 500), labels_needed(0.07, 0.01, 0.04, 0.0, 0.2, 500)
    (60, 60)
    >>> labels_needed(0.02, 0.01, 0.04, 0.0, 0.2, 500)  # with so many the proxy is trusted
    155
    """
    z = float(ndtri(1 - alpha) + ndtri(POWER))
    room = gap * gap - z * z * rest
    alone = gap * gap - z * z * max(0.0, rest - (by_label_alone - by_label) / of)
    if room <= 0 or not gap > 0:
        return None
    by_t = z * z * by_label / room
    if by_t >= MANY:
        return math.ceil(by_t - 1e-9)
    by_gaffke = z * z * by_label_alone / alone - math.log(alpha) * reach / gap
    return math.ceil(min(float(MANY), max(by_t, by_gaffke)) - 1e-9)
