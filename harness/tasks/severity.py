"""What a severity sweep says, as statistics over its cells: the same samples, under perturbations that grow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.estimate import (
    ANSWER,
    ANY,
    POSITIVE,
    SIGNED,
    Node,
    Number,
    Statistic,
    area,
    average,
    column,
    constant,
    difference,
    differs,
    glossary_of,
    linear,
    mean,
    minimum,
    ratio,
    retained,
    slope,
    stored,
)

_STEP: Final = (
    "it steps from one severity to the next, and an interval of its difference would lie; gate `retained_accuracy`"
)
_HENDRYCKS: Final = "Hendrycks & Dietterich, Benchmarking Neural Network Robustness to Common Corruptions, ICLR 2019."

NUMBERS: Final = glossary_of(
    Number(
        "retained_accuracy",
        "Mean score over all severities above 0, divided by the clean score; `[fog]`: under one perturbation alone. "
        "Above 1 where a perturbation helps, undefined where the clean score is 0.",
        bounds=POSITIVE,
    ),
    Number(
        "mean_corruption_error",
        "1 minus the mean score over all severities above 0, not normalised by a reference model.",
        "lower",
    ),
    Number(
        "severity_auc",
        "Area under the score by severity, the clean score at 0, divided by the width of the axis; mean over "
        "corruptions.",
    ),
    Number(
        "severity_slope",
        "Slope of a straight line through the score by severity, the clean score at 0; mean over corruptions. "
        "Negative where a score falls.",
        unit="share per severity",
        bounds=SIGNED,
    ),
    Number("worst_cell", "The lowest score of any corrupted cell, one corruption at one severity."),
    Number(
        "flip_rate",
        "Share of answers that differ from the same sample's answer on the clean image, right or wrong; mean over "
        "corrupted cells. Case and white space are no difference.",
        "lower",
    ),
    Number(
        "severity_consistency",
        "Share of answers that are the same as at the next milder severity, the clean image the mildest.",
    ),
    Number(
        "breaking_severity",
        "The first severity whose whole interval lies below the task's `floor`; one more than the highest where none "
        "does.",
        unit="severity",
        bounds=ANY,
        untestable=_STEP,
    ),
    Number(
        "mce",
        "Mean corruption error: the error summed over severities, divided by a reference model's; mean over "
        "corruptions. Only with a `reference`.",
        "lower",
        "share of the reference's",
        POSITIVE,
        _HENDRYCKS,
    ),
    Number(
        "relative_mce",
        "As `mce`, with the clean error taken off on both sides first.",
        "lower",
        "share of the reference's",
        ANY,
        _HENDRYCKS,
    ),
)
"""The numbers of a sweep."""


@dataclass(frozen=True, slots=True)
class Point:
    """A cell's place: a corruption at a severity. The clean cell has no corruption and severity 0."""

    corruption: str
    severity: int


@dataclass(frozen=True, slots=True)
class Errors:
    """A reference model's errors: what others are measured against."""

    name: str
    clean: float
    by_corruption: Mapping[str, Sequence[float]]
    """Under each corruption, at each severity of the sweep."""

    def total(self, corruption: str, baseline: float) -> float:
        """Return the denominator of a corruption; one that is not above 0 is left out of the mean."""
        return sum(error - baseline for error in self.by_corruption[corruption])


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells of a sweep, and the form of its metric in each.

    Args:
        clean: the cell without a perturbation.
        curves: by perturbation the cell at each severity, mildest first.
        form: the metric over one cell.
        label: of the metric; a sample that has no score under it counts as no changed answer either.
    """

    clean: str
    curves: Mapping[str, Mapping[int, str]]
    form: Callable[[str], Node]
    label: str

    @classmethod
    def of(cls, points: Mapping[str, Point], form: Callable[[str], Node], label: str) -> "Grid":
        """Return the grid of some cells, given by id with their places."""
        curves: dict[str, dict[int, str]] = {}
        for cell, point in points.items():
            if point.severity:
                curves.setdefault(point.corruption, {})[point.severity] = cell
        clean = next(cell for cell, point in points.items() if not point.severity)
        return cls(clean, {name: dict(sorted(curve.items())) for name, curve in curves.items()}, form, label)

    @property
    def cells(self) -> list[str]:
        """All cells but the clean one."""
        return [cell for curve in self.curves.values() for cell in curve.values()]

    def statistics(self, errors: Errors | None = None) -> list[Statistic]:
        """Return all numbers of a sweep; with a reference's errors also those that are measured against it."""
        forms = [self.form(cell) for cell in self.cells]
        heights = [[self.form(cell) for cell in (self.clean, *curve.values())] for curve in self.curves.values()]
        axes = [[0.0, *map(float, curve)] for curve in self.curves.values()]
        flipped = [self._changed(cell, self.clean) for cell in self.cells]
        moved = [
            self._changed(after, before)
            for curve in self.curves.values()
            for before, after in pairwise([self.clean, *curve.values()])
        ]
        steady = linear([(-1.0, average(moved))], plus=1.0)
        return [
            self.retained(),
            NUMBERS["mean_corruption_error"].over(linear([(-1.0, average(forms))], plus=1.0)),
            NUMBERS["severity_auc"].over(area(heights, axes)),
            NUMBERS["severity_slope"].over(slope(heights, axes)),
            NUMBERS["worst_cell"].over(minimum(*forms)),
            NUMBERS["flip_rate"].over(average(flipped)),
            NUMBERS["severity_consistency"].over(steady),
            *(self._against(errors) if errors else ()),
            *(self.retained(name) for name in self.curves),
            *(NUMBERS["breaking_severity"].over(stored(), f"[{name}]") for name in self.curves),
        ]

    def retained(self, name: str = "") -> Statistic:
        """Return what is left of the clean score under one perturbation; without a name, under all."""
        cells = self.curves[name].values() if name else self.cells
        left = retained(self.form(self.clean), [*map(self.form, cells)])
        return NUMBERS["retained_accuracy"].over(left, f"[{name}]" if name else "")

    def drop(self, cell: str, other: str | None = None) -> Statistic:
        """Return by how much a cell lies below the clean one, or below another."""
        return Statistic(f"drop[{cell}]", difference(self.form(other or self.clean), self.form(cell)), bounds=SIGNED)

    def _changed(self, cell: str, other: str) -> Node:
        scored = (column(self.label, cell), column(self.label, other)) if self.form(cell)["form"] == "mean" else ()
        return mean(differs(column(ANSWER, cell), column(ANSWER, other), *scored))

    def _against(self, errors: Errors) -> Iterator[Statistic]:
        """Yield mCE and relative mCE (Hendrycks and Dietterich 2019)."""
        unit = f"share of {errors.name}'s"
        yield NUMBERS["mce"].over(self._summed(errors, None), unit=unit)
        yield NUMBERS["relative_mce"].over(self._summed(errors, errors.clean), unit=unit)

    def _summed(self, errors: Errors, baseline: float | None) -> Node:
        totals = {name: errors.total(name, baseline or 0.0) for name in self.curves}
        kept = {name: total for name, total in totals.items() if total > 0}
        terms: list[tuple[float, Node]] = []
        for name, total in kept.items():
            weight = 1 / total / len(kept)
            curve = self.curves[name]
            terms += [(-weight, self.form(cell)) for cell in curve.values()]
            terms.append((len(curve) * weight, constant(1.0) if baseline is None else self.form(self.clean)))
        return linear(terms) if terms else ratio(constant(0.0), constant(0.0))
