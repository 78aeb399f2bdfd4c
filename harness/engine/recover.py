"""Save what can be read of a run whose store is damaged or whose process died."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from harness.engine.finish import Ending, finish
from harness.engine.manifest import Manifest, copy_of
from harness.engine.plan import Plan
from harness.engine.sessions import begin_session, forget_sessions, read_sessions
from harness.errors import HarnessError, UsageError
from harness.record.columns import selection, unpack
from harness.record.folder import STORE_FILE
from harness.record.lock import RunLock
from harness.record.schema import RunRecord
from harness.record.store import ResponseStore, Row
from harness.tasks import Measures

_DAMAGED: Final = "damaged"
_MISSES: Final = 1000
"""Observations in a row that cannot be read, after which a cell is taken to end."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was saved."""

    folder: Path
    record: RunRecord
    damaged: Path | None
    """Where the damaged store lies now; None where it was sound."""
    saved: int
    """Responses that the run now holds."""
    expected: int


def recover_run(folder: Path) -> Recovered:
    """Write a run's record from what its store holds; a damaged store is first replaced by what can be read of it.

    The run can be continued afterwards: batches of which anything is lost are asked again.

    Raises:
        Busy: if another process works on the run.
        UsageError: if there is no store, or not even its first pages can be read.
    """
    file = folder / STORE_FILE
    if not file.is_file():
        raise UsageError(f"{folder} has no {STORE_FILE}: there is nothing to recover")
    with RunLock(folder):
        damaged = None if _sound(file) else _set_aside(folder)
        if damaged:
            _rebuild(damaged, file)
        with closing(ResponseStore(file)) as store:
            if not _sessions_are_whole(store):
                forget_sessions(store)  # this process stands in for those that are lost, or never began
                begin_session(store, 1)
            manifest = Manifest.read(store)
            manifest.settle(store)
            suite = manifest.load_suite()
            plan = manifest.plan(suite)
            saved, own = sum(store.statuses().values()), plan.own
            reason = f"recovered: {saved:,} of {own:,} responses"
            record = finish(folder, suite, plan, manifest, store, Ending("interrupted", reason))
    return Recovered(folder, record, damaged, saved, own)


def _sound(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file)) as connection:
            checked = bool(connection.execute("pragma integrity_check(1)").fetchone() == ("ok",))
        with closing(ResponseStore(file)) as store:
            Manifest.read(store)
    except (sqlite3.DatabaseError, HarnessError):
        return False
    return checked


def _set_aside(folder: Path) -> Path:
    aside = next(place for n in count(1) if not (place := folder / f"{_DAMAGED}-{n}").exists())
    aside.mkdir()
    for file in folder.glob(f"{STORE_FILE}*"):
        shutil.move(file, aside / file.name)
    return aside / STORE_FILE


def _rebuild(damaged: Path, file: Path) -> None:
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        with suppress(sqlite3.DatabaseError):
            old.execute("pragma writable_schema = on")  # reads on where the file is shorter than it says
        facts = {str(key): str(value) for key, value in _readable(old, "select key, value from meta")}
        beside = copy_of(damaged)
        if beside.is_file():
            facts["manifest"] = beside.read_text(encoding="utf-8")
        if "manifest" not in facts:
            shutil.copy(damaged, file)  # as it was: a later version may know more
            raise UsageError(f"{damaged}: not even its first pages can be read, and with them what the run was")
        with closing(ResponseStore(file)) as new:
            new.remember(facts)
            manifest = Manifest.read(new)
            suite = manifest.load_suite()
            plan = manifest.plan(suite)
            with suppress(sqlite3.DatabaseError):  # where not even the columns' names can be read, no row can
                for place, rows in _batches(old, (selection(old), selection(old, sent=False)), plan):
                    new.append(rows, place)


def _sessions_are_whole(store: ResponseStore) -> bool:
    try:
        return bool(read_sessions(store))
    except (KeyError, ValueError):
        return False


def _readable(connection: sqlite3.Connection, query: str) -> Iterator[Any]:
    with suppress(sqlite3.DatabaseError):
        yield from connection.execute(query)


def _batches(old: sqlite3.Connection, selects: Sequence[str], plan: Plan) -> Iterator[tuple[int, list[Row]]]:
    """Yield the batches that can be read whole, and the observations that can be read."""
    place = 0
    for task in plan.tasks:
        if isinstance(task, Measures):
            continue
        for cell in task.cells():
            total = plan.count(task, cell)
            for start in range(0, total, plan.batch_size):
                size = min(plan.batch_size, total - start)
                rows = [_row(old, selects, place + start + i) for i in range(size)]
                whole = [row for row in rows if row is not None]
                if len(whole) == size:
                    yield place + start, whole
            place += total
    for first, *_ in plan.measured():
        misses = 0
        for at in count(first):
            row = _row(old, selects, at)
            misses = 0 if row else misses + 1
            if row:
                yield at, [row]
            elif misses > _MISSES:
                break


def _row(old: sqlite3.Connection, selects: Sequence[str], place: int) -> Row | None:
    """Return a row by the first query that can read it."""
    for select in selects:
        try:
            found = old.execute(f"{select} where seq = ?", (place,)).fetchone()
            return None if found is None else unpack(found)
        except (sqlite3.DatabaseError, ValueError, TypeError):
            continue
    return None
