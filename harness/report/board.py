"""A leaderboard as pages, terminals and JSON show it: who is first, who is not told apart, and what an answer took."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from harness.comparison.board import Board, Column, Entry
from harness.comparison.spending import Amount, price_of, seconds_of
from harness.record.schema import MetricRecord
from harness.report.github_safe import escaped
from harness.report.lanes import SHARES, Axis, Lane, Way, axis_of, ends_of
from harness.report.lead import Lead
from harness.report.numbers import interval, short

STAR: Final = "★ the best of its column, or not told apart from it (paired by sample, 5 % over all pairs of runs)"
_NAMED: Final = 3
"""Columns that a sentence names; the rest it counts."""
_WAYS: Final[Mapping[str, Way]] = {"best": "good", "tied": "good", "behind": "open", "untested": "data"}
_TOLD: Final = {
    "best": "the best",
    "tied": "not told apart from the best",
    "behind": "told apart from the best",
    "untested": "not tested against the best",
    "unranked": "not ranked",
    "absent": "no value",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What stands over a column."""

    column: Column
    axis: Axis

    @property
    def base(self) -> str:
        """The metric without what stands in brackets."""
        return self.column.metric.removesuffix("]").partition("[")[0].replace("_", " ")

    @property
    def of(self) -> str:
        """What stands in its brackets."""
        return self.column.metric.removesuffix("]").partition("[")[2].replace("][", ",").replace(",", ", ")

    @property
    def way(self) -> str:
        """What is better, where that is not what one expects."""
        return "lower is better" if self.column.direction == "lower" else ""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer of a run took, in the task that the board begins with."""

    seconds: Amount | None
    price: Amount | None


def heads(board: Board) -> list[Head]:
    """Return the columns, each with one axis for all runs."""
    made = []
    for column in board.columns:
        known = [one.value for one in column.entries if one.value is not None and one.value.value is not None]
        ends = [end for one in known for end in (one.value, one.low, one.high)]
        made.append(Head(column, axis_of(known[0], ends) if known else SHARES))
    return made


def lane(head: Head, entry: Entry) -> Lane:
    """Return one number of one run: filled and green where it is first, hollow where it is told apart."""
    name, known = head.column.name, entry.value
    told = _TOLD[entry.place] + (f": {entry.note}" if entry.note else "")
    way = _WAYS.get(entry.place, "open")
    if known is None or known.value is None:
        return Lane(name, "", told, "open", "–", "", f"{name}: no value", told, head.axis, None, None)
    share, at = known.unit == "share", head.axis.at
    whisker = None
    if known.low is not None and known.high is not None:
        whisker = (at(known.low), round(at(known.high) - at(known.low), 2))
    value = f"{known.value:.3f}" if share else short(known.value)
    said = f"{name}: {interval(known)}, {told}"
    return Lane(name, "", "", way, value, ends_of(known, share), said, tip(entry), head.axis, at(known.value), whisker)


def tip(entry: Entry) -> str:
    """Return how an entry was judged."""
    found = entry.delta.comparison if entry.delta is not None else None
    if found is None:
        return entry.note or _TOLD[entry.place]
    change = f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}] against the best"
    return f"{_TOLD[entry.place]}: {change}, {found.n:,} pairs, adjusted p {entry.adjusted_p:.2g}; {found.method}"


def spent(board: Board) -> list[Spent]:
    """Return what an answer of each run took in the first column's task."""
    if not board.columns:
        return [Spent(None, None)] * len(board.runs)
    task = board.columns[0].task
    return [Spent(seconds_of(run, task), price_of(run, task)) for run in board.runs]


def amount(one: Amount | None) -> str:
    """Return an amount as a table shows it.

    >>> amount(Amount(0.0123, 0.01, 0.014, 9, "s")), amount(Amount(0.0002, 0.0001, 0.0003, 9, "USD")), amount(None)
    ('12.3 ms', '0.0002 USD', '–')
    """
    if one is None:
        return "–"
    if one.unit == "s":
        return f"{one.value * 1000:.3g} ms" if one.value < 1 else f"{one.value:.3g} s"
    return f"{one.value:.3g} {one.unit}"


def badge(board: Board) -> tuple[Way, str]:
    """Return who is first in a word or two."""
    everywhere = board.everywhere
    if len(everywhere) == 1 and all(column.first == everywhere for column in board.columns):
        return "good", "1 first"
    if everywhere:
        return "open", f"{len(everywhere)} tied first"
    return "open", "no one first" if any(column.first for column in board.columns) else "not ranked"


def lead(board: Board) -> Lead:
    """Return the sentence that the page begins with."""
    ranked = [column for column in board.columns if column.best is not None]
    if not ranked:
        return Lead(
            "Nothing is ranked.", "open", "Ranking needs two runs that came to their end, real or all simulated."
        )
    everywhere = board.everywhere
    if len(everywhere) == 1:
        name = board.titles[everywhere[0]]
        told = [_column_name(column) for column in ranked if len(column.first) > 1]
        if not told:
            return Lead(f"{name} is first.", "good", f"It is told apart from every other run on {_on(ranked)}.")
        tied = f"Only it is first, or not told apart from the first, everywhere; others tie with it on {_listed(told)}."
        return Lead(f"{name} is nowhere behind.", "good", tied)
    if everywhere and all(column.first == everywhere for column in ranked):
        names = _listed([board.titles[i] for i in everywhere])
        return Lead("Not told apart.", "open", f"{names} share the first place on {_on(ranked)}.")
    if everywhere:
        names = _listed([board.titles[i] for i in everywhere])
        return Lead("No single first.", "open", f"{names} are first or tied everywhere. {_by_first(board, ranked)}")
    return Lead("No run is best everywhere.", "open", _by_first(board, ranked))


def _by_first(board: Board, ranked: Sequence[Column]) -> str:
    """Return which runs are first on which columns."""
    order = list(dict.fromkeys(column.first for column in ranked))
    grouped = groupby(sorted(ranked, key=lambda column: order.index(column.first)), key=lambda column: column.first)
    said = []
    for first, columns in grouped:
        names = _listed([board.titles[i] for i in first])
        verb = "leads on" if len(first) == 1 else "share the first place on"
        said.append(f"{names} {verb} {_listed([_column_name(one) for one in columns])}")
    return "; ".join(said) + "."


def _on(columns: Sequence[Column]) -> str:
    return _listed([_column_name(column) for column in columns])


def _column_name(column: Column) -> str:
    return column.name.replace("_", " ")


def _listed(names: Sequence[str]) -> str:
    """Return names as a sentence has them.

    >>> _listed(["a"]), _listed(["a", "b", "c"]), _listed(list("abcde"))
    ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    if len(names) > _NAMED + 1:
        names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def table(board: Board) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows for a terminal or Markdown: a star marks what is first or not told apart from it."""
    costs = spent(board)
    columns = [f"{column.name}{' ↓' if column.direction == 'lower' else ''}" for column in board.columns]
    prices = any(one.price for one in costs)
    rows = []
    for i, (title, record, cost) in enumerate(zip(board.titles, board.records, costs, strict=True)):
        mark = " (simulated)" if record.adapter.simulated else ""
        numbers = [_starred(column.entries[i]) for column in board.columns]
        rows.append([title + mark, *numbers, amount(cost.seconds), *([amount(cost.price)] if prices else [])])
    return ["run", *columns, "an answer", *(["costs"] if prices else [])], rows


def by_column(board: Board) -> tuple[list[str], list[list[str]]]:
    """Return heads and rows for a narrow terminal: a row a number and run, the best of each column first."""
    rows = []
    for column in board.columns:
        sign = -1.0 if column.direction == "lower" else 1.0
        valued = [(i, one.value.value if one.value else None) for i, one in enumerate(column.entries)]
        order = sorted(valued, key=lambda pair: math.inf if pair[1] is None else -sign * pair[1])
        name = f"{column.name}{' ↓' if column.direction == 'lower' else ''}"
        rows += [[name, *_of_run(board, column, i)] for i, _ in order]
    costs = zip(board.titles, spent(board), strict=True)
    rows += [["an answer", title, amount(one.seconds), amount(one.price) if one.price else ""] for title, one in costs]
    return ["number", "run", "value", ""], rows


def _of_run(board: Board, column: Column, i: int) -> tuple[str, str, str]:
    entry, simulated = column.entries[i], board.records[i].adapter.simulated
    said = "" if entry.place in ("best", "tied", "behind") else _TOLD[entry.place]
    return board.titles[i] + (" (simulated)" if simulated else ""), _starred(entry), said


def board_markdown(board: Board) -> str:
    """Return the leaderboard as Markdown, with what it says in a sentence above."""
    from tabulate import tabulate

    said = lead(board)
    titles, rows = table(board)
    safe = [[escaped(name), *numbers] for name, *numbers in rows]
    text = tabulate(safe, headers=[escaped(title) for title in titles], tablefmt="github", disable_numparse=True)
    head = f"# {escaped(board.records[0].suite.name)}: {len(board.runs)} runs"
    return "\n\n".join([head, f"**{escaped(said.word)}** {escaped(said.told, 600)}", text, STAR]) + "\n"


def _starred(entry: Entry) -> str:
    if entry.value is None or entry.value.value is None:
        return "–"
    return interval(entry.value) + (" ★" if entry.first else " ?" if entry.place == "untested" else "")


def board_json(board: Board) -> dict[str, Any]:
    """Return a leaderboard as JSON values."""
    said, costs = lead(board), spent(board)
    return {
        "suite": board.records[0].suite.name,
        "lead": f"{said.word} {said.told}",
        "columns": [{"task": c.task, "metric": c.metric, "direction": c.direction, "unit": c.unit}
                    for c in board.columns],
        "runs": [
            {
                "run": record.run_id,
                "adapter": record.adapter.name,
                "simulated": record.adapter.simulated,
                "seconds": _amount_json(costs[i].seconds),
                "price": _amount_json(costs[i].price),
                "values": [_entry_json(column.entries[i]) for column in board.columns],
            }
            for i, record in enumerate(board.records)
        ],
    }  # fmt: skip


def _amount_json(one: Amount | None) -> dict[str, Any] | None:
    return (
        None if one is None else {name: _finite(getattr(one, name)) for name in ("value", "low", "high", "n", "unit")}
    )


def _entry_json(entry: Entry) -> dict[str, Any]:
    known: MetricRecord | None = entry.value
    found = entry.delta.comparison if entry.delta is not None else None
    told = {name: None if known is None else getattr(known, name) for name in ("value", "low", "high", "n")}
    against = None if found is None else {"estimate": found.estimate, "low": found.low, "high": found.high}
    note = {"note": entry.note} if entry.note else {}
    return {**told, "place": entry.place, "against_best": against, "adjusted_p": _finite(entry.adjusted_p), **note}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
