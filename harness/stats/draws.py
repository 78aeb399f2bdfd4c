"""How a bootstrap draws: whole clusters, stratum by stratum."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from harness.stats._door import Floats, Index, labels

RESAMPLES: Final = 2_000
"""Draws for a pull request; take 10,000 for a release."""
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


def row_weights(n: int, clusters: ArrayLike | None, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each of n rows is drawn, [b, n], b resamples at a time; whole clusters are drawn.

    Raises:
        ValueError: if a label is missing or NaN.
    """
    of_row, count = labels("clusters", clusters, n)
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
        yield weights if count == n else weights[:, of_row]
