"""How numbers look, wherever they are shown."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from harness.record.schema import MetricRecord, RunRecord, TaskRecord
from harness.types import Direction

SIMULATED = "simulated"
_INTERVAL: Final = re.compile(r"\[[-−+]?[\d.,e+-]+, [-−+]?[\d.,e+-]+\]")


def interval(metric: MetricRecord) -> str:
    """Return a value with its interval: ``0.953 [0.927, 0.969]``."""
    if metric.value is None:
        return "undefined"
    if metric.low is None or metric.high is None:
        return f"{metric.value:.3f} [no interval]"
    return f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"


def whole(text: str) -> str:
    r"""Return text whose intervals are not broken between their ends at the end of a line.

    >>> whole("at 0.5 [0.4, 0.6]")
    'at 0.5 [0.4,\xa00.6]'
    """
    return _INTERVAL.sub(lambda found: found[0].replace(" ", "\u00a0"), text)


def coverage(metric: MetricRecord) -> str:
    """Return how many samples stand behind a value: ``400``, or ``397 of 400 ok`` where some failed."""
    ok = metric.statuses.get("ok", 0)
    return f"{metric.n:,}" if ok == metric.total else f"{ok:,} of {metric.total:,} ok"


CUT_OFF: Final = "answers cut off"
"""What a line is called that says how many answers reached their limit of tokens."""


def cut_off(task: TaskRecord) -> str:
    """Return how many of a task's answers were cut off, ``6 of 400``; nothing where none was."""
    return str(task.cut_off) if task.cut_off.cut else ""


def arrow(metric: MetricRecord) -> str:
    """Return the direction in which the metric gets better."""
    return way(metric.direction)


def way(direction: Direction) -> str:
    """Return an arrow in the direction in which something gets better."""
    return {"higher": "↑", "lower": "↓"}.get(direction, "")


def known(metrics: Iterable[MetricRecord | None]) -> MetricRecord:
    """Return the one of several runs' records that says most of a metric: a record without a value may not know it."""
    there = [metric for metric in metrics if metric]
    return next((metric for metric in there if metric.value is not None), there[0])


def title(record: RunRecord) -> str:
    """Return the adapter's name, marked where no model stands behind it."""
    return f"{record.adapter.name} ({SIMULATED})" if record.adapter.simulated else record.adapter.name


def short(value: str | float | None) -> str:
    """Return a cell of a table: numbers with four digits that count, nothing where there is nothing.

    >>> short(0.123456), short(12345.0), short(7), short(None), short("x")
    ('0.1235', '12,345', '7', '', 'x')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or (abs(value) >= 1000 and math.isfinite(value)):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def day(milliseconds: int) -> str:
    """Return a date, in UTC.

    >>> day(0)
    '1970-01-01'
    """
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"
