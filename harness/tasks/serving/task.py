"""The task: a cell for each load, and the search for the highest rate that is kept up with."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.errors import AdapterError, ConfigError, Issue, SampleError, in_words
from harness.estimate import ColumnSpec, Number, Statistic
from harness.images import pictures
from harness.serve.batcher import Batcher, Policy
from harness.spec.models import BatchSize, Model
from harness.tasks._base import (
    Bench,
    BuildContext,
    Cell,
    CellResult,
    Chart,
    Figures,
    Finding,
    Illustration,
    Line,
    Made,
    Observation,
    Table,
)
from harness.tasks._lookup import find_dataset
from harness.tasks._measuring import MeasuringTask
from harness.tasks._needs import unmet
from harness.tasks._prompt import compile_prompt
from harness.tasks.base import placed
from harness.tasks.serving.figures import (
    COLUMNS,
    MEASURES,
    NUMBERS,
    STREAMED,
    batch_sizes,
    block,
    gain,
    made,
    max_rate,
    of_load,
    offered,
)
from harness.tasks.serving.load import Batching, Calling, Sent, Target, arrivals, drive
from harness.tasks.serving.search import achieved, highest, unsettled
from harness.types import Adapter, Dataset, Generation, MetricValue, Request, Sample, Status

_ALONE: Final = 30
"""Calls of one request each, from which the capacity without batching is read."""
_PATIENCE: Final = 120.0
SEARCH: Final = Cell("search", {"policy": "dynamic"}, stratum="search")


class ServingConfig(Model):
    """Keys of a task of `kind: serving`."""

    dataset: str
    """A dataset of this suite; its samples are the requests, in turn."""
    prompt: str = "{{ question }}"
    """Jinja template; knows `question`, `tags` and the sample's facts by name: `{{ choices | join(', ') }}`."""
    max_new_tokens: int = Field(default=16, ge=1, le=100_000)
    """Longest answer."""
    through: Literal["batcher", "calls"] = "batcher"
    """`batcher`: the adapter behind a dynamic batcher in this process. `calls`: one call a request, many at a time, for
    an adapter that speaks to a server (`openai`)."""
    rates: tuple[float, ...] = ()
    """Requests a second."""
    loads: tuple[float, ...] = ()
    """Instead of `rates`: multiples of what the model manages one request at a time, measured at the start."""
    requests: int = Field(default=300, ge=2, le=1_000_000)
    """Requests of each load. A p95 needs 130 answers, a p99 662."""
    slo_ms: float | None = Field(default=None, gt=0)
    """Latency objective; goodput counts answers within it."""
    slo_factor: float = Field(default=5.0, gt=0)
    """Without `slo_ms`: the objective as a multiple of the median time of one request alone."""
    max_batch_size: BatchSize = 8
    """Most requests a batch."""
    max_batch_wait_ms: float = Field(default=5.0, ge=0)
    """How long the first request of a batch waits for others."""
    max_queue: int = Field(default=1000, ge=1, le=1_000_000)
    """Requests that may wait; more are refused."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds after which a waiting request is given up."""
    streamed: bool = False
    """With `through: calls` and an adapter that streams (`stream: true` in its file): times to the first token and
    between tokens too."""
    connections: int = Field(default=32, ge=1, le=1000)
    """With `through: calls`: most calls at a time."""
    baseline: bool = True
    """With `through: batcher`: the same loads one request at a time, for comparison."""
    search: int = Field(default=0, ge=0, le=12)
    """Steps of a search for the highest rate whose p95 meets the objective; 0: none. Reported is the rate at which the
    best of them was answered, which no short load can drive above what the model does."""


@dataclass(frozen=True, slots=True)
class _Point:
    amount: float
    policy: str


class ServingTask(MeasuringTask):
    """How many requests a second are answered in time, under load; latency counts from when each was due."""

    Config: ClassVar[type[BaseModel]] = ServingConfig
    kind = "serving"
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    requires = frozenset({"generate"})

    def __init__(self, name: str, config: ServingConfig, dataset: Dataset, seed: int) -> None:
        self.name = name
        self.primary = ""
        self._config = config
        self._dataset = dataset
        self._seed = seed
        self._prompt = compile_prompt(config.prompt)
        self._alone: float | None = None
        self.measures: Sequence[str] = (*MEASURES, *STREAMED) if config.streamed else MEASURES
        policies = ["dynamic", "one at a time"] if config.baseline else ["dynamic"]
        policies = policies if config.through == "batcher" else ["calls"]
        key = "rate" if config.rates else "load"
        self._points = {
            f"{key}={amount:g},policy={policy.replace(' ', '-')}": _Point(amount, policy)
            for amount in config.rates or config.loads
            for policy in policies
        }

    @classmethod
    def build(cls, name: str, config: ServingConfig, context: BuildContext) -> Self:
        issues: list[Issue] = []
        dataset = find_dataset(config.dataset, context.datasets, ("dataset",), issues)
        if bool(config.rates) == bool(config.loads):
            issues.append(Issue(("rates",), "a load test has either `rates` or `loads`"))
        if any(amount <= 0 for amount in (*config.rates, *config.loads)):
            issues.append(Issue(("rates" if config.rates else "loads",), "rates and loads lie above 0"))
        if config.streamed and config.through != "calls":
            issues.append(Issue(("streamed",), "only a server sends answers token by token: `through: calls`"))
        try:
            issues += unmet(config.dataset, dataset, compile_prompt(config.prompt))
        except ValueError as cause:
            issues.append(Issue(("prompt",), str(cause)))
        if issues or dataset is None:
            raise ConfigError(*issues)
        return cls(name, config, dataset, context.seed)

    def cells(self) -> Sequence[Cell]:
        key = "rate" if self._config.rates else "load"
        # Loads are drawn apart: what disturbs one says nothing of another.
        found = [Cell(id_, {key: f"{p.amount:g}", "policy": p.policy}, stratum=id_) for id_, p in self._points.items()]
        return [*found, SEARCH] if self._config.search else found

    def count(self, cell: Cell) -> int:
        return self._config.search if cell.id == SEARCH.id else self._config.requests

    def measure(self, cell: Cell, bench: Bench) -> Iterator[Observation]:
        requests = self._requests()
        with bench.turn() as adapter:
            alone = self._measure_alone(adapter, requests)
            slo = self._config.slo_ms or 1000 * alone * self._config.slo_factor
            if cell.id == SEARCH.id:
                yield from self._search(adapter, requests, alone, slo)
                return
            point = self._points[cell.id]
            rate = point.amount if self._config.rates else point.amount / alone
            count = min(self._config.requests, bench.limit or self._config.requests)
            # Both policies of one load see the same arrivals, up to the rate's own scale.
            due = arrivals(1.0, max(2, count), self._seed, self.name, f"{point.amount:g}") / rate
            sent = self._drive(adapter, requests, point.policy, due)
        for one in sent:
            seen = _observed(one, rate, slo, block(cell.id, one.number, len(sent)))
            yield replace(seen, values={name: seen.values.get(name, math.nan) for name in self.measures})

    def statistics(self) -> Sequence[Statistic]:
        last, base = self._last("dynamic") or self._last("calls"), self._last("one at a time")
        return [
            *(of_load(last, self._config.streamed) if last else ()),
            *([gain(last, base)] if last and base else ()),
            *([max_rate()] if self._config.search else ()),
        ]

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return [max_rate()] if cell.id == SEARCH.id else of_load(cell.id, self._config.streamed)

    def columns(self) -> Mapping[str, ColumnSpec]:
        return COLUMNS if self._config.streamed else {k: v for k, v in COLUMNS.items() if k not in STREAMED}

    def make(self, results: Sequence[CellResult]) -> Made:
        """Say of each request how long after the answer before it was answered, and whether in time."""
        return Made(tuple(made(self.name, result) for result in results if result.cell.id != SEARCH.id))

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show the loads and what became of them."""
        loads = [result for result in results if result.cell.id != SEARCH.id]
        stored_cells = {result.cell.id: {"offered_rate": offered(result)} for result in loads}
        stored = dict(stored_cells.get(self._last("dynamic") or self._last("calls") or "", {}))
        for result in results:
            if result.cell.id == SEARCH.id:
                stored["max_rate"] = highest(result)
                stored_cells[SEARCH.id] = {"max_rate": stored["max_rate"]}
        cells = {result.cell.id: {**figures.cells[result.cell.id], **stored_cells[result.cell.id]} for result in loads}
        return Illustration(
            findings=(*self._findings(loads, cells, {**figures.metrics, **stored}), *_unsettled(results)),
            charts=tuple(self._charts(cells)),
            tables=(_table(loads, cells, self._config.streamed), _histogram(loads)),
            stored=stored,
            stored_cells=stored_cells,
        )

    def describe(self) -> Mapping[str, Any]:
        apart = {"dataset"} | (set() if self._config.streamed else {"streamed"})  # as before there was such a key
        config = self._config.model_dump(mode="json", exclude=apart)
        return {"kind": self.kind, "dataset": self._dataset.content_hash(), **config}

    def _last(self, policy: str) -> str | None:
        """Return the cell of the highest load under a policy."""
        found = [(point.amount, id_) for id_, point in self._points.items() if point.policy == policy]
        return max(found)[1] if found else None

    def _requests(self) -> list[Request]:
        """Return the samples as requests, decoded once: the sender must not be what is slow.

        Raises:
            AdapterError: if no sample can be used, with what is wrong with the last.
        """
        made: list[Request] = []
        said = ""
        for sample in islice(self._dataset, self._config.requests):
            try:
                made.append(self._request(sample))
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

    def _measure_alone(self, adapter: Adapter, requests: Sequence[Request]) -> float:
        """Return the median seconds of one request alone, measured once."""
        if self._alone is None:
            times = []
            for number in range(_ALONE + 3):
                start = time.perf_counter()
                (answer,) = adapter.generate([requests[number % len(requests)]])
                times.append(time.perf_counter() - start)
                if self._config.streamed and answer.status is Status.OK and "ttft" not in answer.seconds:
                    said = "`streamed: true` needs an adapter that says when tokens come: `stream: true` in its file"
                    raise AdapterError(f"{said}, and a server that heeds it")
            self._alone = float(np.median(times[3:]))
        return self._alone

    def _target(self, adapter: Adapter, policy: str) -> Target:
        config = self._config
        if policy == "calls":
            return Calling(adapter, config.connections)
        size = config.max_batch_size if policy == "dynamic" else 1
        wait = config.max_batch_wait_ms / 1000 if policy == "dynamic" else 0.0
        return Batching(Batcher(adapter, Policy(size, wait, config.max_queue)), config.timeout)

    def _drive(
        self, adapter: Adapter, requests: Sequence[Request], policy: str, due: NDArray[np.float64]
    ) -> list[Sent]:
        target = self._target(adapter, policy)
        try:
            return drive(target, requests, due, _PATIENCE)
        finally:
            target.close()

    def _search(self, adapter: Adapter, requests: Sequence[Request], alone: float, slo: float) -> Iterator[Observation]:
        """Halve the ratio between a rate that meets the objective and one that does not."""
        policy = "calls" if self._config.through == "calls" else "dynamic"
        low, high, rate = 0.0, math.inf, 0.8 / alone
        # One draw for all rates, scaled to each: what differs between two probes is the rate alone.
        draw = arrivals(1.0, self._config.requests, self._seed, self.name, SEARCH.id)
        shape = draw / draw[-1] * len(draw)
        for step in range(self._config.search):
            sent = self._drive(adapter, requests, policy, shape / rate)
            latencies = [1000 * one.latency if one.error is None else math.inf for one in sent]
            p95 = float(np.quantile(latencies, 0.95, method="higher"))
            probe: Mapping[str, float] = {"offered": rate, "achieved": achieved(sent), "latency_ms": p95, "slo_ms": slo}
            text = f"p95 {p95:.1f} ms at {rate:.1f}/s, of which {probe['achieved']:.1f}/s were answered"
            yield Observation(f"probe-{step:02d}", {**dict.fromkeys(self.measures, math.nan), **probe}, text=text)
            if p95 <= slo:
                low = rate
            else:
                high = rate
            rate = 2 * low if math.isinf(high) else math.sqrt(low * high) if low else high / 2

    def _findings(
        self,
        loads: Sequence[CellResult],
        cells: Mapping[str, Mapping[str, MetricValue]],
        metrics: Mapping[str, MetricValue],
    ) -> Iterator[Finding]:
        for result in loads:
            found = cells[result.cell.id]
            if not found["achieved_rate"].n:
                yield Finding("warning", f"{result.cell.id}: nothing was answered")
                continue
            lost = found["achieved_rate"].total - found["achieved_rate"].n
            if lost:
                yield Finding(
                    "warning", f"{result.cell.id}: {lost} of {found['achieved_rate'].total} were not answered"
                )
            if found["sender_late_p99"].value > 5:
                said = f"the sender itself was up to {found['sender_late_p99'].value:.1f} ms late (p99): a busy machine"
                yield Finding("note", f"{result.cell.id}: {said}")
        more = metrics.get("throughput_gain")
        if more and more.n:
            better = "beats" if more.value > 1 else "does not beat"
            yield Finding(
                "note", f"at the highest load dynamic batching {better} one at a time: {more.value:.2f}× the rate"
            )
        most = metrics.get("max_rate")
        if most and most.n:
            yield Finding("note", f"highest rate whose p95 meets the objective: {most.value:.1f} requests/s")

    def _charts(self, cells: Mapping[str, Mapping[str, MetricValue]]) -> Iterator[Chart]:
        policies = list(dict.fromkeys(point.policy for point in self._points.values()))
        for name, label in (("p95", "p95 latency, ms"), ("achieved_rate", "achieved rate, requests/s")):
            lines = []
            for policy in policies:
                ids = [id_ for id_, point in self._points.items() if point.policy == policy]
                x = tuple(self._points[id_].amount for id_ in ids)
                lines.append(Line(policy, x, tuple(_number(cells[id_][name]) for id_ in ids)))
            axis = "offered rate, requests/s" if self._config.rates else "offered load, multiples of one at a time"
            yield Chart(label.split(",")[0], axis, label, tuple(lines), y_scale="log" if name == "p95" else "linear")


def _observed(sent: Sent, rate: float, slo: float, cluster: str) -> Observation:
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
    }
    status = Status.OK if sent.error is None else Status.ERROR
    return Observation(f"{sent.number:06d}", values, status, sent.error, cluster=cluster)


def _table(loads: Sequence[CellResult], cells: Mapping[str, Mapping[str, MetricValue]], streamed: bool) -> Table:
    names = [one.name for one in of_load("", streamed)]
    rows = [(result.cell.id, *(_number(cells[result.cell.id][name]) for name in names)) for result in loads]
    return Table("Loads", ("cell", *names), tuple(rows), "rates in requests a second, times in ms")


def _histogram(loads: Sequence[CellResult]) -> Table:
    rows = [(result.cell.id, size, n) for result in loads for size, n in batch_sizes(result).items()]
    return Table("Batches by size", ("cell", "requests in the batch", "batches"), tuple(rows))


def _unsettled(results: Sequence[CellResult]) -> Iterator[Finding]:
    for result in results:
        if result.cell.id == SEARCH.id and unsettled(result):
            said = "the best rate was in time but not answered as fast as it was asked; the queue may still have grown"
            yield Finding("warning", f"max_rate: {said}. What is reported was answered; more `requests` tell it better")


def _number(value: MetricValue) -> float | None:
    return value.value if math.isfinite(value.value) else None
