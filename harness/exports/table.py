"""A table of answers and scores: CSV, or Parquet."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.record import Run
from harness.record.folder import CHANCE

if TYPE_CHECKING:
    import pyarrow as pa

ENTRIES: Final = {"csv": "Csv", "parquet": "Parquet"}

_TEXTS: Final = ("task", "cell", "sample_id", "cluster", "prompt", "references", "response", "status", "error")
_NUMBERS: Final = ("tokens_in", "tokens_out")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""


class Csv:
    """CSV; a text that a spreadsheet would compute begins with an apostrophe."""

    suffix: ClassVar[str] = ".csv"

    def write(self, run: Run, out: Path) -> int:
        """Write a row an answer."""
        import csv

        table = columns(run)
        with out.open("w", encoding="utf-8", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(table.column_names)
            writer.writerows(_lines(table))
        return int(table.num_rows)


class Parquet:
    """Parquet, with every text as it is."""

    suffix: ClassVar[str] = ".parquet"

    def write(self, run: Run, out: Path) -> int:
        """Write a row an answer."""
        import pyarrow.parquet as pq

        table = columns(run)
        pq.write_table(table, out, compression="zstd")
        return int(table.num_rows)


def columns(run: Run) -> "pa.Table":
    """Return the columns that others read, scores under their own names, the right answers as JSON."""
    import json

    import pyarrow as pa

    whole = run.table()
    kept = (*_TEXTS, *_NUMBERS, CHANCE)
    found: dict[str, Any] = {name: whole[name] for name in kept if name in whole.column_names}
    right = (json.dumps(one or [], ensure_ascii=False) for one in whole["references"].to_pylist())
    found["references"] = pa.array(right, pa.string())
    for name in whole.column_names:
        kind, _, label = name.partition(".")
        if kind in ("score", "tag") and label:
            found[label if label not in found else name] = whole[name]
    return pa.table(found)


def _lines(table: "pa.Table") -> Iterator[list[Any]]:
    for batch in table.to_batches(max_chunksize=1024):
        whole = [column.to_pylist() for column in batch.columns]
        for row in zip(*whole, strict=True):
            yield [f"'{one}" if isinstance(one, str) and one.startswith(_FORMULAS) else one for one in row]
