"""How a bootstrap draws: whole clusters, stratum by stratum, equal ones together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._door import Floats, Index, labels

BCA_LIMIT: Final = 2_000
"""Up to so many independent units every draw is exact, and limits are BCa."""
CELLS: Final = 128
"""Above ``BCA_LIMIT`` units with more distinct values than this, near ones are drawn together."""
_ALONE: Final = 32
_MANY_SIZES: Final = 64
_CHUNK: Final = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What is drawn: clusters (or rows), grouped by stratum."""

    of_row: Index
    """The unit of each row, [n]."""
    count: int
    strata: tuple[Index, ...]
    """The units of each stratum."""

    @property
    def independent(self) -> int:
        """Units of the smallest stratum: what a claim without any spread must rest on."""
        return min((part.size for part in self.strata), default=0)


def units_of(n: int, clusters: ArrayLike | None, strata: ArrayLike | None) -> Units:
    """Return what is drawn from n rows; without ``strata`` there is one stratum.

    Raises:
        ValueError: if a label is missing or NaN, or a cluster lies in more than one stratum.
    """
    of_row, count = labels("clusters", clusters, n)
    stratum, number = labels("strata", strata, n)
    if strata is None:
        return Units(of_row, count, (np.arange(count),) if n else ())
    of_unit = np.zeros(count, np.int64)
    of_unit[of_row] = stratum
    if (of_unit[of_row] != stratum).any():
        raise ValueError("strata: a cluster lies in more than one stratum")
    return Units(of_row, count, tuple(np.flatnonzero(of_unit == s) for s in range(number)))


def draw_totals(sums: Floats, sizes: Floats, resamples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return what the drawn units of one stratum sum up to, and how many rows they have, each [B]."""
    same = bool((sizes == sizes[0]).all())
    pairs = sums if same else sums + 1j * sizes
    values, counts = np.unique(pairs, return_counts=True)
    rows = np.full(values.size, sizes[0]) if same else values.imag
    if values.size <= CELLS or 4 * values.size <= sums.size <= BCA_LIMIT:
        return _draw_cells(values.real, rows, np.zeros(values.size), counts, resamples, rng)
    if sums.size <= BCA_LIMIT or np.unique(sizes).size > _MANY_SIZES:
        return _draw_rows(sums, sizes, resamples, rng)
    cell = _near_together(sums, sizes)
    counts = np.bincount(cell)
    mean = np.bincount(cell, weights=sums) / counts
    size = np.bincount(cell, weights=sizes) / counts
    variance = np.bincount(cell, weights=np.square(sums - mean[cell])) / counts
    return _draw_cells(mean, size, variance, counts, resamples, rng)


def _near_together(sums: Floats, sizes: Floats) -> Index:
    """Return a cell for each unit: of one size, near in value; the most extreme units stand alone."""
    order = np.lexsort((sums, sizes))
    cell = np.empty(sums.size, np.int64)
    cell[order] = np.arange(sums.size) * CELLS // sums.size
    extreme = np.argpartition(np.abs(sums - sizes * (sums.sum() / sizes.sum())), -2 * _ALONE)[-2 * _ALONE :]
    cell[extreme] = CELLS + np.arange(2 * _ALONE)
    _, index = np.unique(sizes * (CELLS + 2 * _ALONE) + cell, return_inverse=True)
    return index.astype(np.int64, copy=False)


def _draw_cells(
    values: Floats, rows: Floats, variances: Floats, counts: Index, resamples: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    order = np.argsort(-counts, kind="stable")
    values, rows, variances, counts = values[order], rows[order], variances[order], counts[order]
    n = int(counts.sum())
    totals, drawn_rows = np.empty(resamples), np.empty(resamples)
    step = max(1, _CHUNK // counts.size)
    for start in range(0, resamples, step):
        stop = min(resamples, start + step)
        drawn = rng.multinomial(n, counts / n, size=stop - start).astype(np.float64)
        totals[start:stop] = drawn @ values
        drawn_rows[start:stop] = drawn @ rows
        if variances.any():
            totals[start:stop] += np.sqrt(drawn @ variances) * rng.standard_normal(stop - start)
    return totals, drawn_rows


def _draw_rows(sums: Floats, sizes: Floats, resamples: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    totals, rows = np.empty(resamples), np.empty(resamples)
    step = max(1, _CHUNK // sums.size)
    for start in range(0, resamples, step):
        stop = min(resamples, start + step)
        drawn = rng.integers(0, sums.size, (stop - start, sums.size))
        totals[start:stop] = sums[drawn].sum(axis=1)
        rows[start:stop] = sizes[drawn].sum(axis=1)
    return totals, rows


def row_weights(units: Units, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each row is drawn, [b, n], b resamples at a time."""
    step = max(1, _CHUNK // units.of_row.size)
    every_row_its_own = units.count == units.of_row.size
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        weights = np.empty((rows, units.count))
        for part in units.strata:
            drawn = rng.integers(0, part.size, (rows, part.size)) + part.size * np.arange(rows)[:, None]
            counts = np.bincount(drawn.ravel(), minlength=rows * part.size).reshape(rows, part.size)
            if len(units.strata) == 1:
                weights[:] = counts
            else:
                weights[:, part] = counts
        yield weights if every_row_its_own else weights[:, units.of_row]
