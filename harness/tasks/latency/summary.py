"""What the figures of a latency task say: findings, tables, charts; and what each model takes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.cpu import has_vnni, saturates, speed_facts
from harness.stats.quantiles import minimum_n
from harness.tasks._cells import CellResult
from harness.tasks._pictured import Chart, Figures, Finding, Illustration, Line, Table
from harness.tasks.latency.columns import STAGES, TOKENS, by_round
from harness.tasks.latency.config import ANSWERS, FOOTPRINT, LatencyConfig
from harness.tasks.latency.figures import FOOTPRINT_FIGURES, QUANTILES
from harness.tasks.latency.retention import FEWEST, by_slice
from harness.timing.clock import overhead
from harness.timing.energy import Meter
from harness.types import MetricValue, Sample, Status

CONTENDED: Final = 0.10
"""How far wall-clock and CPU time may lie apart before a run counts as disturbed."""
_OVERHEAD: Final = 0.01
_WORST: Final = ("start_mib", "peak_mib", "device_mib")
"""Of several processes the largest counts: a peak that was once reached is memory that is needed. Times are medians."""
_CURVE_POINTS: Final = 200


@dataclass(frozen=True, slots=True)
class Teller:
    """Says what the figures of one task mean."""

    config: LatencyConfig
    names: Sequence[str]
    """Of the sides, the candidate first."""
    sessions: Mapping[str, Mapping[str, str]]

    def illustration(
        self,
        results: Sequence[CellResult],
        figures: Figures,
        samples: Callable[[int], Sequence[Sample]],
    ) -> Illustration:
        """Return findings, tables and charts, and the figures that have no interval."""
        timings = [result for result in results if result.cell.id not in (ANSWERS.id, FOOTPRINT.id)]
        findings = [one for result in timings for one in self._judged(result, figures.cells[result.cell.id])]
        tables: list[Table] = []
        taken: dict[str, MetricValue] = {}
        for result in results:
            if result.cell.id == ANSWERS.id:
                findings += self._retained(result, figures.cells[result.cell.id])
                sliced = by_slice(result, samples(result.clusters.size))
                tables += [sliced] if sliced else []
            elif result.cell.id == FOOTPRINT.id:
                taken = self._taken(result)
                tables.append(self._footprint_table(result))
        findings += [*_left_out(timings), *self._circumstances(timings)]
        first = [self._latency_table(timings, figures.cells), *self._stage_tables(timings)]
        charts = [chart for result in timings if (chart := self._distribution(result))]
        return Illustration(
            findings=tuple(findings),
            charts=tuple(charts),
            tables=(*first, *tables, self._machine()),
            stored=taken,
            stored_cells={FOOTPRINT.id: taken},
        )

    def _judged(self, result: CellResult, found: Mapping[str, MetricValue]) -> Iterator[Finding]:
        cell, ratio = result.cell.id, found["speedup"]
        calls = result.columns["wall_ms"].statuses
        failed = _failed(calls)
        if not ratio.n:
            why = f": {failed} of {sum(calls.values())} calls failed" if failed else ""
            yield Finding("warning", f"{cell}: nothing was measured{why}")
            return
        said = (
            f"{ratio.value:.2f}× [{ratio.low:.2f}, {ratio.high:.2f}] in {self.config.clock} time over {ratio.n} rounds"
        )
        reference = self.names[1]
        if failed:
            said = f"{failed} of {sum(calls.values())} calls failed; their rounds give no speed-up"
            yield Finding("warning", f"{cell}: {said}")
        if ratio.low > 1:
            yield Finding("note", f"{cell}: faster than {reference}: {said}")
        elif ratio.high < 1:
            yield Finding("warning", f"{cell}: slower than {reference}: {said}")
        else:
            yield Finding("warning", f"{cell}: no gain over {reference} is shown: {said}")
        refused = [name for name, q in QUANTILES.items() if ratio.n < minimum_n(q)]
        if refused:
            needed = minimum_n(QUANTILES[refused[-1]])
            yield Finding("note", f"{cell}: no {', '.join(refused)} from {ratio.n} calls; {refused[-1]} needs {needed}")
        contention = found["contention"].value
        if contention > CONTENDED:
            said = f"wall-clock time is {contention:.0%} above CPU time: the machine is contended, trust CPU time"
            yield Finding("warning", f"{cell}: {said}")
        elif contention < -CONTENDED:
            yield Finding("note", f"{cell}: CPU time is above wall-clock time: several threads are at work")

    def _retained(self, result: CellResult, kept: Mapping[str, MetricValue]) -> Iterator[Finding]:
        n = kept["agreement"].n
        statuses = result.columns["same"].statuses
        if failed := _failed(statuses):
            said = f"{failed} of {sum(statuses.values())} samples have no answer on one side or both; they are left out"
            yield Finding("warning", f"answers: {said} of agreement, flips and accuracy")
        random = result.columns["random_weights"].worths
        if np.nansum(random):
            yield Finding("note", "random weights: accuracy means nothing, only agreement of logits is reported")
        elif n < FEWEST:
            yield Finding("warning", f"accuracy: {n} samples are too few to judge; {FEWEST} are needed")
        elif kept["accuracy_change"].n:
            change = kept["accuracy_change"]
            yield Finding(
                "note",
                f"accuracy {kept['reference_accuracy'].value:.3f} → {kept['accuracy'].value:.3f}, change "
                f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]; "
                f"{kept['answer_flip_rate'].value:.1%} of answers flip",
            )

    def _taken(self, result: CellResult) -> dict[str, MetricValue]:
        found = {}
        for column, (name, unit, _) in FOOTPRINT_FIGURES.items():
            for side, prefix in enumerate(("", "reference_")):
                value, processes = _of_processes(result, column, side)
                asked = self.config.processes if processes else 1
                statuses = {str(Status.OK): processes} if processes else {}
                if 0 < processes < asked:
                    statuses[str(Status.ERROR)] = asked - processes
                method = f"{'largest' if column in _WORST else 'median'} of {processes} processes" if processes else ""
                found[prefix + name] = MetricValue(
                    value, math.nan, math.nan, processes, asked, "lower", unit, statuses, method
                )
        return found

    def _circumstances(self, timings: Sequence[CellResult]) -> Iterator[Finding]:
        """Say what a reader must know of the machine and of the protocol."""
        calls = [result.columns["cpu_ms"].worths for result in timings]
        finite = np.concatenate([c[np.isfinite(c)] for c in calls]) if calls else np.empty(0)
        if finite.size:
            cost, shortest = overhead(), float(finite.min())
            share = cost / shortest if shortest > 0 else math.inf
            level = "note" if share <= _OVERHEAD else "warning"
            yield Finding(
                "warning" if level == "warning" else "note",
                f"timing costs {1000 * cost:.1f} µs a call, {share:.3%} of the shortest ({shortest:.3g} ms)",
            )
        if not Meter().available:
            yield Finding("note", "no energy: this machine shows no counters of RAPL that may be read")
        if saturates() and not has_vnni():
            yield Finding("note", "this CPU has no VNNI: 8-bit products gain less here than on one that has it")

    def _latency_table(self, timings: Sequence[CellResult], cells: Mapping[str, Mapping[str, MetricValue]]) -> Table:
        rows: list[tuple[str | float | int | None, ...]] = []
        for result in timings:
            found = cells[result.cell.id]
            for prefix, name in (("reference_", self.names[1]), ("", self.names[0])):
                quantiles = [_number(found[f"{prefix}cpu_{q}"]) for q in QUANTILES]
                wall, rate = _number(found[f"{prefix}wall_p50"]), _number(found[f"{prefix}throughput"])
                ratio = None if prefix else _number(found["speedup"])
                rows.append((result.cell.id, name, *quantiles, wall, rate, ratio))
        titles = ("cell", "model", *(f"CPU {q}, ms" for q in QUANTILES), "wall p50, ms", "samples/s", "speed-up")
        return Table("Latency", titles, tuple(rows), "speed-up: ratio of medians, reference by candidate")

    def _stage_tables(self, timings: Sequence[CellResult]) -> Iterator[Table]:
        for result in timings:
            rows: list[tuple[str | float | int | None, ...]] = []
            for column in (*STAGES, *TOKENS):
                table = by_round(result, column, len(self.names))
                medians = [float(np.nanmedian(row)) if np.isfinite(row).any() else None for row in table]
                if any(value is not None for value in medians):
                    rows.append((column.removesuffix("_ms").replace("_", " "), *medians))
            if rows:
                note = "medians over calls, wall-clock milliseconds of the whole batch; tokens are counts a sample"
                yield Table(f"Stages, {result.cell.id}", ("stage", *self.names), tuple(rows), note)

    def _footprint_table(self, result: CellResult) -> Table:
        columns = ("load_s", "first_s", "start_mib", "peak_mib", "device_mib", "file_mib")
        rows = []
        for side, name in enumerate(self.names):
            values = [_of_processes(result, column, side) for column in columns]
            rows.append((name, values[0][1], *(value if known else None for value, known in values)))
        titles = ("model", "processes", "load, s", "first answer, s", "memory before, MiB", "peak, MiB", "device, MiB",
                  "files, MiB")  # fmt: skip
        note = "Memory is resident, the largest of the processes; times are their medians."
        return Table("Footprint", titles, tuple(rows), note)

    def _distribution(self, result: CellResult) -> Chart | None:
        table = by_round(result, f"{self.config.clock}_ms", len(self.names))
        lines = []
        for name, row in zip(self.names, table, strict=True):
            values = np.sort(row[np.isfinite(row)])
            if values.size < 2:
                return None
            shares = np.linspace(0, 1, min(_CURVE_POINTS, values.size))
            lines.append(
                Line(name, tuple(map(float, np.quantile(values, shares))), tuple(map(float, shares)), style="step")
            )
        label = f"{'CPU' if self.config.clock == 'cpu' else 'wall-clock'} time a call, ms"
        return Chart(f"Latency, {result.cell.id}", label, "share of calls", tuple(lines), x_scale="log")

    def _machine(self) -> Table:
        rows = [("machine", key, value) for key, value in speed_facts().items()]
        rows += [(name, key, value) for name, told in self.sessions.items() for key, value in told.items()]
        return Table("Machine and sessions", ("of", "what", "value"), tuple(rows))


def _left_out(timings: Sequence[CellResult]) -> Iterator[Finding]:
    """Say how many samples were not timed because they could not be used; each cell comes by its own."""
    counts = [result.columns["left_out"].worths for result in timings]
    most = int(max((count[np.isfinite(count)].max(initial=0) for count in counts), default=0))
    if most:
        yield Finding("warning", f"{most} sample{'s' * (most > 1)} could not be used and took no part in the timing")


def _number(value: MetricValue) -> float | None:
    return value.value if value.n and math.isfinite(value.value) else None


def _failed(statuses: Mapping[str, int]) -> int:
    """Return how many calls have no answer, whether they failed or hung."""
    return statuses.get(str(Status.ERROR), 0) + statuses.get(str(Status.TIMEOUT), 0)


def _of_processes(result: CellResult, column: str, side: int) -> tuple[float, int]:
    """Return a side's figure over its processes, NaN where none could be measured, and how many were."""
    values = result.columns[column].worths[result.columns["side"].worths == side]
    known = values[np.isfinite(values)]
    if not known.size:
        return math.nan, 0
    return float(known.max() if column in _WORST else np.median(known)), int(known.size)
