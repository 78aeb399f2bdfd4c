"""What runs reach against what an answer takes, as a picture: points with both intervals, superfluous ones hollow."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from harness.comparison.board import Board, Column
from harness.comparison.spending import Amount, Dominated, Point, dominated
from harness.record import RunRecord
from harness.report.board import Spent, amount
from harness.report.svg import LETTER, Frame, axis_of, free_line, grid_svg

if TYPE_CHECKING:
    from markupsafe import Markup

_FRAME: Final = Frame(400, 270, right=18)
_LOG: Final = 10.0
"""From this ratio between the dearest and the cheapest on, the axis is logarithmic."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One plot with what it says in words."""

    title: str
    svg: "Markup"
    said: tuple[str, ...]
    """A sentence for each run that another makes superfluous."""


def pictures(board: Board, spent: Sequence[Spent], most: int = 3) -> list[Picture]:
    """Return a plot for each of the first columns and each kind of cost that at least two ranked runs have.

    Simulated runs are left out: what their answers take says nothing of any model. Seconds are compared on one machine
    only.
    """
    made: list[Picture] = []
    shares = [column for column in board.columns if column.best is not None][:most]
    one_machine = len({(r.machine.processor, r.machine.platform) for r in _real(board)}) == 1
    for column in shares:
        for kind in ("seconds", "price"):
            if kind == "seconds" and not one_machine:
                continue
            points = _points(board, column, [getattr(one, kind) for one in spent])
            if len(points) > 1 and len({one.cost.unit for one in points}) == 1:
                made.append(_picture(column, kind, points))
    return made


def _real(board: Board) -> list[RunRecord]:
    return [record for i, record in enumerate(board.records) if board.ranked(i) and not record.adapter.simulated]


def _points(board: Board, column: Column, costs: Sequence[Amount | None]) -> list[Point]:
    sign = -1.0 if column.direction == "lower" else 1.0
    points = []
    for i, (entry, cost) in enumerate(zip(column.entries, costs, strict=True)):
        known = entry.value
        if entry.place in ("unranked", "absent") or cost is None or known is None or known.value is None:
            continue
        if board.records[i].adapter.simulated or not cost.value > 0:
            continue
        ends = [None if end is None else sign * end for end in (known.low, known.high)]
        low, high = ends if sign > 0 else ends[::-1]
        points.append(Point(board.titles[i], cost, (sign * known.value, low, high)))
    return points


def _picture(column: Column, kind: str, points: Sequence[Point]) -> Picture:
    worse = dominated(points)
    unit = points[0].cost.unit
    of = "milliseconds an answer" if kind == "seconds" else f"{unit} an answer"
    title = f"{column.task}: {column.metric.replace('_', ' ')} against {'time' if kind == 'seconds' else 'price'}"
    said = tuple(_sentence(points, i, one, kind) for i, one in worse.items())
    label = title + ". " + "; ".join(f"{p.name}: {abs(p.reach[0]):.3f} at {amount(p.cost)}" for p in points)
    scale = 1000.0 if kind == "seconds" else 1.0
    lower = column.direction == "lower"
    return Picture(title, plot(points, worse, scale, lower, (of, column.metric.replace("_", " ")), label), said)


def _sentence(points: Sequence[Point], i: int, one: Dominated, kind: str) -> str:
    faster = "faster" if kind == "seconds" else "cheaper"
    other = points[one.by]
    sure = "beyond both intervals" if one.beyond else "by value; the intervals overlap"
    return f"{other.name} is no worse than {points[i].name} and {faster} ({sure})."


def plot(
    points: Sequence[Point],
    worse: "dict[int, Dominated]",
    scale: float,
    lower: bool,
    labels: tuple[str, str],
    label: str,
    *,
    zero: bool = True,
) -> "Markup":
    """Draw points with their intervals and the front of those that no other makes superfluous.

    Args:
        points: what each costs and reaches.
        worse: the superfluous ones, by place.
        scale: what costs are multiplied by.
        lower: whether less is better of what they reach.
        labels: of the axes.
        label: all of it in words, for those who do not see it.
        zero: whether the axis of costs begins at 0.
    """
    from markupsafe import Markup

    sign = -1.0 if lower else 1.0
    costs = [scale * end for p in points for end in (p.cost.value, p.cost.low, p.cost.high) if math.isfinite(end)]
    reached = [sign * end for p in points for end in p.reach if end is not None]
    positive = [cost for cost in costs if cost > 0]
    log = max(positive) / min(scale * p.cost.value for p in points) > _LOG
    frame = _FRAME
    x = axis_of(positive if log else costs, [], "log" if log else "linear", frame.left, frame.width - frame.right)
    x = replace(x, low=x.low / 1.1, high=x.high * 1.1) if log else axis_of(
        [*costs, *([0.0] if zero else [])], [], "linear", frame.left, frame.width - frame.right
    )  # fmt: skip
    y = axis_of(reached, [], "linear", frame.floor, frame.top, room=0.08)
    parts = [*grid_svg(x, y, labels, frame)]
    front = sorted((p.cost.value, p.reach[0]) for i, p in enumerate(points) if i not in worse)
    corners = "".join(
        f"H{x(scale * cost):.1f}V{y(sign * reach):.1f}" if k else f"M{x(scale * cost):.1f} {y(sign * reach):.1f}"
        for k, (cost, reach) in enumerate(front)
    )
    parts.append(Markup('<path class="front" d="{}H{}"/>').format(corners, frame.width - frame.right))
    taken: list[tuple[float, float, float]] = []
    for i, point in enumerate(points):
        at = x(scale * point.cost.value), y(sign * point.reach[0])
        low, high = point.reach[1], point.reach[2]
        kind = "worse" if i in worse else "best"
        ends = [
            scale * end if math.isfinite(end) else scale * point.cost.value for end in (point.cost.low, point.cost.high)
        ]
        lines = f"M{x(ends[0]):.1f} {at[1]:.1f}H{x(ends[1]):.1f}"
        if low is not None and high is not None:
            lines += f"M{at[0]:.1f} {y(sign * low):.1f}V{y(sign * high):.1f}"
        parts.append(Markup('<g class="point {}"><path d="{}"/><circle cx="{:.1f}" cy="{:.1f}" r="5"/></g>').format(
            kind, lines, *at))  # fmt: skip
        parts.append(_label(point.name, at, taken, frame))
    opening = Markup(
        '<svg role="img" aria-label="{}" viewBox="0 0 {} {}" width="100%" font-size="11" fill="currentColor" '
        'font-family="system-ui, sans-serif">'
    )
    return opening.format(label, frame.width, frame.height) + Markup("").join(parts) + Markup("</svg>")


def _label(name: str, at: tuple[float, float], taken: list[tuple[float, float, float]], frame: Frame) -> "Markup":
    from markupsafe import Markup

    width = LETTER * len(name) + 4
    late = at[0] + 9 + width > frame.width
    left = at[0] - 9 - width if late else at[0] + 9
    line = free_line(left, left + width, at[1] - 6, taken, frame)
    taken.append((left, left + width, line))
    anchor = "end" if late else "start"
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        left + width if late else left, line, anchor, name
    )
