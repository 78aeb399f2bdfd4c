"""Did two runs' answers get better, by what people say of a few of them? What a proxy says makes strata of the others.

Where two runs give the same answer the difference is exactly 0 and nobody need be asked. Of the other rows some are
drawn with known chances and labelled. A proxy, any score that all rows have, tells them apart: rows of which it says
the same are a stratum of known size, and the mean of its labels stands for its rows that were not drawn. So a good
proxy leaves little to be wrong about, and a worthless or biased one costs nothing but its help.

The estimate is the mean over all N rows of

    zᵢ = mᵢ + [drawn] wᵢ (dᵢ − mᵢ),

d being what the label says (above zero is better), m the mean of d in the row's stratum, under w, and w one over its
chance; where d is known without a draw, as for equal answers, z = d. At any number of labels ends and p-values are
those of a score under the likeliest shares, which allows for a loss that was not drawn (:mod:`harness.stats.strata`).
Where rows share a picture, labels count for as many as their errors say, by cluster, and so do rows not asked about.

Source:
    Särndal, Swensson, Wretman 1992, chapters 6 and 7, for strata made after the draw and Hájek's mean; Angelopoulos,
    Duchi, Zrnic 2023, "PPI++" (arXiv:2311.01453), for what a proxy is good for; Farquhar, Gal, Rainforth 2021
    (arXiv:2101.11665) for the weights of draws without replacement at chosen chances; Kish 1965 for labels that count
    as fewer.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from harness.stats._door import ROUNDING, Floats, Index, at_least, inside, labels, same_length, vector
from harness.stats.paired import paired_t
from harness.stats.results import Comparison, nothing
from harness.stats.strata import Strata, strata_by

METHOD: Final = "labels by strata of the proxy, score"
PLAIN: Final = "labels, score"
ALL: Final = "labels of all that differs"
ALL_VALUES: Final = "labels of all answers, score"
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
    strata: int
    """How many strata the proxy makes of them; 1 without one, and where it says the same of all."""
    worth: float
    """How many labels one is worth for the help of the proxy: 1 without it, less where it only costs."""
    more: int | None
    """About how many more would decide with 80 % power, if the truth is what is seen; 0 where it is decided, None
    where labels alone will not: too few rows were asked."""
    drawn: "Drawn | None" = None
    """What the number's error is made of; None where it is not for want of labels, or cannot be known."""

    def more_within(self, half: float) -> int | None:
        """Return about how many more labels make the interval end no further than ``half`` from the estimate.

        0 where it does already; None where no number of labels does: too few rows were asked.
        """
        found, drawn = self.comparison, self.drawn
        if max(found.high - found.estimate, found.estimate - found.low) <= half:
            return 0
        if drawn is None:
            return None
        wanted = drawn.strata.labels_within(half, drawn.of, drawn.count, found.confidence)
        return None if wanted is None else max(1, wanted - drawn.count)


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
    if all_known and two:
        found = replace(paired_t(d, index, confidence, margin, most), method=ALL)
        return ByLabels(found, d.size, differing, labelled, 1, 1.0, 0 if _decided(found) else None)
    if all_known:  # nothing is left for a proxy to tell, and all rows are a sample like any other
        sampled, v, p = np.ones(d.size, bool), np.ones(d.size), np.zeros(d.size)
    told = Drawn.of_rows(d, sampled, v, p, index, bounds)
    if told is None:
        found = replace(nothing(PLAIN, confidence, margin), n=d.size, clusters=len(np.unique(index[sampled])))
        return ByLabels(found, d.size, differing, labelled, 1, 1.0, None)
    count = told.strata.shares.size
    method = METHOD if count > 1 else ALL_VALUES if all_known else PLAIN
    found = told.comparison(d.size, method, confidence, margin)
    if all_known:
        return ByLabels(found, d.size, differing, labelled, count, 1.0, None)
    more = told.more(found) if two else None
    return ByLabels(found, d.size, differing, labelled, count, told.worth, more, told)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A number by labels that were drawn."""

    strata: Strata
    """The labels, counted as many as they are worth."""
    count: int
    """Labels that were drawn."""
    of: int
    """How many can be labelled."""
    units: int
    """Independent ones among those that were drawn."""
    worth: float
    """How many labels one is worth for the strata."""

    @classmethod
    def of_rows(
        cls, d: Floats, drawn: Mask, weights: Floats, proxy: Floats, index: Index, bounds: tuple[float, float]
    ) -> "Drawn | None":
        """Return it; None with fewer than two labels or independent units."""
        unknown = drawn | np.isnan(d)
        count, units = int(drawn.sum()), len(np.unique(index[drawn]))
        if count < 2 or units < 2:
            return None
        codes = np.zeros(d.size, np.int64)
        codes[unknown] = strata_by(proxy[unknown], drawn[unknown])
        at, told, v = codes[drawn], d[drawn], weights[drawn]
        rows, reach = np.bincount(codes[unknown]), float(unknown.sum()) / count
        strata = Strata.of(at, told, v, rows / d.size, bounds)
        worth = strata.worth
        # What labels miss in each cluster, and what is thought of all its rows.
        left = (rows / np.bincount(at, v))[at] * v * (told - strata.means[at])
        groups = int(index.max()) + 1
        missed = np.asarray(np.bincount(index[drawn], left, groups), np.float64)
        thought = np.where(unknown, strata.means[codes], np.nan_to_num(d))
        sums = np.bincount(index, thought - thought.mean(), groups)
        apart = float(sums @ sums) + max(0.0, 2 * float(sums @ missed))
        rest = apart * groups / max(groups - 1, 1) / d.size**2
        alike = _alike(missed, left, np.bincount(index[drawn], minlength=groups).astype(np.float64), reach)
        known = float(thought[~unknown].sum()) / d.size
        strata = replace(strata.times(1 / alike), known=known, rest=rest if rest > ROUNDING**2 else 0.0)
        return cls(strata, count, int(unknown.sum()), units, worth)

    def comparison(self, n: int, method: str, confidence: float, margin: float) -> Comparison:
        """Return the estimate with its ends and p-values."""
        df, (worst, best) = self.units - 1, self.strata.bounds
        estimate = self.strata.estimate
        (low, high), (lower, upper) = (
            self.strata.ends(float(stdtrit(df, level))) for level in (0.5 + confidence / 2, confidence)
        )  # fmt: skip
        at_zero, at_margin = self.strata.deviate(0.0), self.strata.deviate(-margin)
        return Comparison(
            estimate, max(worst, low), min(best, high), max(worst, lower), min(best, upper),
            p_value=float(2 * stdtr(df, -abs(at_zero))),
            p_less=float(stdtr(df, at_zero)),
            p_greater=float(stdtr(df, -at_zero)),
            p_noninferior=float(stdtr(df, -at_margin)),
            n=n,
            method=method,
            confidence=confidence,
            margin=margin,
            standard_error=self.strata.error,
            df=df,
            clusters=self.units,
            span=best,
        )  # fmt: skip

    def more(self, found: Comparison) -> int | None:
        """Return about how many more labels decide, if the truth is what is seen."""
        if _decided(found):
            return 0
        drop = -found.estimate
        inside = found.margin > drop
        side, gap = (self.strata, found.margin - drop) if inside else (self.strata.mirrored, abs(drop))
        wanted = side.labels_beyond(gap, self.of, self.count, 1 - found.confidence)
        return None if wanted is None else max(1, wanted - self.count)


def _alike(missed: Floats, left: Floats, sizes: Floats, reach: float) -> float:
    """Return by how much errors that go by cluster are larger than those of so many single rows, 1 or more.

    One more cluster, of the size of a random label's, counts as if it had been lost altogether: where labels miss
    next to nothing, how alike a cluster's losses are is not seen.
    """
    lost = float(sizes @ sizes) / float(sizes.sum())
    together, apart = float(missed @ missed), float(left @ left)
    return max(1.0, (together + (lost * reach) ** 2) / (apart + lost * reach**2))


def _decided(found: Comparison) -> bool:
    """Return whether it is shown that no more than the margin is lost, or that more is; without one, which is better.

    What a verdict says of it (:func:`harness.stats.verdict.judge`), told from the numbers alone.
    """
    alpha = 1 - found.confidence
    if not found.margin or -found.estimate >= found.margin:
        return min(found.p_less, 1.0 if found.margin else found.p_greater) <= alpha
    return found.lower_bound > -found.margin
