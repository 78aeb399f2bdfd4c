"""Simulated verdicts: each function plays one kind of decision many times and returns rows of a table."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from benchmarks.coverage.informative import informative
from benchmarks.coverage.judges import answers_judged
from benchmarks.coverage.labelled import few_labels, peeks
from benchmarks.coverage.launches import all_ways
from benchmarks.coverage.means import means
from benchmarks.coverage.slices import slices_found

TABLES: dict[str, Callable[[int], Iterable[Any]]] = {
    "slices": slices_found,
    "launches": all_ways,
    "judges": answers_judged,
    "labels": few_labels,
    "peeks": peeks,
    "informative": informative,
    "means": means,
}
"""By name: from a number of runs to rows, all of one kind of named tuple."""


def markdown(rows: Iterable[Any]) -> Iterator[str]:
    """Yield the lines of a table; shares as percentages."""
    for i, row in enumerate(rows):
        if not i:
            yield f"| {' | '.join(name.replace('_', ' ') for name in row._fields)} |"
            yield "|" + "---|" * len(row)
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: Any) -> str:
    return f"{value:.1%}" if isinstance(value, float) else str(value)
