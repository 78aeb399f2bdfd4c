"""Responses as they arrive: an append-only SQLite file, so that a killed run keeps what it paid for."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from harness.errors import UsageError
from harness.locate import near
from harness.record.columns import (
    INSERT,
    PLACES,
    SELECT,
    TOLD,
    encodable,
    exchanged,
    lay_out,
    pack,
    unpack,
    with_former,
)
from harness.record.response import Row
from harness.record.storage import Gone, StorageError, storage_error

__all__ = ["Gone", "ResponseStore", "Row", "StorageError"]

_BEFORE: Final = "embed"
"""What stands for the question of a payload in a store that did not keep it: its numbers are packed alike."""


class ResponseStore:
    """A run's responses, appended batch by batch in one transaction each.

    A batch is in the store whole or not at all. Rows are read in the order of their places in the plan, whatever
    order they arrived in, so that a run that was resumed, sharded or spread over workers reads like any other.

    Args:
        path: of the file.
        create: make it where it is not there; else that is a StorageError.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        address = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
        try:
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
            # In WAL mode NORMAL loses nothing when the process is killed, and at most the last batches when the
            # power fails: they are then asked again.
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            lay_out(self._connection)
        except sqlite3.DatabaseError as cause:
            raise storage_error(path, cause) from cause
        self._inode = path.stat().st_ino
        self._cells: dict[tuple[str, str], int] = {
            (task, cell): identity
            for identity, task, cell in self._connection.execute("select id, task, cell from cells")
        }
        self._tags = {name for (name,) in self._connection.execute("select name from tags")}
        self._sents = {text: number for number, text in self._connection.execute("select id, text from sents")}
        self._waiting = self._any("again is not null")
        """Whether rows are to be asked again: their answers replace them."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, rows: Iterable[Row], first: int | None = None, note: Mapping[str, str] | None = None) -> None:
        """Write rows durably, all or none.

        Args:
            rows: one batch.
            first: the place of the first row; the others follow it. By default they come after all others.
            note: facts to remember with it, as :meth:`remember` does.

        Raises:
            UsageError: if a sample id stands twice in one cell, naming it.
            StorageError: if the disk is full or broken.
        """
        places = (None if first is None else first + i for i in count())
        self.insert(zip(places, rows, strict=False), note)

    def insert(self, placed: Iterable[tuple[int | None, Row]], note: Mapping[str, str] | None = None) -> None:
        """As :meth:`append`, with a place for each row; None comes after all others."""
        listed = list(placed)
        packed = [pack(row) for _, row in listed]
        keyed: list[tuple[Any, ...]] = []
        try:
            with self._transaction():
                ids = [self._cell_id(row.task, row.cell) for _, row in listed]
                packed = [self._interned(values) for values in packed]
                if self._waiting:
                    packed = [self._replacing(key, values) for key, values in zip(ids, packed, strict=True)]
                self._waiting |= any(row.again for _, row in listed)
                keyed = [(place, key, *values) for (place, _), key, values in zip(listed, ids, packed, strict=True)]
                self._connection.executemany(INSERT, keyed)
                self._remember_tags(row for _, row in listed)
                self._write_meta(note or {})
        except sqlite3.IntegrityError as cause:
            twice = self._duplicate(keyed)
            raise UsageError(f"sample id {twice!r} stands twice in one dataset; ids must be unique") from cause

    def remember(self, facts: Mapping[str, str]) -> None:
        """Keep facts about the run, durably, in place of earlier ones with the same keys."""
        with self._transaction():
            self._write_meta(facts)

    def recall(self, key: str) -> str | None:
        """Return a fact, or None."""
        found = self._connection.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if found is None else str(found[0])

    def finish_cell(self, task: str, cell: str) -> None:
        """Mark a cell as measured to its end."""
        with self._transaction():
            self._connection.execute("update cells set finished = 1 where id = ?", (self._cell_id(task, cell),))

    def finished(self, task: str, cell: str) -> bool:
        """Return whether a cell was measured to its end."""
        query = "select finished from cells where task = ? and cell = ?"
        found = self._connection.execute(query, (task, cell)).fetchone()
        return bool(found and found[0])

    def drop_cell(self, task: str, cell: str) -> dict[str, str]:
        """Forget what was measured in a cell; return what its rows that are to be asked again become, by sample."""
        key = (self._cell_id(task, cell),)
        with self._transaction():
            query = (
                f"select sample_id, {', '.join(TOLD)}, former from responses where cell_id = ? and again is not null"  # noqa: S608 - constants
            )
            formers = {
                identity: with_former(former, told) for identity, *told, former in self._connection.execute(query, key)
            }
            self._connection.execute("delete from responses where cell_id = ?", key)
        return formers

    def ask_again(self, statuses: Sequence[str]) -> int:
        """Mark the rows that ended in one of ``statuses`` as to be asked again; return how many there are.

        They stay as they are until an answer replaces them. A cell that has one is no longer measured to its end.
        """
        failed = f"status in ({', '.join('?' * len(statuses))})"
        with self._transaction():
            reopened = f"update cells set finished = 0 where id in (select cell_id from responses where {failed})"  # noqa: S608 - question marks
            self._connection.execute(reopened, tuple(statuses))
            marked = f"update responses set again = 1 where {failed}"  # noqa: S608 - see above
            count = self._connection.execute(marked, tuple(statuses)).rowcount
        self._waiting |= count > 0
        return count

    def answered(self, before: int) -> Iterator[tuple[str, str, int]]:
        """Yield task, cell and place of the rows with a place below ``before`` that need not be asked any more."""
        query = "select task, cell, seq from responses join cells on cells.id = cell_id where seq < ? and again is null"
        return iter(self._connection.execute(query, (before,)))

    def statuses(self, *, settled: bool = False) -> dict[str, int]:
        """Return how many responses ended in each status; of those alone that need not be asked again, if wanted."""
        which = "where again is null" if settled else ""
        query = f"select status, count(*) from responses {which} group by status order by status"  # noqa: S608 - constants
        return dict(self._connection.execute(query))

    def tokens(self) -> tuple[int | None, int | None, int | None, int]:
        """Return the tokens read, those of images among them, those written, and of how many answers; no cache's."""
        query = (
            "select sum(tokens_in), sum(image_tokens), sum(tokens_out), count(*) from responses "
            "where batch_seconds is not null and (tokens_in is not null or tokens_out is not null)"
        )
        read, images, written, count = self._connection.execute(query).fetchone()
        return read, images, written, count

    def replaced(self) -> bool:
        """Return whether any row has answers that it had before."""
        return self._any("former is not null")

    def tags(self) -> list[str]:
        """Return the names of all tags, sorted."""
        return sorted(self._tags)

    def __iter__(self) -> Iterator[Row]:
        """Yield all rows in the order of the plan, a few at a time."""
        return map(unpack, self._connection.execute(f"{SELECT} order by seq"))

    def placed(self) -> Iterator[tuple[int, Row]]:
        """Yield all rows with their places."""
        cursor = self._connection.execute(f"{SELECT.replace('select', 'select seq,', 1)} order by seq")
        return ((seq, unpack(values)) for seq, *values in cursor)

    def cell(self, task: str, cell: str) -> Iterator[Row]:
        """Yield the rows of one cell in the order of the plan."""
        query = f"{SELECT} where cell_id = ? order by seq"
        return map(unpack, self._connection.execute(query, (self._cells.get((task, cell), -1),)))

    def payloads(self) -> Iterator[tuple[str, str, str, str, str, bytes]]:
        """Yield task, cell, sample id, part, what was asked, and payload, of every request that has one."""
        found = self._connection.execute(
            "select task, cell, sample_id, ask, payload, parts from responses join cells on cells.id = cell_id"
            " where payload is not null order by seq"
        )
        for task, cell, sample_id, ask, payload, parts in found:
            start = 0
            for part in json.loads(parts) if parts else [{"part": "", "ask": ask, "bytes": len(payload)}]:
                if part["bytes"]:
                    kept = payload[start : start + part["bytes"]]
                    yield task, cell, sample_id, part["part"], part["ask"] or _BEFORE, kept
                    start += part["bytes"]

    def check(self) -> None:
        """Read through the whole file.

        Raises:
            StorageError: if it is damaged.
        """
        try:
            (said,) = self._connection.execute("pragma quick_check(1)").fetchone()
        except sqlite3.DatabaseError as cause:
            raise storage_error(self.path, cause) from cause
        if said != "ok":
            raise storage_error(self.path, ValueError(said.partition("\n")[0]))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        known, sents = dict(self._cells), dict(self._sents)
        self._check_there()
        try:
            self._connection.execute("begin immediate")
            yield
            self._connection.execute("commit")
        except BaseException as error:
            self._cells, self._sents = known, sents
            if self._connection.in_transaction:  # SQLite takes some failures back by itself
                self._connection.execute("rollback")
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
                raise storage_error(self.path, error) from error
            raise

    def _check_there(self) -> None:
        """See that what is written can be read again: a file that was deleted takes everything and keeps nothing."""
        try:
            same = self.path.stat().st_ino == self._inode
        except OSError:
            same = False
        if not same:
            folder = near(self.path.parent)
            raise Gone(
                f"{folder} was deleted or replaced while the run went on; its answers are lost, so it stops here"
            )

    def _any(self, condition: str) -> bool:
        query = f"select 1 from responses where {condition} limit 1"  # noqa: S608 - conditions are constants
        return self._connection.execute(query).fetchone() is not None

    def _replacing(self, cell: int, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Take away the row that new values replace, and return them with what it was."""
        where = "where cell_id = ? and sample_id = ? and again is not null"
        query = f"select {', '.join(TOLD)}, former from responses {where}"  # noqa: S608 - constants
        found = self._connection.execute(query, (cell, values[0])).fetchone()
        if found is None:
            return values
        self._connection.execute(f"delete from responses {where}", (cell, values[0]))  # noqa: S608 - constants
        *told, former = found
        return exchanged(values, "former", with_former(former, told))

    def _cell_id(self, task: str, cell: str) -> int:
        key = (task, cell)
        if key not in self._cells:
            made = self._connection.execute("insert into cells (task, cell) values (?, ?)", key).lastrowid
            assert made is not None  # noqa: S101 - an insert has a row
            self._cells[key] = made
        return self._cells[key]

    def _interned(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a packed row with the number of what was sent in the text's place."""
        text = values[PLACES["sent"]]
        if text is None:
            return values
        if text not in self._sents:
            made = self._connection.execute("insert into sents (text) values (?)", (text,)).lastrowid
            assert made is not None  # noqa: S101 - an insert has a row
            self._sents[text] = made
        return exchanged(values, "sent", self._sents[text])

    def _remember_tags(self, rows: Iterable[Row]) -> None:
        new = {clean for row in rows for name in row.tags if (clean := str(encodable(name))) not in self._tags}
        self._connection.executemany("insert or ignore into tags values (?)", [(name,) for name in new])
        self._tags |= new

    def _write_meta(self, facts: Mapping[str, str]) -> None:
        self._connection.executemany("insert or replace into meta values (?, ?)", list(facts.items()))

    def _duplicate(self, packed: Sequence[tuple[Any, ...]]) -> str:
        seen: set[tuple[Any, ...]] = set()
        for row in packed:
            key = row[1:3]
            query = "select 1 from responses where cell_id = ? and sample_id = ?"
            if key in seen or self._connection.execute(query, key).fetchone():
                return str(row[2])
            seen.add(key)
        return "?"
