"""Find the run that a command continues, or begin a new one; nobody else may work on it meanwhile."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

from harness import __version__
from harness.engine.expected import GLANCE, can_count, expect
from harness.engine.manifest import ExecutorSource, Manifest, run_key, sources
from harness.engine.options import RunOptions
from harness.engine.plan import WHOLE, Plan
from harness.engine.same import data_of, marks_of, tasks_of
from harness.engine.sessions import begin_revision
from harness.engine.told import Invocation, Untold, forget
from harness.errors import HarnessError, UsageError
from harness.locate import near
from harness.record.durable import sweep
from harness.record.failures import LOST
from harness.record.folder import RUN_FILE, STORE_FILE
from harness.record.lineage import used_variables
from harness.record.lock import Busy, RunLock
from harness.record.marks import write_marks
from harness.record.schema import AdapterRecord, DrawnRecord, ExpectedRecord
from harness.record.store import ResponseStore
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.types import Status

State = Literal["open", "failed", "complete"]

_STATE: Final = "state"
_LEFT: Final = 86_400.0
"""Seconds after which a file that was half written belongs to nobody."""
_COMPLETE: Final = "it is complete, so there is nothing to continue"
_FRESH: Final = "; `harness run … --fresh` asks all of it again"


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that this process works on."""

    folder: Path
    store: ResponseStore
    manifest: Manifest
    lock: RunLock
    stored: int
    """Responses that were there already."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        self.lock.close()

    @property
    def _complete(self) -> bool:
        return self.store.recall(_STATE) == "complete" and self.manifest.shard == str(WHOLE)

    def check_left(self, statuses: Sequence[Status]) -> None:
        """See that something is left to do: see :meth:`reopen`.

        Raises:
            UsageError: if the run is complete and no sample of it ended in one of ``statuses``.
        """
        if not self._complete:
            return
        counts = self.store.statuses()
        if any(counts.get(status) for status in statuses):
            return
        lost = 0 if statuses else sum(counts.get(status, 0) for status in LOST)
        more = f"; {lost:,} of its samples failed: `harness resume {near(self.folder)} --failed` asks them again"
        raise UsageError(f"{near(self.folder)}: {_COMPLETE}{more if lost else _FRESH}")

    def reopen(self, statuses: Sequence[Status]) -> int:
        """Let samples that ended in one of ``statuses`` be asked again; return how many there are."""
        count = self.store.ask_again([*map(str, statuses)]) if statuses else 0
        if count and self._complete:
            begin_revision(self.store)
        if count:
            self.settle("open")
        return count

    def settle(self, state: State, *, kept: bool = False) -> None:
        """Say what became of it.

        A complete run needs its store no more, and it goes, unless something of it may be asked again (``kept``); a
        part is still to be merged. Until somebody is told of it, it bears a sign of that.
        """
        if state == "complete":
            Untold(self.manifest.key, self.manifest.shard, self.manifest.several).write(self.folder)
        else:
            forget(self.folder)
        if state != "complete" or kept or self.manifest.shard != str(WHOLE):
            self.store.remember({_STATE: state})
            return
        self.store.close()
        for file in self.folder.glob(f"{STORE_FILE}*"):
            file.unlink()
        self.lock.close(remove=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run that is wanted, and what makes another run the same."""

    suite: Suite
    choice: AdapterChoice
    adapter: AdapterRecord
    plan: Plan
    options: RunOptions
    data: dict[str, str]
    tasks: dict[str, dict[str, Any]]
    key: str
    drawn: DrawnRecord | None = None

    @classmethod
    def of(
        cls,
        suite: Suite,
        choice: AdapterChoice,
        adapter: AdapterRecord,
        plan: Plan,
        options: RunOptions,
        drawn: DrawnRecord | None = None,
    ) -> "Wanted":
        """Look at all that a run depends on."""
        data, tasks = data_of(suite), tasks_of(suite)
        key = run_key(suite, data, tasks, options.selection, adapter.fingerprint, plan, __version__)
        return cls(suite, choice, adapter, plan, options, data, tasks, key, drawn)


def open_run(wanted: Wanted, command: Invocation) -> OpenRun:
    """Continue the unfinished run of the same suite, model and options under ``options.out``, or begin one.

    A run that failed because too much failed has had its say: it is begun anew, and only
    ``harness resume`` continues it.

    Raises:
        Busy: if another process works on it.
        UsageError: if the folder cannot be made.
    """
    if not wanted.options.fresh:
        for folder in unfinished(wanted.options.out):
            found = _continued(folder, wanted.key, str(wanted.plan.shard))
            if found:
                return found
    return _begun(wanted, command)


def reopen_run(folder: Path) -> OpenRun:
    """Open an unfinished run to continue it.

    Raises:
        Busy: if another process works on it.
        StorageError: if its store is damaged.
        UsageError: if there is nothing to continue.
    """
    _check_there(folder)
    lock = RunLock(folder)
    try:
        _check_there(folder)  # whoever held the lock may have completed the run
        store = ResponseStore(folder / STORE_FILE, create=False)
        store.check()
        sweep(folder)
        manifest = Manifest.read(store)
        manifest.settle(store)
        return OpenRun(folder, store, manifest, lock, sum(store.statuses().values()))
    except BaseException:
        lock.close(remove=not _is_there(folder))
        raise


def _is_there(folder: Path) -> bool:
    return (folder / STORE_FILE).is_file()


def _check_there(folder: Path) -> None:
    if not _is_there(folder):
        if (folder / RUN_FILE).is_file():
            said = f"{_COMPLETE}{_FRESH}"
        else:
            said = f"there is nothing to continue: it has no {STORE_FILE}, so it is no run"
        raise UsageError(f"{near(folder)}: {said}")


def unfinished(root: Path, *, complete: bool = False) -> Iterator[Path]:
    """Yield the folders of runs that were begun and not completed, the newest first; or all that can be reopened."""
    folders = sorted((file.parent for file in root.glob(f"*/{STORE_FILE}")), key=_age, reverse=True)
    yield from (folder for folder in folders if complete or state_of(folder) != "complete")


def state_of(folder: Path) -> str:
    """Return what became of a run by its store: ``damaged`` where that cannot be read, ``complete`` where it is gone.

    Another process may complete the run at any moment.
    """
    try:
        with closing(ResponseStore(folder / STORE_FILE, create=False)) as store:
            return store.recall(_STATE) or "open"
    except HarnessError:
        return "damaged" if _is_there(folder) else "complete"


def _age(folder: Path) -> float:
    try:
        return (folder / STORE_FILE).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _continued(folder: Path, key: str, shard: str) -> OpenRun | None:
    try:
        with closing(ResponseStore(folder / STORE_FILE, create=False)) as store:
            manifest = Manifest.read(store)
            if (manifest.key, manifest.shard) != (key, shard) or store.recall(_STATE) == "failed":
                return None
    except HarnessError:  # a damaged store is `harness recover`'s business; it must not stop another run
        return None
    try:
        return reopen_run(folder)
    except Busy as busy:
        raise Busy(f"{busy}: the same suite, adapter and options; --fresh starts another run beside it") from busy
    except UsageError:
        if _is_there(folder):
            raise
        return None


def new_run_id(identity: str, adapter: AdapterRecord, suite: str, started: datetime) -> str:
    """Return the name of a run's folder."""
    digest = hashlib.sha256(f"{identity} {adapter.fingerprint} {started.isoformat()}".encode()).hexdigest()[:6]
    return f"{suite}-{adapter.name}-{started:%Y%m%dT%H%M%S}-{digest}"


def _begun(wanted: Wanted, command: Invocation) -> OpenRun:
    suite, choice, adapter, plan, options = (
        wanted.suite,
        wanted.choice,
        wanted.adapter,
        wanted.plan,
        wanted.options,
    )
    started = datetime.now(UTC)
    run_id = new_run_id(f"{suite.hash} {plan.shard}", adapter, suite.spec.suite, started)
    folder = options.out / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as cause:
        raise UsageError(f"cannot make the folder {near(folder)}: {cause.strerror}") from cause
    suite_source, adapter_source = sources(suite, choice)
    manifest = Manifest(
        run_id=run_id,
        key=wanted.key,
        started=started,
        harness_version=__version__,
        batch_size=plan.batch_size,
        limit=plan.limit,
        head=plan.draw.head,
        ranked=plan.draw.ranked,
        chances=None if plan.draw.chances is None else dict(plan.draw.chances),
        drawn=wanted.drawn,
        shard=str(plan.shard),
        selection=options.selection.record,
        suite=suite_source,
        source=adapter_source,
        several=command.several,
        executor=ExecutorSource.of(options),
        adapter=adapter,
        environment=used_variables({**suite.variables, **choice.variables}),
        data=wanted.data,
        tasks=wanted.tasks,
        expected=_expected(wanted),
    )
    for other in options.out.iterdir():
        sweep(other, age=_LEFT)
    lock = RunLock(folder)
    try:
        write_marks(folder, marks_of(suite))
        return OpenRun(folder, manifest.new_store(folder / STORE_FILE), manifest, lock, 0)
    except BaseException:
        lock.close()
        raise


def _expected(wanted: Wanted) -> ExpectedRecord | None:
    """Return what the run will take, where its adapter can count."""
    if not can_count(wanted.choice):
        return None
    found = expect(wanted.plan, wanted.choice, GLANCE)
    return found if found.how else None
