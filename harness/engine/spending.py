"""What each answer took, as columns: for tasks that read it of another one."""

import math
from array import array
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.record.spent import paid
from harness.record.store import Row

_COUNTED: Final = ("tokens_in", "image_tokens", "tokens_out", "cost")
SECONDS: Final = "seconds"


class Spending:
    """Takes in the rows of one cell.

    Args:
        prices: of the adapter's file; None where it has none.
    """

    def __init__(self, prices: Mapping[str, Any] | None) -> None:
        self._prices = prices
        self._counts = {name: array("d") for name in _COUNTED}
        self._seconds = array("d")
        self._batches = array("q")

    def take(self, row: Row) -> None:
        """Take in one answer."""
        cost = paid(self._prices, row.tokens_in, row.tokens_out)
        for name, value in zip(_COUNTED, (row.tokens_in, row.image_tokens, row.tokens_out, cost), strict=True):
            self._counts[name].append(math.nan if value is None else value)
        self._seconds.append(math.nan if row.batch_seconds is None else row.batch_seconds)
        self._batches.append(row.batch)

    def fill(self, absent: int) -> None:
        """Let answers that never came stand there."""
        for column in (*self._counts.values(), self._seconds):
            column.extend([math.nan] * absent)
        self._batches.extend([-1] * absent)

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the columns; a batch's seconds are shared by those of its answers that no cache knew."""
        seconds, batches = np.frombuffer(self._seconds, np.float64), np.frombuffer(self._batches, np.int64)
        asked = ~np.isnan(seconds)
        shares = np.full(len(seconds), math.nan)
        if asked.any():
            _, places, sizes = np.unique(batches[asked], return_inverse=True, return_counts=True)
            shares[asked] = seconds[asked] / sizes[places]
        return {name: np.frombuffer(column, np.float64) for name, column in self._counts.items()} | {SECONDS: shares}
