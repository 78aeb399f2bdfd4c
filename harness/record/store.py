"""Responses as they arrive: an append-only SQLite file, so that a killed run keeps what it paid for."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from harness.errors import UsageError

_TABLE: Final = """
create table if not exists responses (
    seq integer primary key,
    task text not null,
    cell text not null,
    sample_id text not null,
    cluster text not null,
    batch integer not null,
    status text not null,
    error text,
    request_hash text,
    prompt text,
    refs text not null,
    evidence text,
    response text,
    tokens_in integer,
    image_tokens integer,
    tokens_out integer,
    batch_seconds real,
    tags text not null,
    scores text not null,
    vector blob,
    unique (task, cell, sample_id)
)
"""
_COLUMNS: Final = (
    "task",
    "cell",
    "sample_id",
    "cluster",
    "batch",
    "status",
    "error",
    "request_hash",
    "prompt",
    "refs",
    "evidence",
    "response",
    "tokens_in",
    "image_tokens",
    "tokens_out",
    "batch_seconds",
    "tags",
    "scores",
    "vector",
)
_INSERT: Final = f"insert into responses ({', '.join(_COLUMNS)}) values ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - constants
_SELECT: Final = f"select {', '.join(_COLUMNS)} from responses"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Row:
    """One response with its scores."""

    task: str
    cell: str
    sample_id: str
    cluster: str
    batch: int
    status: str
    error: str | None
    request_hash: str | None
    prompt: str | None
    references: Sequence[str]
    evidence: str | None
    response: str | None
    tokens_in: int | None
    image_tokens: int | None
    tokens_out: int | None
    batch_seconds: float | None
    tags: Mapping[str, str]
    scores: Mapping[str, tuple[float | None, str]]
    """By metric: value (None where there is none) and status."""
    vector: bytes | None = None
    """Features or class scores, little-endian float32."""


class ResponseStore:
    """A run's responses, appended batch by batch in one transaction each."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = normal")
        self._connection.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, rows: Iterable[Row]) -> None:
        """Write rows durably, all or none.

        Raises:
            UsageError: if a sample id stands twice in one cell, naming it.
        """
        packed = [_pack(row) for row in rows]
        self._connection.execute("begin")
        try:
            self._connection.executemany(_INSERT, packed)
        except sqlite3.IntegrityError as cause:
            self._connection.execute("rollback")
            twice = self._duplicate(packed)
            raise UsageError(f"sample id {twice!r} stands twice in one dataset; ids must be unique") from cause
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def __iter__(self) -> Iterator[Row]:
        """Yield all rows in the order of their arrival, a few at a time."""
        return map(_unpack, self._connection.execute(f"{_SELECT} order by seq"))

    def cell(self, task: str, cell: str) -> Iterator[Row]:
        """Yield the rows of one cell in the order of their arrival."""
        query = f"{_SELECT} where task = ? and cell = ? order by seq"
        return map(_unpack, self._connection.execute(query, (task, cell)))

    def vectors(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Yield task, cell, sample id and vector of every row that has one."""
        yield from self._connection.execute(
            "select task, cell, sample_id, vector from responses where vector is not null order by seq"
        )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _duplicate(self, packed: Sequence[tuple[Any, ...]]) -> str:
        seen: set[tuple[Any, ...]] = set()
        for row in packed:
            key = row[:3]
            known = self._connection.execute(
                "select 1 from responses where task = ? and cell = ? and sample_id = ?", key
            ).fetchone()
            if known or key in seen:
                return str(row[2])
            seen.add(key)
        return "?"


def _pack(row: Row) -> tuple[Any, ...]:
    return (
        row.task,
        row.cell,
        _unicode(row.sample_id),
        _unicode(row.cluster),
        row.batch,
        row.status,
        _unicode(row.error),
        row.request_hash,
        _unicode(row.prompt),
        json.dumps([_unicode(reference) for reference in row.references]),
        _unicode(row.evidence),
        _unicode(row.response),
        row.tokens_in,
        row.image_tokens,
        row.tokens_out,
        row.batch_seconds,
        json.dumps({_unicode(key): _unicode(value) for key, value in row.tags.items()}),
        json.dumps(dict(row.scores)),
        row.vector,
    )


def _unicode(text: str | None) -> str | None:
    """Return text that UTF-8 can hold: half of a surrogate pair, as a model may utter it, becomes an escape."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _unpack(values: tuple[Any, ...]) -> Row:
    row = dict(zip(_COLUMNS, values, strict=True))
    row["references"] = tuple(json.loads(row.pop("refs")))
    row["tags"] = json.loads(row["tags"])
    row["scores"] = {name: (value, status) for name, (value, status) in json.loads(row["scores"]).items()}
    return Row(**row)
