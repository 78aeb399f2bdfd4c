"""Answers that were paid for once: kept across runs under the model's fingerprint and all that the model saw."""

import base64
import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from harness.asks import ask_named
from harness.errors import HarnessError
from harness.types import Finish, Request, Response, Status

VERSION: Final = 1
"""Part of every key: raise it when a request's hash or an entry's form changes its meaning."""
MAX_BYTES: Final = 1 << 30
"""Of entries, 1 GiB; beyond it those go that were not used for longest."""

_FILE: Final = "responses.sqlite"
_TABLE: Final = """
create table if not exists entries (
    key blob primary key,
    model text not null,
    value blob not null,
    checksum blob not null,
    size integer not null,
    used real not null
) without rowid;
create index if not exists by_use on entries (used);
"""
_ROOM: Final = 0.9
"""What is left after making room, as a share of the limit: not every new answer has to make room again."""


class CacheError(HarnessError):
    """The cache cannot be read or written. A run goes on without it."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a cache holds."""

    entries: int
    bytes: int
    models: Mapping[str, int]
    """Entries by fingerprint."""


def keys(fingerprint: str, hashes: Sequence[str], *, batch_invariant: bool) -> list[bytes]:
    """Return the key of each answer of a batch.

    Where an answer can depend on the other requests of its batch, they are part of its key.

    Args:
        fingerprint: of the adapter.
        hashes: of the batch's requests, in order.
        batch_invariant: whether answers depend on their own request alone.
    """
    companions = [] if batch_invariant else list(hashes)
    return [
        hashlib.sha256(json.dumps([VERSION, fingerprint, digest, companions, i * bool(companions)]).encode()).digest()
        for i, digest in enumerate(hashes)
    ]


class ResponseCache:
    """A SQLite file that several processes may use at a time. An entry that does not fit its checksum is dropped."""

    def __init__(self, folder: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = folder / _FILE
        self._max_bytes = max_bytes
        # Summing all sizes takes a pass over the file: it is done at first, and when enough was added since.
        self._checked = max_bytes // 64
        self._grown = max_bytes
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
            self._connection.execute("pragma auto_vacuum = incremental")
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            self._connection.executescript(_TABLE)
        except (sqlite3.DatabaseError, OSError) as cause:
            raise CacheError(
                f"the cache {self.path} cannot be used: {cause}; `harness cache clear` removes it"
            ) from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, wanted: Sequence[bytes], requests: Sequence[Request]) -> list[Response | None]:
        """Return what is known, in order; None where nothing is.

        Args:
            wanted: keys.
            requests: what the answers under them are to.

        Raises:
            CacheError: if the file cannot be read.
        """
        with self._lock, self._errors():
            found = [self._get(key, request) for key, request in zip(wanted, requests, strict=True)]
            known = [(time.time(), key) for key, response in zip(wanted, found, strict=True) if response]
            self._connection.executemany("update entries set used = ? where key = ?", known)
        return found

    def put(self, model: str, entries: Mapping[bytes, tuple[Request, Response]]) -> None:
        """Keep answers with what they are to; only those that are ``ok`` are worth keeping.

        Raises:
            CacheError: if the file cannot be written.
        """
        now = time.time()
        rows = [
            (key, model, value, _checksum(key, value), len(value) + len(key), now)
            for key, (request, response) in entries.items()
            if response.status == Status.OK
            for value in [_packed(request, response)]
        ]
        with self._lock, self._errors():
            self._connection.executemany("insert or replace into entries values (?, ?, ?, ?, ?, ?)", rows)
            self._grown += sum(row[4] for row in rows)
            if self._grown > self._checked:
                self._make_room()
                self._grown = 0

    def stats(self) -> Stats:
        """Count what is there."""
        with self._lock, self._errors():
            count, size = self._connection.execute("select count(*), total(size) from entries").fetchone()
            models = dict(
                self._connection.execute("select model, count(*) from entries group by model order by 2 desc")
            )
        return Stats(count, int(size), models)

    def verify(self) -> int:
        """Drop every entry that does not fit its checksum; return how many there were."""
        with self._lock, self._errors():
            listed = [key for (key,) in self._connection.execute("select key from entries")]
            return sum(self._get(key) is None for key in listed)

    def clear(self) -> int:
        """Drop everything; return how many entries there were."""
        with self._lock, self._errors():
            count = self._connection.execute("delete from entries").rowcount
            self._connection.execute("pragma incremental_vacuum").fetchall()
        return count

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _get(self, key: bytes, request: Request | None = None) -> Response | None:
        """Return an entry, or drop it where it is damaged; ``request`` tells how to read what is more than a text."""
        found = self._connection.execute("select value, checksum from entries where key = ?", (key,)).fetchone()
        if found is None:
            return None
        value, checksum = found
        if _checksum(key, value) == checksum:
            response = _unpacked(request, value)
            if response is not None:
                return response
        self._connection.execute("delete from entries where key = ?", (key,))
        return None

    def _make_room(self) -> None:
        size = self._connection.execute("select total(size) from entries").fetchone()[0]
        if size <= self._max_bytes:
            return
        for key, freed in self._connection.execute("select key, size from entries order by used").fetchall():
            if size <= self._max_bytes * _ROOM:
                break
            self._connection.execute("delete from entries where key = ?", (key,))
            size -= freed
        self._connection.execute("pragma incremental_vacuum").fetchall()

    def _errors(self) -> "_Transaction":
        return _Transaction(self._connection, self.path)


class _Transaction:
    """All or nothing; what SQLite raises becomes a sentence."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def __enter__(self) -> None:
        try:
            self._connection.execute("begin immediate")
        except sqlite3.DatabaseError as cause:
            raise self._said(cause) from cause

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("commit" if error is None else "rollback")
        except sqlite3.DatabaseError as cause:
            raise self._said(cause) from cause
        if isinstance(error, sqlite3.DatabaseError):
            raise self._said(error) from error

    def _said(self, cause: Exception) -> CacheError:
        return CacheError(f"the cache {self._path} cannot be used: {cause}")


def _packed(request: Request, response: Response) -> bytes:
    value = None
    if response.value is not None:
        value = base64.b64encode(ask_named(request.ask).pack(response.value)).decode()
    told = [response.text, value, response.tokens_in, response.image_tokens, response.tokens_out, response.finish,
            response.reasoning_tokens, response.served, response.mean_logprob, response.min_logprob]  # fmt: skip
    return json.dumps(told).encode()


def _unpacked(request: Request | None, entry: bytes) -> Response | None:
    try:
        text, packed, tokens_in, image_tokens, tokens_out, *later = json.loads(entry)
        finish = Finish(later[0] if later else "")  # entries of earlier versions say less
        thought, served = later[1:3] or (None, "")
        mean, least = later[3:] or (None, None)
        payload = None if packed is None else base64.b64decode(packed)
        value = None if payload is None or request is None else ask_named(request.ask).unpack(payload, request)
    except (ValueError, TypeError):
        return None
    counts = {"tokens_in": tokens_in, "image_tokens": image_tokens, "tokens_out": tokens_out}
    counts |= {"reasoning_tokens": thought, "mean_logprob": mean, "min_logprob": least}
    return Response(text, value=value, **counts, served=served, finish=finish)


def _checksum(key: bytes, value: Any) -> bytes:
    digest = hashlib.blake2b(key, digest_size=16)
    digest.update(value if isinstance(value, bytes) else repr(value).encode())
    return digest.digest()
