"""Numbers of one name for many things, ``auroc[knn,digits]``, as one table of things instead of many lines."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from rich.console import Console

from harness.cli._grid import fits, print_grid, safe
from harness.comparison.watched import gated
from harness.record.schema import MetricRecord, RunRecord, TaskRecord
from harness.report.numbers import arrow, interval, title

_NAME: Final = re.compile(r"(?P<base>[^\[]+)\[(?P<row>[^\],]+)(?:,(?P<column>[^\]]+)\]|\](?:\[(?P<slice>[^\]]+)\])?)")


def in_family(name: str) -> bool:
    """Return whether a number is one of many of the same name.

    >>> in_family("auroc[knn]"), in_family("auroc")
    (True, False)
    """
    return _NAME.fullmatch(name) is not None


Table = dict[str, dict[str, MetricRecord]]
"""Numbers by row and column."""


def print_families(out: Console, records: Sequence[RunRecord], *, everything: bool = False) -> None:
    """Print a table for each task's families: things down, numbers across; or things by things of one number.

    Without ``everything`` only numbers that a gate names or that are their task's headline, and the others are counted.
    """
    left: list[str] = []
    for name, task in records[0].tasks.items():
        rows, crossed = _families(task)
        first = _bases(records[0], name)
        shown = [base for base in rows if everything or base in first] or [*rows][:1]
        left += [base for base in rows if base not in shown]
        if len(records) == 1:
            for same in _alike({base: rows[base] for base in shown}):
                _print(out, name, task, same)
        for base in shown if len(records) > 1 else ():
            _print_beside(out, name, base, records)
        bases = [base for base in crossed if everything or base in first] or [*crossed][:1]
        left += [base for base in crossed if base not in bases]
        for record in records:
            mark = f"{title(record)}: " if len(records) > 1 else ""
            for base in bases if name in record.tasks else ():
                if base in (found := _families(record.tasks[name])[1]):
                    _print_crossed(out, f"{mark}{name}/{base}", found[base], record.tasks[name])
            if name in record.tasks:
                _print_cells(out, mark + name, record.tasks[name])
    if left:
        names = [*dict.fromkeys(left)]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        out.print(f"[dim]not shown: {safe(', '.join(names[:3]))}{more}; harness show --all[/]")


def _families(task: TaskRecord) -> tuple[dict[str, dict[str, MetricRecord]], dict[str, Table]]:
    """Return families of one thing, and of two, by name."""
    rows: dict[str, dict[str, MetricRecord]] = {}
    crossed: dict[str, Table] = {}
    for name, metric in task.metrics.items():
        if found := _NAME.fullmatch(name):
            base, row, column = found["base"], found["row"], found["column"]
            if found["slice"]:
                row, column = found["slice"], row
            if column is None:
                rows.setdefault(base, {})[row] = metric
            else:
                crossed.setdefault(base, {}).setdefault(row, {})[column] = metric
    return rows, crossed


def put_first(record: RunRecord) -> set[str]:
    """Return the names of the numbers that a gate of the suite names, or that are their task's headline."""
    return {*gated(record), *(f"{name}/{task.primary}" for name, task in record.tasks.items())}


def _bases(record: RunRecord, task: str) -> set[str]:
    """Return the names, without task and brackets, that are put first in a task."""
    named = (name.removeprefix(f"{task}/") for name in put_first(record) if name.startswith(f"{task}/"))
    return {name.partition("[")[0] for name in named}


def _alike(families: dict[str, dict[str, MetricRecord]]) -> list[dict[str, dict[str, MetricRecord]]]:
    """Return families that are of the same things together."""
    groups: dict[tuple[str, ...], dict[str, dict[str, MetricRecord]]] = {}
    for base, family in families.items():
        groups.setdefault(tuple(sorted(family)), {})[base] = family
    return [*groups.values()]


def _print(out: Console, name: str, task: TaskRecord, families: dict[str, dict[str, MetricRecord]]) -> None:
    """Print things down and numbers across, as many beside each other as fit."""
    things = [*dict.fromkeys(thing for family in families.values() for thing in family)]
    head = _called(task, things)
    metrics = [metric for family in families.values() for metric in family.values()]
    caption = f"{name}{f' by {head}' if head else ''}{_of(metrics)}"
    for bases in _columns(out.width, head, things, families):
        heads = [head, *(f"{base} {arrow(next(iter(families[base].values())))}".strip() for base in bases)]
        rows = [[safe(thing), *(_told(families[base].get(thing)) for base in bases)] for thing in things]
        print_grid(out, heads, rows, title=_caption(caption))
        caption = ""


def _columns(
    width: int, head: str, things: Sequence[str], families: dict[str, dict[str, MetricRecord]]
) -> list[list[str]]:
    """Return the names of numbers that stand beside each other, table by table."""
    groups: list[list[str]] = []
    for base in families:
        tried = [*groups[-1], base] if groups else [base]
        rows = [[safe(thing), *(_told(families[one].get(thing)) for one in tried)] for thing in things]
        if groups and fits(width, [head, *(f"{one} ↑" for one in tried)], rows):
            groups[-1] = tried
        else:
            groups.append([base])
    return groups


def _print_beside(out: Console, task: str, base: str, records: Sequence[RunRecord]) -> None:
    """Print one number's things down and runs across."""
    found = [_families(record.tasks[task])[0].get(base, {}) if task in record.tasks else {} for record in records]
    things = [*dict.fromkeys(thing for family in found for thing in family)]
    rows = [[safe(thing), *(_told(family.get(thing)) for family in found)] for thing in things]
    way = arrow(next(metric for family in found for metric in family.values()))
    head = _called(records[0].tasks[task], things)
    print_grid(out, [head, *map(title, records)], rows, title=_caption(f"{task}/{base} {way}"))


def _print_crossed(out: Console, name: str, table: Table, task: TaskRecord) -> None:
    """Print one number of things by things; values alone where intervals have no room, tables as it takes."""
    metrics = [metric for row in table.values() for metric in row.values()]
    columns = [*dict.fromkeys(column for row in table.values() for column in row)]
    head, across = _called(task, [*table]), _called(task, columns)
    caption = f"{name} {arrow(metrics[0])}{f' by {across}' if across else ''}{_of(metrics)}"
    whole = [[safe(thing), *(_told(row.get(column)) for column in columns)] for thing, row in table.items()]
    if fits(out.width, [head, *columns], whole):
        print_grid(out, [head, *columns], whole, title=_caption(caption))
        return
    while columns:
        count = len(columns)
        while count > 1 and not fits(out.width, [head, *columns[:count]], _values(table, columns[:count])):
            count -= 1
        few, columns = columns[:count], columns[count:]
        print_grid(out, [head, *few], _values(table, few), right=few, title=_caption(caption))
        caption = ""


def _values(table: Table, columns: Sequence[str]) -> list[list[str]]:
    return [[safe(thing), *(_value(row.get(column)) for column in columns)] for thing, row in table.items()]


def _print_cells(out: Console, name: str, task: TaskRecord) -> None:
    """Print a sweep's headline by corruption and severity."""
    table: Table = {}
    for cell in task.cells.values():
        if {*cell.labels} == {"corruption", "severity"} and task.primary in cell.metrics:
            row = table.setdefault(str(cell.labels["corruption"]), {})
            row[str(cell.labels["severity"])] = cell.metrics[task.primary]
    if len(table) > 1 and any(len(row) > 1 for row in table.values()):
        ordered = sorted({column for row in table.values() for column in row}, key=lambda one: (len(one), one))
        filled = {thing: {one: row[one] for one in ordered if one in row} for thing, row in table.items()}
        _print_crossed(out, f"{name}/{task.primary}", filled, task)


def _called(task: TaskRecord, things: Iterable[str]) -> str:
    """Return what things are, as far as the record says: the label or the table that holds them all."""
    wanted = {*things}
    labels: dict[str, set[str]] = {}
    for cell in task.cells.values():
        for label, value in cell.labels.items():
            labels.setdefault(label, set()).add(str(value))
    for table in task.tables:
        if table.columns:
            labels.setdefault(table.columns[0], set()).update(str(row[0]) for row in table.rows)
    return next((label for label, values in labels.items() if wanted <= values), "")


def _of(metrics: Sequence[MetricRecord]) -> str:
    """Return how many samples stand behind each number of a table, where it is one count for all."""
    counts = {(metric.n, metric.total) for metric in metrics}
    return f", n = {metrics[0].n:,}" if len(counts) == 1 and metrics[0].n else ""


def _told(metric: MetricRecord | None) -> str:
    return "" if metric is None else safe(interval(metric))


def _value(metric: MetricRecord | None) -> str:
    return "" if metric is None else "–" if metric.value is None else f"{metric.value:.3f}"


def _caption(text: str) -> str:
    """Return a table's title, a line below what stands above it."""
    return f"\n{safe(text)}" if text else ""
