"""The answers that a page holds of a run whose answers together would make it too large to open."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import samples_of
from harness.comparison.wrong import broken, wrong_rows
from harness.record.arrow import as_numpy, strings
from harness.record.schema import RunRecord
from harness.record.sources import Source, TableSource
from harness.report.pieces import size_of
from harness.seeds import generator

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

ROWS: Final = 100_000
"""Answers on a page, at most: a browser filters and sorts as many in about a tenth of a second."""
BYTES: Final = 24_000_000
"""Their size, with pictures, at most; styles, charts and tables stand beside them."""


def fitting(
    make: Callable[["pa.Table"], dict[str, Any]],
    record: RunRecord,
    answers: "pa.Table | Source",
    *,
    urgent: Collection[str] = (),
    names: Sequence[str] | None = None,
    rows: int = ROWS,
    size: int = BYTES,
) -> dict[str, Any]:
    """Return what is made of all answers, or of so many that it is small enough; ``of`` says then of how many.

    Args:
        make: what a page shows of some answers, as JSON values.
        record: of the run.
        answers: all of them; only those that are shown are read whole.
        urgent: ids of samples that go before others, beside those that failed or are wrong.
        names: the columns that ``make`` reads; all by default.
        rows: how many answers a page may hold.
        size: how many bytes they may take.
    """
    source, most = _source(answers), rows
    shown, drawn = names or source.column_names, _Drawn(record, source, urgent)
    while True:
        whole = source.num_rows <= most
        kept = source.select(shown) if whole else source.take(drawn.rows(most), shown)
        count, data = kept.num_rows, make(kept)
        del kept  # the rows themselves are not needed to count what was made of them
        taken = size_of(data)
        if taken <= size or count <= 1:
            return data if whole else {**data, "of": source.num_rows}
        del data
        most = max(1, int(count * min(0.9, 0.95 * size / taken)))


def part_of(record: RunRecord, answers: "pa.Table | Source", most: int, urgent: Collection[str] = ()) -> "pa.Table":
    """Return at most so many rows, in their order: all of a sample's, or none.

    Samples that failed, are wrong or are named have half of the room first, then all others; each kind is drawn, so
    that no part of the data is left out. The draw is the same every time.
    """
    source = _source(answers)
    return source.take(_Drawn(record, source, urgent).rows(most), source.column_names)


class _Drawn:
    """The order in which samples are put on a page."""

    def __init__(self, record: RunRecord, source: Source, urgent: Collection[str]) -> None:
        self._of = record, source, urgent
        self._codes: NDArray[np.int64] | None = None
        self._counts: NDArray[np.int64]
        self._kinds: tuple[NDArray[np.int64], NDArray[np.int64]]

    def rows(self, most: int) -> "NDArray[np.int64]":
        """Return at most so many rows, rising."""
        codes = self._draw() if self._codes is None else self._codes
        counts, (pressing, others) = self._counts, self._kinds
        half = int(np.searchsorted(np.cumsum(counts[pressing]), most // 2, side="right"))
        order = np.concatenate([pressing[:half], others, pressing[half:]])
        kept = np.zeros(len(counts), bool)
        kept[order[np.cumsum(counts[order]) <= most]] = True
        return np.flatnonzero(kept[codes])

    def _draw(self) -> "NDArray[np.int64]":
        import pyarrow.compute as pc

        record, source, urgent = self._of
        ids = source.select(["sample_id"])["sample_id"].combine_chunks().dictionary_encode()
        codes, names = as_numpy(ids.indices, 0).astype(np.int64), ids.dictionary
        first = np.bincount(codes, _wrong(record, source), len(names)) > 0
        if urgent:
            first |= as_numpy(pc.is_in(names, value_set=strings([*urgent]).cast(names.type)), 0)
        rng = generator("report", "part")
        pressing, others = (rng.permutation(np.flatnonzero(kind)) for kind in (first, ~first))
        self._codes, self._counts = codes, np.bincount(codes, minlength=len(names))
        self._kinds = pressing, others
        return codes


def _source(answers: "pa.Table | Source") -> Source:
    import pyarrow as pa

    return TableSource(answers) if isinstance(answers, pa.Table) else answers


def _wrong(record: RunRecord, source: Source) -> Any:
    """Return 1 for each row that failed or is wrong, [rows]."""
    found = broken(source).astype(np.float64)
    samples = samples_of(Path(), source)
    for name, task in record.tasks.items():
        own = [rows for (owner, _), rows in samples.rows.items() if owner == name]
        places = np.sort(np.concatenate([np.zeros(0, np.int64), *own]))
        found[places[wrong_rows(samples.of(name), task)]] = 1
    return found


__all__ = ["BYTES", "ROWS", "fitting", "part_of"]
