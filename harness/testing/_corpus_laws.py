"""The laws of metrics that need all rows at once, one function each, which raises where a law is broken."""

import copy
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from harness.metrics import CorpusMetric
from harness.testing._words import check_value, close, require, same

_NAMED: Final = ("clusters", "images", "ids")
"""Columns of names."""

CorpusLaw = Callable[[CorpusMetric, Mapping[str, Any]], None]


def _take(columns: Mapping[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    return {name: [column[row] for row in rows] for name, column in columns.items()}


def _length(columns: Mapping[str, Any]) -> int:
    return len(next(iter(columns.values())))


def _corpus_range(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """The value and its interval lie within the bounds, the right way round."""
    check_value(metric.compute(**columns), metric.bounds)


def _corpus_order(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """The order of rows changes nothing."""
    n = _length(columns)
    forth = metric.compute(**columns)
    for rows in (range(n - 1, -1, -1), [*range(1, n), *range(min(n, 1))]):
        require(
            close(forth.value, metric.compute(**_take(columns, rows)).value), "the value depends on the order of rows"
        )


def _corpus_purity(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """The result depends on no earlier call and on no chance, and no argument is changed."""
    before = copy.deepcopy(dict(columns))
    first = metric.compute(**columns)
    metric.compute(**_take(columns, range(_length(columns) // 2)))
    require(same(first, metric.compute(**columns)), "the result depends on earlier calls or on chance")
    require(same(dict(columns), before), "an argument was changed")


def _corpus_duplication(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """Every row twice gives the same value."""
    n = _length(columns)
    once, twice = metric.compute(**columns), metric.compute(**_take(columns, [*range(n), *range(n)]))
    require(close(once.value, twice.value), f"every row twice changes the value: {once.value}, {twice.value}")


def _corpus_renaming(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """What rows, images and clusters are called changes nothing: only which rows share a name counts."""
    n = _length(columns)
    told = [name for name in _NAMED if name in inspect.signature(metric.compute).parameters and (name in columns or n)]
    for name in told:
        first = list(columns.get(name, [f"c{row // 2}" for row in range(n)]))
        places = {old: place for place, old in enumerate(dict.fromkeys(first))}
        renamed = [f"{len(places) - places[old]:05d}.png" for old in first]
        one, other = (metric.compute(**{**columns, name: names}).value for names in (first, renamed))
        require(close(one, other), f"other names in {name} change the value: {one}, {other}")


def _corpus_empty(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """Without rows the value is NaN, and n and total are 0."""
    value = metric.compute(**_take(columns, []))
    require(math.isnan(value.value), "without rows the value is NaN")
    require(value.n == value.total == 0, "without rows n and total are 0")


def _corpus_lengths(metric: CorpusMetric, columns: Mapping[str, Any]) -> None:
    """Columns of different lengths are a ValueError that names the one."""
    if len(columns) < 2 or not _length(columns):
        return
    name = next(iter(columns))
    try:
        metric.compute(**{**columns, name: columns[name][:-1]})
    except ValueError as error:
        require(name in str(error), f"the error does not name {name}: {error}")
    else:
        raise AssertionError("columns of different lengths were accepted")


CORPUS_LAWS: Final[Mapping[str, CorpusLaw]] = {
    "range": _corpus_range,
    "row order": _corpus_order,
    "purity": _corpus_purity,
    "duplication": _corpus_duplication,
    "renaming": _corpus_renaming,
    "empty": _corpus_empty,
    "lengths": _corpus_lengths,
}
"""Laws for metrics that need all rows at once."""
