"""Small tables."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from harness.estimate.rows import CellRows, Column, Labels, Rows


def cell(
    columns: Mapping[str, ArrayLike],
    units: ArrayLike | None = None,
    tags: Mapping[str, Sequence[str | None]] | None = None,
    stratum: str = "",
    first: int = 0,
) -> CellRows:
    """A cell whose columns are all given; NaN does not count."""
    arrays = {name: np.asarray(values, np.float64) for name, values in columns.items()}
    n = len(next(iter(arrays.values())))
    place = np.arange(first, first + n)
    unit = place if units is None else np.asarray(units, np.int64)
    labels = {name: Labels.of(values) for name, values in (tags or {}).items()}
    return CellRows(place, unit, {name: Column.of(values) for name, values in arrays.items()}, labels, stratum)


def table(**cells: CellRows) -> Rows:
    return Rows(cells)
