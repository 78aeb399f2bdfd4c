"""A number as a dot with its whisker on a line, drawn by a table's cell: it prints, is copied, and needs no script."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from harness.comparison.controls import TOLD
from harness.record.schema import GateRecord, MetricRecord, RunRecord, Verdict
from harness.report.content import Row
from harness.report.numbers import coverage, interval, short
from harness.report.slices import Slice
from harness.report.svg import round_steps

Way = Literal["bad", "good", "open", "data"]
"""Fails, passes, undecided, and no judgement at all."""

WAYS: Final[dict[Verdict, Way]] = {"fail": "bad", "pass": "good", "inconclusive": "open", "no baseline": "open"}
GLYPHS: Final[dict[Way, str]] = {"bad": "✕", "good": "✓", "open": "○", "data": "●"}
_ORDER: Final[dict[Verdict, int]] = {"fail": 0, "inconclusive": 1, "no baseline": 2, "pass": 3}
_RULE: Final = re.compile(r"(≥|≤|drop ≤|increase ≤|ratio ≤) (\S+)")
_BEFORE: Final = re.compile(r"(\S+) → \S+, n = ")
"""How the reason of a rule that compares begins."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A line's ends and its ticks: places are per cent of its length."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return the place of a value; what lies outside stands at the end."""
        return round(min(max((value - self.low) / (self.high - self.low), 0.0), 1.0) * 100, 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """A few round values with their places."""
        return [(self.at(tick), short(tick)) for tick in round_steps(self.low, self.high, 5)]


SHARES: Final = Axis(0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row."""

    label: str
    of: str
    """What stands in the name's brackets."""
    note: str
    """The line below the name."""
    way: Way
    value: str
    ends: str
    """The interval."""
    said: str
    """The row as a sentence, its verdict in words."""
    tip: str
    """How the interval was made, and of how many."""
    axis: Axis
    dot: float | None
    whisker: tuple[float, float] | None
    """Left end and length."""
    line: float | None = None
    """The gate's limit."""
    wrong_side: tuple[float, float] | None = None
    """Where the gate fails: left end and length."""
    ghost: float | None = None
    """The baseline's value, or that of all samples."""

    @property
    def glyph(self) -> str:
        """The mark that says the verdict without its colour."""
        return GLYPHS[self.way]


@dataclass(frozen=True, slots=True)
class Lanes:
    """Rows; ``axis`` is None where they share none."""

    rows: tuple[Lane, ...]

    @property
    def axis(self) -> Axis | None:
        """The axis of all rows that lie on the shares' one; None where there are none."""
        return next((row.axis for row in self.rows if row.axis == SHARES and row.dot is not None), None)


def gate_lanes(record: RunRecord) -> Lanes:
    """Return a row a gate: what fails first, then what is open, then what passes."""
    return Lanes(tuple(_gate(record, gate) for gate in sorted(record.gates, key=lambda gate: _ORDER[gate.verdict])))


def metric_lanes(rows: Sequence[Row], named: bool = True) -> Lanes:
    """Return a row a metric, without a judgement; ``named`` says the task."""
    notes = [(f"{row.task} · " if named else "") + _better(row) for row in rows]
    return Lanes(tuple(_lane(row.task, row.metric, row.value, note) for row, note in zip(rows, notes, strict=True)))


def weakest(found: Sequence[Slice], rows: Sequence[Row], most: int = 7) -> Lanes:
    """Return the slices that lie furthest on the worse side of all samples of their task; controls have none."""
    whole = {(row.task, row.metric): row for row in rows}
    below: list[tuple[float, Slice, float]] = []
    for one in found:
        row, value = whole.get((one.task, one.metric)), one.found.value
        if row is None or row.control or row.value.value is None or value is None:
            continue
        gap = (value - row.value.value) * (-1 if one.found.direction == "lower" else 1)
        if gap < 0:
            below.append((gap, one, row.value.value))
    below.sort(key=lambda entry: entry[0])
    return Lanes(
        tuple(_slice(one, value, f"{one.task} · {one.metric.replace('_', ' ')}") for _, one, value in below[:most])
    )


def _slice(one: Slice, whole: float | None, note: str = "") -> Lane:
    lane = _lane(one.task, one.metric, one.found, note, beside=_Beside(ghost=whole))
    said = f"{one.tag} = {one.value}: {lane.said}" + ("" if whole is None else f", of all samples {whole:.3f}")
    return replace(lane, label=one.value, of=one.tag.replace("_", " "), ends=f"n {coverage(one.found)}", said=said)


def slice_lanes(found: Sequence[Slice], rows: Sequence[Row]) -> Lanes:
    """Return every slice of a task as a row, the weakest first, with the value of all samples behind it."""
    whole = {row.metric: row.value.value for row in rows}
    lower = any(row.better == "lower" for row in rows if found and row.metric == found[0].metric)
    known = [one for one in found if one.found.value is not None]
    ordered = sorted(known, key=lambda one: (one.found.value or 0.0) * (-1 if lower else 1))
    return Lanes(tuple(_slice(one, whole.get(one.metric)) for one in ordered))


def _better(row: Row) -> str:
    ways = {"higher": "higher is better", "lower": "lower is better"}
    return TOLD if row.control else ways.get(row.value.direction, "")


def _gate(record: RunRecord, gate: GateRecord) -> Lane:
    task, _, metric = gate.metric.partition("/")
    known = record.tasks[task].metrics.get(metric) if task in record.tasks else None
    before = _BEFORE.match(gate.reason)
    ghost = float(before[1]) if before and before[1] != "nan" else None
    limit, above = _limit(gate.rule, ghost, known.direction if known else "higher")
    said = in_words(gate.rule)
    note = f"{task} · {said}"
    if gate.verdict == "no baseline":
        note += ", no baseline"
    elif gate.verdict == "pass" and known and limit is not None and _crosses(known, limit):
        note += " · the interval crosses the line"
    beside = _Beside(limit, above, ghost, f"{said}: {gate.verdict}")
    return _lane(task, metric, known, note, WAYS[gate.verdict], beside)


def _crosses(value: MetricRecord, limit: float) -> bool:
    return value.low is not None and value.high is not None and value.low < limit < value.high


def in_words(rule: str) -> str:
    """Return a rule in words, as far as it is one of ours.

    >>> in_words("≥ 0.92"), in_words("drop ≤ 0.02")
    ('at least 0.92', 'drop of at most 0.02')
    """
    found = _RULE.fullmatch(rule)
    words = {"≥": "at least", "≤": "at most", "drop ≤": "drop of at most", "increase ≤": "increase of at most"}
    return f"{words.get(found[1], 'at most times')} {found[2]}" if found else rule


def _limit(rule: str, before: float | None, direction: str) -> tuple[float | None, bool]:
    """Return where the line lies on the value's axis, and whether a gate fails above it."""
    found = _RULE.fullmatch(rule)
    if not found:
        return None, False
    kind, number = found[1], float(found[2])
    if kind in ("≥", "≤"):
        return number, kind == "≤"
    if before is None:
        return None, False
    above = kind != "drop ≤" or direction == "lower"
    if kind == "ratio ≤":
        return before * number, True
    return (before + number if above else before - number), above


@dataclass(frozen=True, slots=True)
class _Beside:
    """What stands beside a value: the limit and the side on which a gate fails, another value, the verdict in words."""

    limit: float | None = None
    above: bool = False
    ghost: float | None = None
    verdict: str = ""


def _lane(
    task: str,
    metric: str,
    known: MetricRecord | None,
    note: str,
    way: Way = "data",
    beside: "_Beside" = _Beside(),
) -> Lane:
    limit, above, ghost, verdict = beside.limit, beside.above, beside.ghost, beside.verdict
    base, _, of = metric.removesuffix("]").replace("][", ",").partition("[")
    of = of.replace(",", ", ")
    if known is None or known.value is None:
        said = f"{task}/{metric}: undefined" + (f"; {verdict}" if verdict else "")
        return Lane(base, of, note, way, "–", "undefined", said, "", SHARES, None, None)
    axis = axis_of(known, [limit, ghost])
    low, high = known.low, known.high
    whisker = (axis.at(low), round(axis.at(high) - axis.at(low), 2)) if low is not None and high is not None else None
    line = None if limit is None else axis.at(limit)
    side = None if line is None else ((line, round(100 - line, 2)) if above else (0.0, line))
    share = known.unit == "share"
    return Lane(
        base,
        of,
        " · ".join(filter(None, (note, "" if share else f"{known.unit or 'no unit'}, own scale"))),
        way,
        f"{known.value:.3f}" if share else short(known.value),
        ends_of(known, share),
        f"{task}/{metric}: {interval(known)}" + (f"; {verdict}" if verdict else ""),
        f"n = {coverage(known)}" + (f"; {known.method}" if known.method else ""),
        axis,
        axis.at(known.value),
        whisker,
        line,
        side,
        None if ghost is None else axis.at(ghost),
    )


def ends_of(known: MetricRecord, share: bool) -> str:
    """Return the interval of a number, ``[0.902, 0.984]``."""
    if known.low is None or known.high is None:
        return "no interval"
    if share:
        return f"[{known.low:.3f}, {known.high:.3f}]"
    return f"[{short(float(known.low))}, {short(float(known.high))}]"


def axis_of(known: MetricRecord, beside: Sequence[float | None]) -> Axis:
    """Return the axis of a number: shares have one in common, others their own, which begins at zero where it may."""
    values = [value for value in (known.value, known.low, known.high, *beside) if value is not None]
    if known.unit == "share" and min(values) >= 0 and max(values) <= 1:
        return SHARES
    low, high = min(0.0, *values), max(0.0, *values)
    spare = (high - low or 1.0) * 0.08
    return Axis(low - spare if low < 0 else 0.0, high + spare if high > 0 else 0.0 + spare)


def legend(lanes: Lanes) -> Iterator[tuple[Way, str]]:
    """Yield the verdicts that a chart shows, with their words."""
    words: dict[Way, str] = {"bad": "fails", "good": "passes", "open": "undecided", "data": "no judgement"}
    for way, word in words.items():
        if any(row.way == way for row in lanes.rows):
            yield way, word
