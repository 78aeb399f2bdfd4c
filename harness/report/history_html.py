"""The history as one HTML file: a sparkline and a chart a series, what changed, and by whose commit."""

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.history.native import Native, native
from harness.history.series import Point, Series
from harness.history.steps import Change, Level, changes, levels
from harness.record.schema import ChartRecord, LineRecord, MarkRecord
from harness.report import page
from harness.report.charts import said
from harness.report.svg import SMALL, chart_svg
from harness.types import Direction

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE: Final = "history.html.j2"
_WIDTH, _HEIGHT = 120, 28
_WITHIN: Final = "within noise"
_KINDS: Final = ("worse", "better", "recovered", "drift", _WITHIN)
_NOW: Final = 4
"""Series that are drawn at once."""

Compare = Callable[[Point, Point], str | None]
"""The address of the comparison of two points' runs, where there is one."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change with the commits on either side."""

    series: Series
    change: Change
    before: Point
    after: Point
    comparison: str | None
    number: int
    """Of the series on the page."""
    kind: str
    """What the change is, or ``within noise`` where it is no larger than its intervals together."""

    @property
    def relative(self) -> str:
        """The change, with its sign."""
        return f"{self.change.after - self.change.before:+.4g}".replace("-", "−")

    @property
    def commits(self) -> int:
        """How many commits can have done it: more than one where those in between were not measured, or for a drift."""
        return self.after.place - self.before.place

    @property
    def bisect(self) -> str:
        """The command that finds the one commit; empty where it is known, and for a drift, which has none."""
        if self.commits < 2 or self.change.kind == "drift":
            return ""
        suite, adapter = self.series.short.partition("/")[0], self.series.adapter.removesuffix(" (simulated)")
        ends = ["--good", self.before.commit.hash[:12], "--bad", self.after.commit.hash[:12]]
        return shlex.join(["harness", "bisect", suite, "--adapter", adapter, *ends])


@dataclass(frozen=True, slots=True)
class Range:
    """The commits from one measurement to the next that differs, and what changed there; nothing where nothing did."""

    before: Point
    after: Point
    events: tuple[Event, ...]
    measurements: int

    @property
    def commits(self) -> int:
        """How many commits it spans."""
        return self.after.place - self.before.place

    @property
    def tally(self) -> dict[str, int]:
        """How many changes there are of each kind."""
        kinds = [event.kind for event in self.events]
        return {kind: kinds.count(kind) for kind in _KINDS if kind in kinds}

    @property
    def words(self) -> str:
        """What a search finds it by; of several commits none is named, for any of them can have done it."""
        one = self.after.commit
        told = [one.hash, *((one.subject, one.author) if self.commits == 1 or not self.events else ())]
        return " ".join([*told, *(event.series.name for event in self.events)]).lower()


@dataclass(frozen=True, slots=True)
class Shown:
    """One series as the page shows it."""

    series: Series
    direction: Direction
    spark: "Markup"
    chart: ChartRecord
    picture: "Markup"
    small: "Markup"
    text: str
    events: tuple[Event, ...]
    failed: tuple[Point, ...]
    breaks: tuple[Point, ...]
    """Where the suite or the data changed: before and after mean different things."""


def write_history(series: Sequence[Series], file: Path, show_commit: str = "", compare: Compare | None = None) -> Path:
    """Write the page.

    Args:
        series: the history.
        file: where to.
        show_commit: start of the address of a commit's page.
        compare: finds the comparison of two points' runs.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(history_html(series, show_commit, compare or (lambda _, __: None)), encoding="utf-8")
    return file


def history_html(series: Sequence[Series], show_commit: str, compare: Compare) -> str:
    """Return the page."""
    shown = [_shown(native(one), compare, number) for number, one in enumerate(series)]
    events = sorted(
        (event for one in shown for event in one.events), key=lambda event: event.after.commit.date, reverse=True
    )
    whole = [event for event in events if not event.series.cell]
    commits = {point.commit.hash: point.commit for one in series for point in one.points}
    charts = [one.chart.model_dump() | {"labels": _labels(one.series)} for one in shown]
    first = sorted((one for one in shown if not one.series.cell), key=_concern)
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            shown=shown,
            now=first[:_NOW],
            ranges=_ranges(shown, events),
            counts={kind: sum(event.kind == kind for event in whole) for kind in _KINDS},
            worst=next((event for event in whole if event.kind == "worse"), None),
            inside=[event for event in events if event.series.cell],
            commits=sorted(commits.values(), key=lambda commit: commit.date, reverse=True),
            charts=page.as_json(charts),
            show_commit=show_commit if show_commit.startswith(("https://", "http://")) else "",
            simulated=any("(simulated)" in one.adapter for one in series),
        )
    )


def _concern(one: Shown) -> int:
    """Return what is drawn first: what got worse, then what changed."""
    kinds = [event.kind for event in one.events]
    return 0 if "worse" in kinds else 1 if any(kind != _WITHIN for kind in kinds) else 2 if kinds else 3


def _ranges(shown: Sequence[Shown], events: Sequence[Event]) -> list[Range]:
    """Return the history as ranges of commits, the newest first; those in which nothing changed are one."""
    points = {point.place: point for one in shown for point in one.series.known}
    at: dict[tuple[int, int], list[Event]] = {}
    for event in events:
        at.setdefault((event.before.place, event.after.place), []).append(event)
    made: list[Range] = []
    ends = sorted({place for pair in at for place in pair} | {min(points, default=0), max(points, default=0)})
    quiet = [(a, b) for a, b in pairwise(ends) if not any(x <= a and b <= y for x, y in at)]
    for (before, after), found in [*at.items(), *((pair, []) for pair in quiet)]:
        count = sum(before < place <= after for place in points)
        found.sort(key=lambda event: (_KINDS.index(event.kind), bool(event.series.cell)))
        if count:
            made.append(Range(points[before], points[after], tuple(found), count))
    return sorted(made, key=lambda one: (one.after.place, one.before.place), reverse=True)


def _shown(turned: Native, compare: Compare, number: int) -> Shown:
    series = turned.series
    known = series.known
    lowered = dict(zip((point.commit.hash for point in known), turned.lowered, strict=True))
    alike = [[*points] for _, points in groupby(known, key=lambda point: point.config)]
    lower = [[lowered[point.commit.hash] for point in points] for points in alike]
    events = tuple(
        _event(turned, change, points, compare, number)
        for points, values in zip(alike, lower, strict=True)
        for change in changes(values)
    )
    found = [[replace(one, value=turned.turn(one.value)) for one in levels(values)] for values in lower]
    chart = _chart(series, alike, found, events)
    text = said(chart)
    breaks = tuple(points[0] for points in alike[1:])
    failed = tuple(point for point in series.points if point.found.value is None)
    alone = chart.model_copy(update={"lines": chart.lines[:1]})
    pictures = chart_svg(chart, text), chart_svg(alone, text, SMALL)
    return Shown(series, turned.direction, _spark(known, events), chart, *pictures, text, events, failed, breaks)


def _event(turned: Native, found: Change, points: Sequence[Point], compare: Compare, number: int) -> Event:
    """Return a change among points that asked the same, in the series' own direction."""
    change = replace(found, before=turned.turn(found.before), after=turned.turn(found.after))
    after = points[change.at]
    before = points[change.at - 1] if change.kind != "drift" else points[0]
    kind = _WITHIN if _within(change, before, after) else change.kind
    return Event(turned.series, change, before, after, compare(before, after), number, kind)


def _within(change: Change, before: Point, after: Point) -> bool:
    """Return whether a change is no larger than the intervals of both ends together; what has none is not."""
    halves = [(point.found.high - point.found.low) / 2 for point in (before, after)]
    return abs(change.after - change.before) <= math.hypot(*halves)


def _chart(
    series: Series, alike: Sequence[Sequence[Point]], steps: Sequence[Sequence[Level]], events: Sequence[Event]
) -> ChartRecord:
    """Return the chart: a line that has a gap where other questions were asked, and the levels of each stretch."""
    places = {point.commit.hash: float(i) for i, point in enumerate(series.points)}
    x: list[float] = []
    y: list[float | None] = []
    low: list[float | None] = []
    high: list[float | None] = []
    level: list[float | None] = []
    count = 0
    for points, found in zip(alike, steps, strict=True):
        at = [places[point.commit.hash] for point in points]
        gap = [None] * bool(x)
        x += [*at[: len(gap)], *at]
        y += [*gap, *(point.value for point in points)]
        low += [*gap, *(_finite(point.found.low) for point in points)]
        high += [*gap, *(_finite(point.found.high) for point in points)]
        level += [*gap, *(one.value for one in found for _ in range(one.start, one.end))]
        count += len(found)
    lines = [LineRecord(name="value", x=x, y=y, low=low, high=high)]
    if count > 1:
        lines.append(LineRecord(name="level", x=x, y=level, style="step"))
    marks = [
        MarkRecord(label=event.kind, x=places[event.after.commit.hash])
        for event in events
        if event.change.kind != "drift"
    ]
    marks += [MarkRecord(label="other questions", x=places[points[0].commit.hash]) for points in alike[1:]]
    return ChartRecord(name=series.name, x_label="commit", y_label=series.unit or "value", lines=lines, marks=marks)


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _labels(series: Series) -> list[str]:
    return [f"{point.commit.hash[:8]} {point.commit.subject[:60]}" for point in series.points]


def _spark(known: Sequence[Point], events: Sequence[Event]) -> "Markup":
    """Return a small picture of a series, its changes marked; the table beside it says the numbers."""
    from markupsafe import Markup

    values = [point.value or 0.0 for point in known]
    low, high = min(values), max(values)
    span = high - low
    step = (_WIDTH - 6) / max(1, len(values) - 1)
    shares = [(value - low) / span if span else 0.5 for value in values]
    places = [(3 + i * step, _HEIGHT - 4 - share * (_HEIGHT - 8)) for i, share in enumerate(shares)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" class="{}"/>')
    at = {point.commit.hash: place for point, place in zip(known, places, strict=True)}
    dots = Markup("").join(dot.format(*at[event.after.commit.hash], event.kind.partition(" ")[0]) for event in events)
    line = Markup('<svg aria-hidden="true" width="{}" height="{}" class="spark"><path d="{}"/>{}</svg>')
    return line.format(_WIDTH, _HEIGHT, path, dots)
