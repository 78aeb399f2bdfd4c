"""Run one suite on one adapter and leave a run record."""

import errno
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from harness.collecting import collecting_rarely
from harness.engine.ask import Asker, Model
from harness.engine.cache import CacheError, ResponseCache
from harness.engine.executors import Executor, make_executor
from harness.engine.finish import Ending, finish
from harness.engine.informed import informed_draw
from harness.engine.interrupt import graceful
from harness.engine.keep import Keeper
from harness.engine.lanes import Lanes
from harness.engine.limits import overspent, refusal, shortcoming, too_many
from harness.engine.measuring import Measured, Measuring
from harness.engine.open_run import OpenRun, Wanted, open_run, reopen_run
from harness.engine.options import Interrupted, Progress, RunOptions
from harness.engine.pipeline import Pipeline
from harness.engine.plan import OBSERVED, WHOLE, Left, Plan
from harness.engine.prepare import Prepared
from harness.engine.roles import bring
from harness.engine.same import changed_meanwhile, check_same
from harness.engine.sessions import Clock, begin_session
from harness.engine.told import find_untold, invocation, is_of_several, untold
from harness.errors import HarnessError, UsageError
from harness.locate import near
from harness.patience import Patience, patiently
from harness.record.artifacts import save_thumbnail
from harness.record.failures import LOST
from harness.record.schema import AdapterRecord, DrawnRecord, RunRecord
from harness.record.store import Gone, StorageError
from harness.spec.models import EngineSpec
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite
from harness.suite.data import Checked, usable_data
from harness.suite.fit import check_capabilities, misfit
from harness.suite.looks import draw_of
from harness.tasks import NeedsAdapter
from harness.tasks.draw import Draw
from harness.types import Adapter, Status

__all__ = ["Interrupted", "Progress", "RunOptions", "batch_size_for", "resume_run", "run_suite"]

_STOPPED: Final = "stopped by the user"
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@collecting_rarely()
def run_suite(suite: Suite, choice: AdapterChoice, options: RunOptions, progress: Progress) -> tuple[Path, RunRecord]:
    """Run and write the record. An unfinished run of the same suite, model and options is continued.

    One that is complete, and of which its command was to tell when it ended early, is taken as it is.

    Returns:
        The run's folder and its record. Its status is ``failed`` where too many samples
        failed or none was answered.

    Raises:
        AdapterError: if the adapter cannot be loaded.
        UsageError: if rows of the data cannot be read, if the model lacks what a task needs (where its type does,
            before it is loaded), if the data breaks a rule that only shows later, or if another process works on the
            run.
        StorageError: if the disk is full; what was measured can be continued.
        Interrupted: on Ctrl-C, after what was measured is saved.
    """
    options = replace(options, out=options.out.absolute())  # an adapter may go to another folder
    suite = options.selection.apply(suite)
    draw, drawn = _draw(suite, options)
    data = patiently(lambda: usable_data(suite, draw), suite.spec.engine.timeout)
    executor = _executor(suite, choice, options)
    try:
        plan = Plan(
            tuple(suite.tasks.values()), batch_size_for(executor.adapter, options.batch_size), draw, options.shard
        )
        adapter = _adapter_record(choice, executor.adapter, plan.batch_size)
        budget = suite.spec.engine.budget
        if budget is not None and budget.cost is not None and not adapter.config.get("prices"):
            said = f"`engine: budget: cost` is held by prices, and {adapter.name} has none"
            raise UsageError(f"{said}: give its file `prices: {{input: …, output: …}}`, or a budget of `tokens`")
        wanted = Wanted.of(suite, choice, adapter, plan, options, drawn)
        with invocation() as command:
            known = find_untold(options.out, wanted.key, str(plan.shard), command.told)
            if not options.fresh and (found := known):
                options.say(
                    f"{near(found[0])} is complete, and nobody was told: nothing is asked again (but by --fresh)"
                )
            else:
                with open_run(wanted, command) as run:
                    if drawn and run.manifest.chances != draw.chances:  # it was begun when other runs lay here
                        plan = run.manifest.plan(suite)
                        data = patiently(lambda: usable_data(suite, plan.draw), suite.spec.engine.timeout)
                    work = _Work(suite, choice, options, executor, plan, run, data)
                    for text in data.warnings():
                        options.say(f"warning: {text}")
                    found = work.execute(progress)
            command.told.append(found[0])
            command.failed |= found[1].status == "failed"
            return found
    finally:
        executor.close()


@collecting_rarely()
def resume_run(
    folder: Path, options: RunOptions, progress: Progress, *, retry: Sequence[Status] = ()
) -> tuple[Path, RunRecord]:
    """Continue an unfinished run with nothing but its folder.

    Args:
        folder: of the run.
        options: ``workers``, ``grace`` and ``executor`` count; all else is as the run began, and so is the
            executor where none is given.
        progress: who watches.
        retry: samples that ended in one of these are asked again, of a complete run too: what they were before stays
            in the record, and its metrics are made anew.

    Raises:
        UsageError: as :func:`run_suite`; also if the model, the data (naming its rows) or their images changed since.
    """
    folder = folder.absolute()
    with invocation() as command:
        if not retry and (complete := untold(folder)):
            options.say(f"{near(folder)} is complete, and nobody was told: nothing is asked again")
            found = folder, complete
        else:
            found = _resumed(folder, options, progress, retry)
        if not is_of_several(folder):
            command.told.append(folder)
        return found


def _resumed(folder: Path, options: RunOptions, progress: Progress, retry: Sequence[Status]) -> tuple[Path, RunRecord]:
    with reopen_run(folder) as run:
        run.check_left(retry)
        manifest = run.manifest
        suite, choice = manifest.load_suite(), manifest.choose_adapter()
        check_same(manifest, suite, folder)
        options = manifest.executor.within(options)
        executor = _executor(suite, choice, options)
        try:
            fingerprint = executor.adapter.fingerprint()
            if fingerprint != manifest.adapter.fingerprint:
                said = f"the model of {near(folder)} changed since it was begun (fingerprint {fingerprint[:12]})"
                raise UsageError(f"{said}; `harness run` begins a new run")
            plan = manifest.plan(suite)
            data = patiently(lambda: usable_data(suite, plan.draw), suite.spec.engine.timeout)
            again = run.reopen(retry)
            return _Work(suite, choice, options, executor, plan, run, data, again).execute(progress)
        finally:
            executor.close()


class _Work:
    """One process's part in a run."""

    def __init__(
        self, suite: Suite, choice: AdapterChoice, options: RunOptions, executor: Executor, plan: Plan, run: OpenRun,
        data: Checked, again: int = 0,
    ) -> None:  # fmt: skip
        self._suite = suite
        self._choice = choice
        self._options = options
        self._executor = executor
        self._plan = plan
        self._run = run
        self._data = data
        self._again = again
        self._over = ""
        """Why nothing more is asked though all went well."""
        self._measuring = Measuring(run.manifest, run.store, choice, suite.spec.engine, plan, executor, options.say)
        self._measuring.recall()
        self._data.cautions = tuple(getattr(executor.adapter, "cautions", ()))
        for task in suite.tasks.values():
            if isinstance(task, NeedsAdapter):
                task.attach(executor.turn)

    def execute(self, progress: Progress) -> tuple[Path, RunRecord]:
        store, folder = self._run.store, self._run.folder
        clock = begin_session(store, self._options.workers, self._again)
        patience = Patience(seconds=self._suite.spec.engine.timeout)
        keeper = Keeper(store, clock, patience)
        progress.begin(self._choice.spec.adapter, self._plan.own)
        if stored := keeper.responses.total():  # not what was there when the run was opened: some may be asked again
            self._options.say(f"continuing {near(folder)}: {stored:,} responses are there already")
            progress.advance("", stored, keeper.failed)
        try:
            with graceful() as stop, _cache(self._options) as cache, self._others() as others:
                asker = Asker(self._own(), others, cache, self._options.say, self._options.cache_apart)
                reason = self._loop(keeper, clock, stop, progress, asker)
        except KeyboardInterrupt:
            reason = _STOPPED
        except Gone:
            raise
        except StorageError as error:
            raise self._resumable(error) from error
        except Exception as error:
            with suppress(OSError, HarnessError):  # what went wrong first is what the user must hear
                self._finish(clock, Ending("failed", str(error) or type(error).__name__))
            raise
        finally:
            patience.close()
            progress.end()
        if reason == _STOPPED:
            if not self._complete():
                self._finish(clock, Ending("interrupted", _STOPPED))
                raise Interrupted(folder)
            reason = self._judged(keeper, shortcoming)
        reason = reason or changed_meanwhile(self._run.manifest, self._suite, folder)
        ending = Ending("failed", reason) if reason else Ending("complete")
        record = self._finish(clock, ending)
        if keeper.refused or self._over:
            self._run.settle("open")  # it goes on where it stopped: what was refused is asked again
        else:
            lost = any(record.responses.get(status) for status in LOST)
            self._run.settle("failed" if record.status == "failed" else "complete", kept=lost)
        return folder, record

    def _own(self) -> Model:
        record = self._run.manifest.adapter
        facts = (record.fingerprint, record.simulated, record.batch_invariant, record.batch_size)
        return Model(self._executor.ask, *facts)

    def _others(self) -> AbstractContextManager[Mapping[tuple[str, str], Model]]:
        simulated = self._run.manifest.adapter.simulated
        return bring(self._suite.tasks.values(), self._suite.spec.engine, self._run.store, simulated=simulated)

    def _complete(self) -> bool:
        """Return whether nothing is left to do, though somebody asked to stop."""
        return next(self._plan.batches(self._left()), None) is None and not self._open_cells()

    def _left(self) -> Left:
        """Return what tells which samples of a cell are still to be asked."""
        firsts = self._plan.places()
        done: dict[tuple[str, str], bytearray] = {}
        for task, cell, place in self._run.store.answered(OBSERVED):
            marks, at = done.setdefault((task, cell), bytearray()), place - firsts.get((task, cell), place)
            if at >= len(marks):
                marks.extend(bytes(at + 1 - len(marks)))
            marks[at] = 1

        def left(task: str, cell: str, positions: range) -> Sequence[int]:
            marks = done.get((task, cell), b"")
            return [i for i in positions if i >= len(marks) or not marks[i]]

        return left

    def _loop(self, keeper: Keeper, clock: Clock, stop: threading.Event, progress: Progress, ask: Asker) -> str:
        """Do what is not stored yet; return why the run failed or was stopped, or nothing."""
        if reason := self._judged(keeper, too_many):  # a run that has failed is not continued before that is mended
            return reason
        options, width = self._options, self._executor.width
        grace, patience = options.grace, self._suite.spec.engine.timeout
        prices = self._run.manifest.adapter.config.get("prices")

        def spent(seconds: float, cpu: float) -> None:
            pipeline.add("prepare", seconds)
            pipeline.add("apart", seconds)
            clock.elsewhere += cpu

        lanes = Lanes(self._run.manifest, options, patience, lambda: self._plan.asked - keeper.responses.total(), spent)
        pipeline = Pipeline(lanes, ask, workers=options.workers, width=width, stop=stop, grace=grace, patience=patience)
        clock.timings = pipeline.timings
        with (
            lanes,
            closing(pipeline.run(self._plan.batches(self._left()))) as answers,
        ):  # it asks no more after that
            for answered in answers:
                batch = answered.ready.batch
                if batch.number == 0:
                    self._picture(answered.ready)
                kept = keeper.keep(answered)
                progress.advance(f"{batch.task.name}/{batch.cell.id}", kept, keeper.failed)
                if reason := self._judged(keeper, too_many):
                    return reason
                others = keeper.others.priced(self._suite.tasks.values())
                self._over = self._over or overspent(self._suite.spec.engine, prices, keeper.spent, others)
                if keeper.refused or self._over:
                    stop.set()  # what is under way may end, and nothing else begins
        if early := self._early(keeper, stop):
            return early
        with closing(self._measuring) as measuring:
            for item in self._open_cells():
                failed = partial(self._judged, keeper, too_many)
                if not stop.is_set() and (reason := measuring.measure(item, keeper, stop, progress, clock, failed)):
                    return reason
        return _STOPPED if stop.is_set() else self._judged(keeper, shortcoming)

    def _open_cells(self) -> list[Measured]:
        store = self._run.store
        return [item for item in self._plan.measured() if not store.finished(item[1].name, item[3].id)]

    def _picture(self, ready: Prepared) -> None:
        """Keep the first image of the cell, or the frames of its first clip, for the report."""
        first = next((request for asked in ready.requests for request in asked if request.images), None)
        if first is not None:
            with suppress(OSError, ValueError):  # a mode that no PNG can hold costs the picture, not the run
                images = first.images[-len(first.times) :] if first.times else first.images[:1]
                save_thumbnail(self._run.folder, ready.batch.task.name, ready.batch.cell.id, *images)

    def _early(self, keeper: Keeper, stop: threading.Event) -> str:
        """Say why nothing more is asked although something is left; nothing where that is not so."""
        if keeper.refused:
            return refusal(keeper.refused, self._plan, keeper.responses)
        if self._over and self._complete():  # what was under way was all that was left
            self._over = ""
            stop.clear()
        if not self._over:
            return ""
        count = f"{keeper.responses.total():,} of {self._plan.own:,} samples were asked"
        return f"{self._over}: {count}; `harness resume` spends as much again"

    def _judged(self, keeper: Keeper, rule: Callable[[EngineSpec, Plan, Counter[str]], str]) -> str:
        return rule(self._suite.spec.engine, self._plan, keeper.responses)

    def _finish(self, clock: Clock, ending: Ending) -> RunRecord:
        try:
            self._run.store.remember(clock.note())
            kept = (self._run.manifest, self._run.store)
            return finish(self._run.folder, self._suite, self._plan, *kept, ending, self._data)
        except StorageError as error:
            raise self._resumable(error) from error
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            raise self._resumable(error) from error

    def _resumable(self, error: Exception) -> StorageError:
        kept = f"{sum(self._run.store.statuses().values()):,} responses are kept"
        return StorageError(f"{error}\n{kept}; make room, then: harness resume {near(self._run.folder)}")


@contextmanager
def _cache(options: RunOptions) -> Iterator[ResponseCache | None]:
    if options.cache is None:
        yield None
        return
    try:
        cache = ResponseCache(options.cache)
    except CacheError as error:
        options.say(f"{error}; going on without it")
        yield None
        return
    with cache:
        yield cache


def batch_size_for(adapter: Adapter, wanted: int | None) -> int:
    """Return the batch size to run with.

    Where an answer can depend on its batch companions, the size that the adapter's file
    declares is part of what is measured, and a wish for another is not granted.
    """
    if wanted is None or not adapter.batch_invariant:
        return adapter.batch_size
    return wanted


def _draw(suite: Suite, options: RunOptions) -> tuple[Draw, DrawnRecord | None]:
    if options.sample == "plain":
        return draw_of(suite, options.limit, head=options.head, ranked=options.ranked), None
    if options.limit is None or options.head or options.ranked or options.shard != WHOLE:
        raise UsageError("--sample informative needs --limit, and goes with neither --head, --shard nor --sequential")
    return informed_draw(suite, options.limit, options.out, options.sample_from)


def _executor(suite: Suite, choice: AdapterChoice, options: RunOptions) -> Executor:
    check_capabilities(suite, [choice])
    executor = make_executor(choice, suite.spec.engine, options)
    try:
        _check_capabilities(suite, choice.spec.adapter, executor.adapter)
    except BaseException:
        executor.close()
        raise
    return executor


def _adapter_record(choice: AdapterChoice, adapter: Adapter, batch_size: int) -> AdapterRecord:
    return AdapterRecord(
        name=choice.spec.adapter,
        type=choice.spec.type,
        fingerprint=adapter.fingerprint(),
        simulated=adapter.simulated,
        batch_invariant=adapter.batch_invariant,
        batch_size=batch_size,
        config=choice.config.model_dump(mode="json"),
    )


def _check_capabilities(suite: Suite, name: str, adapter: Adapter) -> None:
    for task in suite.tasks.values():
        if said := misfit(task, name, adapter.capabilities):
            raise UsageError(said)
