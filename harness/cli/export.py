"""``harness export``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    import pyarrow as pa

_EPILOG: Final = """\b
Examples:
  harness export RUN --to csv                  RUN.csv: a row an answer
  harness export out/main.eval --to parquet -o main.parquet

\b
`harness import` reads both again, and so does anything that reads tables.
"""
_TEXTS: Final = ("task", "cell", "sample_id", "cluster", "prompt", "references", "response", "status", "error")
_NUMBERS: Final = ("tokens_in", "tokens_out")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that a spreadsheet would compute."""


@click.command(epilog=_EPILOG)
@click.argument("run", required=False)
@click.option("--runs", type=click.Path(path_type=Path), default=Path("results/runs"), show_default=True,
              help="Where to look for RUN.")  # fmt: skip
@click.option("--to", "format_", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True,
              help="What to write.")  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path, dir_okay=False),
              help="File to write; by default called after the run, here.")  # fmt: skip
def command(run: str | None, runs: Path, format_: str, out: Path | None) -> None:
    """Write the answers and scores of RUN as a table: a folder, a log, or (a part of) an id; the newest by default.

    In CSV a text that a spreadsheet would compute begins with an apostrophe; Parquet has every text as it is.
    """
    from harness.api import load_run
    from harness.errors import UsageError

    opened = load_run(run, runs)
    file = out or Path(f"{opened.record.run_id}.{format_}")
    table = _table(opened.table())
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        (_write_csv if format_ == "csv" else _write_parquet)(table, file)
    except OSError as cause:
        raise UsageError(f"cannot write {file}: {cause.strerror}") from cause
    click.echo(f"{file}: {table.num_rows:,} rows")


def _table(whole: "pa.Table") -> "pa.Table":
    """Return the columns that others read, scores under their own names, the right answers as JSON."""
    import json

    import pyarrow as pa

    columns: dict[str, Any] = {name: whole[name] for name in (*_TEXTS, *_NUMBERS) if name in whole.column_names}
    right = (json.dumps(one or [], ensure_ascii=False) for one in whole["references"].to_pylist())
    columns["references"] = pa.array(right, pa.string())
    for name in whole.column_names:
        kind, _, label = name.partition(".")
        if kind in ("score", "tag") and label:
            columns[label if label not in columns else name] = whole[name]
    return pa.table(columns)


def _write_csv(table: "pa.Table", file: Path) -> None:
    import csv

    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(table.column_names)
        writer.writerows(_lines(table))


def _lines(table: "pa.Table") -> Iterator[list[Any]]:
    for batch in table.to_batches(max_chunksize=1024):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [f"'{one}" if isinstance(one, str) and one.startswith(_FORMULAS) else one for one in row]


def _write_parquet(table: "pa.Table", file: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, file, compression="zstd")
