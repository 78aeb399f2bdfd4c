"""A run's samples as columns: only what a comparison needs, as Arrow and NumPy arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.metrics import FAILED
from harness.record.folder import SAMPLES_FILE
from harness.types import Status

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
CellKey = tuple[str, str]
"""Task and cell."""

_NEEDED: Final = ("task", "cell", "sample_id", "cluster", "request_hash", "status", "response")
_FAILED: Final = frozenset(str(status) for status in FAILED)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The columns of one run, and which rows belong to which cell."""

    folder: Path
    table: "pa.Table"
    rows: Mapping[CellKey, Index]

    @property
    def metrics(self) -> list[str]:
        """Names of all per-sample metrics."""
        return [name.removeprefix("status.") for name in self.table.column_names if name.startswith("status.")]

    @property
    def tags(self) -> list[str]:
        """Names of all tags."""
        return [name.removeprefix("tag.") for name in self.table.column_names if name.startswith("tag.")]

    def column(self, name: str) -> "pa.Array":
        """Return one column in one piece."""
        import pyarrow as pa

        whole = self.table[name].combine_chunks()
        return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole

    def text(self, name: str) -> "pa.Array":
        """Return a column of text, whether it is stored as it is or as a dictionary."""
        import pyarrow as pa

        return self.column(name).cast(pa.string())

    def worths(self, metric: str, failure_value: float | None) -> Floats:
        """Return what each row is worth, [rows]: its score, ``failure_value`` where it failed, NaN where undefined."""
        values = np.array(self.column(f"score.{metric}").to_numpy(zero_copy_only=False), np.float64)
        statuses = self.column(f"status.{metric}")
        named = np.array([*statuses.dictionary.to_pylist(), None], object)
        ok = np.array([name == Status.OK for name in named])
        failed = np.array([name in _FAILED for name in named])
        codes = statuses.indices.fill_null(len(named) - 1).to_numpy(zero_copy_only=False)
        worth = np.nan if failure_value is None else failure_value
        return np.where(ok[codes], values, np.where(failed[codes], worth, np.nan))

    def codes(self, name: str) -> tuple[Index, list[str | None]]:
        """Return a text column as codes [rows] and what they stand for; −1 is null."""
        encoded = self.column(name)
        if not hasattr(encoded, "dictionary"):
            encoded = encoded.dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return codes, encoded.dictionary.to_pylist()

    def clusters(self) -> Index:
        """Return a code for the cluster of each row, [rows]; a row without one is a cluster of its own."""
        codes, names = self.codes("cluster")
        alone = np.isin(codes, [-1, *(i for i, name in enumerate(names) if name == "")])
        return np.where(alone, -1 - np.arange(len(codes)), codes)

    def answers(self) -> tuple[Index, list[str]]:
        """Return a code for the answer of each row, [rows], and the texts; answers that failed have −1.

        Texts that differ in case and white space only are one.
        """
        codes, names = self.codes("response")
        normal = [" ".join((name or "").casefold().split()) for name in names]
        distinct = {name: i for i, name in enumerate(dict.fromkeys(normal))}
        lookup = np.array([*(distinct[name] for name in normal), -1], np.int64)
        status, words = self.codes("status")
        ok = np.isin(status, [i for i, word in enumerate(words) if word == Status.OK])
        return np.where(ok, lookup[codes], -1), list(distinct)

    def texts(self, rows: Sequence[int] | Index, columns: Iterable[str]) -> list[dict[str, Any]]:
        """Read columns of a few rows from the file; one that it does not have is None."""
        import pyarrow.parquet as pq

        file = self.folder / SAMPLES_FILE
        wanted = list(columns)
        there = [name for name in wanted if name in pq.read_schema(file).names]
        picked = pq.read_table(file, columns=there).take(np.asarray(rows, np.int64)).to_pylist()
        return [{name: row.get(name) for name in wanted} for row in picked]


def read_samples(folder: Path) -> Samples:
    """Read the samples of the run in ``folder``.

    Raises:
        UsageError: if ``samples.parquet`` is missing or unreadable.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / SAMPLES_FILE
    try:
        names = pq.read_schema(file).names
        columns = [name for name in names if name in _NEEDED or name.split(".")[0] in ("score", "status", "tag")]
        table = pq.read_table(file, columns=columns).unify_dictionaries()
    except (OSError, pa.ArrowInvalid) as cause:
        raise UsageError(f"{file} cannot be read: {cause}") from cause
    absent = [name for name in _NEEDED if name not in names]
    if absent:
        raise UsageError(f"{file} has no column {', '.join(absent)}; it was not written by this harness")
    bare = Samples(folder, table, {})
    return Samples(folder, table, _by_cell(bare))


def _by_cell(samples: Samples) -> dict[CellKey, Index]:
    """Return the rows of each cell in the order of the file."""
    tasks, task_names = samples.codes("task")
    cells, cell_names = samples.codes("cell")
    joint = tasks * max(1, len(cell_names)) + cells
    order = np.argsort(joint, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(joint[order]) > 0]) if order.size else np.zeros(0, np.intp)
    parts = np.split(order, starts[1:]) if order.size else []
    return {(str(task_names[tasks[part[0]]]), str(cell_names[cells[part[0]]])): part for part in parts}
