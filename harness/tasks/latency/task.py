"""The task: both models loaded, timed turn by turn, and their answers compared."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from harness.errors import ConfigError, HarnessError, Issue, LateError, in_words
from harness.estimate import ColumnSpec, Number, Statistic
from harness.metrics import SampleMetric
from harness.seeds import derive_seed
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._made import Made
from harness.tasks._measuring import MeasuringTask
from harness.tasks._needs import unmet
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Figures, Illustration
from harness.tasks._prompt import compile_prompt
from harness.tasks._watch import Loss, LostError, Watch
from harness.tasks.latency.columns import MEASURES, row
from harness.tasks.latency.config import ANSWERS, FOOTPRINT, LatencyConfig, Point, points
from harness.tasks.latency.figures import (
    NUMBERS,
    Timing,
    answer_columns,
    footprint,
    launch_columns,
    launch_statistics,
    launched,
    retention,
)
from harness.tasks.latency.opened import Lend, Side, Steps, opened
from harness.tasks.latency.retention import compare_answers
from harness.tasks.latency.sides import Answered, Inputs, answers, caller, failure, stages
from harness.tasks.latency.summary import Teller
from harness.tasks.scoring import build_metrics, no_mean
from harness.timing.clock import FAULTS, Call, Timed, interleaved
from harness.timing.energy import Meter
from harness.types import Adapter, AdapterHandle, Dataset, FileAdapter, Request, Sample, Status


class LatencyTask(MeasuringTask):
    """How fast a model is, beside references in turn: time, memory, and what accuracy is left.

    The grid's cells hold one observation a call; ``answers`` holds one a sample, ``footprint`` one a model.
    """

    Config: ClassVar[type[BaseModel]] = LatencyConfig
    kind = "latency"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    measures: Sequence[str] = MEASURES
    calls_models = True

    def __init__(
        self,
        name: str,
        config: LatencyConfig,
        dataset: Dataset,
        handles: "Handles",
        metric: SampleMetric,
        seed: int,
    ) -> None:
        self.name = name
        self.primary = ""
        # With a candidate of its own the task asks nothing of the run's adapter.
        self.requires: frozenset[str] = frozenset() if config.candidate else frozenset({config.ask})
        self._config = config
        self._dataset = dataset
        self._handles = handles
        self._metric = metric
        self._seed = seed
        self._points = {point.cell.id: point for point in points(config)}
        self._names = [config.candidate_name, *config.references]
        """Of the sides, the candidate first."""
        self._timings = {
            cell: Timing(cell, self._names, point.batch, config.clock) for cell, point in self._points.items()
        }
        self._prompt = compile_prompt(config.prompt)
        self._sessions: dict[str, Mapping[str, str]] = {}

    @classmethod
    def build(cls, name: str, config: LatencyConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        metrics, wrong = build_metrics([config.metric])
        issues += [Issue(("metric",), issue.message, issue.hint) for issue in wrong]
        issues += [Issue(("metric",), said) for metric in metrics.values() if (said := no_mean(metric))]
        try:
            prompt = compile_prompt(config.prompt)
            issues += unmet(config.dataset, dataset, prompt, {("metric",): config.metric}, metrics)
        except ValueError as cause:
            issues.append(Issue(("prompt",), str(cause)))
        if config.ask == "embed" and config.accuracy:
            issues.append(Issue(("accuracy",), "features are neither right nor wrong", "set `accuracy: false`"))
        handles = _read_handles(config, context, issues)
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, handles, next(iter(metrics.values())), context.seed)

    def cells(self) -> Sequence[Cell]:
        extra = [ANSWERS] * self._config.accuracy + [FOOTPRINT] * bool(self._config.processes)
        return [point.cell for point in self._points.values()] + extra

    def count(self, cell: Cell) -> int:
        if cell.id == ANSWERS.id:
            return len(self._dataset)
        rounds = self._config.processes if cell.id == FOOTPRINT.id else self._config.rounds
        return rounds * (1 + len(self._config.references))

    def looked_at(self, cell: Cell) -> Dataset | None:
        """Return what is looked at sample by sample."""
        return self._dataset if cell.id == ANSWERS.id else None

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        if cell.id == FOOTPRINT.id:
            yield from self._footprint(bench)
            return
        point = self._points.get(cell.id, Point(1, None, {}))
        reading = f"reading inputs of {cell.id}"
        with ExitStack() as stack:
            sides = opened(stack, self._lenders(cell, bench, point), bench.watch)
            if loss := bench.watch.lost(reading):
                sides = [replace(side, model=loss) for side in sides]
            self._note_sessions(sides)
            if cell.id == ANSWERS.id:
                yield from self._answers(sides, bench, reading)
            else:
                yield from self._time(cell, point, sides, bench, reading)

    def statistics(self) -> Sequence[Statistic]:
        first = next(iter(self._timings.values()))
        return [
            *first.statistics(),
            *(retention() if self._config.accuracy else ()),
            *(footprint() if self._config.processes else ()),
            *(launch_statistics() if self._config.launches else ()),
        ]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        if cell.id in self._timings:
            return [*self._timings[cell.id].statistics()]
        return retention() if cell.id == ANSWERS.id else footprint()

    def columns(self) -> Mapping[str, ColumnSpec]:
        first = next(iter(self._timings.values()))
        return first.columns() | answer_columns(self._metric) | (launch_columns() if self._config.launches else {})

    def make(self, results: Sequence[CellResult]) -> Made:
        """Bring the calls of a round together, and what launches measured."""
        timings = [result for result in results if result.cell.id in self._timings]
        made = [self._timings[one.cell.id].made(self.name, one) for one in timings]
        if self._config.launches:
            alone = [result for result in results if result.cell.id == FOOTPRINT.id]
            made += [launched(self.name, result, len(self._names)) for result in alone]
        return Made(tuple(made))

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say what the figures mean, and what each model takes."""
        teller = Teller(self._config, self._names, self._sessions)
        return teller.illustration(results, figures, lambda n: list(islice(self._dataset, n)))

    def describe(self) -> Mapping[str, Any]:
        unused = () if self._config.launches else ("launches", "launch_calls")  # runs of earlier versions are the same
        return {
            "kind": self.kind,
            "dataset": self._dataset.content_hash(),
            **self._config.model_dump(mode="json", exclude={"dataset", *unused}),
            "adapters": [handle.describe() for handle in self._handles.all()],
        }

    def noted(self) -> Mapping[str, Any]:
        """Return what each model says of its session."""
        return {name: dict(session) for name, session in self._sessions.items()}

    def recall(self, noted: Mapping[str, Any]) -> None:
        """Take what models said in another process."""
        self._sessions.update(noted)

    def _lenders(self, cell: Cell, bench: Bench, point: Point) -> list[tuple[Steps, Lend]]:
        """Return who lends each side's model, and how it is called: the candidate first."""

        def load(handle: AdapterHandle) -> Lend:
            return lambda: closing(handle.vary(**point.keys).load())

        first, *others = self._sides(bench)
        as_it_is = first is bench.handle and not point.keys
        lenders = [bench.turn if as_it_is else load(first), *map(load, others)]
        keys = ", ".join(f"{key}={value}" for key, value in point.keys.items())
        models = [f"{name} with {keys}" if keys else name for name in self._names]
        return [(Steps(model, cell.id), lend) for model, lend in zip(models, lenders, strict=True)]

    def _sides(self, bench: Bench) -> list[AdapterHandle]:
        """Return the candidate and what it is compared with."""
        own = self._handles.candidate
        if own is None:
            changes = self._config.candidate_with
            own = bench.handle.vary(**changes) if changes else bench.handle
        return [own, *self._handles.references]

    def _inputs(self, samples: Iterable[Sample], image_size: tuple[int, int] | None = None) -> Inputs:
        return Inputs([*samples], self._prompt, self._config.ask, self._config.max_new_tokens, image_size)

    def _time(
        self, cell: Cell, point: Point, sides: Sequence[Side], bench: Bench, reading: str
    ) -> Iterator[Observation]:
        inputs = self._inputs(self._dataset, point.image_size)
        rounds = self._config.rounds if bench.limit is None else max(2, min(self._config.rounds, bench.limit))
        for side in sides:
            if isinstance(side.model, Loss):
                for number in range(rounds):
                    values = row(side=side.place, round=number)
                    yield self._call(side.place, number, values, side.model.status, side.model.said)
        live = [(side.place, side.steps, side.model) for side in sides if not isinstance(side.model, Loss)]
        if not live:
            return
        kept: dict[int, list[Request]] = {}

        def requests(number: int) -> list[Request]:
            # All sides of a round see the same samples; they are decoded once.
            if number not in kept:
                kept.clear()
                with bench.watch.during("data", reading):
                    kept[number] = inputs.requests(range(number * point.batch, (number + 1) * point.batch))
            return kept[number]

        def prepared(adapter: Adapter, steps: Steps) -> Call:
            def prepare(number: int) -> Callable[[], Any]:
                asked = requests(number)
                bench.watch.begin("call", steps.call)
                return caller(adapter, asked, self._config.part)

            return prepare

        calls = [prepared(adapter, steps) for _, steps, adapter in live]
        steps = [steps.call for _, steps, _ in live]
        seed = derive_seed(self._seed, self.name, cell.id)
        begin = partial(_begin, bench.watch, steps)
        for timed in interleaved(calls, rounds, self._config.warmup, seed, Meter(), begin):
            yield self._observed(timed, live[timed.side][0], requests(timed.round), inputs.left_out)
        bench.watch.rest()

    def _observed(self, timed: Timed, side: int, asked: Sequence[Request], left_out: int) -> Observation:
        values = row(
            side=side, round=timed.round, wall_ms=timed.wall, cpu_ms=timed.cpu, energy_mj=timed.energy,
            left_out=left_out, **stages(timed.answer),
        )  # fmt: skip
        failed = timed.error or failure(timed.answer, asked)
        return self._call(side, timed.round, values, Status.ERROR if failed else Status.OK, failed)

    def _call(
        self, side: int, number: int, values: Mapping[str, float], status: Status, error: str | None
    ) -> Observation:
        name = "candidate" if not side else self._config.references[side - 1]
        return Observation(f"{number:06d}-{name}", values, status, error, tags={"side": name})

    def _answers(self, sides: Sequence[Side], bench: Bench, reading: str) -> Iterator[Observation]:
        """Ask every sample once of the candidate and of the first reference."""
        watch, both = bench.watch, [(side.steps.call, side.model) for side in sides[:2]]
        loss = next((model for _, model in both if isinstance(model, Loss)), None)
        random = any(getattr(model, "random", False) for _, model in both)
        inputs = self._inputs(())

        def answer(step: str, model: Adapter | Loss, request: Request) -> Answered:
            assert not isinstance(model, Loss)  # noqa: S101 - none is asked where one is lost
            with watch.during("call", step):
                return answers(model, [request])[0]

        for sample in bench.some(self._dataset):
            if loss is not None:
                lost = Answered(None, None, loss.said)
                seen = compare_answers(sample, lost, lost, self._metric, random=random)
                yield replace(seen, status=loss.status)
                continue
            try:
                with watch.during("data", reading):
                    one = inputs.request(sample)
                mine, theirs = (answer(step, model, one) for step, model in both)
            except FAULTS as cause:  # one sample's failure must not end the measurement
                mine = theirs = Answered(None, None, in_words(cause))
            yield compare_answers(sample, mine, theirs, self._metric, random=random)

    def _footprint(self, bench: Bench) -> Iterator[Observation]:
        watch, reading = bench.watch, f"reading inputs of {FOOTPRINT.id}"
        lost: dict[int, Loss] = {}
        """Of sides that hang: they would do so in each process."""
        with suppress(LostError), watch.during("data", reading):
            (request,) = self._inputs(self._dataset).requests([0])
        if loss := watch.lost(reading):
            lost = dict.fromkeys(range(len(self._names)), loss)
        sizes: dict[int, float] = {}
        for turn in range(self._config.processes):
            calls = self._config.launch_calls if turn < self._config.launches else 0
            for side, (name, handle) in enumerate(zip(self._names, self._sides(bench), strict=True)):
                identity, tags, steps = f"{turn}-{side}-{name}", {"side": name}, Steps(name, FOOTPRINT.id)
                try:
                    if side in lost:
                        raise LostError(lost[side])
                    if side not in sizes:
                        watch.begin("load", steps.load)
                        with closing(handle.load()) as adapter:
                            sizes[side] = _file_mib(adapter)
                        watch.rest()
                    found = handle.footprint(request, calls, bench.patience)
                except HarnessError as cause:
                    watch.rest()
                    loss = _loss(cause)
                    if loss.status is Status.TIMEOUT:
                        lost[side] = loss
                    yield Observation(identity, row(side=side), loss.status, loss.said, tags=tags)
                    continue
                values = row(
                    side=side, load_s=found.load_seconds, first_s=found.first_seconds, start_mib=found.start_mib,
                    peak_mib=found.peak_mib, file_mib=sizes[side], wall_ms=found.wall_ms, cpu_ms=found.cpu_ms,
                    device_mib=math.nan if found.device_mib is None else found.device_mib,
                )  # fmt: skip
                yield Observation(identity, values, tags=tags)

    def _note_sessions(self, sides: Sequence[Side]) -> None:
        for name, side in zip(self._names, sides, strict=True):
            if not isinstance(side.model, Loss):
                self._sessions[name] = getattr(side.model, "session", {})


@dataclass(frozen=True, slots=True)
class Handles:
    """The adapters that a task names."""

    candidate: AdapterHandle | None
    """None where the run's own is judged."""
    references: Sequence[AdapterHandle]

    def all(self) -> list[AdapterHandle]:
        """Return them, the candidate first."""
        return [*([self.candidate] if self.candidate else []), *self.references]


def _read_handles(config: LatencyConfig, context: BuildContext, issues: list[Issue]) -> Handles:
    """Read all adapters that the task names, and see that they know the keys that vary."""

    def read(key: str, name: str, changes: Mapping[str, Any]) -> AdapterHandle | None:
        said = "candidate_with"
        try:
            handle = context.adapters(name).vary(**changes)
            said = "vary"
            for point in points(config):
                handle.vary(**point.keys)
        except ConfigError as cause:
            issues.extend(
                Issue((said,), f"{name}: {issue.message} ({'.'.join(map(str, issue.path))})", issue.hint)
                for issue in cause.issues
            )
            return None
        except HarnessError as cause:
            issues.append(Issue((key,), str(cause)))
            return None
        return handle

    own = read("candidate", config.candidate, config.candidate_with) if config.candidate else None
    references = [handle for name in config.references if (handle := read("against", name, {}))]
    return Handles(own, references)


def _loss(cause: HarnessError) -> Loss:
    """Return what an exception says of the step that it came of."""
    if isinstance(cause, LostError):
        return cause.loss
    return Loss(Status.TIMEOUT if isinstance(cause, LateError) else Status.ERROR, str(cause))


def _begin(watch: Watch, steps: Sequence[str], side: int) -> None:
    watch.begin("call", steps[side])


def _file_mib(adapter: Adapter) -> float:
    if not isinstance(adapter, FileAdapter):
        return math.nan
    return sum(file.stat().st_size for file in adapter.model_files()) / (1 << 20)
