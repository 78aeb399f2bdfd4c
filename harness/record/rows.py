"""``rows.parquet``: rows and columns that were made after the answers, beside ``samples.parquet``.

Simulated streams, detectors' scores, a chance level: what statistics read and no answer is. One line a number: task,
cell, id, cluster, stratum, column, value. A cell that ``samples.parquet`` has too gets these columns beside its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.estimate.rows import CellRows, Column, apart, unit_code
from harness.record.arrow import array, as_numpy
from harness.record.durable import settle
from harness.record.seal import check_file

ROWS_FILE: Final = "rows.parquet"
_UNKNOWN: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True, eq=False)
class MadeRows:
    """The rows of one cell that were made after the answers."""

    task: str
    cell: str
    ids: Sequence[str]
    columns: Mapping[str, NDArray[np.float64]]
    """By name: a number for each id; NaN where it does not count."""
    clusters: Sequence[str] = ()
    """Of each row; empty where every row is its own."""
    stratum: str = ""

    def beside(self, ids: Sequence[str]) -> dict[str, Column]:
        """Return the columns as a cell's own rows have them, by id; rows that they say nothing of are missing."""
        place = {identity: i for i, identity in enumerate(self.ids)}
        at = np.array([place.get(identity, -1) for identity in ids], np.int64)
        return {name: Column.laid(np.asarray(values, np.float64), at) for name, values in self.columns.items()}

    def alone(self, samples: NDArray[np.int64]) -> CellRows:
        """Return a cell that no answered sample has, given the numbers of its samples."""
        clusters = self.clusters or [""] * len(self.ids)
        units = np.array([unit_code(*pair) for pair in zip(clusters, self.ids, strict=True)], np.int64)
        columns = {name: Column.of(np.asarray(values, np.float64)) for name, values in self.columns.items()}
        return CellRows(samples, apart(units, self.stratum), columns, stratum=self.stratum)


def write_rows(folder: Path, made: Iterable[MadeRows]) -> None:
    """Write ``rows.parquet`` atomically; nothing where there are no rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, word = pa.string(), pa.dictionary(pa.int32(), pa.string())
    kinds = {"task": word, "cell": word, "id": text, "cluster": text, "stratum": word, "column": word}
    tables = []
    for one in made:
        n = len(one.ids)
        clusters = one.clusters or [""] * n
        for name, values in one.columns.items():
            if not n:
                continue
            fixed = {"task": [one.task] * n, "cell": [one.cell] * n, "id": one.ids, "cluster": clusters}
            fixed |= {"stratum": [one.stratum] * n, "column": [name] * n}
            arrays = [array(list(fixed[key]), kind) for key, kind in kinds.items()]
            numbers = [None if np.isnan(value) else float(value) for value in values]
            arrays.append(array(numbers, pa.float64()))
            tables.append(pa.Table.from_arrays(arrays, names=[*kinds, "value"]))
    if not tables:
        return
    temporary = folder / f".{ROWS_FILE}.part"
    whole = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    pq.write_table(whole, temporary, compression="zstd")
    settle(temporary, folder / ROWS_FILE)


def read_rows(folder: Path, files: Mapping[str, str] = _UNKNOWN) -> list[MadeRows]:
    """Return what :func:`write_rows` wrote, a cell each; none where there is no file, and ``files`` tells of none.

    Raises:
        UsageError: if the file cannot be read, or is not the one whose checksum ``files`` tells.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / ROWS_FILE
    if not file.is_file() and ROWS_FILE not in files:
        return []
    check_file(folder, files, ROWS_FILE)
    try:
        table = pq.ParquetFile(file).read()
        found: dict[tuple[str, str, str], dict[str, tuple[list[str], list[str], NDArray[np.float64]]]] = {}
        keys = table.select(["task", "cell", "stratum", "column"]).to_pylist()
        starts = [i for i, key in enumerate(keys) if not i or key != keys[i - 1]]
        for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
            part, key = table.slice(start, end - start), keys[start]
            values = as_numpy(part["value"], np.nan)
            columns = found.setdefault((key["task"], key["cell"], key["stratum"]), {})
            columns[key["column"]] = part["id"].to_pylist(), part["cluster"].to_pylist(), values
    except (OSError, ValueError, pa.ArrowException, KeyError) as cause:
        raise UsageError(f"{file} cannot be read: {cause}") from cause
    made = []
    for (task, cell, stratum), columns in found.items():
        ids, clusters, _ = next(iter(columns.values()))
        numbers = {name: np.asarray(values, np.float64) for name, (_, _, values) in columns.items()}
        made.append(MadeRows(task, cell, ids, numbers, clusters, stratum))
    return made
