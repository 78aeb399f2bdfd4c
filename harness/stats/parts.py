"""Which parts of the samples fell against the rest: many parts and scores at once, by permutation of whole clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincc, ndtri

from harness.stats._door import Floats, Index, labels
from harness.stats._permuted import least_of_normals, least_of_permutations
from harness.stats.paired import mcnemar, paired_t
from harness.stats.results import Flips

MIN_ROWS: Final = 10
"""A part with fewer rows, or with fewer outside of it, is not looked at."""
DRAWS: Final = 999
MOST_PARTS: Final = 400
_MOST_PERMUTED: Final = 10_000_000
"""Scores moved in all permutations together; beyond it the least of correlated normal numbers is drawn instead."""
_ROUNDS: Final = 5
_SKEWED: Final = 0.02
_LOW: Final = -1.0
"""What lies above it is never the least of all: it is left as it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """K parts of the samples under C scores."""

    of: Sequence[tuple[int, int]]
    """Which label and which code of it each part is, [K]."""
    n: Index
    """Rows of each part that have the score, [K, C]."""
    inside: Floats
    """Mean difference in each part, [K, C]."""
    rest: Floats
    """Mean difference of all other rows, [K, C]."""
    shrunk: Floats
    """The mean of each part, drawn towards the mean of all as far as parts differ by chance, [K, C]."""
    p: Floats
    """One-sided, adjusted for every part and score; small where a part fell, and fell more than the rest, [K, C]."""
    beside: Index
    """The part that explains why this one fell more than its rest, [K, C]; −1 for none."""


def against_rest(
    differences: ArrayLike,
    tags: Sequence[Index],
    clusters: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    level: float = 0.05,
    most_permuted: int = _MOST_PERMUTED,
) -> Parts:
    """Hold each part against the rest of the samples, the family-wise error bounded over all parts and scores.

    The statistic is the mean of a part less that of the rest, on a normal scale by the variance and the skewness that
    permutation gives it (Pearson's type III), so that a small part with rare losses weighs as much as a large one.
    Its adjusted p is how often the least of all is as low when whole clusters change places, those of one stratum and
    of like size among each other, all scores of a sample together. With many rows the least of normal numbers of the
    same correlation is drawn instead. A part is said to have fallen only where its own rows show it too (McNemar's
    mid-p, or Student's t), for a part whose rows flip more often both ways is no loss.

    What was found is taken out and the others are tried again: a part that fell only for the rows that it shares with
    another is said to stand ``beside`` it.

    Args:
        differences: candidate − baseline, above zero is better, NaN where a row has no score, [n, C].
        tags: for each label, the code of every row, [n]; −1 where a row has none.
        clusters: a label for each row, [n]; None where all are independent.
        strata: rows of which change places only among each other, [n].
        seed: of the permutations.
        draws: how many permutations.
        level: at which a part counts as found.
        most_permuted: rows · scores · draws up to which permutations are made.

    Raises:
        ValueError: if shapes do not fit.

    Source:
        Westfall and Young 1993 (max-T, step-down); Morris 1983 for shrinkage.
    """
    d = np.array(differences, np.float64)
    if d.ndim != 2 or any(len(codes) != len(d) for codes in tags):
        raise ValueError(f"differences: expected [n, C] and one code a row, got shape {d.shape}")
    units = labels("clusters", clusters, len(d))[0]
    kinds = labels("strata", strata, len(d))[0] if strata is not None else np.zeros(len(d), np.int64)
    of = _listed(d, tags)
    places = _places(of, tags)
    look = _Look(d, places, len(of), units, kinds)
    p = np.ones(look.z.shape)
    beside = np.full(p.shape, -1, np.int64)
    kept = np.ones(len(d), bool)
    found: list[int] = []
    surest = 0.0
    for turn in range(_ROUNDS):
        one = look if not turn else _Look(d[kept], places[:, kept], len(of), units[kept], kinds[kept])
        others = np.array([k not in found for k in range(len(of))], bool)[:, None]
        now = np.where(others, np.maximum(surest, _adjusted(one, (seed, turn), draws, most_permuted)), p)
        for k, c in zip(*np.nonzero((now <= level) & others), strict=True):
            rows = kept & (places == k).any(axis=0)
            now[k, c] = max(now[k, c], _own(d[rows, c], units[rows]))
        beside[(p <= level) & (now > level)] = found[-1] if found else -1
        p = now
        hits = np.where((p <= level) & others, one.z, np.inf)
        if not np.isfinite(hits).any():
            break
        found.append(int(np.unravel_index(int(hits.argmin()), hits.shape)[0]))
        surest = float(p[found[-1]].min())
        kept = kept & ~(places == found[-1]).any(axis=0)
    return Parts(of, look.n, look.inside, look.rest, look.shrunk(), p, beside)


def _listed(d: Floats, tags: Sequence[Index]) -> list[tuple[int, int]]:
    """Return the parts, those with enough rows and enough others, the largest where there are too many."""
    there = ~np.isnan(d).all(axis=1)
    whole = int(there.sum())
    sized = []
    for tag, codes in enumerate(tags):
        counts = np.bincount(codes[there & (codes >= 0)])
        sized += [(int(n), tag, k) for k, n in enumerate(counts.tolist()) if MIN_ROWS <= n <= whole - MIN_ROWS]
    kept = sorted(sized, key=lambda one: -one[0])[:MOST_PARTS]
    return sorted((tag, k) for _, tag, k in kept)


def _places(of: Sequence[tuple[int, int]], tags: Sequence[Index]) -> Index:
    """Return the part that each row is in by each tag, [tags, n]; as many as there are parts for none."""
    found = np.full((len(tags), len(tags[0]) if tags else 0), len(of), np.int64)
    for tag, codes in enumerate(tags):
        table = np.full(int(codes.max(initial=-1)) + 2, len(of), np.int64)
        for place, (owner, code) in enumerate(of):
            if owner == tag:
                table[code] = place
        found[tag] = table[codes]  # a code of −1 is the last one
    return found


class _Look:
    """Differences, parts and what the statistic of each comes to."""

    def __init__(self, d: Floats, places: Index, parts: int, units: Index, kinds: Index) -> None:
        self.units, self.kinds, self.places, self.parts = units, kinds, places, parts
        self.there = ~np.isnan(d)
        known = np.where(self.there, d, 0.0)
        self.residuals = np.where(self.there, known - self._means(known), 0.0)
        self.total = self.there.sum(axis=0)
        self.n = self._sums(self.there).astype(np.int64)
        sums, others = self._sums(known), known.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.inside = sums / self.n
            self.rest = (others - sums) / (self.total - self.n)
            self.mean = others / self.total
            self.second = (self.residuals**2).sum(axis=0) / self.total
            third = (self.residuals**3).sum(axis=0) / self.total
            self.spread, skewed = self._clustered()
            squares, cubes = 1 / self.n + 1 / (self.total - self.n), 1 / self.n**2 - 1 / (self.total - self.n) ** 2
            self.skew = third * (cubes + skewed) / (self.second * squares * self.spread) ** 1.5
            self.asked = (self.n >= MIN_ROWS) & (self.total - self.n >= MIN_ROWS) & (self.second > 0)
            self.skew = np.where(self.asked, self.skew, 0.0)
            self.z = np.where(self.asked, self.normal(self._sums(self.residuals), self.n), np.inf)

    def normal(self, sums: Floats, n: Floats | Index) -> Floats:
        """Return the statistic of sums of residuals, [..., K, C], on a normal scale."""
        with np.errstate(invalid="ignore", divide="ignore"):
            each = 1 / n + 1 / (self.total - n)
            # Residuals sum up to zero, so that the rest's sum is known.
            t = np.asarray(sums * each / np.sqrt(self.second * each * self.spread), np.float64)
        low = t < _LOW
        t[low] = _unskewed(t[low], np.broadcast_to(self.skew, t.shape)[low])
        return t

    def shrunk(self) -> Floats:
        """Return the means of the parts, each drawn towards that of all by what it varies by chance."""
        with np.errstate(invalid="ignore", divide="ignore"):
            error = np.where(self.asked, self.second * self.spread / self.n, np.nan)
            apart = (self.inside - self.mean) ** 2 / error
            count = self.asked.sum(axis=0)
            between = np.maximum(0.0, (np.nansum(apart, axis=0) - (count - 1)) / np.nansum(1 / error, axis=0))
            return np.asarray(self.mean + (self.inside - self.mean) * between / (between + error))

    def _means(self, known: Floats) -> Floats:
        """Return the mean of each row's stratum, [n, C]: a stratum that fell is no part that fell."""
        count = int(self.kinds.max(initial=0)) + 1
        if count == 1:
            return np.asarray(known.sum(axis=0) / np.maximum(1, self.there.sum(axis=0)))
        sums = [np.bincount(self.kinds, column, count) for column in known.T]
        counts = [np.bincount(self.kinds, column, count) for column in self.there.T]
        return np.column_stack([a / np.maximum(1, b) for a, b in zip(sums, counts, strict=True)])[self.kinds]

    def _sums(self, values: NDArray[np.generic]) -> Floats:
        """Return the sum of each part, [K, C]; each tag cuts all rows."""
        found = np.zeros((self.parts + 1, values.shape[1]))
        for place in self.places:
            for c, column in enumerate(values.T):
                found[:, c] += np.bincount(place, column, self.parts + 1)
        return found[:-1]

    def _clustered(self) -> tuple[Floats, Floats]:
        """Return what clusters multiply each variance by, and add to each third moment's weight, [K, C]."""
        shape = self.n.shape
        sizes = np.bincount(self.units)
        pairs = float((sizes * (sizes - 1.0)).sum())
        if not pairs:
            return np.ones(shape), np.zeros(shape)
        sums = np.column_stack([np.bincount(self.units, column) for column in self.residuals.T])
        shared = ((sums**2).sum(axis=0) - (self.residuals**2).sum(axis=0)) / pairs / self.second
        alike = np.nan_to_num(np.clip(shared, 0.0, 1.0))
        inside = np.bincount(self.places.ravel(), minlength=self.parts + 1)[:-1, None]
        outside = len(self.units) - inside
        with np.errstate(invalid="ignore", divide="ignore"):
            first, other = 1 / inside, 1 / outside
            squares, cubes = (self._of_units(sizes, first, other, power) for power in (2, 3))
            spread = 1 + alike * (squares / (first + other) - 1)
            skewed = alike * (cubes - (first**2 - other**2))
        return np.maximum(spread, 1e-12), skewed

    def _of_units(self, sizes: Index, first: Floats, other: Floats, power: int) -> Floats:
        """Return Σ W over all units of a power of the weight W that a unit has in each part's difference, [K, 1]."""
        base = float((sizes.astype(np.float64) ** power).sum())
        found = np.broadcast_to((-other) ** power * base, first.shape).copy()
        for place in self.places:
            joint, counts = np.unique(place * len(sizes) + self.units, return_counts=True)
            part, m = joint // len(sizes), sizes[joint % len(sizes)]
            kept = part < self.parts
            part, m, inside = part[kept], m[kept], counts[kept]
            weight = inside * first[part, 0] - (m - inside) * other[part, 0]
            change = weight**power - (-other[part, 0] * m) ** power
            found[:, 0] += np.bincount(part, change, self.parts)
        return found


def _adjusted(look: _Look, seed: tuple[int, int], draws: int, most: int) -> Floats:
    """Return the one-sided p of each part and score, adjusted for all of them."""
    if not look.asked.any():
        return np.ones(look.asked.shape)
    rng = np.random.default_rng(seed)
    if look.residuals.size * draws <= most:
        least = least_of_permutations(look, draws, rng)
    else:
        least = least_of_normals(look, draws, rng)
    ranks = np.searchsorted(np.sort(least), look.z, side="right")
    return np.where(look.asked, (1.0 + ranks) / (len(least) + 1), 1.0)


def _own(d: Floats, units: Index) -> float:
    """Return the one-sided p that rows fell, without any other."""
    there = ~np.isnan(d)
    values, own = d[there], units[there]
    if np.isin(values, (-1.0, 0.0, 1.0)).all() and len(np.unique(own)) == len(own):
        return mcnemar(Flips(0, int((values < 0).sum()), int((values > 0).sum()), len(values)), mid_p=True).p_less
    p = paired_t(values, own).p_less
    return 1.0 if np.isnan(p) else p


def _unskewed(t: Floats, skew: Floats) -> Floats:
    """Return the normal deviates with the lower tails of Pearson's type III, whose mean is 0 and variance 1."""
    slight = np.abs(skew) < _SKEWED
    shape = 4 / np.where(slight, 1.0, skew) ** 2
    root = np.sqrt(shape)
    with np.errstate(invalid="ignore", over="ignore"):
        left = gammaincc(shape, np.maximum(0.0, shape - t * root))
        right = gammainc(shape, np.maximum(0.0, shape + t * root))
        found = ndtri(np.clip(np.where(skew < 0, left, right), 1e-300, 1 - 1e-16))
        return np.where(slight, t - skew * (t * t - 1) / 6, found)


__all__ = ["DRAWS", "MIN_ROWS", "MOST_PARTS", "Parts", "against_rest"]
