"""What sweeps share: a question-answering task again under perturbations that grow by degrees."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar

from pydantic import Field

from harness.errors import Issue, did_you_mean
from harness.estimate import Number, Statistic
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._pictured import Curve, Figures, Finding, Illustration
from harness.tasks.base import OverDataset, TaskBase
from harness.tasks.qa import QaTask, Transform
from harness.tasks.scoring import no_mean
from harness.tasks.severity import NUMBERS, Errors, Grid, Point
from harness.types import MetricValue, Request, Response, Sample, Score

Cells = Mapping[str, Mapping[str, MetricValue]]

_Base = TypeVar("_Base", bound=TaskBase)

NAN: Final = float("nan")
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


class GradedTask(OverDataset, ABC):
    """The clean cell, then every perturbation at every severity, over the same samples."""

    kind: ClassVar[str]
    requires: frozenset[str] = frozenset({"generate"})
    by_figures: ClassVar[bool] = True
    """What it shows is made of figures, so that it is right of samples drawn with unequal chances too."""
    glossary: ClassVar[Mapping[str, Number]] = NUMBERS
    """What the metrics mean that this kind computes by itself."""

    def __init__(self, name: str, base: QaTask, grades: Grades, seed: int) -> None:
        self.name = name
        self.dataset = base.dataset
        self.metrics = base.metrics
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
    def _findings(self, figures: Figures) -> Iterable[Finding]:
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

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        point = self._points[cell.id]
        transform = self._transform(point) if point.severity else None
        request = self._base.request(
            cell, sample, oracle=oracle, task=self.name, severity=point.severity, transform=transform
        )
        return (request,)

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return self._base.score(sample, responses)

    def statistics(self) -> Sequence[Statistic]:
        return self.grid.statistics(self._errors())

    @cached_property
    def grid(self) -> Grid:
        """The cells, and the form of the primary metric in each."""
        metric = self.metrics[self.primary]
        return Grid.of(self._points, lambda cell: metric.form(self.primary, [cell]), self.primary)

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Show a curve for each perturbation; say which of them tell nothing."""
        something = figures.cells["clean"][self.primary].value > 0
        return Illustration(
            curves=tuple(self._curve(name, figures.cells) for name in self._grades.perturbations),
            findings=tuple(self._findings(figures) if something else _nothing_to_lose()),
            stored={f"breaking_severity[{name}]": self._breaking(name, figures) for name in self.grid.curves},
        )

    def _errors(self) -> Errors | None:
        reference = self._grades.reference
        return Errors(reference.name, reference.clean, reference.errors) if reference else None

    def describe(self) -> Mapping[str, Any]:
        return {
            "kind": self.kind,
            "of": self._base.describe(),
            "metric": self.primary,
            "severities": list(self._grades.severities),
            "floor": self._grades.floor,
            "reference": self._grades.reference.model_dump(mode="json") if self._grades.reference else None,
        }

    def _breaking(self, name: str, figures: Figures) -> MetricValue:
        """Return the first severity whose whole interval lies below the floor; one past the last where none does."""
        curve = {severity: figures.cells[cell][self.primary] for severity, cell in self.grid.curves[name].items()}
        last, floor = float(max(curve) + 1), self._grades.floor
        first = next((float(severity) for severity, point in curve.items() if point.high < floor), last)
        earliest = next((float(severity) for severity, point in curve.items() if point.low < floor), last)
        known = figures.metrics[f"retained_accuracy[{name}]"]
        ends = (first, min(earliest, first), first) if known.n else (NAN, NAN, NAN)
        method = "the cells' intervals: which severities may lie below the floor, and which do"
        return MetricValue(*ends, known.n, known.total, "higher", "severity", known.statuses, method)

    def _uninformative(self, name: str, figures: Figures) -> Iterable[Finding]:
        """Say so where a corruption tells nothing: it never hurts, or leaves nothing from severity 1."""
        curve = self.grid.curves[name]
        drops = [figures.estimate(self.grid.drop(cell)) for cell in curve.values()]
        n = drops[-1].n
        if not n:
            return
        if not any(drop.low > 0 for drop in drops):
            said = f"drop at severity {max(curve)}: {drops[-1].value:.3f}"
            if drops[-1].high > _NOTICEABLE:
                interval = f"[{drops[-1].low:.3f}, {drops[-1].high:.3f}]"
                yield Finding("note", f"{n} samples cannot tell whether {name} hurts ({said} {interval})")
            else:
                yield Finding("warning", f"uninformative: {name} never hurts ({said})")
            return
        at_once = drops[0].value / max(drop.value for drop in drops)
        first = figures.cells[curve[min(curve)]][self.primary]
        if min(curve) == 1 and first.high < self._grades.floor and at_once >= _AT_ONCE:
            said = f"{first.value:.3f} is left, {at_once:.0%} of its whole effect"
            yield Finding("warning", f"uninformative: {name} destroys everything from severity 1 ({said})")

    def _curve(self, name: str, cells: Cells) -> Curve:
        ids = ["clean", *(f"{name}@{severity}" for severity in self._grades.severities)]
        points = tuple(cells[identity][self.primary] for identity in ids)
        return Curve(f"{self.primary} under {name}", "severity", (0.0, *map(float, self._grades.severities)), points)


def _nothing_to_lose() -> Iterable[Finding]:
    yield Finding("warning", "uninformative: the clean score is 0 or undefined, so there is nothing to lose")


def find_base(of: str, metric: str | None, context: BuildContext) -> tuple[QaTask | None, list[Issue]]:
    """Return the `qa` task that is asked again, and what is wrong with the choice of it or of the metric."""
    return _find(of, metric, context, QaTask, "is not a qa task")


def find_asked(of: str, metric: str | None, context: BuildContext) -> tuple[TaskBase | None, list[Issue]]:
    """As :func:`find_base`, of any kind that asks questions about one dataset in one round."""
    base, issues = _find(of, metric, context, TaskBase, "asks no questions about a dataset")
    if hasattr(base, "then"):
        issues.append(Issue(("of",), f"task {of!r} asks on after the first answers; it cannot be asked again"))
    return base, issues


def find_scored(of: str, metric: str | None, context: BuildContext) -> tuple[TaskBase | None, list[Issue]]:
    """As :func:`find_base`, of any kind that asks questions about one dataset, in however many rounds."""
    return _find(of, metric, context, TaskBase, "asks no questions about a dataset")


def _find(
    of: str, metric: str | None, context: BuildContext, kind: type[_Base], lacking: str
) -> tuple[_Base | None, list[Issue]]:
    base = context.tasks.get(of)
    if not isinstance(base, kind):
        fitting = [other for other, task in context.tasks.items() if isinstance(task, kind)]
        said = lacking if base else "does not stand before this one"
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
