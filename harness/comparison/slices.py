"""Where did a metric fall? Each tag's samples against the rest, in every cell: exploratory, never a verdict."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from harness.estimate import Comparer, Statistic, placed
from harness.estimate.by_row import differences_by_row
from harness.estimate.coded import Floats, Index
from harness.estimate.rows import Rows, pair
from harness.estimate.statistic import columns_in
from harness.seeds import derive_seed
from harness.stats.parts import Parts, against_rest
from harness.stats.results import Comparison
from harness.types import Direction

LEVEL: Final = 0.05
_MOST_VALUES: Final = 50
"""A tag with more values names samples rather than slices."""
_LISTED: Final = 20
"""Slices of a task that are told."""


@dataclass(frozen=True, slots=True)
class SliceDelta:
    """How a metric moved on the samples that share one value of a tag."""

    task: str
    metric: str
    cell: str
    """The cell; empty for all cells of the metric together, or where there is one."""
    where: str
    """``tag = value``."""
    direction: Direction
    """Of the metric."""
    before: float
    after: float
    comparison: Comparison
    """Of the slice alone, not adjusted."""
    rest: float
    """The change of all other samples; above zero is better."""
    shrunk: float
    """The slice's change, drawn towards that of all samples as far as slices differ by chance; above zero is better.
    Slices are listed by it."""
    adjusted_p: float
    """One-sided: small where the slice fell, and fell more than the rest. Adjusted for all slices, metrics and cells of
    the task."""
    beside: str = ""
    """The slice that explains this one's loss: without the samples that they share nothing sets it apart."""

    @property
    def fell(self) -> bool:
        """Whether the slice fell, and fell more than the rest of the samples."""
        return self.adjusted_p <= LEVEL


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and among how many."""

    listed: tuple[SliceDelta, ...] = ()
    """The worst first."""
    among: int = 0
    """Slices that were looked at, each metric and cell counted."""


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """One metric in one cell, or in several together."""

    statistic: Statistic
    cells: tuple[str, ...]
    cell: str
    """How it is told: empty where there is one, or for all of them."""
    values: Floats
    """Differences of all samples, above zero is better; NaN where a sample has none, [n]."""


def slices(
    task: str,
    statistics: Sequence[tuple[Statistic, Sequence[str]]],
    comparer: Comparer,
    sides: tuple[Rows, Rows],
    seed: int,
    tags: Collection[str] | None = None,
) -> Looked:
    """Return the slices of one task that fell most, listed by their shrunk effect.

    Every tag with 2 to 50 values is looked at (or those in ``tags``); slices of less than ten samples, or of all but
    ten, are left out. Tags are the candidate's.

    Args:
        task: its name.
        statistics: what is looked at, told for each cell (``*``), and in which cells.
        comparer: of both runs.
        sides: rows of the baseline and of the candidate.
        seed: of the comparison.
        tags: the tags to look at; None for all.
    """
    before, after = pair(*sides)
    samples, first, strata = _samples(after)
    labels = _labels(after, samples, tags)
    scores = [
        score for statistic, cells in statistics for score in _scores(statistic, cells, before, after, samples)
    ] if labels else []  # fmt: skip
    if not scores:
        return Looked()
    units = np.concatenate([rows.unit for rows in after.cells.values()])[first]
    found = against_rest(
        np.column_stack([score.values for score in scores]),
        [codes for _, codes, _ in labels],
        units,
        strata,
        seed=derive_seed(seed, task, "slices"),
    )
    wheres = [(labels[tag][0], labels[tag][2][code]) for tag, code in found.of]
    order = _order(found, [score.statistic.span for score in scores])
    listed = [_told(task, scores[c], found, k, c, wheres, comparer) for k, c in order[:_LISTED]]
    return Looked(tuple(listed), int((found.n >= 1).sum()))


def looked_at(
    per_cell: Mapping[str, Statistic], primary: str, cells: Sequence[str], gated: Sequence[Statistic], first: str = ""
) -> Iterator[tuple[Statistic, Sequence[str]]]:
    """Yield the metrics of a task that slices are looked for in, each with its cells.

    They are the primary one everywhere, and whatever reads a column that a gated statistic reads, where that reads it.
    A judge's primary metric is told of no cell by itself: what passes is looked at, in the first cell, of the model's
    answers; the others are answers whose truth is known.
    """
    read: dict[str, list[str]] = {}
    for statistic in gated:
        for node in columns_in(statistic.of):
            read.setdefault(node["column"], []).extend(node["at"])
    for name, statistic in per_cell.items():
        if statistic.refusal:
            continue
        columns = {node["column"] for node in columns_in(statistic.of)}
        asked = {cell for column in columns for cell in read.get(column, ())}
        kept = [cell for cell in cells if name == primary or cell in asked]
        if primary not in per_cell and any(column.startswith(f"{primary}.") for column in columns):
            kept = [cell for cell in cells if cell == first]
        if kept:
            yield statistic, kept


def _samples(rows: Rows) -> tuple[Index, Index, Index]:
    """Return the samples of all cells, each once, where each stands first, and a number for its stratum."""
    every = np.concatenate([np.zeros(0, np.int64), *(part.sample for part in rows.cells.values())])
    names = {part.stratum: place for place, part in enumerate(rows.cells.values())}
    kinds = [np.full(len(part), names[part.stratum]) for part in rows.cells.values()]
    samples, first = np.unique(every, return_index=True)
    return samples, first, np.concatenate([np.zeros(0, np.int64), *kinds])[first]


def _labels(rows: Rows, samples: Index, tags: Collection[str] | None) -> list[tuple[str, Index, list[str]]]:
    """Return each tag, the code of every sample, and what the codes stand for."""
    found = []
    names = dict.fromkeys(name for part in rows.cells.values() for name in part.tags)
    for name in (name for name in names if tags is None or name in tags):
        values: dict[str, int] = {}
        codes = np.full(len(samples), -1, np.int64)
        for part in rows.cells.values():
            if name in part.tags:
                own = part.tags[name]
                table = np.array([*(values.setdefault(value, len(values)) for value in own.names), -1], np.int64)
                codes[np.searchsorted(samples, part.sample)] = table[own.codes]
        if 2 <= len(np.unique(codes[codes >= 0])) <= _MOST_VALUES:
            found.append((name, codes, list(values)))
    return found


def _scores(statistic: Statistic, cells: Sequence[str], before: Rows, after: Rows, samples: Index) -> Iterator[_Score]:
    """Yield a statistic's differences in each cell, and in all of them together where there are several."""
    made = []
    for cell in (cell for cell in cells if cell in after.cells):
        found = differences_by_row(placed(statistic, cell).of, before, after, cell)
        if found is None:
            return
        rows, gaps = found
        values = np.full(len(samples), np.nan)
        values[np.searchsorted(samples, after.cells[cell].sample[rows])] = statistic.sign * gaps
        made.append(_Score(statistic, (cell,), cell if len(after.cells) > 1 else "", values))
    if len(made) > 1:
        every = np.array([one.values for one in made])
        there = ~np.isnan(every)
        with np.errstate(invalid="ignore"):
            pooled = np.where(there, every, 0.0).sum(axis=0) / np.where(there.any(axis=0), there.sum(axis=0), np.nan)
        yield _Score(statistic, tuple(one.cells[0] for one in made), "", pooled)
    yield from made


def _order(found: Parts, spans: Sequence[float | None]) -> list[tuple[int, int]]:
    """Return the slices that fell, those first of which it is shown, by the shrunk effect as a share of its range."""
    reach = np.array([1.0 if span is None else span for span in spans])
    fell = (found.inside < 0) & ~np.isnan(found.shrunk)
    places = [(int(k), int(c)) for k, c in zip(*np.nonzero(fell), strict=True)]
    return sorted(places, key=lambda at: (found.p[at] > LEVEL, float(found.shrunk[at] / reach[at[1]]), found.p[at]))


def _told(
    task: str, score: _Score, found: Parts, k: int, c: int, wheres: Sequence[tuple[str, str]], comparer: Comparer
) -> SliceDelta:
    tag, value = wheres[k]
    one = comparer.difference(replace(placed(score.statistic, *score.cells), where={tag: value}))
    comparison = one.comparison
    assert comparison is not None  # noqa: S101 - what is refused is not looked at
    beside = " = ".join(wheres[found.beside[k, c]]) if found.beside[k, c] >= 0 else ""
    return SliceDelta(
        task,
        score.statistic.name,
        score.cell,
        f"{tag} = {value}",
        score.statistic.direction,
        one.before,
        one.after,
        comparison,
        rest=float(found.rest[k, c]),
        shrunk=float(found.shrunk[k, c]),
        adjusted_p=float(found.p[k, c]) if not math.isnan(found.p[k, c]) else 1.0,
        beside=beside,
    )
