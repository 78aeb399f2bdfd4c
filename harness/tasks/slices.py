"""A task's metrics over parts of its samples: one value for each style, question type and so on."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.metrics import SampleMetric
from harness.tasks._base import CellResult, Column
from harness.tasks.scoring import cell_rows, values_of
from harness.types import Dataset, MetricValue


class Slices:
    """Which samples of a dataset carry which value of which tag.

    Args:
        dataset: the samples, in the order of the columns that are cut.
        tags: the tags to cut by; a sample without one is in none of its slices.
    """

    def __init__(self, dataset: Dataset, tags: Sequence[str]) -> None:
        self._dataset = dataset
        self._tags = tuple(tags)

    def names(self) -> list[str]:
        """Return the names of all slices, ``tag=value``, in the order in which the dataset first shows them."""
        return [name for name, _, _ in self._found]

    def metric_names(self, metrics: Sequence[str]) -> list[str]:
        """Return what :meth:`values` names its metrics."""
        return [f"{metric}[{name}]" for metric in metrics for name in self.names()]

    def values(self, result: CellResult, metrics: Mapping[str, SampleMetric]) -> dict[str, MetricValue]:
        """Return every metric over every slice of one cell."""
        whole = cell_rows(result)
        parts = {part: values_of(whole.take(self._rows(row, code, result)), metrics) for part, row, code in self._found}
        return {f"{name}[{part}]": values[name] for name in metrics for part, values in parts.items()}

    def _rows(self, row: int, code: int, result: CellResult) -> NDArray[np.bool_]:
        return np.asarray(self._codes[row, : len(result.clusters)] == code)

    @cached_property
    def _scan(self) -> tuple[list[tuple[str, int, int]], NDArray[np.int64]]:
        codes = np.full((len(self._tags), len(self._dataset)), -1, np.int64)
        seen: list[dict[str, int]] = [{} for _ in self._tags]
        for column, sample in enumerate(self._dataset if self._tags else ()):
            for row, tag in enumerate(self._tags):
                if (value := sample.tags.get(tag)) is not None:
                    codes[row, column] = seen[row].setdefault(value, len(seen[row]))
        found = [
            (f"{tag}={value}", row, code) for row, tag in enumerate(self._tags) for value, code in seen[row].items()
        ]
        return found, codes

    @property
    def _found(self) -> list[tuple[str, int, int]]:
        return self._scan[0]

    @property
    def _codes(self) -> NDArray[np.int64]:
        return self._scan[1]


def aggregate(
    metric: SampleMetric, column: Column, clusters: NDArray[np.int64], rows: NDArray[np.bool_]
) -> MetricValue:
    """Return a metric over some rows of its column, [n] of them true in ``rows``."""
    counted = rows & ~np.isnan(column.worths)
    return metric.aggregate_array(column.worths[counted], column.counts(rows), clusters[counted])
