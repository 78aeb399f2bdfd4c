"""The task: both models loaded, timed turn by turn, and their answers compared."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from harness.errors import ConfigError, HarnessError, Issue, in_words
from harness.estimate import ColumnSpec, Number, Statistic
from harness.metrics import SampleMetric
from harness.seeds import derive_seed
from harness.tasks._base import Bench, BuildContext, Cell, CellResult, Figures, Illustration, Made, Observation
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._needs import unmet
from harness.tasks._prompt import compile_prompt
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
from harness.tasks.latency.retention import compare_answers
from harness.tasks.latency.sides import Answered, Inputs, answers, caller, failure, stages
from harness.tasks.latency.summary import Teller
from harness.tasks.scoring import build_metrics, no_mean
from harness.timing.clock import Call, Timed, interleaved
from harness.timing.energy import Meter
from harness.types import Adapter, AdapterHandle, Dataset, FileAdapter, Sample, Status

Lend = Callable[[], AbstractContextManager[Adapter]]


class LatencyTask(MeasuringTask):
    """How fast a model is, beside references in turn: time, memory, and what accuracy is left.

    The grid's cells hold one observation a call; ``answers`` holds one a sample, ``footprint`` one a model.
    """

    Config: ClassVar[type[BaseModel]] = LatencyConfig
    kind = "latency"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    measures: Sequence[str] = MEASURES

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
        with ExitStack() as stack:
            adapters = [stack.enter_context(lend()) for lend in self._lenders(bench, point)]
            self._note_sessions(adapters)
            if cell.id == ANSWERS.id:
                yield from self._answers(adapters, bench)
            else:
                yield from self._time(cell, point, adapters, bench)

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

    def _lenders(self, bench: Bench, point: Point) -> list[Lend]:
        """Return who lends each side's model: the candidate first."""

        def load(handle: AdapterHandle) -> Lend:
            return lambda: closing(handle.vary(**point.keys).load())

        first, *others = self._sides(bench)
        as_it_is = first is bench.handle and not point.keys
        return [bench.turn if as_it_is else load(first), *map(load, others)]

    def _sides(self, bench: Bench) -> list[AdapterHandle]:
        """Return the candidate and what it is compared with."""
        own = self._handles.candidate
        if own is None:
            changes = self._config.candidate_with
            own = bench.handle.vary(**changes) if changes else bench.handle
        return [own, *self._handles.references]

    def _inputs(self, samples: Iterable[Sample], image_size: tuple[int, int] | None = None) -> Inputs:
        return Inputs([*samples], self._prompt, self._config.ask, self._config.max_new_tokens, image_size)

    def _time(self, cell: Cell, point: Point, adapters: Sequence[Adapter], bench: Bench) -> Iterator[Observation]:
        inputs = self._inputs(self._dataset, point.image_size)
        rounds = self._config.rounds if bench.limit is None else max(2, min(self._config.rounds, bench.limit))
        kept: dict[int, Any] = {}

        def requests(number: int) -> Any:
            # All sides of a round see the same samples; they are decoded once.
            if number not in kept:
                kept.clear()
                kept[number] = inputs.requests(range(number * point.batch, (number + 1) * point.batch))
            return kept[number]

        def side(adapter: Adapter) -> Call:
            return lambda number: caller(adapter, requests(number), self._config.part)

        seed = derive_seed(self._seed, self.name, cell.id)
        for timed in interleaved([side(a) for a in adapters], rounds, self._config.warmup, seed, Meter()):
            yield self._observed(timed, inputs.left_out)

    def _observed(self, timed: Timed, left_out: int) -> Observation:
        values = row(
            side=timed.side, round=timed.round, wall_ms=timed.wall, cpu_ms=timed.cpu, energy_mj=timed.energy,
            left_out=left_out, **stages(timed.answer),
        )  # fmt: skip
        side = "candidate" if not timed.side else self._config.references[timed.side - 1]
        failed = timed.error or failure(timed.answer)
        status = Status.ERROR if failed else Status.OK
        return Observation(f"{timed.round:06d}-{side}", values, status, failed, tags={"side": side})

    def _answers(self, adapters: Sequence[Adapter], bench: Bench) -> Iterator[Observation]:
        """Ask every sample once of the candidate and of the first reference."""
        random = any(getattr(adapter, "random", False) for adapter in adapters)
        inputs = self._inputs(())
        for sample in bench.some(self._dataset):
            try:
                one = [inputs.request(sample)]
                mine, theirs = (answers(adapter, one)[0] for adapter in adapters[:2])
            except Exception as cause:  # noqa: BLE001 - one sample's failure must not end the measurement
                mine = theirs = Answered(None, None, in_words(cause))
            yield compare_answers(sample, mine, theirs, self._metric, random=random)

    def _footprint(self, bench: Bench) -> Iterator[Observation]:
        (request,) = self._inputs(self._dataset).requests([0])
        sizes: dict[int, float] = {}
        for turn in range(self._config.processes):
            calls = self._config.launch_calls if turn < self._config.launches else 0
            for side, (name, handle) in enumerate(zip(self._names, self._sides(bench), strict=True)):
                identity, tags = f"{turn}-{side}-{name}", {"side": name}
                try:
                    if side not in sizes:
                        with closing(handle.load()) as adapter:
                            sizes[side] = _file_mib(adapter)
                    found = handle.footprint(request, calls)
                except HarnessError as cause:
                    yield Observation(identity, row(side=side), Status.ERROR, str(cause), tags=tags)
                    continue
                values = row(
                    side=side, load_s=found.load_seconds, first_s=found.first_seconds, start_mib=found.start_mib,
                    peak_mib=found.peak_mib, file_mib=sizes[side], wall_ms=found.wall_ms, cpu_ms=found.cpu_ms,
                    device_mib=math.nan if found.device_mib is None else found.device_mib,
                )  # fmt: skip
                yield Observation(identity, values, tags=tags)

    def _note_sessions(self, adapters: Sequence[Adapter]) -> None:
        for name, adapter in zip(self._names, adapters, strict=True):
            self._sessions[name] = getattr(adapter, "session", {})


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


def _file_mib(adapter: Adapter) -> float:
    if not isinstance(adapter, FileAdapter):
        return math.nan
    return sum(file.stat().st_size for file in adapter.model_files()) / (1 << 20)
