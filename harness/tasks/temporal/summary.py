"""What a temporal task makes of its cells: control gaps, a baseline that does not look, what perturbations leave."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.facts import context
from harness.metrics import SampleMetric
from harness.metrics.moments import MomentMetric
from harness.seeds import derive_seed, generator
from harness.tasks._base import CellResult, Curve, Finding, Summary, Table
from harness.tasks._paired import paired_gap, when_answered, with_interval
from harness.tasks.scoring import summarise_cell
from harness.tasks.severity import RATIO, Point, SeverityTable
from harness.tasks.temporal.timeline import duration_of, timelines
from harness.types import Dataset, MetricValue, Sample

Floats = NDArray[np.float64]
Cells = Mapping[str, Mapping[str, MetricValue]]

BASELINE: Final = "uniform_span"
_DRAWS: Final = 40
"""Windows that the baseline draws a sample; their mean is what it expects."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the summary needs to know of the task."""

    name: str
    dataset: Dataset
    metrics: Mapping[str, SampleMetric]
    primary: str
    controls: Sequence[str]
    perturbations: Sequence[str]
    severities: Sequence[int]

    @property
    def has_baseline(self) -> bool:
        """Whether the primary metric judges windows, which can be drawn without looking."""
        return isinstance(self.metrics[self.primary], MomentMetric)


def metric_names(facts: Facts) -> list[str]:
    """Return the names of what :func:`summarise` gives."""
    gaps = [*facts.controls, *([BASELINE] if facts.has_baseline else [])]
    names = [*facts.metrics, *(f"control_gap[{control}]" for control in gaps)]
    if facts.has_baseline:
        names.append(BASELINE)
    if facts.perturbations:
        names += ["retained_accuracy", *(f"retained_accuracy[{name}]" for name in facts.perturbations)]
    return names


def summarise(results: Sequence[CellResult], facts: Facts, seed: int) -> Summary:
    """Return metrics, curves, findings and charts of the first clips."""
    by_cell = {result.cell.id: result for result in results}
    cells = {identity: summarise_cell(result, facts.metrics) for identity, result in by_cell.items()}
    normal = by_cell["normal"]
    worths = normal.columns[facts.primary].worths
    gaps = {
        control: paired_gap(worths, when_answered(by_cell[control].columns[facts.primary]), normal.clusters)
        for control in facts.controls
    }
    metrics = dict(cells["normal"])
    samples = list(islice(facts.dataset, len(worths)))
    if facts.has_baseline:
        blind = _expected(samples, facts, seed)
        gaps[BASELINE] = paired_gap(worths, blind, normal.clusters)
        metrics[BASELINE] = _value(facts.metrics[facts.primary], blind, normal.clusters)
    metrics |= {f"control_gap[{control}]": gap for control, gap in gaps.items()}
    if facts.perturbations:
        metrics |= _retained(by_cell, facts, seed)
    ordered = {name: metrics[name] for name in metric_names(facts)}
    return Summary(
        ordered,
        cells,
        curves=tuple(_curve(name, cells, facts) for name in facts.perturbations),
        findings=tuple(_findings(gaps, cells["normal"][facts.primary], facts.primary)),
        charts=timelines(samples, normal.texts),
        tables=(_table(gaps, cells, metrics, facts),),
    )


def _expected(samples: Sequence[Sample], facts: Facts, seed: int) -> Floats:
    """Return what each sample is worth to one who draws windows without looking: both ends uniform over the clip."""
    metric = facts.metrics[facts.primary]
    values = np.full(len(samples), math.nan)
    for i, sample in enumerate(samples):
        duration = duration_of(sample)
        if duration is None:
            continue
        ends = np.sort(generator(seed, facts.name, BASELINE, sample.id).uniform(0, duration, (_DRAWS, 2)), axis=1)
        scores = [
            metric.score(json.dumps({"spans": [window]}), sample.references, **context(sample))
            for window in ends.tolist()
        ]
        values[i] = float(np.mean([metric.worth(score) for score in scores]))
    return values


def _value(metric: SampleMetric, values: Floats, clusters: NDArray[np.int64]) -> MetricValue:
    known = ~np.isnan(values)
    return metric.aggregate_array(values[known], {"ok": int(known.sum())}, clusters[known])


def _retained(by_cell: Mapping[str, CellResult], facts: Facts, seed: int) -> dict[str, MetricValue]:
    points = {"normal": Point("", 0)} | {
        f"{name}@{severity}": Point(name, severity) for name in facts.perturbations for severity in facts.severities
    }
    rng = np.random.Generator(np.random.PCG64(derive_seed(seed, facts.name, "bootstrap")))
    table = SeverityTable(
        np.column_stack([by_cell[identity].columns[facts.primary].worths for identity in points]),
        np.column_stack([by_cell[identity].answers for identity in points]),
        list(points.values()),
        by_cell["normal"].clusters,
        rng,
    )
    values = {"retained_accuracy": table.value(table.retained(table.columns()), bounds=RATIO)}
    for name in facts.perturbations:
        values[f"retained_accuracy[{name}]"] = table.value(table.retained(table.columns(name)), bounds=RATIO)
    return values


def _curve(name: str, cells: Cells, facts: Facts) -> Curve:
    ids = ["normal", *(f"{name}@{severity}" for severity in facts.severities)]
    points = tuple(cells[identity][facts.primary] for identity in ids)
    return Curve(f"{facts.primary} under {name}", "severity", (0.0, *map(float, facts.severities)), points)


def _findings(gaps: Mapping[str, MetricValue], normal: MetricValue, primary: str) -> Iterable[Finding]:
    if not normal.value > 0:
        yield Finding("warning", f"uninformative: {primary} is 0 or undefined, so no control can fall below it")
        return
    for control, gap in gaps.items():
        said = f"{primary} is higher by {with_interval(gap)} than with {control.replace('_', ' ')}"
        if gap.low > 0:
            yield Finding("note", f"grounded: {said}")
        else:
            yield Finding("warning", f"not shown to be grounded: {said}, which may be nothing")


def _table(gaps: Mapping[str, MetricValue], cells: Cells, metrics: Mapping[str, MetricValue], facts: Facts) -> Table:
    rows = []
    for control, gap in gaps.items():
        own = metrics[BASELINE] if control == BASELINE else cells[control][facts.primary]
        rows.append((control, own.value, gap.value, gap.low, gap.high, gap.n))
    columns = ("control", facts.primary, "gap", "low", "high", "n")
    return Table("controls", columns, tuple(rows), "paired differences to the normal view, 95 % intervals")
