"""Metrics with names in brackets as tables: ``auroc[knn,digits]`` stands in row knn and column digits."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.record.schema import MetricRecord
from harness.report.heat import HeatMap, heat_rows
from harness.report.numbers import interval, short


@dataclass(frozen=True, slots=True)
class Pivot:
    """One table: of one metric by two names, or of several metrics by one."""

    name: str
    heat: HeatMap | None
    """Where everything in it is a share."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """A row's name, and of each field the value and what its tooltip says."""


def pivots(metrics: Mapping[str, MetricRecord]) -> list[Pivot]:
    """Return the tables of a task's metrics; those without brackets stand in none."""
    one: dict[str, dict[str, MetricRecord]] = {}
    two: dict[str, dict[str, dict[str, MetricRecord]]] = {}
    for name, value in metrics.items():
        base, bracket, inside = name.removesuffix("]").replace("][", ",").partition("[")
        if not bracket:
            continue
        first, comma, second = inside.partition(",")
        if comma:
            two.setdefault(base, {}).setdefault(first, {})[second] = value
        else:
            one.setdefault(base, {})[inside] = value
    made = [_table(base, rows) for base, rows in two.items()]
    return [*_by_name(one), *made]


def _by_name(found: Mapping[str, Mapping[str, MetricRecord]]) -> list[Pivot]:
    """Return one table for all metrics that have the same names in their brackets: the longer side goes down."""
    alike: dict[tuple[str, ...], dict[str, Mapping[str, MetricRecord]]] = {}
    for base, by in found.items():
        alike.setdefault(tuple(by), {})[base] = by
    made = []
    for names, bases in alike.items():
        if len(bases) >= len(names):
            rows: dict[str, Mapping[str, MetricRecord]] = dict(bases)
        else:
            rows = {name: {base: by[name] for base, by in bases.items()} for name in names}
        made.append(_table(", ".join(bases) if len(bases) <= 3 else f"{len(bases)} metrics", rows))
    return made


def _table(name: str, rows: Mapping[str, Mapping[str, MetricRecord]]) -> Pivot:
    columns = tuple(dict.fromkeys(column for row in rows.values() for column in row))
    values = [value for row in rows.values() for value in row.values()]
    heat = None
    if all(value.unit == "share" for value in values):
        heat = heat_rows(name, "", columns, {key: [row.get(column) for column in columns] for key, row in rows.items()})
    told = tuple((key, tuple(_field(row.get(column)) for column in columns)) for key, row in rows.items())
    return Pivot(name, heat, columns, told)


def _field(value: MetricRecord | None) -> tuple[str, str]:
    if value is None:
        return "", ""
    if value.value is None:
        return "–", "undefined"
    return (f"{value.value:.3f}" if value.unit == "share" else short(float(value.value))), interval(value)
