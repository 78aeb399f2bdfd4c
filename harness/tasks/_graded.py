"""What sweeps share: a question-answering task again under perturbations that grow by degrees."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
from pydantic import Field

from harness.errors import Issue, did_you_mean
from harness.metrics import SampleMetric
from harness.seeds import derive_seed
from harness.spec.models import Model
from harness.tasks._base import BuildContext, Cell, CellResult, Curve, Finding, Summary
from harness.tasks.qa import QaTask, Transform
from harness.tasks.scoring import no_mean, summarise_cell
from harness.tasks.severity import RATIO, Point, SeverityTable
from harness.types import MetricValue, Request, Response, Sample, Score

Cells = Mapping[str, Mapping[str, MetricValue]]

_AT_ONCE: Final = 0.8
"""A corruption with this share of its effect at severity 1 that breaks the model there leaves nothing to sweep."""


class Reference(Model):
    """The errors of a model that others are measured against, as `harness corruptions reference RUN` prints them."""

    name: str
    """Which model; it stands beside the metric."""
    clean: float = Field(ge=0, le=1)
    """Its error on the clean images."""
    errors: dict[str, tuple[float, ...]]
    """Its error under each corruption, at each severity of the sweep."""


_NOTICEABLE: Final = 0.1
"""A corruption whose drop may still be larger than this cannot be said never to hurt."""


@dataclass(frozen=True, slots=True)
class Grades:
    """The grid: what is done to the images, how much, and how the outcome is judged."""

    perturbations: tuple[str, ...]
    severities: tuple[int, ...]
    """Above 0, growing."""
    primary: str
    floor: float
    reference: Reference | None = None


class GradedTask(ABC):
    """The clean cell, then every perturbation at every severity, over the same samples."""

    kind: ClassVar[str]
    requires: frozenset[str] = frozenset({"generate"})
    glossary: ClassVar[Mapping[str, str]] = {
        "retained_accuracy": "Mean score over all severities above 0, divided by the clean score.",
        "mean_corruption_error": "1 minus the mean score over all severities above 0, not normalised.",
        "severity_auc": "Area under the score by severity, divided by the width of the axis; mean over corruptions.",
        "severity_slope": "Slope of a straight line through the score by severity; mean over corruptions.",
        "worst_cell": "The lowest score of any corrupted cell.",
        "flip_rate": "Share of answers that differ from the same sample's answer on the clean image.",
        "severity_consistency": "Share of answers that are the same as at the next milder severity.",
        "breaking_severity": "The first severity whose whole interval lies below the task's floor; one more than "
        "the highest where none does.",
        "mce": "Mean over corruptions of the summed error over a reference model's (Hendrycks & Dietterich 2019).",
        "relative_mce": "As mce, with the clean error taken off on both sides (Hendrycks & Dietterich 2019).",
    }
    """What the metrics mean that this kind computes by itself."""

    def __init__(self, name: str, base: QaTask, grades: Grades, seed: int) -> None:
        self.name = name
        self.metrics: Mapping[str, SampleMetric] = base.metrics
        self.primary = grades.primary
        self._base = base
        self._grades = grades
        self._seed = seed
        self._points = {"clean": Point("", 0)} | {
            f"{name}@{severity}": Point(name, severity)
            for name in grades.perturbations
            for severity in grades.severities
        }

    @abstractmethod
    def _transform(self, point: Point) -> Transform:
        """Return what is done to a request at a point other than the clean one."""

    @abstractmethod
    def _findings(self, table: SeverityTable, cells: Cells) -> Iterable[Finding]:
        """Say what a reader must not miss."""

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                identity,
                {"corruption": point.corruption or "none", "severity": point.severity},
                baseline="clean" if point.severity else None,
                group=point.corruption,
            )
            for identity, point in self._points.items()
        ]

    def count(self, cell: Cell) -> int:
        return len(self._base.dataset)

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return self._base.dataset

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        point = self._points[cell.id]
        transform = self._transform(point) if point.severity else None
        request = self._base.request(
            cell, sample, oracle=oracle, task=self.name, severity=point.severity, transform=transform
        )
        return (request,)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self._base.score(sample, responses)

    def summarise(self, results: Sequence[CellResult], seed: int) -> Summary:
        cells = {result.cell.id: summarise_cell(result, self.metrics) for result in results}
        rng = np.random.Generator(np.random.PCG64(derive_seed(seed, self.name, "bootstrap")))
        table = SeverityTable(
            np.column_stack([result.columns[self.primary].worths for result in results]),
            np.column_stack([result.answers for result in results]),
            [self._points[result.cell.id] for result in results],
            results[0].clusters,
            rng,
        )
        return Summary(
            metrics=self._metrics(table, results, cells),
            cells=cells,
            curves=tuple(self._curve(name, cells) for name in self._grades.perturbations),
            findings=tuple(
                self._findings(table, cells) if cells["clean"][self.primary].value > 0 else _nothing_to_lose()
            ),
        )

    def metric_names(self) -> Sequence[str]:
        names = ["retained_accuracy", "mean_corruption_error", "severity_auc", "severity_slope", "worst_cell"]
        names += ["flip_rate", "severity_consistency"]
        if self._grades.reference:
            names += ["mce", "relative_mce"]
        per_corruption = ("retained_accuracy", "breaking_severity")
        return [*names, *(f"{metric}[{name}]" for metric in per_corruption for name in self._grades.perturbations)]

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "of": self._base.describe(),
            "metric": self.primary,
            "severities": list(self._grades.severities),
            "floor": self._grades.floor,
            "reference": self._grades.reference.model_dump(mode="json") if self._grades.reference else None,
        }

    def _metrics(self, table: SeverityTable, results: Sequence[CellResult], cells: Cells) -> dict[str, MetricValue]:
        values = {
            "retained_accuracy": table.value(table.retained(table.columns()), bounds=RATIO),
            "mean_corruption_error": table.value(table.error(), "lower"),
            "severity_auc": table.value(table.area(self._grades.perturbations)),
            "severity_slope": table.value(
                table.slope(self._grades.perturbations), unit="share per severity", bounds=(-1.0, 1.0)
            ),
            "worst_cell": self._worst(results, cells),
            "flip_rate": table.value(table.flips(), "lower"),
            "severity_consistency": table.value(table.steadiness()),
        }
        if (reference := self._grades.reference) is not None:
            errors = [reference.errors[name] for name in self._grades.perturbations]
            unit = f"share of {reference.name}'s"
            values["mce"] = table.value(table.relative_errors(errors, None), "lower", unit, RATIO)
            values["relative_mce"] = table.value(
                table.relative_errors(errors, reference.clean), "lower", unit, (-math.inf, math.inf)
            )
        for name in self._grades.perturbations:
            values[f"retained_accuracy[{name}]"] = table.value(table.retained(table.columns(name)), bounds=RATIO)
        for name in self._grades.perturbations:
            values[f"breaking_severity[{name}]"] = self._breaking(name, table, cells)
        return values

    def _breaking(self, name: str, table: SeverityTable, cells: Cells) -> MetricValue:
        """Return the first severity whose whole interval lies below the floor; one past the last where none does."""
        value = table.value(table.breaking(name, self._grades.floor), unit="severity")
        curve = [(severity, cells[f"{name}@{severity}"][self.primary]) for severity in self._grades.severities]
        broken = [severity for severity, point in curve if point.high < self._grades.floor]
        first = float(broken[0] if broken else self._grades.severities[-1] + 1)
        return replace(value, value=first, low=min(value.low, first), high=max(value.high, first))

    def _uninformative(self, name: str, table: SeverityTable, cells: Cells) -> Iterable[Finding]:
        """Say so where a corruption tells nothing: it never hurts, or leaves nothing from severity 1."""
        columns = table.columns(name)
        if not table.complete:
            return
        drops = [table.estimate(table.drop(column)) for column in columns]
        if not any(drop.low > 0 for drop in drops):
            said = f"drop at severity {table.severity(columns[-1])}: {drops[-1].value:.3f}"
            if drops[-1].high > _NOTICEABLE:
                interval = f"[{drops[-1].low:.3f}, {drops[-1].high:.3f}]"
                yield Finding("note", f"{table.complete} samples cannot tell whether {name} hurts ({said} {interval})")
            else:
                yield Finding("warning", f"uninformative: {name} never hurts ({said})")
            return
        at_once = drops[0].value / max(drop.value for drop in drops)
        first = cells[f"{name}@{table.severity(columns[0])}"][self.primary]
        if table.severity(columns[0]) == 1 and first.high < self._grades.floor and at_once >= _AT_ONCE:
            said = f"{first.value:.3f} is left, {at_once:.0%} of its whole effect"
            yield Finding("warning", f"uninformative: {name} destroys everything from severity 1 ({said})")

    def _worst(self, results: Sequence[CellResult], cells: Cells) -> MetricValue:
        """Return the lowest cell, its interval widened as Bonferroni asks for the lowest of many."""
        corrupted = {result.cell.id: result for result in results if result.cell.id != "clean"}
        known = [identity for identity in corrupted if cells[identity][self.primary].n]
        if not known:
            return cells[next(iter(corrupted))][self.primary]
        worst = min(known, key=lambda identity: cells[identity][self.primary].value)
        metric, confidence = self.metrics[self.primary], 1 - 0.05 / len(corrupted)
        value = summarise_cell(corrupted[worst], {self.primary: metric}, confidence)[self.primary]
        return replace(value, method=f"{value.method}, Bonferroni over {len(corrupted)} cells", confidence=0.95)

    def _curve(self, name: str, cells: Cells) -> Curve:
        ids = ["clean", *(f"{name}@{severity}" for severity in self._grades.severities)]
        points = tuple(cells[identity][self.primary] for identity in ids)
        return Curve(f"{self.primary} under {name}", "severity", (0.0, *map(float, self._grades.severities)), points)


def _nothing_to_lose() -> Iterable[Finding]:
    yield Finding("warning", "uninformative: the clean score is 0 or undefined, so there is nothing to lose")


def find_base(of: str, metric: str | None, context: BuildContext) -> tuple[QaTask | None, list[Issue]]:
    """Return the `qa` task that is asked again, and what is wrong with the choice of it or of the metric."""
    base = context.tasks.get(of)
    if not isinstance(base, QaTask):
        fitting = [other for other, task in context.tasks.items() if isinstance(task, QaTask)]
        said = "is not a qa task" if base else "does not stand before this one"
        return None, [Issue(("of",), f"task {of!r} {said}", did_you_mean(of, fitting))]
    if metric is not None and metric not in base.metrics:
        said = f"task {of!r} has no metric {metric!r}"
        return base, [Issue(("metric",), said, did_you_mean(metric, base.metrics))]
    chosen = base.metrics[metric or base.primary]
    if chosen.direction != "higher" or chosen.bounds != (0.0, 1.0):
        said = f"this needs a metric from 0 to 1 where higher is better; {chosen.name} is not"
        return base, [Issue(("metric",) if metric else ("of",), said)]
    if why := no_mean(chosen):
        return base, [Issue(("metric",) if metric else ("of",), why)]
    return base, []
