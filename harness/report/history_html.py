"""The history as one HTML file: a sparkline and a chart a series, what changed, and by whose commit."""

import math
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from harness.history.series import Point, Series
from harness.history.steps import Change, changes, levels
from harness.record.schema import ChartRecord, LineRecord, MarkRecord
from harness.report import page
from harness.report.charts import said
from harness.report.svg import chart_svg

if TYPE_CHECKING:
    from markupsafe import Markup

_TEMPLATE: Final = "history.html.j2"
_WIDTH, _HEIGHT = 120, 28
_KINDS: Final = ("worse", "better", "recovered", "drift")

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
class Shown:
    """One series as the page shows it."""

    series: Series
    spark: "Markup"
    chart: ChartRecord
    picture: "Markup"
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
    shown = [_shown(one, compare, number) for number, one in enumerate(series)]
    events = sorted(
        (event for one in shown for event in one.events), key=lambda event: event.after.commit.date, reverse=True
    )
    whole = [event for event in events if not event.series.cell]
    commits = {point.commit.hash: point.commit for one in series for point in one.points}
    charts = [one.chart.model_dump() | {"labels": _labels(one.series)} for one in shown]
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            shown=shown,
            events=events,
            counts={kind: sum(event.change.kind == kind for event in whole) for kind in _KINDS},
            whole=whole,
            inside=[event for event in events if event.series.cell],
            commits=sorted(commits.values(), key=lambda commit: commit.date, reverse=True),
            charts=page.as_json(charts),
            show_commit=show_commit if show_commit.startswith(("https://", "http://")) else "",
            simulated=any("(simulated)" in one.adapter for one in series),
        )
    )


def _shown(series: Series, compare: Compare, number: int) -> Shown:
    known = series.known
    values = [point.value or 0.0 for point in known]
    alike = [[*points] for _, points in groupby(known, key=lambda point: point.config)]
    events = tuple(
        _event(series, change, points, compare, number)
        for points in alike
        for change in changes([point.value or 0.0 for point in points])
    )
    chart = _chart(series, alike, events)
    text = said(chart)
    breaks = tuple(points[0] for points in alike[1:])
    failed = tuple(point for point in series.points if point.found.value is None)
    return Shown(series, _spark(known, values, events), chart, chart_svg(chart, text), text, events, failed, breaks)


def _event(series: Series, change: Change, points: Sequence[Point], compare: Compare, number: int) -> Event:
    """Return a change among points that asked the same."""
    after = points[change.at]
    before = points[change.at - 1] if change.kind != "drift" else points[0]
    return Event(series, change, before, after, compare(before, after), number)


def _chart(series: Series, alike: Sequence[Sequence[Point]], events: Sequence[Event]) -> ChartRecord:
    """Return the chart: a line that has a gap where other questions were asked, and the levels of each stretch."""
    places = {point.commit.hash: float(i) for i, point in enumerate(series.points)}
    x: list[float] = []
    y: list[float | None] = []
    low: list[float | None] = []
    high: list[float | None] = []
    level: list[float | None] = []
    count = 0
    for points in alike:
        at = [places[point.commit.hash] for point in points]
        gap = [None] * bool(x)
        x += [*at[: len(gap)], *at]
        y += [*gap, *(point.value for point in points)]
        low += [*gap, *(_finite(point.found.low) for point in points)]
        high += [*gap, *(_finite(point.found.high) for point in points)]
        found = levels([point.value or 0.0 for point in points])
        level += [*gap, *(one.value for one in found for _ in range(one.start, one.end))]
        count += len(found)
    lines = [LineRecord(name="value", x=x, y=y, low=low, high=high)]
    if count > 1:
        lines.append(LineRecord(name="level", x=x, y=level, style="step"))
    marks = [
        MarkRecord(label=event.change.kind, x=places[event.after.commit.hash])
        for event in events
        if event.change.kind != "drift"
    ]
    marks += [MarkRecord(label="other questions", x=places[points[0].commit.hash]) for points in alike[1:]]
    return ChartRecord(name=series.name, x_label="commit", y_label=series.unit or "value", lines=lines, marks=marks)


def _finite(end: float) -> float | None:
    return end if math.isfinite(end) else None


def _labels(series: Series) -> list[str]:
    return [f"{point.commit.hash[:8]} {point.commit.subject[:60]}" for point in series.points]


def _spark(known: Sequence[Point], values: Sequence[float], events: Sequence[Event]) -> "Markup":
    """Return a small picture of a series, its changes marked; the table beside it says the numbers."""
    from markupsafe import Markup

    low, high = min(values), max(values)
    span = high - low
    step = (_WIDTH - 6) / max(1, len(values) - 1)
    shares = [(value - low) / span if span else 0.5 for value in values]
    places = [(3 + i * step, _HEIGHT - 4 - share * (_HEIGHT - 8)) for i, share in enumerate(shares)]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="2.5" class="{}"/>')
    at = {point.commit.hash: place for point, place in zip(known, places, strict=True)}
    dots = Markup("").join(dot.format(*at[event.after.commit.hash], event.change.kind) for event in events)
    line = Markup('<svg aria-hidden="true" width="{}" height="{}" class="spark"><path d="{}"/>{}</svg>')
    return line.format(_WIDTH, _HEIGHT, path, dots)
