"""One column of numbers, and one tag, over the rows of one cell: values, and what became of each row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.types import Status

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]

STATUSES: Final = tuple(Status)
"""A row's kind is a place in this tuple."""
CODES: Final[Mapping[str, int]] = {str(status): place for place, status in enumerate(STATUSES)}
LOST: Final = (Status.ERROR, Status.TIMEOUT, Status.MISSING)
"""The model never answered."""
FAILED: Final = (Status.UNPARSED, *LOST)


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column over the rows of one cell."""

    worths: Floats
    """What each row is worth, [n]: its value, what a failure counts, NaN where it does not count."""
    kinds: NDArray[np.int8]
    """The status of each row, [n]: its place in ``STATUSES``."""
    details: Sequence[str | None] | None = None
    """For forms that are no functions of sums: what each row keeps beside its value, as JSON."""

    @classmethod
    def of(cls, worths: Floats) -> "Column":
        """Return a column whose rows are all ``ok``; those that are NaN are undefined."""
        kinds = np.where(np.isnan(worths), CODES[Status.UNDEFINED], CODES[Status.OK]).astype(np.int8)
        return cls(worths, kinds)

    @classmethod
    def laid(cls, worths: Floats, at: Index) -> "Column":
        """Return a column of values that were made beside others; a row at −1 has none, and is missing."""
        found = cls.of(np.append(worths, np.nan)[at])
        return cls(found.worths, np.where(at < 0, CODES[Status.MISSING], found.kinds).astype(np.int8))

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return bytes_of(self.worths, self.kinds, self.details)

    @property
    def statuses(self) -> dict[str, int]:
        """How many rows ended in each status."""
        return self.counts(np.ones(len(self.kinds), bool))

    def among(self, *statuses: Status) -> Mask:
        """Return which rows ended in one of some statuses, [n]."""
        return np.isin(self.kinds, [CODES[status] for status in statuses])

    def counts(self, rows: Mask) -> dict[str, int]:
        """Return how many of some rows, a mask [n], ended in each status."""
        found = np.bincount(self.kinds[rows], minlength=len(STATUSES)).tolist()
        return dict(sorted((str(status), count) for status, count in zip(STATUSES, found, strict=True) if count))

    def counting(self, failed: str | None) -> Floats:
        """Return the worths; ``exclude`` leaves out answers that never came."""
        return np.where(self.among(*LOST), np.nan, self.worths) if failed == "exclude" else self.worths

    def take(self, rows: Index | Mask) -> "Column":
        """Return some rows."""
        details = None
        if self.details is not None:
            places = np.flatnonzero(rows) if rows.dtype == bool else rows
            details = [self.details[i] for i in places.tolist()]
        return Column(self.worths[rows], self.kinds[rows], details)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """One tag of some rows, as codes."""

    codes: Index
    """[n]; −1 where a row has none."""
    names: Sequence[str]
    """What the codes stand for."""

    @classmethod
    def of(cls, values: Sequence[str | None]) -> "Labels":
        """Return the codes of texts."""
        places: dict[str, int] = {}
        codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
        return cls(np.array(codes, np.int64), list(places))

    def are(self, name: str) -> Mask:
        """Return which rows have that value, [n]."""
        code = self.names.index(name) if name in self.names else -2
        return np.asarray(self.codes == code)

    def take(self, rows: Index) -> "Labels":
        """Return some rows."""
        return Labels(self.codes[rows], self.names)


_TEXT: Final = 100
"""Bytes of a text and of the object that holds it, about."""


def bytes_of(values: Floats, kinds: NDArray[np.int8], details: Sequence[str | None] | None) -> int:
    """Return how many bytes the values of a column take, about."""
    return values.nbytes + kinds.nbytes + _TEXT * len(details or ())


def answers_column(codes: Index, kinds: NDArray[np.int8] | None = None) -> Column:
    """Return codes of answers as a column; 0 is an answer that never came.

    Args:
        codes: of each row, [n].
        kinds: what became of the rows under a metric, [n], to tell why an answer never came.

    >>> answers_column(np.array([7, 0])).worths.tolist()
    [7.0, nan]
    """
    # Codes are 63 bits wide, a double holds 53: equal texts stay equal, and others differ but once in 2⁵³.
    missing = codes == 0
    worths = np.where(missing, np.nan, codes.astype(np.float64))
    told = np.full(len(codes), CODES[Status.MISSING]) if kinds is None else kinds
    lost = np.isin(told, [CODES[status] for status in LOST])
    why = np.where(lost, told, CODES[Status.MISSING])
    return Column(worths, np.where(missing, why, CODES[Status.OK]).astype(np.int8))
