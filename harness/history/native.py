"""A series in its metric's own direction and unit: only asv's files need everything to be better when lower."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.history.measure import ERROR, Measured, inverse, inverted
from harness.history.series import Point, Series
from harness.types import Direction


@dataclass(frozen=True, slots=True)
class Native:
    """A series turned back."""

    series: Series
    """Its points hold what the metric says; name and unit are the metric's."""
    direction: Direction
    lowered: tuple[float, ...]
    """The known values as asv has them, better when lower: what steps are looked for in."""
    turn: Callable[[float], float]
    """From such a value to the metric's own, and back."""


def native(series: Series) -> Native:
    """Return a series with the values that its runs report.

    A share that asv holds as ``1 − share`` is a share again, what it holds as an inverse its inverse.
    """
    lowered = tuple(point.value or 0.0 for point in series.known)
    unit = "share" if series.unit.startswith(ERROR) else inverted(series.benchmark, series.unit)
    if unit is None:
        return Native(series, "lower", lowered, _same)
    turn = _share if unit == "share" else inverse
    short = series.short.removesuffix("_error" if turn is _share else "_inverse")
    points = tuple(_point(turn, point) for point in series.points)
    return Native(replace(series, unit=unit, short=short, points=points), "higher", lowered, turn)


def _point(turn: Callable[[float], float], point: Point) -> Point:
    found = point.found
    if point.value is None or found.value is None:
        return point
    turned = Measured(turn(found.value), turn(found.high), turn(found.low), found.n)
    return replace(point, found=turned, before=tuple(map(turn, point.before)))


def _share(value: float) -> float:
    return round(1.0 - value, 12)  # what 1 − share has lost in the last digits


def _same(value: float) -> float:
    return value
