"""A run's samples as columns: only what a comparison needs, as Arrow and NumPy arrays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.estimate import ColumnSpec
from harness.estimate.coded import CODES, FAILED, Column
from harness.reading.folded import folded
from harness.record.arrow import as_numpy
from harness.record.folder import CHANCE, SAMPLES_FILE, unweighted
from harness.record.seal import check_file
from harness.record.sources import FileSource, Source, TableSource, part
from harness.types import Finish, Status

if TYPE_CHECKING:
    import pyarrow as pa

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
CellKey = tuple[str, str]
"""Task and cell."""

_NEEDED: Final = ("task", "cell", "sample_id", "cluster", "request_hash", "status", "response")
_OFTEN: Final = ("task", "cell", "sample_id", "cluster", "request_hash", "finish", CHANCE)
_UNKNOWN: Final[Mapping[str, str]] = {}
HASH_LENGTH: Final = 16
"""Characters of a request's hash that are compared; baselines keep no more."""
_DIGEST: Final = 16
"""Bytes that stand for a text: two of a million million texts are taken for one with a chance of 10⁻¹⁵."""
_FINISH: Final = "finish"
"""How answers end; runs of earlier versions do not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """The columns of one run, read when they are asked for, and which rows belong to which cell."""

    folder: Path
    source: Source
    rows: Mapping[CellKey, Index]

    def __len__(self) -> int:
        return self.source.num_rows

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return self.source.column_names

    def of(self, task: str) -> "Samples":
        """Return the rows of one task, as if there were no others."""
        cells = [rows for (name, _), rows in self.rows.items() if name == task]
        rows = np.sort(np.concatenate([np.zeros(0, np.int64), *cells]))
        return samples_of(self.folder, part(self.source, rows))

    @property
    def metrics(self) -> list[str]:
        """Names of all per-sample metrics."""
        return [name.removeprefix("status.") for name in self.names if name.startswith("status.")]

    @property
    def tags(self) -> list[str]:
        """Names of all tags."""
        return [name.removeprefix("tag.") for name in self.names if name.startswith("tag.")]

    def column(self, name: str) -> "pa.Array":
        """Return one column in one piece."""
        import pyarrow as pa

        whole = self.source.select([name])[name].combine_chunks()
        return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole

    @property
    def weights(self) -> Floats | None:
        """One over the chance of each row, [rows]; None where all had the same."""
        if CHANCE not in self.names:
            return None
        return 1 / as_numpy(self.column(CHANCE), np.nan).astype(np.float64)

    def text(self, name: str) -> "pa.Array":
        """Return a column of text, whether it is stored as it is or as a dictionary."""
        import pyarrow as pa

        return self.column(name).cast(pa.string())

    def scores(self, label: str, spec: ColumnSpec) -> Column:
        """Return a column of scores over all rows; a failure counts what the record says it is worth."""
        values = as_numpy(self.column(f"score.{label}"), np.nan).astype(np.float64)
        statuses = self.column(f"status.{spec.sum_of or label}")
        named = [*statuses.dictionary.to_pylist(), Status.UNDEFINED]  # no status: the metric says nothing of the row
        places = np.array([CODES[str(name)] for name in named], np.int8)
        kinds = places[as_numpy(statuses.indices, len(named) - 1)]
        ok, failed = kinds == CODES[Status.OK], np.isin(kinds, [CODES[status] for status in FAILED])
        worth = np.nan if spec.worth is None else spec.worth
        counted = values if spec.sum_of and spec.worth is not None else worth
        kept = f"detail.{spec.sum_of or label}"
        details = self.text(kept).to_pylist() if kept in self.names else None
        return Column(np.where(ok, values, np.where(failed, counted, np.nan)), kinds, details)

    def worths(self, label: str, spec: ColumnSpec) -> Floats:
        """Return what each row is worth, [rows]: its score, the worth of a failure, NaN where it does not count."""
        return self.scores(label, spec).worths

    def codes(self, name: str) -> tuple[Index, list[str | None]]:
        """Return a text column as codes [rows] and what they stand for; −1 is null."""
        encoded = self.column(name)
        if not hasattr(encoded, "dictionary"):
            encoded = encoded.dictionary_encode()
        codes = as_numpy(encoded.indices, -1).astype(np.int64)
        return codes, encoded.dictionary.to_pylist()

    def answers(self) -> Index:
        """Return a code for the answer of each row, [rows]; answers that failed have −1.

        Texts that differ in case and white space only are one.
        """
        encoded = self.digests("response", folded).dictionary_encode()
        status, words = self.codes("status")
        ok = np.isin(status, [i for i, word in enumerate(words) if word == Status.OK])
        return np.where(ok, as_numpy(encoded.indices, -1).astype(np.int64), -1)

    def digests(self, name: str, normal: Callable[[str], str] = str) -> "pa.Array":
        """Return 16 bytes for each text of a column, [rows], null where there is none: the texts are not held.

        Args:
            name: of a column of text.
            normal: what is made of a text before: texts of which it makes the same have the same digest.
        """
        import pyarrow as pa

        kind, parts = pa.binary(_DIGEST), []
        for batch in self.source.batches([name]):
            texts = batch.column(0)
            encoded = texts if isinstance(texts, pa.DictionaryArray) else texts.dictionary_encode()
            made = b"".join(
                blake2b(normal(text or "").encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()
                for text in encoded.dictionary.to_pylist()
            )
            distinct = pa.Array.from_buffers(kind, len(encoded.dictionary), [None, pa.py_buffer(made)])
            parts.append(distinct.take(encoded.indices))
        return pa.concat_arrays(parts) if parts else pa.nulls(0, kind)

    def hashes(self) -> "pa.Array":
        """Return what is compared of the hash of each row's request, [rows]."""
        import pyarrow as pa
        import pyarrow.compute as pc

        parts = [
            pc.utf8_slice_codeunits(batch.column(0).cast(pa.string()), 0, HASH_LENGTH)
            for batch in self.source.batches(["request_hash"])
        ]
        return pa.concat_arrays(parts) if parts else pa.nulls(0, pa.string())

    def cut_off(self) -> Column:
        """Return 1 for each row whose answer was cut off, 0 for one that was not, undefined where that is unknown."""
        codes, names = self.codes(_FINISH) if _FINISH in self.names else (np.full(len(self), -1), [])
        values = np.array([np.nan if not name else float(name == Finish.LENGTH) for name in [*names, None]])[codes]
        kinds = np.where(np.isnan(values), CODES[Status.UNDEFINED], CODES[Status.OK])
        return Column(values, kinds.astype(np.int8))

    def texts(self, rows: Sequence[int] | Index, columns: Iterable[str]) -> list[dict[str, Any]]:
        """Return columns of a few rows; one that is not there is None."""
        wanted = list(columns)
        there = [name for name in wanted if name in self.names]
        picked = self.source.take(np.asarray(rows, np.int64), there).to_pylist()
        return [{name: row.get(name) for name in wanted} for row in picked]


def read_samples(folder: Path, files: Mapping[str, str] = _UNKNOWN, *, weighted: bool = False) -> Samples:
    """Read the samples of the run in ``folder``, whose record tells the checksums ``files``.

    Args:
        folder: of the run.
        files: by name.
        weighted: whether the caller weighs rows by their chances: whoever does not gets none that had unequal ones.

    Raises:
        UsageError: if ``samples.parquet`` is missing or unreadable, or not the file that the record describes; if its
            samples were drawn with unequal chances and the caller does not weigh them.
    """
    check_file(folder, files, SAMPLES_FILE)
    source = opened(folder)
    names = source.column_names
    absent = [name for name in _NEEDED if name not in names]
    if absent:
        raise UsageError(
            f"{folder / SAMPLES_FILE} has no column {', '.join(absent)}; it was not written by this harness"
        )
    if CHANCE in names and not weighted:
        raise UsageError(unweighted(folder))
    return _placed(folder, source)


def opened(folder: Path) -> FileSource:
    """Return the rows of the run in ``folder``, of which nothing but what is small is read yet.

    Raises:
        UsageError: if ``samples.parquet`` is missing or unreadable.
    """
    return FileSource(folder / SAMPLES_FILE, _often)


def _often(name: str) -> bool:
    """Return whether a column is read several times: texts of any length are not among them."""
    return name in _OFTEN or name.split(".", maxsplit=1)[0] in ("score", "status", "tag")


def samples_of(folder: Path, rows: "Source | pa.Table") -> Samples:
    """Return the samples of a run whose rows are at hand, or some of them."""
    import pyarrow as pa

    return _placed(folder, TableSource(rows) if isinstance(rows, pa.Table) else rows)


def _placed(folder: Path, source: Source) -> Samples:
    return Samples(folder, source, _by_cell(Samples(folder, source, {})))


def _by_cell(samples: Samples) -> dict[CellKey, Index]:
    """Return the rows of each cell in the order of the file."""
    tasks, task_names = samples.codes("task")
    cells, cell_names = samples.codes("cell")
    joint = tasks * max(1, len(cell_names)) + cells
    order = np.argsort(joint, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(joint[order]) > 0]) if order.size else np.zeros(0, np.intp)
    parts = np.split(order, starts[1:]) if order.size else []
    return {(str(task_names[tasks[part[0]]]), str(cell_names[cells[part[0]]])): part for part in parts}
