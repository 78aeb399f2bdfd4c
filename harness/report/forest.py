"""Changes as dots with whiskers around zero: right is better, whatever the metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from harness.comparison.compare import Compared, Delta
from harness.comparison.controls import TOLD, control
from harness.comparison.watched import gated
from harness.report import compare_rows as rows
from harness.report.lanes import GLYPHS, Axis, Way
from harness.report.numbers import short

_ROUNDING: Final = 1e-9
"""Changes up to this are what floating-point sums leave; no axis is drawn for them."""
SHOWN: Final = 7
"""Rows that stand at once."""
_WAYS: Final[dict[str, Way]] = {"worse": "bad", "better": "good", "": "open"}


@dataclass(frozen=True, slots=True)
class Change:
    """One row."""

    delta: Delta
    label: str
    of: str
    note: str
    gated: bool
    way: Way
    change: str
    ends: str
    said: str
    tip: str
    axis: Axis
    dot: float | None
    whisker: tuple[float, float] | None
    zero: float
    band: tuple[float, float] | None
    """The gate's margin on both sides of zero: left end and length."""

    @property
    def glyph(self) -> str:
        """The mark that says the verdict without its colour."""
        return GLYPHS[self.way]


@dataclass(frozen=True, slots=True)
class Forest:
    """The rows, those of gates first; ``axis`` is that of the shares."""

    rows: tuple[Change, ...]
    axis: Axis | None


def forest(compared: Compared) -> Forest:
    """Return every metric that was tested: gated ones first, then what moved, then by strength."""
    watched = set(gated(compared.candidate)) or {delta.name for delta in rows.focus(compared)}
    tested = [delta for delta in compared.deltas if delta.comparison is not None]
    rank = {"worse": 0, "better": 1, "": 2}
    tested.sort(key=lambda one: (one.name not in watched, rank[rows.went(compared, one)], one.adjusted_p))
    shares = _axis([one for one in tested[:SHOWN] if one.unit == "share"]) or _axis(
        [one for one in tested if one.unit == "share"]
    )
    made = tuple(_row(compared, one, one.name in watched, shares) for one in tested)
    return Forest(made, shares)


def _axis(deltas: Sequence[Delta]) -> Axis | None:
    found = [one.comparison for one in deltas if one.comparison is not None]
    ends = [abs(end) for one in found for end in (one.low, one.high, one.estimate, one.margin) if abs(end) < 1e300]
    most = max(ends, default=0.0) * 1.1
    return Axis(-most, most) if most > _ROUNDING else None


def _row(compared: Compared, delta: Delta, watched: bool, shares: Axis | None) -> Change:
    comparison = delta.comparison
    assert comparison is not None  # noqa: S101 - only tested ones are drawn
    held = control(compared.candidate, delta.task, delta.metric)
    sign = -1 if held else 1  # a control that falls went to the right
    axis = (shares if delta.unit == "share" else None) or _axis([delta]) or Axis(-1.0, 1.0)
    known = comparison.low == comparison.low
    left, right = sorted((axis.at(sign * comparison.low), axis.at(sign * comparison.high))) if known else (0.0, 0.0)
    way = rows.went(compared, delta)
    base, _, of = delta.metric.removesuffix("]").replace("][", ", ").partition("[")
    change, _, ends = rows.changed(delta, delta.direction).partition(" ")
    notes = [
        TOLD if held else "lower is better" if delta.direction == "lower" else "",
        "" if delta.unit == "share" else f"{delta.unit or 'no unit'}, own scale",
        _alone(compared, delta) if not way else "",
        delta.note,
    ]
    band = (axis.at(-comparison.margin), axis.at(comparison.margin)) if comparison.margin else None
    share = delta.unit == "share"
    told = (rows.value(delta.before), rows.value(delta.after)) if share else (short(delta.before), short(delta.after))
    verdict = way or "not told apart"
    return Change(
        delta, base, of.replace(",", ", "), " · ".join(filter(None, notes)), watched, _WAYS[way], change, ends,
        f"{delta.name}: {told[0]} to {told[1]}, {rows.changed(delta, delta.direction)}; {verdict}",
        f"{comparison.method}; adjusted p {rows.p_told(delta.adjusted_p)}; {comparison.n:,} pairs",
        axis, axis.at(sign * comparison.estimate), (left, round(right - left, 2)) if known else None, axis.at(0.0),
        (band[0], round(band[1] - band[0], 2)) if band else None,
    )  # fmt: skip


def _alone(compared: Compared, delta: Delta) -> str:
    """Return why an interval without zero decides nothing: among so many metrics one such is chance."""
    one = delta.comparison
    if one is None or not (one.low > 0 or one.high < 0):
        return ""
    tested = sum(other.comparison is not None for other in compared.deltas)
    among = f"{tested} metric" + ("s" if tested != 1 else "")
    return f"alone p {rows.p_told(one.p_value)}, among {among} {rows.p_told(delta.adjusted_p).lstrip('= ')}"
