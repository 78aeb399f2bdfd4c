"""A task's curves as a coloured table: a row a curve, a column a degree, the number in every field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.record.schema import MetricRecord, TaskRecord

_STOPS: Final = ((0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
                 (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56))  # fmt: skip
"""Cividis (Nuñez, Anderton, Renslow 2018) in ten steps: readable with any colour vision, and in grey."""


@dataclass(frozen=True, slots=True)
class Field:
    """One number with its colours."""

    metric: MetricRecord | None
    background: str
    ink: str


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The table."""

    metric: str
    axis: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Field, ...]], ...]


def heat_table(task: TaskRecord) -> HeatMap | None:
    """Return the curves of a task as a table; None where they don't share one axis."""
    curves = task.curves
    if not curves or any(curve.x != curves[0].x for curve in curves):
        return None
    known = [p.value for curve in curves for p in curve.points if p.value is not None]
    low, high = min([0.0, *known]), max([1.0, *known])
    rows = tuple(
        (curve.name.rpartition(" under ")[2], tuple(_field(point, low, high) for point in curve.points))
        for curve in curves
    )
    return HeatMap(
        curves[0].name.partition(" under ")[0], curves[0].x_label, tuple(f"{x:g}" for x in curves[0].x), rows
    )


def heat_rows(
    metric: str, axis: str, columns: Sequence[str], rows: Mapping[str, Sequence[MetricRecord | None]]
) -> HeatMap:
    """Return metrics that are shares as a table, with a row a name; None leaves a field empty."""
    fields = {name: tuple(_field(value, 0.0, 1.0) for value in values) for name, values in rows.items()}
    return HeatMap(metric, axis, tuple(columns), tuple(fields.items()))


def _field(metric: MetricRecord | None, low: float, high: float) -> Field:
    if metric is None or metric.value is None:
        return Field(metric, "transparent", "inherit")
    place = min(max((metric.value - low) / (high - low), 0.0), 1.0) * (len(_STOPS) - 1)
    left = min(int(place), len(_STOPS) - 2)
    mixed = [a + (b - a) * (place - left) for a, b in zip(_STOPS[left], _STOPS[left + 1], strict=True)]
    return Field(
        metric, "#" + "".join(f"{round(c):02x}" for c in mixed), "#000" if _luminance(mixed) > 0.18 else "#fff"
    )


def _luminance(colour: list[float]) -> float:
    """Return the relative luminance of sRGB from 0 to 1 (WCAG 2); at 0.18 black and white text contrast alike."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
