"""The tables of a store, and how a response is a row of them: in stores of this and of earlier versions."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from harness.record.response import Row
from harness.record.scrub import scrubbed, without_own

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
INSERT: Final = f"insert into responses (seq, cell_id, {', '.join(_OWN)}) values (?, ?, {', '.join('?' * len(_OWN))})"  # noqa: S608 - constants
_SENT: Final = "(select text from sents where sents.id = sent) as sent"
"""The text of what was sent: each stands in the store once."""
SELECT: Final = (
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
PLACES: Final = {column: place for place, column in enumerate(_OWN)}
"""Where each column stands in a packed row."""
TOLD: Final = ("status", "error", "response", "finish")
"""What is kept of an answer in whose place another came."""
_FORMER: Final = "vector"
"""What ``payload`` was called in stores of earlier versions."""


def with_former(former: str | None, told: Sequence[Any]) -> str:
    """Return what a row's answers were, with the latest of them."""
    return json.dumps([*json.loads(former or "[]"), dict(zip(TOLD, told, strict=True))])


def pack(row: Row) -> tuple[Any, ...]:
    """Return a row as the columns hold it: without secrets, and in text that UTF-8 can hold."""
    return (
        encodable(row.sample_id),
        encodable(row.cluster),
        row.batch,
        row.status,
        encodable(None if row.error is None else scrubbed(row.error)),
        row.request_hash,
        encodable(row.prompt),
        json.dumps([encodable(reference) for reference in row.references]),
        encodable(row.evidence),
        encodable(None if row.response is None else without_own(row.response)),
        row.tokens_in,
        row.image_tokens,
        row.tokens_out,
        row.batch_seconds,
        json.dumps({encodable(key): encodable(value) for key, value in row.tags.items()}) if row.tags else None,
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
        encodable(None if row.sent is None else without_own(row.sent)),
        row.seconds,
        row.attempts,
        row.reasoning_tokens,
        encodable(row.served),
        row.mean_logprob,
        row.min_logprob,
    )


def exchanged(values: tuple[Any, ...], column: str, value: object) -> tuple[Any, ...]:
    """Return a packed row with another value in one column."""
    place = PLACES[column]
    return (*values[:place], value, *values[place + 1 :])


def lay_out(connection: sqlite3.Connection) -> None:
    """Make the tables where they are not there, and bring those of an earlier version to what they are now."""
    connection.executescript(_TABLES)
    if _FORMER in _columns(connection):
        connection.execute(f"alter table responses rename column {_FORMER} to payload")
    for column in _absent(connection):
        connection.execute(f"alter table responses add column {column} {_ADDED[column]}")


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
    query = SELECT if sent else SELECT.replace(_SENT, "null as sent")
    for column in _absent(connection):
        query = query.replace(f", {_SENT if column == 'sent' else column}", f", null as {column}")
    return query.replace(", payload", f", {_FORMER} as payload") if _FORMER in _columns(connection) else query


def encodable(text: str | None) -> str | None:
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
