"""Charts as static SVG from data alone: for print, and for pages whose scripts don't run. Follows the page's colours.

Drawn by hand because a report has two seconds of CPU, and importing a plotting library takes one of them.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal

from harness.record.schema import ChartRecord, LineRecord, MarkRecord
from harness.report.numbers import short

if TYPE_CHECKING:
    from markupsafe import Markup

COLORS: Final = ("#2a78b5", "#d1691f", "#2f9150", "#c8393b", "#8258b4", "#84604f", "#c25fa3", "#7a7a7a")
_DASHES: Final = ("", "6 3", "2 3", "8 3 2 3")
_ROW: Final = 16
_MANY: Final = 30
"""A line with more points is drawn without dots."""
LETTER: Final = 5.8
_LINE: Final = 12.0
"""How wide a letter of a label is on average, and how high a line of labels."""
_CROWD: Final = 3
"""Bands of more lines than this cover each other: they are seen one at a time."""
_GREY: Final = "#8b96a1"
_NOTHING: Final = 1e-300

Box = tuple[float, float, float]
"""Left and right end of a label, and its line."""
Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The picture's size and the margins around what is drawn, in units that are pixels where it has room."""

    width: int = 540
    height: int = 300
    left: int = 56
    right: int = 12
    top: int = 10
    bottom: int = 42

    @property
    def floor(self) -> int:
        """Where the lower axis lies."""
        return self.height - self.bottom


WIDE: Final = Frame(700, 300)
PLAIN: Final = Frame()
SMALL: Final = Frame(300, 215, left=46)
"""Of a phone, and of one picture among several."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: from values to places on the picture."""

    low: float
    high: float
    start: float
    end: float
    scale: Literal["linear", "log"] = "linear"

    def __call__(self, value: float) -> float:
        """Return the place of a value, within the picture."""
        low, high, at = ((math.log10(v) for v in (self.low, self.high, max(value, 1e-300)))
                         if self.scale == "log" else (self.low, self.high, value))  # fmt: skip
        place = self.start + (at - low) / (high - low) * (self.end - self.start)
        return min(max(place, min(self.start, self.end) - 1), max(self.start, self.end) + 1)

    @property
    def ticks(self) -> list[float]:
        """A few round values."""
        return _decades(self.low, self.high) if self.scale == "log" else round_steps(self.low, self.high)


def chart_svg(chart: ChartRecord, label: str, frame: Frame = PLAIN, chosen: Collection[str] = ()) -> "Markup":
    """Return a chart.

    Args:
        chart: what to draw. Values that a logarithmic axis cannot show are left out.
        label: the accessible name, which also stands for the picture where it cannot be seen.
        frame: how large.
        chosen: lines that matter; where there are some, the others are thin and grey.
    """
    from markupsafe import Markup

    names = [line.name for line in chart.lines]
    some = any(name in chosen for name in names)
    direct = not some and 1 < len(names) <= len(COLORS) and _end_apart(chart.lines)
    if direct:
        frame = replace(frame, right=min(int(LETTER * max(map(len, names))) + 24, frame.width // 3))
    told = [i for i in range(len(names)) if not some or names[i] in chosen] if len(names) > 1 and not direct else []
    columns = 1 if any(len(names[i]) * LETTER > frame.width / 2 - 60 for i in told) else 2
    rows = -(-(len(told) + bool(told and some)) // columns)
    x = axis_of(
        [v for line in chart.lines for v in line.x],
        [m.x for m in chart.marks],
        chart.x_scale,
        frame.left,
        frame.width - frame.right,
    )
    values = [v for line in chart.lines for column in (line.y, line.low, line.high) for v in column]
    bars = [0.0] if any(line.style == "bars" for line in chart.lines) and chart.y_scale == "linear" else []
    y = axis_of([*values, *bars], [m.y for m in chart.marks], chart.y_scale, frame.floor, frame.top, room=0.04)
    parts = [*grid_svg(x, y, (chart.x_label, chart.y_label), frame)]
    mine = [i for i, name in enumerate(names) if not some or name in chosen]
    grey = _Pen(_GREY, 1.2, "")
    pens = dict.fromkeys(range(len(names)), grey) | {i: _pen(k, 2.6 if some else 1.6) for k, i in enumerate(mine)}
    order = [*(i for i in range(len(names)) if i not in mine), *mine]  # what matters lies on top
    group = Markup("<g>{}</g>")
    for i in order:
        bands = not some or names[i] in chosen
        parts.append(group.format(Markup("").join(_line(chart.lines[i], pens[i], x, y, bands))))
    parts += _marks(_of(chart.marks, names, chosen) if some else chart.marks, x, y, frame)
    if direct:
        parts += _ends(chart.lines, pens, x, y, frame)
    elif rows:
        others = [("the others", grey)] if len(told) < len(names) else []
        entries = [*((names[i], pens[i]) for i in told), *others]
        parts += _legend(entries, columns, frame)
    size = f"0 0 {frame.width} {frame.height + rows * _ROW}"
    opening = Markup(
        '<svg role="img" aria-label="{}"{} viewBox="{}" width="100%" font-size="11" fill="currentColor" '
        'font-family="system-ui, sans-serif">'
    )
    crowd = Markup(' class="crowd"') if len(names) > _CROWD and not some else ""
    return opening.format(label, crowd, size) + Markup("").join(parts) + Markup("</svg>")


@dataclass(frozen=True, slots=True)
class _Pen:
    color: str
    width: float
    dash: str


def _pen(i: int, width: float) -> _Pen:
    return _Pen(COLORS[i % len(COLORS)], width, _DASHES[i // len(COLORS) % len(_DASHES)])


def _of(marks: Sequence[MarkRecord], names: Sequence[str], chosen: Collection[str]) -> Iterable[MarkRecord]:
    """Yield the marks that are of no line, and of the chosen ones: ``knn: calibrated`` is of ``knn``."""
    for mark in marks:
        of, _, said = mark.label.partition(": ")
        if of in chosen and said:
            yield mark.model_copy(update={"label": said})
        elif of not in names:
            yield mark


def _ends(lines: Sequence[LineRecord], pens: Mapping[int, _Pen], x: Axis, y: Axis, frame: Frame) -> Iterable["Markup"]:
    """Yield each line's name at its end, pushed apart; nobody has to look for it in a legend."""
    from markupsafe import Markup

    ends = []
    for i, line in enumerate(lines):
        fits = [j for j, (a, b) in enumerate(zip(line.x, line.y, strict=False)) if _shows(x, a) and _shows(y, b)]
        if fits:
            ends.append((y(line.y[fits[-1]] or 0.0), x(line.x[fits[-1]]), i))
    spread = _spread([end[0] for end in sorted(ends)], frame)
    side = frame.width - frame.right
    told = Markup(
        '<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}" stroke-opacity=".6"/>'
        '<text x="{:.1f}" y="{:.1f}">{}</text>'
        '<path d="M{:.1f} {:.1f}h6" stroke="{}" stroke-width="2.5"/>'
    )
    for (end, right, i), at in zip(sorted(ends), spread, strict=True):
        color = pens[i].color
        yield told.format(right, end, side + 8, at, color, side + 18, at + 4, lines[i].name, side + 8, at, color)


def _spread(places: Sequence[float], frame: Frame) -> list[float]:
    """Return ascending places pushed apart, a line of text from each other, within the picture where there is room."""
    made: list[float] = []
    for place in places:
        made.append(max(place, made[-1] + _LINE) if made else place)
    over = made[-1] - frame.floor if made else 0.0
    for i in reversed(range(len(made))):
        if over <= 0:
            break
        limit = made[i + 1] - _LINE if i + 1 < len(made) else float(frame.floor)
        made[i] = min(made[i], limit)
    return made


def axis_of(values: Iterable[float | None], marks: Iterable[float | None], scale: Literal["linear", "log"],
            start: float, end: float, room: float = 0.0) -> Axis:  # fmt: skip
    """Return an axis on which values and marks fit, from ``start`` to ``end`` of the picture."""
    known = [v for v in (*values, *marks) if v is not None and math.isfinite(v) and (scale == "linear" or v > 0)]
    low, high = (min(known), max(known)) if known else (0.1, 1.0)
    if scale == "log":
        # Of large numbers that differ in the last digit the logarithms are one.
        low, high = (low, high) if math.log10(low) < math.log10(high) else (low / 10, high * 10)
        return Axis(low, high, start, end, "log")
    if high - low < _NOTHING:  # its tenth would be nothing
        spare = abs(low) * 0.1 if abs(low) > _NOTHING else 0.5
        low, high = low - spare, high + spare
    spare = (high - low) * room
    return Axis(low - spare, high + spare, start, end)


def round_steps(low: float, high: float, most: int = 7) -> list[float]:
    """Return round values between two ends, about so many."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * m for m in (1, 2, 5) if power * m >= rough), power * 10)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    found = [10.0**k for k in range(first, last + 1)]
    return found[:: max(1, len(found) // 7)] if len(found) > 1 else sorted({low, *found, high})


def grid_svg(x: Axis, y: Axis, labels: tuple[str, str], frame: Frame) -> Iterable["Markup"]:
    """Yield the lines and ticks of both axes, with what they are called."""
    from markupsafe import Markup

    line = Markup('<path d="{}" stroke="currentColor" stroke-opacity=".18" fill="none"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    bottom = frame.floor
    for tick in x.ticks:
        yield line.format(f"M{x(tick):.1f} {frame.top}V{bottom}")
        yield text.format(x(tick), bottom + 14, "middle", short(float(tick)))
    for tick in y.ticks:
        yield line.format(f"M{frame.left} {y(tick):.1f}H{frame.width - frame.right}")
        yield text.format(frame.left - 6, y(tick) + 4, "end", short(float(tick)))
    yield text.format((frame.left + frame.width - frame.right) / 2, bottom + 32, "middle", labels[0])
    middle = (frame.top + bottom) / 2
    turned = Markup('<text transform="translate(12 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>')
    yield turned.format(middle, labels[1])


def _line(line: LineRecord, pen: _Pen, x: Axis, y: Axis, bands: bool) -> Iterable["Markup"]:
    from markupsafe import Markup

    color = pen.color
    fits = [j for j, (a, b) in enumerate(zip(line.x, line.y, strict=False)) if _shows(x, a) and _shows(y, b)]
    band = bands and len(line.low) == len(line.high) == len(line.y)
    if line.style == "bars":
        floor = y(0.0 if y.scale == "linear" else y.low)
        width = _bar_width([x(line.x[j]) for j in fits])
        rect = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="{}" fill-opacity=".6"/>')
        for j in fits:
            top = y(line.y[j] or 0.0)
            yield rect.format(x(line.x[j]) - width / 2, min(top, floor), width, abs(floor - top), color)
    runs = _runs(fits, len(line.y))
    if band and line.style in ("line", "step"):
        for run in runs:
            upper = [(x(line.x[j]), y(_end(line.high[j], line.y[j]))) for j in run]
            lower = [(x(line.x[j]), y(_end(line.low[j], line.y[j]))) for j in run]
            stepped = line.style == "step"
            path = _path(upper, stepped) + "L" + _path(lower, stepped, reverse=True)[1:] + "Z"
            yield Markup('<path class="band" d="{}" fill="{}" fill-opacity=".2"/>').format(path, color)
    elif band:
        for j in fits:
            ends = f"M{x(line.x[j]):.1f} {y(_end(line.low[j], line.y[j])):.1f}V{y(_end(line.high[j], line.y[j])):.1f}"
            yield Markup('<path d="{}" stroke="{}"/>').format(ends, color)
    if line.style in ("line", "step"):
        path = "".join(_path([(x(line.x[j]), y(line.y[j] or 0.0)) for j in run], line.style == "step") for run in runs)
        stroke = Markup('<path d="{}" fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}"/>')
        yield stroke.format(path, color, pen.width, pen.dash)
    if line.style == "points" or (line.style == "line" and len(fits) <= _MANY):
        dots = "".join(f"M{x(line.x[j]):.1f} {y(line.y[j] or 0.0):.1f}h0" for j in fits)
        width = 6 if line.style == "points" else 4.5
        yield Markup('<path d="{}" stroke="{}" stroke-width="{}" stroke-linecap="round"/>').format(dots, color, width)


def _shows(axis: Axis, value: float | None) -> bool:
    return value is not None and math.isfinite(value) and (axis.scale == "linear" or value > 0)


def _end(end: float | None, value: float | None) -> float:
    return end if end is not None else value or 0.0


def _runs(fits: Sequence[int], n: int) -> list[list[int]]:
    """Return the stretches without a gap."""
    known, runs, run = set(fits), [], []
    for j in range(n):
        if j in known:
            run.append(j)
        elif run:
            runs.append(run)
            run = []
    return [*runs, run] if run else runs


def _path(points: Sequence[Pair], stepped: bool, reverse: bool = False) -> str:
    if stepped:
        corners = [p for (a, b) in pairwise(points) for p in (a, (b[0], a[1]))]
        points = [*corners, points[-1]] if points else []
    ordered = points[::-1] if reverse else points
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in ordered) if ordered else ""


def _bar_width(places: Sequence[float]) -> float:
    apart = [b - a for a, b in zip(sorted(set(places)), sorted(set(places))[1:], strict=False)]
    return max(1.0, 0.8 * min(apart, default=60.0))


def _marks(marks: Iterable[MarkRecord], x: Axis, y: Axis, frame: Frame) -> Iterable["Markup"]:
    from markupsafe import Markup

    dashed = Markup('<path d="{}" stroke="currentColor" stroke-dasharray="4 3" fill="none"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    taken: list[Box] = []
    for mark in marks:
        place = frame.left + 5.0 if mark.x is None else x(mark.x)
        width = LETTER * len(mark.label)
        late = place > (frame.left + frame.width) * 0.7 or place + 5 + width > frame.width - frame.right
        anchor = "end" if mark.x is not None and late else "start"
        aside = place if mark.x is None else place + (5 if anchor == "start" else -5)
        line = frame.top + 11.0
        if mark.x is not None and mark.y is not None:
            circle = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4" fill="none" stroke="currentColor"/>')
            yield circle.format(place, y(mark.y))
            line = y(mark.y) + 14
        elif mark.x is not None:
            yield dashed.format(f"M{place:.1f} {frame.top}V{frame.floor}")
        elif mark.y is not None:
            yield dashed.format(f"M{frame.left} {y(mark.y):.1f}H{frame.width - frame.right}")
            line = y(mark.y) - 4
        else:
            continue
        left = aside if anchor == "start" else aside - width
        line = free_line(left, left + width, line, taken, frame)
        taken.append((left, left + width, line))
        yield text.format(aside, line, anchor, mark.label)


def free_line(left: float, right: float, line: float, taken: Sequence[Box], frame: Frame) -> float:
    """Return the nearest line on which a label covers no other; below before above, and within the picture."""
    steps = (sign * step * _LINE for step in range(2 * len(taken) + 1) for sign in (1, -1))
    lines = [line + step for step in steps if frame.top + _LINE <= line + step <= frame.floor or not step]

    def covers(at: float) -> bool:
        return any(left < r and lft < right and abs(at - other) < _LINE for lft, r, other in taken)

    return next((at for at in lines if not covers(at)), line)


def _legend(entries: Sequence[tuple[str, _Pen]], columns: int, frame: Frame) -> Iterable["Markup"]:
    from markupsafe import Markup

    entry = Markup(
        '<path d="M{} {}h18" stroke="{}" stroke-width="2.5" stroke-dasharray="{}"/><text x="{}" y="{}">{}</text>'
    )
    column = (frame.width - frame.left) // columns
    for i, (name, pen) in enumerate(entries):
        left, top = frame.left + (i % columns) * column, frame.height + (i // columns) * _ROW + 6
        yield entry.format(left, top, pen.color, pen.dash, left + 24, top + 4, name)


def _end_apart(lines: Sequence[LineRecord]) -> bool:
    """Return whether lines can be named at their ends: all go from left to right and do not meet in one point."""
    last = [(line.x[-1], line.y[-1]) for line in lines if line.x and line.style == "line" and line.x[0] < line.x[-1]]
    return len(last) == len(lines) and len(set(last)) > 1
