"""The mean of rows in strata of known sizes, by labels of a few in each: score bounds that know what was not drawn.

For every mean below the one that labels show there are shares of the labels' values, in all strata together, that are
the likeliest under it; as in Wilson's and Tango's intervals the variance that counts is the one that *they* would
leave. The worst value there is may have a share too where no label has it: it gets one where the mean lies so low that
this is likelier, in the stratum where an unseen loss weighs most. So a loss that was not drawn is allowed for once, not
once in every stratum, and 0s and 1s, losses, ties and wins, and values between need no methods of their own.

Two corrections. Quantiles are Student's, of the labelled units less one: 20 labels without a loss would miss the
largest one that they exclude in 7.9 % at a level of 5, so it is 6.2. And if an end were true and the estimate's long
tail lay on the side where it was seen, Bartlett's term for skewness moves that end out; it moves none in. What labels
do not lessen, the rows that were not asked, joins by the squares of its reach (MOVER).

Source:
    Wilson 1927; Tango 1998 and Miettinen and Nurminen 1985 for scores under constrained likelihood; Owen 2001,
    "Empirical Likelihood", for the likeliest shares; Bartlett 1953 and Gart and Nam 1988 for skewness in a score; Zou
    and Donner 2008 for MOVER; Särndal, Swensson, Wretman 1992, chapter 7, for strata made after the draw.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit

from harness.stats._door import ROUNDING, Floats, Index
from harness.stats.power import POWER

LEAST: Final = 3
"""A stratum with fewer labels joins its neighbour."""
_MOST: Final = 9
_EACH: Final = 6
"""Of a proxy with many values so many labels a stratum, and at most so many strata."""
_NEWTON: Final = 80
_BRACKET: Final = 80.0
_STRIDE: Final = 1.5
_NEAR: Final = 1e-6
"""So close to where all rows are at their worst, as a share of the way, nothing is left to solve."""
_FAR: Final = 1e6
_CLOSE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Tilt:
    """The likeliest shares under one mean, in short."""

    gap: float
    """How far that mean lies below the estimate."""
    score: float
    """The same in standard errors, as they would be under it."""
    skewness: float
    """Of the estimate, under it; above zero it lies high more easily."""

    @property
    def deviate(self) -> float:
        """The score as a normal deviate: what skewness makes likelier counts less, and never more."""
        if self.score <= 1 or self.skewness <= ROUNDING:
            return self.score
        k = self.skewness
        return min(self.score, 3 / k * (math.sqrt(1 + 2 * k / 3 * (self.score + k / 6)) - 1))


@dataclass(frozen=True, slots=True, eq=False)
class Strata:
    """Labels by stratum: one cell for each value that labels of a stratum have."""

    values: Floats
    """What the labels of a cell say, [cells], in the order of the strata."""
    counts: Floats
    """How many labels a cell has, counted as many as they are worth, above 0, [cells]."""
    starts: Index
    """Where the cells of each stratum begin, [strata]."""
    shares: Floats
    """Each stratum's rows as a share of all rows, [strata]."""
    bounds: tuple[float, float]
    """The least and the largest value that a row can have."""
    known: float = 0.0
    """What the rows in no stratum, of which nothing need be asked, add to the mean."""
    rest: float = 0.0
    """The variance that labels do not lessen."""

    @classmethod
    def of(cls, codes: Index, values: Floats, weights: Floats, shares: Floats, bounds: tuple[float, float]) -> "Strata":
        """Return them from labels.

        Args:
            codes: each label's stratum, from 0, none empty, [labels].
            values: what labels say, [labels].
            weights: of the draws, above 0, [labels]: a stratum is worth (Σw)² / Σw² labels.
            shares: as above, [strata].
            bounds: as above.

        >>> one = Strata.of(np.zeros(50, int), np.zeros(50), np.ones(50), np.ones(1), (-1.0, 1.0))
        >>> one.estimate, round(one.ends(1.96)[0], 4)  # z² / (n + z²), as Wilson's
        (0.0, -0.0714)
        """
        pairs, place = np.unique(np.column_stack([codes, np.clip(values, *bounds)]), axis=0, return_inverse=True)
        of = pairs[:, 0].astype(np.int64)
        totals, squares = (np.bincount(codes, one, shares.size) for one in (weights, np.square(weights)))
        counts = np.bincount(place.ravel(), weights) * (totals / squares)[of]
        return cls(
            np.ascontiguousarray(pairs[:, 1]), counts, np.searchsorted(of, np.arange(shares.size)), shares, bounds
        )

    @property
    def sizes(self) -> Floats:
        """How many labels each stratum is worth, [strata]."""
        return np.asarray(np.add.reduceat(self.counts, self.starts), np.float64)

    @property
    def means(self) -> Floats:
        """The mean label of each stratum, [strata]."""
        return np.asarray(np.add.reduceat(self.counts * self.values, self.starts) / self.sizes, np.float64)

    @property
    def estimate(self) -> float:
        """The mean over all rows."""
        return self.known + float(self.shares @ self.means)

    @property
    def variances(self) -> Floats:
        """The variance of the labels of each stratum, [strata]."""
        squares = np.add.reduceat(self.counts * np.square(self.values - self.means[self._of]), self.starts)
        return np.asarray(squares / self.sizes, np.float64)

    @property
    def error(self) -> float:
        """The standard error of the estimate."""
        return math.sqrt(float(np.square(self.shares) @ (self.variances / self.sizes)) + self.rest)

    @property
    def worth(self) -> float:
        """How many labels one is worth because there are strata: their variance by that of as many without any."""
        if self.shares.size == 1:
            return 1.0
        sizes, whole = self.sizes, float(self.shares.sum())
        within = self.variances * sizes / np.maximum(sizes - 1, 1)
        between = np.square(self.means - float(self.shares @ self.means) / whole)
        alone = whole * float(self.shares @ (within + between)) / float(sizes.sum())
        left = float(np.square(self.shares) @ (within / sizes))
        return alone / left if left > 0 else 1.0

    @property
    def mirrored(self) -> "Strata":
        """The same with the signs of all values turned."""
        worst, best = self.bounds
        return replace(self, values=-self.values, known=-self.known, bounds=(-best, -worst))

    def scaled(self, factor: float) -> "Strata":
        """Return the same of values that are all a factor larger, above 0."""
        worst, best = self.bounds
        return replace(
            self, values=self.values * factor, known=self.known * factor, rest=self.rest * factor**2,
            bounds=(worst * factor, best * factor),
        )  # fmt: skip

    def times(self, factor: float) -> "Strata":
        """Return what as many labels, times a factor, would be if they said the same."""
        return replace(self, counts=self.counts * factor)

    def ends(self, quantile: float) -> tuple[float, float]:
        """Return the ends at a quantile, two-sided: 1.96 or so for 95 %."""
        return self.estimate - self.reach(quantile), self.estimate + self.mirrored.reach(quantile)

    def reach(self, quantile: float) -> float:
        """Return how far the lower end at a quantile lies below the estimate."""
        if quantile <= 0:  # of a bound that holds no more often than not
            return -self.mirrored.reach(-quantile) if quantile else 0.0
        there = self._where(lambda one: one.deviate, quantile)
        return math.hypot(there.gap if there else self._room, quantile * math.sqrt(self.rest))

    def deviate(self, limit: float) -> float:
        """Return how far the estimate lies above a limit, as the quantile of the end that falls on it.

        >>> one = Strata.of(np.zeros(50, int), np.zeros(50), np.ones(50), np.ones(1), (-1.0, 1.0))
        >>> round(one.deviate(-0.0714), 2), round(one.deviate(0.0714), 2)
        (1.96, -1.96)
        """
        off = self.estimate - limit
        if off < 0:
            return -self.mirrored.deviate(-limit)
        if off <= ROUNDING * (self.bounds[1] - self.bounds[0]):
            return 0.0
        sd = math.sqrt(self.rest)
        if there := self._where(lambda one: math.hypot(one.gap, one.deviate * sd), off):
            return there.deviate
        return math.sqrt(max(0.0, off * off - self._room**2)) / sd if sd else _FAR

    def tilted(self, pull: float) -> Tilt:
        """Return the likeliest shares of a lower mean: one pull, above 0, for each, the stronger the lower it is.

        With a pull λ a cell of c labels, y above the worst value, has the share c / (μ + λy); what a stratum's cells
        leave of 1, where no μ above 0 makes them add up, is the worst value's.
        """
        of, reach = self._of, self._above_worst
        slope = pull * reach
        level = np.maximum(np.maximum.reduceat(self.counts - slope, self.starts), 0.0)
        for _ in range(_NEWTON):  # from the left of a falling convex curve: it never steps over the root
            parts = self.counts / (level[of] + slope)
            over = np.add.reduceat(parts, self.starts) - 1
            step = over / np.add.reduceat(parts / (level[of] + slope), self.starts)
            level = np.maximum(level + step, 0.0)
            if (step <= _CLOSE * level).all():
                break
        parts = self.counts / (level[of] + slope)
        first, second, third = (np.add.reduceat(parts * reach**power, self.starts) for power in (1, 2, 3))
        sizes = self.sizes
        variance = float((np.maximum(second - first * first, 0) / sizes).sum())
        gap = max(0.0, self._room - float(first.sum()))
        if gap <= ROUNDING * self._room:
            return Tilt(0.0, 0.0, 0.0)
        if variance <= 0:
            return Tilt(gap, _FAR, 0.0)
        cumulant = float(((third - 3 * first * second + 2 * first**3) / np.square(sizes)).sum())
        return Tilt(gap, min(_FAR, gap / math.sqrt(variance)), cumulant / variance**1.5)

    def labels_within(self, half: float, of: int, count: int, confidence: float) -> int | None:
        """Return about how many labels make both ends lie no further than ``half`` from the estimate, if all say alike.

        Args:
            half: above 0.
            of: how many can be labelled.
            count: how many these are.
            confidence: of the interval.

        Returns:
            The number, counted with these; None where that takes more than there are.
        """
        mirrored, level = self.mirrored, 0.5 + confidence / 2

        def enough(n: int) -> bool:
            quantile = _quantile(n, level)
            return all(one.times(n / count).reach(quantile) <= half for one in (self, mirrored))

        return _least(enough, of)

    def labels_beyond(self, gap: float, of: int, count: int, alpha: float = 0.05) -> int | None:
        """Return about how many labels show with 80 % power that the mean is not lower by ``gap``, if all say alike.

        >>> half = Strata.of(np.zeros(4, int), np.array([-1.0, 0, 0, 1]), np.ones(4), np.array([0.2]), (-1.0, 1.0))
        >>> half.labels_beyond(0.05, 600, 4), half.labels_beyond(0.001, 600, 4)
        (52, None)
        """
        power = float(ndtri(POWER))

        def enough(n: int) -> bool:
            more = self.times(n / count)
            return more.reach(_quantile(n, 1 - alpha)) + power * more.error <= gap

        return _least(enough, of)

    @property
    def _of(self) -> Index:
        ends = np.append(self.starts[1:], self.values.size)
        return np.repeat(np.arange(self.starts.size), ends - self.starts)

    @property
    def _above_worst(self) -> Floats:
        """How far each cell's values lift the mean above its least, if all of a stratum had them, [cells]."""
        return np.asarray(self.shares[self._of] * (self.values - self.bounds[0]), np.float64)

    @property
    def _room(self) -> float:
        """How far the mean could lie below the estimate at most."""
        return float(self.shares @ (self.means - self.bounds[0]))

    def _where(self, told: Callable[[Tilt], float], wanted: float) -> Tilt | None:
        """Return the tilt at which a number, that grows with the pull, is as wanted; None where it never is."""
        if self._room <= ROUNDING:
            return None
        low = high = math.log(float(self.sizes.sum()) / float(self.shares.sum()) / (self.bounds[1] - self.bounds[0]))

        def off(place: float) -> float:
            return told(self.tilted(math.exp(place))) - wanted

        while low > -_BRACKET and off(low) >= 0:
            low -= _STRIDE
        while off(high) < 0:
            if self.tilted(math.exp(high)).gap >= (1 - _NEAR) * self._room:
                return None
            low, high = high, high + _STRIDE
        return self.tilted(math.exp(brentq(off, low, high, xtol=1e-10, rtol=1e-12)))


def strata_by(proxy: Floats, labelled: NDArray[np.bool_]) -> Index:
    """Return the stratum of each row, from 0, by what a proxy says of it, [n].

    A proxy of few values makes a stratum of each, another an odd number of about as many rows each, so that turning its
    sign turns the strata round. One with fewer than three labels joins the neighbour that has the fewest.

    Args:
        proxy: [n], in whatever unit.
        labelled: which rows have a label, [n].

    >>> strata_by(np.array([-1.0, 0, 0, 0, 1, 1, 1]), np.array([1, 1, 1, 1, 1, 1, 1], bool)).tolist()
    [0, 0, 0, 0, 1, 1, 1]
    """
    most = float(np.abs(proxy).max(initial=0.0))
    levels, codes, rows = np.unique(
        np.round(proxy / most, 9) if most else proxy, return_inverse=True, return_counts=True
    )
    codes = codes.ravel()
    count = int(min(_MOST, labelled.sum() // _EACH))
    if levels.size > max(3, count):
        bins = max(1, count - 1 + count % 2)
        below = np.cumsum(rows)
        centred = (
            bins * (2 * below - rows - proxy.size) / (2 * proxy.size)
        )  # of each level's middle rank, within ± bins / 2
        codes = (np.sign(centred) * np.floor(np.abs(centred) + 0.5)).astype(np.int64)[codes]
    codes = np.unique(codes, return_inverse=True)[1].ravel()
    while True:
        told = [int(one) for one in np.bincount(codes, labelled)]
        if len(told) < 2 or min(told) >= LEAST:
            return np.asarray(codes, np.int64)
        joined = np.arange(len(told))
        for i in np.flatnonzero(np.array(told) == min(told)).tolist():  # all of them at once: no side comes first
            beside = [j for j in (i - 1, i + 1) if 0 <= j < len(told)]
            fewest = min(told[j] for j in beside)
            for j in beside:
                if told[j] == fewest:
                    joined[joined == joined[max(i, j)]] = joined[min(i, j)]
        codes = np.unique(joined[codes], return_inverse=True)[1].ravel()


def _quantile(labels: int, level: float) -> float:
    return float(stdtrit(max(labels - 1, 1), level))


def _least(enough: Callable[[int], bool], of: int) -> int | None:
    """Return the least number from 2 that is enough, by halving; None where not even ``of`` are."""
    if of < 2 or not enough(of):
        return None
    low, high = 1, of
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
