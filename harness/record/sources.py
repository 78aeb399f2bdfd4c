"""``samples.parquet`` a column or a few rows at a time: a run of a million samples is never held whole."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.record.arrow import indices

if TYPE_CHECKING:
    import pyarrow as pa

Index = NDArray[np.int64]

HELD: Final = 16_000_000
"""Bytes, before compression, of the columns of a file that are read at once and kept: of many files are read as often
as they are asked for, which costs less than to hold them."""
_AT_ONCE: Final = 8_192
"""Rows that are Arrow arrays at the same time where columns are gone through, at most."""
_FEWEST: Final = 512
_BYTES_AT_ONCE: Final = 1_000_000
"""Their size, about, unless so few rows are larger: each batch has a price of its own."""


class Source(Protocol):
    """Rows of samples, wherever they are."""

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""

    def select(self, names: Sequence[str]) -> "pa.Table":
        """Return some columns of all rows; dictionaries are the same in all chunks."""

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield some columns of all rows, a few thousand rows at a time."""

    def take(self, rows: Index, names: Sequence[str]) -> "pa.Table":
        """Return some columns of some rows, [k], in the order in which they are named."""


class TableSource:
    """Rows that are at hand.

    >>> import pyarrow as pa
    >>> source = TableSource(pa.table({"id": ["a", "b", "c"], "n": [1, 2, 3]}))
    >>> source.take(np.array([2, 0]), ["id"]).to_pylist()
    [{'id': 'c'}, {'id': 'a'}]
    """

    def __init__(self, table: "pa.Table") -> None:
        self._table = table.unify_dictionaries()

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._table.column_names)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self._table.num_rows)

    def select(self, names: Sequence[str]) -> "pa.Table":
        """Return some columns of all rows."""
        return self._table.select(list(names))

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield some columns of all rows, a few thousand rows at a time."""
        yield from self.select(names).to_batches(max_chunksize=_AT_ONCE)

    def take(self, rows: Index, names: Sequence[str]) -> "pa.Table":
        """Return some columns of some rows, [k], in the order in which they are named."""
        return self.select(names).take(indices(rows))


class FileSource:
    """Rows of a Parquet file, which stays open: a file that is put in its place meanwhile is another one.

    Args:
        file: with page checksums or without.
        often: says of a name whether that column will be asked for: all of them are kept where they are small.

    Raises:
        UsageError: from every method, if the file cannot be read.
    """

    def __init__(self, file: Path, often: Callable[[str], bool] = lambda _: False) -> None:
        import pyarrow.parquet as pq

        self._file = file
        self._held: pa.Table | None = None
        with self._reading():
            self._opened = pq.ParquetFile(file, page_checksum_verification=True)
            self._schema = self._opened.schema_arrow
            about = self._opened.metadata
            groups = [about.row_group(group) for group in range(about.num_row_groups)]
            self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
            there = list(filter(often, self._schema.names))
            if there and sum(self._bytes(there, group) for group in range(about.num_row_groups)) <= HELD:
                self._held = self._read(there)

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return list(self._schema.names)

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return int(self._starts[-1])

    def select(self, names: Sequence[str]) -> "pa.Table":
        """Return some columns of all rows."""
        if (held := self._holds(names)) is not None:
            return held.select(list(names))
        with self._reading():
            return self._read(names)

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield some columns of all rows, a few thousand rows at a time."""
        if (held := self._holds(names)) is not None:
            yield from held.select(list(names)).to_batches(max_chunksize=_AT_ONCE)
            return
        for group in range(len(self._starts) - 1):
            yield from self._group(group, names)

    def take(self, rows: Index, names: Sequence[str]) -> "pa.Table":
        """Return some columns of some rows, [k]: only the row groups that have them are read, one at a time."""
        import pyarrow as pa

        wanted, back = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        if (held := self._holds(names)) is not None:
            return held.select(list(names)).take(indices(np.asarray(rows, np.int64)))
        found = []
        for group in np.unique(np.searchsorted(self._starts, wanted, side="right") - 1).tolist():
            at = int(self._starts[group])
            for batch in self._group(group, names):
                low, high = np.searchsorted(wanted, [at, at + batch.num_rows])
                if high > low:
                    found.append(batch.take(indices(wanted[low:high] - at)))
                at += batch.num_rows
        schema = pa.schema([self._schema.field(name) for name in names])
        whole = pa.Table.from_batches(found, schema).unify_dictionaries()
        return whole.take(indices(back.astype(np.int64)))

    def _holds(self, names: Sequence[str]) -> "pa.Table | None":
        held = self._held
        return held if held is not None and set(names) <= set(held.column_names) else None

    def _read(self, names: Sequence[str]) -> "pa.Table":
        # Not read_table: it imports pandas where that is installed. A name takes those that go on from it along.
        return self._opened.read(columns=list(names)).select(list(names)).unify_dictionaries()

    def _group(self, group: int, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        count = int(self._starts[group + 1] - self._starts[group])
        fitting = _BYTES_AT_ONCE * count // max(1, self._bytes(names, group))
        at_once = min(_AT_ONCE, max(_FEWEST, fitting))
        with self._reading():
            for batch in self._opened.iter_batches(at_once, row_groups=[group], columns=list(names)):
                yield batch.select(list(names))

    def _bytes(self, names: Sequence[str], group: int) -> int:
        """Return how large some columns of a row group are before compression; texts that recur are counted once."""
        wanted, one = set(names), self._opened.metadata.row_group(group)
        columns = (one.column(i) for i in range(one.num_columns))
        return sum(column.total_uncompressed_size for column in columns if _owner(column.path_in_schema, wanted))

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (OSError, ValueError, pa.ArrowException) as cause:  # whatever a damaged footer makes of itself
            raise UsageError(f"{self._file} cannot be read: {cause}") from cause


class PartSource:
    """Some rows of a source, as if there were no others.

    Args:
        of: all.
        rows: their places, rising, [k].
    """

    def __init__(self, of: Source, rows: Index) -> None:
        self._of, self._rows = of, rows

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return self._of.column_names

    @property
    def num_rows(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    def select(self, names: Sequence[str]) -> "pa.Table":
        """Return some columns of all rows."""
        return self._of.select(names).take(indices(self._rows))

    def batches(self, names: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        """Yield some columns of all rows, at most a few thousand rows at a time."""
        at = 0
        for batch in self._of.batches(names):
            low, high = np.searchsorted(self._rows, [at, at + batch.num_rows])
            if high > low:
                yield batch.take(indices(self._rows[low:high] - at))
            at += batch.num_rows

    def take(self, rows: Index, names: Sequence[str]) -> "pa.Table":
        """Return some columns of some rows, [k], in the order in which they are named."""
        return self._of.take(self._rows[rows], names)


def part(source: Source, rows: Index) -> Source:
    """Return some rows of a source, by their places, rising, [k]; the source itself where they are all."""
    return source if len(rows) == source.num_rows else PartSource(source, rows)


def _owner(path: str, wanted: set[str]) -> bool:
    """Return whether the values at a path of a Parquet schema belong to one of some columns."""
    return path in wanted or path.partition(".list.")[0] in wanted


__all__ = ["HELD", "FileSource", "PartSource", "Source", "TableSource", "part"]
