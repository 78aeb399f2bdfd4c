"""The answers that a page holds of a run whose answers together would make it too large to open."""

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import samples_of
from harness.comparison.wrong import wrong_rows
from harness.record.failures import broken_rows
from harness.record.schema import RunRecord
from harness.seeds import generator

if TYPE_CHECKING:
    import pyarrow as pa

ROWS: Final = 100_000
"""Answers on a page, at most: a browser filters and sorts as many in about a tenth of a second."""
BYTES: Final = 24_000_000
"""Their size, with pictures, at most; styles, charts and tables stand beside them."""


def fitting(
    make: Callable[["pa.Table"], dict[str, Any]],
    record: RunRecord,
    table: "pa.Table",
    *,
    urgent: Collection[str] = (),
    rows: int = ROWS,
    size: int = BYTES,
) -> dict[str, Any]:
    """Return what is made of all answers, or of so many that it is small enough; ``of`` says then of how many.

    Args:
        make: what a page shows of some answers, as JSON values.
        record: of the run.
        table: its answers.
        urgent: ids of samples that go before others, beside those that failed or are wrong.
        rows: how many answers a page may hold.
        size: how many bytes they may take.
    """
    most = rows
    while True:
        kept = table if table.num_rows <= most else part_of(record, table, most, urgent)
        data = make(kept)
        taken = _bytes(data)
        if taken <= size or kept.num_rows <= 1:
            return data if kept is table else {**data, "of": table.num_rows}
        most = max(1, int(kept.num_rows * min(0.9, 0.95 * size / taken)))


def part_of(record: RunRecord, table: "pa.Table", most: int, urgent: Collection[str] = ()) -> "pa.Table":
    """Return at most so many rows, in their order: all of a sample's, or none.

    Samples that failed, are wrong or are named have half of the room first, then all others; each kind is drawn, so
    that no part of the data is left out. The draw is the same every time.
    """
    import pyarrow as pa

    ids = table["sample_id"].combine_chunks().dictionary_encode()
    codes, names = np.asarray(ids.indices), ids.dictionary
    first = np.bincount(codes, _wrong(record, table), len(names)) > 0
    if urgent:
        first |= np.asarray(pa.compute.is_in(names, pa.array([*urgent], names.type)))
    rng, counts = generator("report", "part"), np.bincount(codes, minlength=len(names))
    pressing, others = (rng.permutation(np.flatnonzero(kind)) for kind in (first, ~first))
    half = int(np.searchsorted(np.cumsum(counts[pressing]), most // 2, side="right"))
    order = np.concatenate([pressing[:half], others, pressing[half:]])
    kept = np.zeros(len(names), bool)
    kept[order[np.cumsum(counts[order]) <= most]] = True
    return table.filter(pa.array(kept[codes]))


def _wrong(record: RunRecord, table: "pa.Table") -> Any:
    """Return 1 for each row that failed or is wrong, [rows]."""
    import pyarrow.compute as pc

    found = np.asarray(broken_rows(table)).astype(np.float64)
    for name, task in record.tasks.items():
        places = np.flatnonzero(np.asarray(pc.equal(table["task"], name)))
        found[places[wrong_rows(samples_of(Path(), table.take(places)), task)]] = 1
    return found


def _bytes(data: Mapping[str, Any]) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
