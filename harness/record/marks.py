"""Marks of rows: what tells a row from the same row with other content, and names what differs between two sets.

A run keeps them as ``marks.parquet``: data set, id, and a 64-bit number for each aspect of the row, 0 where the row has
nothing of the kind. They are compared row by row by id, so that neither the order of a file nor its line ends matter.
"""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError
from harness.record.arrow import as_numpy, strings, unsigned, where
from harness.record.durable import settle

if TYPE_CHECKING:
    import pyarrow as pa

MARKS_FILE: Final = "marks.parquet"

ASPECTS: Final = ("question", "reference", "evidence", "facts", "media", "tags")
"""What of a row is marked: ``media`` are images and clips by their content and by how they are read, ``tags`` its tags
and its cluster."""
UNASKED: Final = ("tags",)
"""What neither a model sees nor an answer is judged by: it decides slices and intervals."""

_NAMED: Final = 5
_CHUNK: Final = 65_536
_WIDTH: Final = 16
"""Bytes of a row's hash."""


@dataclass(frozen=True, slots=True)
class Differences:
    """What is not the same in two sets of rows, by id, each list in the order of its set."""

    changed: Mapping[str, tuple[str, ...]]
    """Aspects by row: those that both sets have, with other content."""
    new: Sequence[str]
    missing: Sequence[str]
    moved: bool = False
    """Whether the rows that both have stand in another order."""
    of: int = 0
    """Rows of the first set."""

    def __bool__(self) -> bool:
        return bool(self.changed or self.new or self.missing or self.moved)

    def __str__(self) -> str:
        rows = [f"{identity} ({', '.join(aspects)})" for identity, aspects in self.changed.items()]
        said = [
            f"{_rows(len(rows))} differ{'s' * (len(rows) == 1)}: {_named(rows)}" if rows else "",
            f"{len(self.new):,} {_are(self.new)} new: {_named(self.new)}" if self.new else "",
            f"{len(self.missing):,} {_are(self.missing)} missing: {_named(self.missing)}" if self.missing else "",
            "the rows stand in another order" if self.moved else "",
        ]
        return "; ".join(filter(None, said))

    @property
    def lost(self) -> float:
        """The share of the first set's rows that the second lacks, or has with other content that a model sees."""
        return (len(self.missing) + len(self.judged)) / self.of if self.of else 0.0

    @property
    def judged(self) -> list[str]:
        """The changed rows in which the model sees something else, or answers are judged by something else."""
        return [identity for identity, aspects in self.changed.items() if set(aspects).difference(UNASKED)]


class Packed(Sequence[str]):
    """Texts in one piece of memory: as objects, the ids of a million rows take 60 MB more."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add one at the end."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __iter__(self) -> Iterator[str]:
        ends = iter(self._ends)
        start = next(ends)
        for end in ends:
            yield self._bytes[start:end].decode("utf-8", "surrogatepass")
            start = end

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        i = range(len(self))[place]
        return self._bytes[self._ends[i] : self._ends[i + 1]].decode("utf-8", "surrogatepass")


@dataclass(frozen=True, eq=False)
class RowMarks:
    """The marks of all rows of a data set, in its order."""

    ids: Sequence[str]
    numbers: NDArray[np.uint64]
    """[rows, aspects]"""

    @property
    def content(self) -> str:
        """A hash of the rows, whatever their order."""
        return self._hashes[0]

    @property
    def sequence(self) -> str:
        """A hash of the rows in their order."""
        return self._hashes[1]

    @cached_property
    def _hashes(self) -> tuple[str, str]:
        rows = self._rows()
        ordered = np.sort(np.frombuffer(rows, f"S{_WIDTH}"))
        content = hashlib.sha256(b"rows 1" + ordered.tobytes()).hexdigest()
        return content, hashlib.sha256(b"rows 1 in order" + rows).hexdigest()

    @property
    def shows(self) -> bool:
        """Whether a row has an image or a clip."""
        return bool(self.numbers[:, ASPECTS.index("media")].any())

    def differences(self, now: "RowMarks") -> Differences:
        """Return what ``now`` has other than these."""
        place = {identity: i for i, identity in enumerate(now.ids)}
        at = np.array([place.get(identity, -1) for identity in self.ids], np.int64)
        here = np.flatnonzero(at >= 0)
        there = at[here]
        other = self.numbers[here] != now.numbers[there]
        rows = np.flatnonzero(other.any(axis=1))
        changed = {self.ids[here[i]]: tuple(np.array(ASPECTS)[other[i]].tolist()) for i in rows.tolist()}
        known = set(self.ids)
        return Differences(
            changed,
            [identity for identity in now.ids if identity not in known],
            [self.ids[i] for i in np.flatnonzero(at < 0).tolist()],
            moved=bool((np.diff(there) < 0).any()),
            of=len(self.ids),
        )

    def _rows(self) -> bytearray:
        """Return 16 bytes a row, of its id and its marks."""
        made, blake = bytearray(), hashlib.blake2b
        for identity, numbers in zip(self.ids, np.ascontiguousarray(self.numbers, "<u8"), strict=True):
            marked = identity.encode("utf-8", "surrogatepass") + b"\0" + numbers.tobytes()
            made += blake(marked, digest_size=_WIDTH).digest()
        return made


def write_marks(folder: Path, marks: Mapping[str, RowMarks]) -> None:
    """Write ``marks.parquet`` atomically; nothing where no data set has marks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = [
        pa.table(
            {
                "dataset": pa.DictionaryArray.from_arrays(unsigned(np.zeros(len(one.ids), np.uint32)), strings([name])),
                "id": _strings(one.ids),
                **{aspect: unsigned(one.numbers[:, i]) for i, aspect in enumerate(ASPECTS)},
            }
        )
        for name, one in marks.items()
        if len(one.ids)
    ]
    if not tables:
        return
    temporary = folder / f".{MARKS_FILE}.part"
    whole = pa.concat_tables(tables).unify_dictionaries()
    # Hashes do not repeat, but for the zeros of what no row has: those a dictionary makes nothing of.
    pq.write_table(whole, temporary, compression="zstd", use_dictionary=[], write_statistics=False)
    settle(temporary, folder / MARKS_FILE)


def _strings(texts: Sequence[str]) -> "pa.ChunkedArray":
    """Return texts as Arrow has them, some at a time as objects; what is no Unicode becomes a question mark."""
    import pyarrow as pa

    told = iter(texts)
    chunks = (islice(told, _CHUNK) for _ in range(0, len(texts), _CHUNK))
    return pa.chunked_array([strings([text.encode("utf-8", "replace").decode() for text in chunk]) for chunk in chunks])


def read_marks(folder: Path) -> dict[str, RowMarks]:
    """Return the marks of a run's rows by data set; none where there is no file: of drawn data, and of older runs.

    Raises:
        UsageError: if the file is there and cannot be read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = folder / MARKS_FILE
    if not file.is_file():
        return {}
    try:
        table = pq.ParquetFile(file).read()
        found = {}
        for name in pc.unique(table["dataset"].cast(pa.string())).to_pylist():
            part = where(table, "dataset", name)
            numbers = np.column_stack([as_numpy(part[aspect], 0) for aspect in ASPECTS]).astype(np.uint64)
            found[str(name)] = RowMarks(Packed(identity.as_py() for identity in part["id"]), numbers)
    except (OSError, ValueError, pa.ArrowException, KeyError) as cause:
        raise UsageError(f"{file} cannot be read: {cause}") from cause
    return found


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"


def _are(ids: Sequence[str]) -> str:
    return "is" if len(ids) == 1 else "are"


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_NAMED]) + (", …" if len(listed) > _NAMED else "")
