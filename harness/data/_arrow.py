"""Rows of Parquet files and Arrow folders, batch by batch, with the column types that `datasets` notes."""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from harness.data._tables import Placed, Table

_BATCH_BYTES: Final = 4_000_000
"""About what is held of a file at a time."""
_MOST_ROWS: Final = 1024
_BUFFER: Final = 1 << 20
_PICTURES: Final = ("Image", "ImageFile")
_LISTS: Final = ("List", "LargeList", "Sequence")
"""Names of lists, newest first."""

Features = Mapping[str, Any]


class ParquetTable(Table):
    """Parquet files, one behind the other."""

    def __init__(self, files: Sequence[Path], note: str = "") -> None:
        """Read the footers.

        Args:
            files: in order.
            note: the key under which each row gets the name of its file's folder; none where it is empty.

        Raises:
            ValueError: if a footer cannot be read, naming the file.
        """
        self.files = tuple(files)
        self._note = note
        self._counts = [parquet_facts(file)[1] for file in self.files]
        self.columns = parquet_facts(self.files[0])[0]
        self._several = len({file.parent for file in self.files}) > 1

    def __len__(self) -> int:
        return sum(self._counts)

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        for file in self.files:
            name = f"{file.parent.name}/{file.name}" if self._several else file.name
            yield from self._file(file, name, light)

    def _file(self, path: Path, name: str, light: bool) -> Iterator[Placed]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        more = {self._note: path.parent.name} if self._note else {}
        with pq.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            schema, told = file.schema_arrow, file.metadata
            reading = Columns(schema, features_of(schema), light)
            size = sum(told.row_group(group).total_byte_size for group in range(told.num_row_groups))
            most = max(1, min(_MOST_ROWS, _BATCH_BYTES * max(1, told.num_rows) // max(1, size)))
            ends = [*accumulate(told.row_group(group).num_rows for group in range(told.num_row_groups))]
            number, group = 0, 0
            while group < len(ends):
                left = range(group, len(ends))
                try:
                    for batch in file.iter_batches(most, row_groups=left, columns=reading.columns):
                        for row in reading.plain(batch):
                            yield Placed(f"{name}[{number}]", {**row, **more} if more else row)
                            number += 1
                    return
                except (pa.ArrowException, OSError) as cause:
                    group = bisect_right(ends, number)
                    said = f"row group {group} cannot be read: {_sentence(cause)}"
                    for broken in range(number, ends[group]):
                        yield Placed(f"{name}[{broken}]", {}, said)
                    number, group = ends[group], group + 1


class ArrowTable(Table):
    """A folder that `Dataset.save_to_disk` wrote: streams of Arrow, mapped into memory and read batch by batch."""

    def __init__(self, folder: Path) -> None:
        """Read the folder's state.

        Raises:
            ValueError: if it names no files, or one that lies outside.
        """
        state = json.loads((folder / "state.json").read_bytes())
        self._files = self._named(folder, state.get("_data_files") or [])
        self._picked = self._named(folder, state.get("_indices_files") or [])
        if not self._files:
            raise ValueError(f"{folder.name}/state.json names no files")
        self.files = (*self._files, *self._picked)
        self._features: Features = json.loads((folder / "dataset_info.json").read_bytes()).get("features") or {}

    @staticmethod
    def _named(folder: Path, entries: Sequence[Mapping[str, Any]]) -> tuple[Path, ...]:
        names = [str(entry["filename"]) for entry in entries]
        if outside := next((name for name in names if Path(name).name != name), None):
            raise ValueError(f"{folder.name}/state.json names a file outside its folder: {outside!r}")
        return tuple(folder / name for name in names)

    @cached_property
    def _length(self) -> int:
        return sum(batch.num_rows for path in self._picked or self._files for _, batch in _batches(path))

    def __len__(self) -> int:
        return self._length

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._schema().names)

    def _schema(self) -> Any:
        import pyarrow as pa

        with pa.memory_map(str(self._files[0])) as source, pa.ipc.open_stream(source) as stream:
            return stream.schema

    def rows(self, *, light: bool = False) -> Iterator[Placed]:
        reading = Columns(self._schema(), self._features, light)
        if self._picked:
            yield from self._selected(reading)
            return
        for path in self._files:
            number = 0
            for _, batch in _batches(path):
                for start in range(0, batch.num_rows, 128):
                    for row in reading.plain(batch.slice(start, 128)):
                        yield Placed(f"{path.name}[{number}]", row)
                        number += 1

    def _selected(self, reading: "Columns") -> Iterator[Placed]:
        """Yield the rows that an index file picks, in its order; the data stay where they are, mapped into memory."""
        import pyarrow as pa

        table = pa.Table.from_batches([batch for path in self._files for _, batch in _batches(path)])
        for path in self._picked:
            for _, picked in _batches(path):
                for start in range(0, picked.num_rows, 128):
                    places = picked.column(0).slice(start, 128)
                    for place, row in zip(places.to_pylist(), reading.plain(table.take(places)), strict=True):
                        yield Placed(f"{path.parent.name}[{place}]", row)


class Columns:
    """Which columns are read, and how their cells become plain values."""

    def __init__(self, schema: Any, features: Features, light: bool) -> None:
        heavy = {name for name in schema.names if light and is_picture(schema.field(name).type, features.get(name))}
        self.columns = [name for name in schema.names if name not in heavy]
        self._classes = {name: names for name in self.columns if (names := _classes(features.get(name))) is not None}

    def plain(self, batch: Any) -> Iterator[dict[str, Any]]:
        rows = batch.select(self.columns).to_pylist()
        for name, names in self._classes.items():
            for row in rows:
                row[name] = _named(row[name], names)
        return iter(rows)


def is_picture(kind: Any, feature: Any = None) -> bool:
    """Return whether a column holds pictures: by the note of `datasets`, or by its Arrow type."""
    import pyarrow as pa

    if isinstance(feature, Mapping):
        inner = feature.get("feature") if feature.get("_type") in _LISTS else feature
        return isinstance(inner, Mapping) and inner.get("_type") in _PICTURES
    if isinstance(feature, list):
        return len(feature) == 1 and is_picture(kind, feature[0])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_struct(kind):
        return {kind.field(i).name for i in range(kind.num_fields)} == {"bytes", "path"}
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _classes(feature: Any) -> list[str] | None:
    """Return the names of a column of classes."""
    if isinstance(feature, list) and len(feature) == 1:
        feature = feature[0]
    while isinstance(feature, Mapping) and feature.get("_type") in _LISTS:
        feature = feature.get("feature")
    if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
        return [str(name) for name in feature["names"]]
    return None


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    # -1 stands for a class that is withheld.
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None if value == -1 else value


@lru_cache(maxsize=4096)
def _facts(path: Path, changed: int, size: int) -> tuple[tuple[str, ...], int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names), file.metadata.num_rows
    except (pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path.name} is no Parquet file that can be read: {_sentence(cause)}") from cause


def parquet_facts(path: Path) -> tuple[tuple[str, ...], int]:
    """Return the names of a Parquet file's columns, and how many rows it has.

    Raises:
        ValueError: if its footer cannot be read.
    """
    told = path.stat()
    return _facts(path, told.st_mtime_ns, told.st_size)


def features_of(schema: Any) -> Features:
    """Return what `datasets` noted of the columns; nothing where it did not write the file."""
    noted = (schema.metadata or {}).get(b"huggingface")
    try:
        found = json.loads(noted)["info"]["features"] if noted else {}
    except (ValueError, TypeError, KeyError):
        return {}
    return found if isinstance(found, dict) else {}


def _batches(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield the stream's schema with each of its batches, without copying them."""
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
            for batch in stream:
                yield stream.schema, batch
    except (pa.ArrowException, OSError) as cause:
        raise ValueError(f"{path.name} is no Arrow stream that can be read: {_sentence(cause)}") from cause


def _sentence(cause: BaseException) -> str:
    return (str(cause).splitlines() or [type(cause).__name__])[0]
