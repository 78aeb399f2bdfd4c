"""The rows of two runs as units that can be asked about again: whole clusters, with what they scored before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.comparison.columns import Floats, Index, Samples, read_samples
from harness.comparison.described import described
from harness.comparison.sets import apart_in, data_of, row_of
from harness.errors import UsageError
from harness.estimate import Statistic, placed
from harness.record import Run
from harness.record.arrow import indices
from harness.seeds import derive_seed

WORSE, BETTER, SAME = 0, 1, 2
"""The strata: units that lost, that gained, and that did not move."""
STRATA: Final = (WORSE, BETTER, SAME)

Key = tuple[str, str]
"""Cell and sample id of a row."""

_MOVED: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that is a mean over a task's rows."""

    task: str
    metric: str
    column: str
    cells: tuple[str, ...]
    failed: str | None
    """``exclude`` where an answer that never came does not count."""
    statistic: Statistic

    @property
    def name(self) -> str:
        """``task/metric``."""
        return f"{self.task}/{self.metric}"

    @property
    def sign(self) -> float:
        """1 where higher is better, −1 where lower is."""
        return -1.0 if self.statistic.direction == "lower" else 1.0

    def values(self, run: Run, samples: Samples | None = None) -> dict[Key, float]:
        """Return what each row of a run is worth; NaN where it does not count."""
        read = samples or read_samples(run.folder, run.record.files)
        task = described(run.record.tasks[self.task], read.metrics)
        if self.column not in task.columns:
            return {}
        worths = read.scores(self.column, task.columns[self.column]).counting(self.failed)
        ids = read.text("sample_id")
        found: dict[Key, float] = {}
        for cell in self.cells:
            rows = read.rows.get((self.task, cell), np.zeros(0, np.int64))
            names = ids.take(indices(rows)).to_pylist()
            found |= {(cell, name): float(worths[row]) for name, row in zip(names, rows, strict=True)}
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """What can be asked about again, and what both runs made of it."""

    names: tuple[str, ...]
    """By which units are drawn; sorted."""
    samples: tuple[tuple[str, ...], ...]
    """The ids of each unit's samples."""
    keys: tuple[tuple[Key, ...], ...]
    """The rows of each."""
    before: Floats
    """What the rows of each are worth in the baseline, in all, [units]."""
    after: Floats
    stratum: Index
    """[units]"""
    apart: Mapping[str, int]
    """Rows that are no pairs, by reason."""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def rows(self) -> Floats:
        """How many rows each has, [units]."""
        return np.array([len(keys) for keys in self.keys], np.float64)

    def sums(self, values: Mapping[Key, float], units: Iterable[int]) -> Floats:
        """Return what some units are worth; NaN where a row of one has no value."""
        return np.array([sum(values.get(key, np.nan) for key in self.keys[unit]) for unit in units], np.float64)

    def order(self, *seed: str | int) -> list[list[int]]:
        """Return the units of each stratum in a seeded order, which depends on their names alone."""
        places = sorted(range(len(self)), key=lambda unit: derive_seed(*seed, "why", self.names[unit]))
        return [[unit for unit in places if self.stratum[unit] == stratum] for stratum in STRATA]


def measure_of(run: Run, name: str) -> Measure:
    """Return a number of a run by its name.

    Raises:
        UsageError: if it has no such number, or it is no mean over rows of one column.
    """
    task, _, metric = name.partition("/")
    known = measures(run)
    for one in known:
        if one.name == name or (not metric and one.task == task) or (one.metric == name):
            return one
    has = any(f"{owner}/{key}" == name for owner, record in run.record.tasks.items() for key in record.metrics)
    said = (
        "it is no mean over samples, so no share of it is one sample's" if has else "the candidate has no such metric"
    )
    raise UsageError(f"{name}: {said}; there are {', '.join(one.name for one in known) or 'none'}")


def measures(run: Run) -> list[Measure]:
    """Return the numbers of a run that are means over rows, each task's primary one first.

    A task whose numbers are drops and areas over its cells has the mean of its primary metric over all of them.
    """
    found = []
    samples = read_samples(run.folder, run.record.files)
    for name, task in run.record.tasks.items():
        told = described(task, samples.metrics)
        own: list[Measure] = []
        cells = told.per_cell.get(task.primary)
        spread = {} if cells is None else {task.primary: placed(cells, *task.cells)}
        for metric, statistic in (spread | dict(told.statistics)).items():
            node = statistic.mean_of
            if node is None or "column" not in node or statistic.where or statistic.refusal or not statistic.paired:
                continue
            if statistic.direction not in ("higher", "lower") or node["column"] not in told.columns:
                continue
            if f"score.{node['column']}" in samples.names:
                own.append(Measure(name, metric, node["column"], tuple(node["at"]), node.get("failed"), statistic))
        found += sorted(own, key=lambda one: (one.column != task.primary, one.metric != task.primary))
    return found


def units_of(baseline: Run, candidate: Run, measure: Measure) -> Units:
    """Pair the rows of two runs, and put together those that share a cluster.

    Raises:
        UsageError: if no row is in both, or data that differ cannot be told apart row by row.
    """
    table = read_samples(candidate.folder, candidate.record.files)
    old, new = measure.values(baseline), measure.values(candidate, table)
    changed = _changed(baseline, candidate, measure.task)
    clusters = dict(zip(table.text("sample_id").to_pylist(), table.text("cluster").to_pylist(), strict=True))
    apart = {"only in the candidate": 0, "with other content": 0, "without a value": 0}
    epochs = candidate.record.tasks[measure.task].epochs > 1
    rows: dict[str, list[Key]] = {}
    for key, value in new.items():
        base = row_of(key[1]) if epochs else key[1]
        reason = (
            "only in the candidate" if key not in old
            else "with other content" if base in changed
            else "without a value" if np.isnan(value) or np.isnan(old[key]) else ""
        )  # fmt: skip
        if reason:
            apart[reason] += 1
        else:
            rows.setdefault(clusters.get(key[1]) or base, []).append(key)
    if lost := sum(key not in new for key in old):
        apart["only in the baseline"] = lost
    if not rows:
        raise UsageError(f"{measure.name}: the runs share no sample that counts in both, so nothing can be compared")
    names = tuple(sorted(rows))
    keys = tuple(tuple(sorted(rows[name])) for name in names)
    before, after = (np.array([sum(side[key] for key in own) for own in keys]) for side in (old, new))
    moved = measure.sign * (after - before)
    stratum = np.where(moved < -_MOVED, WORSE, np.where(moved > _MOVED, BETTER, SAME))
    samples = tuple(tuple(dict.fromkeys(row_of(key[1]) if epochs else key[1] for key in own)) for own in keys)
    return Units(names, samples, keys, before, after, stratum, {why: count for why, count in apart.items() if count})


def _changed(baseline: Run, candidate: Run, task: str) -> set[str]:
    """Return the ids of rows that are in both runs with other content."""
    configs = [run.record.tasks[task].config for run in (baseline, candidate)]
    if data_of(configs[0]) == data_of(configs[1]):
        return set()
    found = apart_in(baseline, candidate).get(task)
    if found is None:
        raise UsageError(f"the data of {task} differ, and neither run says which of its rows do: nothing can be paired")
    return set(found.changed)
