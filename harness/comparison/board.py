"""Several runs of one suite, ranked: in each column the best, those that are not told apart from it, and the others."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from harness.comparison.compare import Delta, Options, changes
from harness.comparison.controls import control
from harness.comparison.identity import Incomparable
from harness.comparison.watched import gated
from harness.errors import UsageError
from harness.record import Run, RunRecord
from harness.record.schema import MetricRecord, TaskRecord
from harness.types import Direction

Place = Literal["best", "tied", "behind", "untested", "unranked", "absent"]
"""The best by value; not told apart from it; told apart; no test says; no part of the ranking; no value at all."""

ALPHA: Final = 0.05
"""How often any of some equal runs is told apart from the best of a column."""
FIRST: Final[frozenset[Place]] = frozenset({"best", "tied"})
_DEFAULTS: Final = Options()


@dataclass(frozen=True, slots=True)
class Entry:
    """One run in one column."""

    value: MetricRecord | None
    place: Place
    delta: Delta | None = None
    """Against the best, over the samples that both have; None of the best itself, and where there was no test."""
    adjusted_p: float = math.nan
    """As if every pair of ranked runs had been tested: the best was chosen by the same samples."""
    note: str = ""
    """Why there is no test."""

    @property
    def first(self) -> bool:
        """Whether it is the best or may be as good."""
        return self.place in FIRST


@dataclass(frozen=True, slots=True)
class Column:
    """One number of every run."""

    task: str
    metric: str
    direction: Direction
    unit: str
    entries: tuple[Entry, ...]
    """In the order of the board's runs."""

    @property
    def name(self) -> str:
        """``task/metric``."""
        return f"{self.task}/{self.metric}"

    @property
    def best(self) -> int | None:
        """Which run has the best value; None where nothing is ranked."""
        return next((i for i, entry in enumerate(self.entries) if entry.place == "best"), None)

    @property
    def first(self) -> tuple[int, ...]:
        """The runs that are the best or not told apart from it."""
        return tuple(i for i, entry in enumerate(self.entries) if entry.first)


@dataclass(frozen=True)
class Board:
    """The ranking; runs stand in its order, those that are not ranked last."""

    runs: tuple[Run, ...]
    columns: tuple[Column, ...]

    @cached_property
    def titles(self) -> tuple[str, ...]:
        """The names of the runs' adapters, of which no two are alike: the second run of one is numbered."""
        names = [run.record.adapter.name for run in self.runs]
        return tuple(
            name if names.count(name) == 1 else f"{name} #{names[: i + 1].count(name)}" for i, name in enumerate(names)
        )

    @property
    def records(self) -> tuple[RunRecord, ...]:
        """The records of the runs."""
        return tuple(run.record for run in self.runs)

    def ranked(self, run: int) -> bool:
        """Return whether a run is part of any column's ranking."""
        return any(column.entries[run].place not in ("unranked", "absent") for column in self.columns)

    @property
    def everywhere(self) -> tuple[int, ...]:
        """The runs that are first, or tied with the first, in every column."""
        all_ = range(len(self.runs))
        return tuple(i for i in all_ if self.columns and all(column.entries[i].first for column in self.columns))


def board(runs: Sequence[Run], options: Options = _DEFAULTS) -> Board:
    """Rank runs of one suite, by what its gates watch, else by the primary metric of each task.

    Ties are found by the paired test of each run against the best of the column, never by intervals that overlap; p is
    multiplied by the number of pairs of ranked runs, since the best is chosen by the same samples: of equal runs one
    is told apart from the best at most once in twenty columns. Controls are not ranked, nor is a run that did not
    come to its end, or a simulated one beside a real one. A run that did not ask the same questions has no test.

    Args:
        runs: two or more.
        options: of the comparisons.

    Raises:
        UsageError: if the runs are of different suites, or their samples cannot be read.
    """
    for run in runs:
        run.check_plain()
    suites = sorted({f"{run.record.suite.name} {run.record.suite.version}" for run in runs})
    if len(suites) > 1:
        raise UsageError(f"these runs are of different suites: {', '.join(suites)}")
    columns = _Ranking(runs, options).columns()
    order = sorted(range(len(runs)), key=lambda i: _standing(columns, i))
    sorted_columns = tuple(
        Column(one.task, one.metric, one.direction, one.unit, tuple(one.entries[i] for i in order)) for one in columns
    )
    return Board(tuple(runs[i] for i in order), sorted_columns)


def _standing(columns: Sequence[Column], run: int) -> tuple[bool, int, float]:
    """Return what a run is sorted by: ranked runs first, then by columns in which it is first, then by its shares."""
    entries = [(column, column.entries[run]) for column in columns]
    ranked = [entry for _, entry in entries if entry.place not in ("unranked", "absent")]
    shares = [
        (1.0 - entry.value.value) if column.direction == "lower" else entry.value.value
        for column, entry in entries
        if column.unit == "share" and entry.value is not None and entry.value.value is not None
    ]
    return not ranked, -sum(entry.first for entry in ranked), -sum(shares) / max(1, len(shares))


class _Ranking:
    def __init__(self, runs: Sequence[Run], options: Options) -> None:
        self._runs, self._options = runs, options
        whole = [i for i, run in enumerate(runs) if run.record.status == "complete"]
        self._eligible = [i for i in whole if not runs[i].record.adapter.simulated] or whole

    def columns(self) -> list[Column]:
        drafts = [self._draft(task, metric) for task, metric in _names([run.record for run in self._runs])]
        wanted: dict[tuple[int, int], list[str]] = {}
        for draft in drafts:
            for run in draft.others:
                wanted.setdefault((draft.best, run), []).append(f"{draft.task}/{draft.metric}")
        known = {pair: self._changes(*pair, names) for pair, names in wanted.items()}
        return [_column(draft, known) for draft in drafts]

    def _draft(self, task: str, metric: str) -> "_Draft":
        values = [_value(run.record, task, metric) for run in self._runs]
        direction = next(value.direction for value in values if value is not None)
        sign = -1.0 if direction == "lower" else 1.0
        ranked = {
            i: sign * one.value for i in self._eligible if (one := values[i]) is not None and one.value is not None
        }
        best = max(ranked, key=lambda i: (ranked[i], -i)) if len(ranked) > 1 else -1
        return _Draft(task, metric, values, best, [i for i in ranked if i != best] if best >= 0 else [])

    def _changes(self, best: int, run: int, names: Sequence[str]) -> dict[str, Delta] | str:
        try:
            return changes(self._runs[best], self._runs[run], names, self._options)
        except Incomparable as error:
            return f"not comparable: {error.reasons[0]}"


@dataclass(frozen=True, slots=True)
class _Draft:
    """A column before its tests."""

    task: str
    metric: str
    values: Sequence[MetricRecord | None]
    best: int
    """-1 where fewer than two runs are ranked."""
    others: Sequence[int]
    """The ranked runs but the best."""


def _column(draft: _Draft, known: Mapping[tuple[int, int], Mapping[str, Delta] | str]) -> Column:
    told = next(value for value in draft.values if value is not None)
    pairs = math.comb(len(draft.others) + 1, 2)
    entries = []
    for i, value in enumerate(draft.values):
        if value is None or value.value is None:
            entries.append(Entry(value, "absent"))
        elif i == draft.best:
            entries.append(Entry(value, "best"))
        elif i not in draft.others:
            entries.append(Entry(value, "unranked"))
        else:
            entries.append(_against(value, known[draft.best, i], f"{draft.task}/{draft.metric}", pairs))
    return Column(draft.task, draft.metric, told.direction, told.unit, tuple(entries))


def _against(value: MetricRecord, found: Mapping[str, Delta] | str, name: str, pairs: int) -> Entry:
    if isinstance(found, str):
        return Entry(value, "untested", note=found)
    delta = found.get(name)
    if delta is None or delta.comparison is None or math.isnan(delta.comparison.p_value):
        return Entry(value, "untested", delta, note=delta.note if delta else "no value in both runs")
    one, adjusted = delta.comparison, min(1.0, delta.comparison.p_value * pairs)
    apart = adjusted <= ALPHA and one.high < 0
    return Entry(value, "behind" if apart else "tied", delta, adjusted)


def _names(records: Sequence[RunRecord]) -> list[tuple[str, str]]:
    """Return the columns: of each task the metrics that gates watch, else its primary one; no controls."""
    names: dict[tuple[str, str], None] = {}
    for record in records:
        watched = gated(record)
        for task, body in record.tasks.items():
            mine = [name.partition("/")[2] for name in watched if name.partition("/")[0] == task]
            there = [metric for metric in mine if metric in body.metrics]
            for metric in there or _primary(body):
                if body.metrics[metric].direction != "none" and not control(record, task, metric):
                    names[task, metric] = None
    return list(names)


def _primary(task: TaskRecord) -> list[str]:
    return [task.primary] if task.primary in task.metrics else [*task.metrics][:1]


def _value(record: RunRecord, task: str, metric: str) -> MetricRecord | None:
    return record.tasks[task].metrics.get(metric) if task in record.tasks else None
