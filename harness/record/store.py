"""Responses as they arrive: an append-only SQLite file, so that a killed run keeps what it paid for."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final, Self

from harness.errors import HarnessError, UsageError
from harness.locate import near
from harness.record.scrub import scrubbed, without_own
from harness.types import JSON

_TABLES: Final = """
create table if not exists meta (key text primary key, value text not null) without rowid;
create table if not exists tags (name text primary key) without rowid;
create table if not exists sents (id integer primary key, text text not null unique);
create table if not exists cells (
    id integer primary key,
    task text not null,
    cell text not null,
    finished integer not null default 0,
    unique (task, cell)
);
create table if not exists responses (
    seq integer primary key,
    cell_id integer not null references cells,
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
    tags text,
    scores text not null,
    payload blob,
    facts text,
    ask text,
    parts text,
    finish text,
    former text,
    again integer,
    sent integer references sents,
    seconds real,
    attempts integer,
    reasoning_tokens integer,
    served text,
    mean_logprob real,
    min_logprob real,
    unique (cell_id, sample_id)
);
"""
_OWN: Final = (
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
    "payload",
    "facts",
    "ask",
    "parts",
    "finish",
    "former",
    "again",
    "sent",
    "seconds",
    "attempts",
    "reasoning_tokens",
    "served",
    "mean_logprob",
    "min_logprob",
)
_INSERT: Final = f"insert into responses (seq, cell_id, {', '.join(_OWN)}) values (?, ?, {', '.join('?' * len(_OWN))})"  # noqa: S608 - constants
_SENT: Final = "(select text from sents where sents.id = sent) as sent"
"""The text of what was sent: each stands in the store once."""
_SELECT: Final = (
    f"select task, cell, {', '.join(_OWN).replace('sent', _SENT)} from responses join cells on cells.id = cell_id"  # noqa: S608 - constants
)
_ADDED: Final = {
    **dict.fromkeys(("facts", "ask", "parts", "finish", "former", "again"), "text"),
    "sent": "integer",
    "seconds": "real",
    "attempts": "integer",
    "reasoning_tokens": "integer",
    "served": "text",
    "mean_logprob": "real",
    "min_logprob": "real",
}
"""Columns that stores of earlier versions lack, with their types."""
_PLACE_OF_SENT: Final = _OWN.index("sent")
_TOLD: Final = ("status", "error", "response", "finish")
"""What is kept of an answer in whose place another came."""
_FORMER: Final = "vector"
"""What ``payload`` was called in stores of earlier versions."""

_BEFORE: Final = "embed"
"""What stands for the question of a payload in a store that did not keep it: its numbers are packed alike."""

_FULL: Final = ("full", "disk i/o error", "readonly", "read-only", "unable to open")


class StorageError(HarnessError):
    """The disk does not take what the run wants to keep: full, read-only, or broken."""


class Gone(StorageError):
    """Somebody deleted the run's folder, or put another file in the store's place, while the run went on."""


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
    payload: bytes | None = None
    """What a request got that asked for more than a text, as its kind packs it; of several parts one after another."""
    facts: Mapping[str, JSON] = field(default_factory=dict)
    """What the sample carried beside evidence and tags."""
    ask: str | None = None
    """What was asked, where there is a payload."""
    parts: str | None = None
    """Where the sample's work had several parts: a JSON list of them, as ``samples.parquet`` holds it."""
    details: Mapping[str, str] = field(default_factory=dict)
    """By metric: the rows of its score, as JSON, where it keeps any."""
    finish: str | None = None
    """Why the answer ends, as :class:`harness.types.Finish` says; None where nothing was asked, or nothing kept it."""
    former: str | None = None
    """What came of it before it was asked again: a JSON list, the oldest first, of status, error, response, finish."""
    again: bool = False
    """It failed and is to be asked again: what is here stands until then."""
    sent: str | None = None
    """What went to the model beside ``prompt``, as :mod:`harness.engine.sent` writes it; None where there are parts,
    which say it themselves, and where nothing was asked."""
    seconds: float | None = None
    """Wall-clock time that its answers took, its share of calls that answered several; None where nobody was asked."""
    attempts: int | None = None
    """How often its requests were sent, all together; None where nobody was asked."""
    reasoning_tokens: int | None = None
    """Of ``tokens_out``, those that the model only thought, where it says."""
    served: str | None = None
    """What the server said that it runs; None where there is none that says."""
    mean_logprob: float | None = None
    """The mean of the natural log-probabilities of the answer's tokens; None where the adapter does not know them."""
    min_logprob: float | None = None
    """The least of them."""


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
            self._connection.executescript(_TABLES)
            if _FORMER in _columns(self._connection):
                self._connection.execute(f"alter table responses rename column {_FORMER} to payload")
            for column in _absent(self._connection):
                self._connection.execute(f"alter table responses add column {column} {_ADDED[column]}")
        except sqlite3.DatabaseError as cause:
            raise _unreadable(path, cause) from cause
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
        packed = [_pack(row) for _, row in listed]
        keyed: list[tuple[Any, ...]] = []
        try:
            with self._transaction():
                ids = [self._cell_id(row.task, row.cell) for _, row in listed]
                packed = [self._interned(values) for values in packed]
                if self._waiting:
                    packed = [self._replacing(key, values) for key, values in zip(ids, packed, strict=True)]
                self._waiting |= any(row.again for _, row in listed)
                keyed = [(place, key, *values) for (place, _), key, values in zip(listed, ids, packed, strict=True)]
                self._connection.executemany(_INSERT, keyed)
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
                f"select sample_id, {', '.join(_TOLD)}, former from responses where cell_id = ? and again is not null"  # noqa: S608 - constants
            )
            formers = {
                identity: _with(former, told) for identity, *told, former in self._connection.execute(query, key)
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
        return map(unpack, self._connection.execute(f"{_SELECT} order by seq"))

    def placed(self) -> Iterator[tuple[int, Row]]:
        """Yield all rows with their places."""
        cursor = self._connection.execute(f"{_SELECT.replace('select', 'select seq,', 1)} order by seq")
        return ((seq, unpack(values)) for seq, *values in cursor)

    def cell(self, task: str, cell: str) -> Iterator[Row]:
        """Yield the rows of one cell in the order of the plan."""
        query = f"{_SELECT} where cell_id = ? order by seq"
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
            raise _unreadable(self.path, cause) from cause
        if said != "ok":
            raise _unreadable(self.path, ValueError(said.partition("\n")[0]))

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
                raise _unreadable(self.path, error) from error
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
        query = f"select {', '.join(_TOLD)}, former from responses {where}"  # noqa: S608 - constants
        found = self._connection.execute(query, (cell, values[0])).fetchone()
        if found is None:
            return values
        self._connection.execute(f"delete from responses {where}", (cell, values[0]))  # noqa: S608 - constants
        *told, former = found
        place = _OWN.index("former")
        return (*values[:place], _with(former, told), *values[place + 1 :])

    def _cell_id(self, task: str, cell: str) -> int:
        key = (task, cell)
        if key not in self._cells:
            made = self._connection.execute("insert into cells (task, cell) values (?, ?)", key).lastrowid
            assert made is not None  # noqa: S101 - an insert has a row
            self._cells[key] = made
        return self._cells[key]

    def _interned(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a packed row with the number of what was sent in the text's place."""
        text = values[_PLACE_OF_SENT]
        if text is None:
            return values
        if text not in self._sents:
            made = self._connection.execute("insert into sents (text) values (?)", (text,)).lastrowid
            assert made is not None  # noqa: S101 - an insert has a row
            self._sents[text] = made
        return (*values[:_PLACE_OF_SENT], self._sents[text], *values[_PLACE_OF_SENT + 1 :])

    def _remember_tags(self, rows: Iterable[Row]) -> None:
        new = {clean for row in rows for name in row.tags if (clean := str(_unicode(name))) not in self._tags}
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


def _with(former: str | None, told: Sequence[Any]) -> str:
    """Return what a row's answers were, with the latest of them."""
    return json.dumps([*json.loads(former or "[]"), dict(zip(_TOLD, told, strict=True))])


def _unreadable(path: Path, cause: Exception) -> StorageError:
    said, path = str(cause), near(path)
    if "full" in said:
        return StorageError(f"the disk is full: {path} cannot grow ({said})")
    if "locked" in said:
        return StorageError(f"{path} is in use by another process ({said})")
    if any(sign in said.lower() for sign in _FULL):
        return StorageError(f"{path} cannot be written: {said}")
    return StorageError(f"{path} is damaged: {said}; `harness recover {path.parent}` saves what can be read")


def _pack(row: Row) -> tuple[Any, ...]:
    return (
        _unicode(row.sample_id),
        _unicode(row.cluster),
        row.batch,
        row.status,
        _unicode(None if row.error is None else scrubbed(row.error)),
        row.request_hash,
        _unicode(row.prompt),
        json.dumps([_unicode(reference) for reference in row.references]),
        _unicode(row.evidence),
        _unicode(None if row.response is None else without_own(row.response)),
        row.tokens_in,
        row.image_tokens,
        row.tokens_out,
        row.batch_seconds,
        json.dumps({_unicode(key): _unicode(value) for key, value in row.tags.items()}) if row.tags else None,
        json.dumps(
            {name: (*pair, row.details[name]) if name in row.details else pair for name, pair in row.scores.items()}
        ),
        row.payload,
        json.dumps(row.facts) if row.facts else None,
        row.ask,
        None if row.parts is None else without_own(row.parts),
        row.finish,
        None if row.former is None else without_own(row.former),
        1 if row.again else None,
        _unicode(None if row.sent is None else without_own(row.sent)),
        row.seconds,
        row.attempts,
        row.reasoning_tokens,
        _unicode(row.served),
        row.mean_logprob,
        row.min_logprob,
    )


def _absent(connection: sqlite3.Connection) -> list[str]:
    """Return the columns that a store lacks since an earlier version wrote it."""
    there = _columns(connection)
    return [column for column in _ADDED if column not in there]


def _columns(connection: sqlite3.Connection) -> set[str]:
    return {name for _, name, *_ in connection.execute("pragma table_info(responses)")}


def selection(connection: sqlite3.Connection, *, sent: bool = True) -> str:
    """Return the query for packed rows, as :func:`unpack` takes them, of a store of this or an earlier version.

    Without ``sent`` it leaves out what was sent, which is kept apart: where that is damaged, the answers may be whole.
    """
    query = _SELECT if sent else _SELECT.replace(_SENT, "null as sent")
    for column in _absent(connection):
        query = query.replace(f", {_SENT if column == 'sent' else column}", f", null as {column}")
    return query.replace(", payload", f", {_FORMER} as payload") if _FORMER in _columns(connection) else query


def _unicode(text: str | None) -> str | None:
    """Return text that UTF-8 can hold: half of a surrogate pair, as a model may utter it, becomes an escape."""
    return text if text is None or text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def unpack(values: Sequence[Any]) -> Row:
    """Return the row that :func:`selection` asks for."""
    task, cell, sample_id, cluster, batch, status, error, digest, prompt, refs, *rest = values
    evidence, response, tokens_in, image_tokens, tokens_out, seconds, tags, scores, payload, facts, ask, *last = rest
    parts, finish, former, again, sent, seconds_own, attempts, *kept = last
    judged = json.loads(scores)
    return Row(
        task,
        cell,
        sample_id,
        cluster,
        batch,
        status,
        error,
        digest,
        prompt,
        tuple(json.loads(refs)),
        evidence,
        response,
        tokens_in,
        image_tokens,
        tokens_out,
        seconds,
        json.loads(tags) if tags else {},
        {name: (value, said) for name, (value, said, *_) in judged.items()},
        payload,
        json.loads(facts) if facts else {},
        ask,
        parts,
        {name: detail for name, (*_, detail) in judged.items() if len(judged[name]) > 2},
        finish,
        former,
        again is not None,
        sent,
        seconds_own,
        attempts,
        *kept,
    )
