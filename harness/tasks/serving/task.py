"""The task: a cell for each load, and the search for the highest rate that is kept up with."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel

from harness.errors import AdapterError, ConfigError, HarnessError, Issue, SampleError, in_words
from harness.estimate import ColumnSpec, Number, Statistic
from harness.hosts.answers import checked
from harness.images import pictures
from harness.serve.batcher import Batcher, Policy
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._lookup import find_dataset
from harness.tasks._made import Made
from harness.tasks._measuring import MeasuringTask
from harness.tasks._needs import unmet
from harness.tasks._observed import Bench, Observation
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._prompt import compile_prompt
from harness.tasks._watch import Loss, LostError, Watch
from harness.tasks.base import placed
from harness.tasks.serving.config import ServingConfig
from harness.tasks.serving.figures import (
    ASKED,
    COLUMNS,
    MEASURES,
    NUMBERS,
    STREAMED,
    block,
    gain,
    made,
    max_rate,
    of_load,
    offered,
    saturation,
)
from harness.tasks.serving.load import REAL, Clock, Sent, arrivals, drive, revolve
from harness.tasks.serving.saturated import saturated
from harness.tasks.serving.search import achieved, highest, slowest
from harness.tasks.serving.shown import Point, asked_table, batches_table, charts, findings, loads_table, searched
from harness.tasks.serving.targets import Batching, Calling, Sending, Sends, Target, Watched
from harness.timing.clock import FAULTS
from harness.types import Adapter, Dataset, Generation, Request, Sample, Status

_ALONE: Final = 30
"""Calls of one request each, from which the capacity without batching is read."""
_PATIENCE: Final = 120.0
_READING: Final = "reading what is asked"
_FIRST: Final = "a request alone"
_THREADS: Final = 32
"""Calls at a time of an adapter that can only be called and waited for."""
SEARCH: Final = Cell("search", {"policy": "dynamic"}, stratum="search")


class ServingTask(MeasuringTask):
    """How many requests a second are answered in time, under load; latency counts from when each was due."""

    Config: ClassVar[type[BaseModel]] = ServingConfig
    kind = "serving"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    requires = frozenset({"generate"})
    calls_models = True
    clock: Clock = REAL
    """By which loads go."""

    def __init__(self, name: str, config: ServingConfig, dataset: Dataset, seed: int) -> None:
        self.name = name
        self.primary = ""
        self._config = config
        self._dataset = dataset
        self._seed = seed
        self._prompt = compile_prompt(config.prompt)
        self._alone: float | None = None
        self._called = config.through == "calls"
        self.measures: Sequence[str] = (
            *MEASURES,
            *(STREAMED if config.streamed else ()),
            *(ASKED if self._called else ()),
        )
        policies = ["calls"] if self._called else ["dynamic", "one at a time"] if config.baseline else ["dynamic"]
        loads = [("rate" if config.rates else "load", amount) for amount in config.rates or config.loads]
        loads += [("clients", float(clients)) for clients in config.clients]
        points = [Point(amount, policy, key) for key, amount in loads for policy in policies]
        self._points = {point.id: point for point in points}

    @classmethod
    def build(cls, name: str, config: ServingConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if (config.rates and config.loads) or not (config.rates or config.loads or config.clients):
            issues.append(Issue(("rates",), "a load test has either `rates` or `loads`, or `clients`"))
        if any(amount <= 0 for amount in (*config.rates, *config.loads)):
            issues.append(Issue(("rates" if config.rates else "loads",), "rates and loads lie above 0"))
        if config.streamed and config.through != "calls":
            issues.append(Issue(("streamed",), "only a server sends answers token by token: `through: calls`"))
        if config.slo and not config.streamed and config.slo.limits().keys() & set(STREAMED):
            said = "single tokens are timed only with `streamed: true`; without it name `latency` alone"
            issues.append(Issue(("slo",), said))
        if config.slo and config.slo_ms is not None:
            issues.append(Issue(("slo_ms",), "an objective is either `slo_ms` or `slo`"))
        try:
            issues += unmet(config.dataset, dataset, compile_prompt(config.prompt))
        except ValueError as cause:
            issues.append(Issue(("prompt",), str(cause)))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, context.seed)

    def cells(self) -> Sequence[Cell]:
        # Loads are drawn apart: what disturbs one says nothing of another.
        found = [
            Cell(id_, {p.key: f"{p.amount:g}", "policy": p.policy}, stratum=id_) for id_, p in self._points.items()
        ]
        return [*found, SEARCH] if self._config.search else found

    def count(self, cell: Cell) -> int:
        return self._config.search if cell.id == SEARCH.id else self._config.requests

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        """Put the model under a load; a load that takes it down has no answers."""
        try:
            if loss := bench.watch.lost(_READING, _FIRST, _calls(cell), _ending(cell)):
                raise LostError(loss)
            yield from self._measured(cell, bench)
        except LostError as error:
            for number in range(self._count(bench) if cell.id != SEARCH.id else self._config.search):
                nothing = dict.fromkeys(self.measures, math.nan)
                yield Observation(f"{number:06d}", nothing, error.loss.status, error.loss.said)

    def _count(self, bench: Bench) -> int:
        return max(2, min(self._config.requests, bench.limit or self._config.requests))

    def _measured(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        requests = self._requests(bench.watch)
        with bench.turn() as adapter:
            alone = self._measure_alone(adapter, requests, bench.watch)
            slo = self._config.slo_ms or 1000 * alone * self._config.slo_factor
            if cell.id == SEARCH.id:
                yield from self._search(adapter, requests, alone, self._limits() or {"latency_ms": slo}, bench.watch)
                return
            point = self._points[cell.id]
            count = self._count(bench)
            target = self._target(adapter, requests, point.policy, cell, bench.watch)
            rate = math.nan
            with _let_go(target, cell, bench.watch):
                if point.key == "clients":
                    sent = revolve(target, requests, int(point.amount), count, _PATIENCE, self.clock)
                else:
                    rate = point.amount if point.key == "rate" else point.amount / alone
                    # Both policies of one load see the same arrivals, up to the rate's own scale.
                    due = arrivals(1.0, count, self._seed, self.name, f"{point.amount:g}") / rate
                    sent = drive(target, requests, due, _PATIENCE, self.clock)
        slo = self._limits().get("latency_ms", math.nan) if self._config.slo else slo
        for one in sent:
            seen = _observed(
                one, requests[one.number % len(requests)], rate, slo, block(cell.id, one.number, len(sent))
            )
            yield replace(seen, values={name: seen.values.get(name, math.nan) for name in self.measures})

    def statistics(self) -> Sequence[Statistic]:
        last, base = self._last("dynamic") or self._last("calls"), self._last("one at a time")
        policy = "calls" if self._called else "dynamic"
        mine = [id_ for id_, point in self._points.items() if point.policy == policy]
        return [
            *(self.cell_statistics(Cell(last)) if last else ()),
            *([gain(last, base)] if last and base else ()),
            *([saturation(mine)] if mine else ()),
            *([max_rate()] if self._config.search else ()),
        ]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        if cell.id == SEARCH.id:
            return [max_rate()]
        return of_load(cell.id, self._config.streamed, self._called, self._points[cell.id].key == "clients")

    def columns(self) -> Mapping[str, ColumnSpec]:
        return {name: spec for name, spec in COLUMNS.items()
                if name in self.measures or name not in (*STREAMED, *ASKED)}  # fmt: skip

    def make(self, results: Sequence[CellResult]) -> Made:
        """Say of each request how long after the answer before it was answered, and whether in time."""
        busy = self._saturated(results)
        return Made(
            tuple(
                made(self.name, result, self._limits(), result.cell.id in busy)
                for result in results
                if result.cell.id != SEARCH.id
            )
        )

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show the loads and what became of them."""
        loads = [result for result in results if result.cell.id != SEARCH.id]
        opened = [result for result in loads if self._points[result.cell.id].key != "clients"]
        stored_cells = {result.cell.id: {"offered_rate": offered(result)} for result in opened}
        stored = dict(stored_cells.get(self._last("dynamic") or self._last("calls") or "", {}))
        found: list[Finding] = []
        for result in results:
            if result.cell.id == SEARCH.id:
                stored["max_rate"] = highest(result)
                stored_cells[SEARCH.id] = {"max_rate": stored["max_rate"]}
                found += searched(result, stored["max_rate"], self._config.in_time)
        cells = {one.cell.id: {**figures.cells[one.cell.id], **stored_cells.get(one.cell.id, {})} for one in loads}
        return Illustration(
            findings=(*findings(loads, cells, {**figures.metrics, **stored}, self._saturated(results)), *found),
            charts=tuple(charts([*self._points.values()], cells)),
            tables=(
                loads_table(loads, cells, self._config.streamed, self._called),
                asked_table(loads) if self._called else batches_table(loads),
            ),
            stored=stored,
            stored_cells=stored_cells,
        )

    def describe(self) -> Mapping[str, Any]:
        told = self._config.model_dump(mode="json", exclude={"dataset"})
        # As before there were such keys; a batcher's `connections` never did anything.
        new = {"streamed": False, "clients": [], "slo": None, "in_time": 0.95}
        told = {key: value for key, value in told.items() if key not in new or value != new[key]}
        told["connections"] = told["connections"] if self._called else _THREADS
        return {"kind": self.kind, "dataset": self._dataset.content_hash(), **told}

    def _limits(self) -> Mapping[str, float]:
        return self._config.slo.limits() if self._config.slo else {}

    def _saturated(self, results: Sequence[CellResult]) -> set[str]:
        """Return the cells whose load was too much, by policy."""
        found: set[str] = set()
        for policy in dict.fromkeys(point.policy for point in self._points.values()):
            told = {one.cell.id: self._points[one.cell.id] for one in results if one.cell.id in self._points}
            mine = [one for one in results if one.cell.id in told and told[one.cell.id].policy == policy]
            closed = {int(told[one.cell.id].amount): one for one in mine if told[one.cell.id].key == "clients"}
            found |= saturated([one for one in mine if told[one.cell.id].key != "clients"], closed)
        return found

    def _last(self, policy: str) -> str | None:
        """Return the cell of the highest load under a policy: of the most clients where no load has a rate."""
        mine = [(p.key != "clients", p.amount, id_) for id_, p in self._points.items() if p.policy == policy]
        return max(mine)[2] if mine else None

    def _requests(self, watch: Watch) -> list[Request]:
        """Return the samples as requests, decoded once: the sender must not be what is slow.

        Raises:
            AdapterError: if no sample can be used, with what is wrong with the last.
        """
        made: list[Request] = []
        said = ""
        for sample in islice(self._dataset, self._config.requests):
            try:
                with watch.during("data", _READING):
                    made.append(self._request(sample))
            except LostError:
                raise
            except Exception as cause:  # noqa: BLE001 - a broken image or a lacking tag costs its sample
                said = f": {in_words(cause)}"
        if not made:
            raise AdapterError(f"the dataset has no sample that can be used{said}")
        return made

    def _request(self, sample: Sample) -> Request:
        if sample.problem is not None:
            raise SampleError(sample.problem)
        images = pictures(sample.images)
        prompt, interleaved = placed(self._prompt(sample), sample)
        generation = Generation(self._config.max_new_tokens)
        return Request(sample.id, prompt, images, generation=generation, interleaved=interleaved)

    def _measure_alone(self, adapter: Adapter, requests: Sequence[Request], watch: Watch) -> float:
        """Return the median seconds of one request alone, measured once.

        Raises:
            LostError: if the model raises.
            AdapterError: if it does not stream and should.
        """
        if self._alone is None:
            times = []
            for number in range(_ALONE + 3):
                asked = [requests[number % len(requests)]]
                watch.begin("call", _FIRST)
                start = self.clock.now()
                try:
                    answers = adapter.generate(asked)
                except HarnessError:
                    raise
                except FAULTS as cause:
                    raise LostError(Loss(Status.ERROR, f"{_FIRST}: {in_words(cause)}")) from cause
                times.append(self.clock.now() - start)
                (answer,) = checked(answers, asked)
                if self._config.streamed and answer.status is Status.OK and "ttft" not in answer.seconds:
                    said = "`streamed: true` needs an adapter that says when tokens come: `stream: true` in its file"
                    raise AdapterError(f"{said}, and a server that heeds it")
            watch.rest()
            self._alone = float(np.median(times[3:]))
        return self._alone

    def _target(self, adapter: Adapter, requests: Sequence[Request], policy: str, cell: Cell, watch: Watch) -> Target:
        config = self._config
        if policy == "calls":
            if isinstance(adapter, Sends):
                return Sending(adapter.sender(requests, config.connections), requests, self.clock.now)
            return Calling(adapter, config.connections or _THREADS)
        size = config.max_batch_size if policy == "dynamic" else 1
        wait = config.max_batch_wait_ms / 1000 if policy == "dynamic" else 0.0
        watched = Watched(adapter, watch, _calls(cell))
        return Batching(Batcher(watched, Policy(size, wait, config.max_queue)), config.timeout)

    def _search(
        self, adapter: Adapter, requests: Sequence[Request], alone: float, limits: Mapping[str, float], watch: Watch
    ) -> Iterator[Observation]:
        """Halve the ratio between a rate that meets the objective and one that does not."""
        low, high, rate = 0.0, math.inf, 0.8 / alone
        # One draw for all rates, scaled to each: what differs between two probes is the rate alone.
        draw = arrivals(1.0, self._config.requests, self._seed, self.name, SEARCH.id)
        shape = draw / draw[-1] * len(draw)
        slo, share = next(iter(limits.values())), self._config.in_time
        for step in range(self._config.search):
            target = self._target(adapter, requests, "calls" if self._called else "dynamic", SEARCH, watch)
            with _let_go(target, SEARCH, watch):
                sent = drive(target, requests, shape / rate, _PATIENCE, self.clock)
            took = slowest(sent, limits, share)
            probe: Mapping[str, float] = {
                "offered": rate, "achieved": achieved(sent), "latency_ms": took, "slo_ms": slo
            }  # fmt: skip
            met = f"{share:.0%} took up to {took / slo:.2f} of the objective"
            text = f"{met} at {rate:.1f}/s, of which {probe['achieved']:.1f}/s were answered"
            yield Observation(f"probe-{step:02d}", {**dict.fromkeys(self.measures, math.nan), **probe}, text=text)
            if took <= slo:
                low = rate
            else:
                high = rate
            rate = 2 * low if math.isinf(high) else math.sqrt(low * high) if low else high / 2


def _calls(cell: Cell) -> str:
    return f"a call under {cell.id}"


def _ending(cell: Cell) -> str:
    return f"the last calls under {cell.id}"


@contextmanager
def _let_go(target: Target, cell: Cell, watch: Watch) -> Iterator[None]:
    """Leave nobody waiting, whatever comes; calls that go on are waited for, which has its limit too."""
    try:
        yield
    finally:
        with watch.during("call", _ending(cell)):
            target.close()


def _observed(sent: Sent, request: Request, rate: float, slo: float, cluster: str) -> Observation:
    values = {
        "arrival_s": sent.arrival,
        "late_ms": 1000 * sent.late,
        "latency_ms": 1000 * sent.latency,
        "queue_ms": 1000 * sent.queued,
        "compute_ms": 1000 * sent.computed,
        "batch": float(sent.batch),
        "offered": rate,
        "slo_ms": slo,
        "ttft_ms": 1000 * sent.first,
        "inter_token_ms": 1000 * sent.between,
        "tokens_out": sent.tokens,
        "images": float(len(request.images)),
        "megapixels": sum(image.width * image.height for image in request.images) / 1e6,
        "characters": float(len(request.prompt)),
    }
    status = Status.OK if sent.error is None else Status.ERROR
    return Observation(f"{sent.number:06d}", values, status, sent.error, cluster=cluster)
