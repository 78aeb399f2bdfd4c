"""The history as series: one a benchmark, adapter, cell and machine, its points in the order of the commits."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.history import files, runs
from harness.history.commits import Commit
from harness.history.measure import Measured
from harness.history.runs import Recorded


@dataclass(frozen=True, slots=True)
class Point:
    """One commit's value, lower is better."""

    commit: Commit
    found: Measured
    run: str
    """The id of the run behind it, where it is known."""
    config: str
    """What was asked; where it differs from the point before, so does the meaning of the value."""
    place: int
    """Of its commit among all commits, measured or not."""
    part: str = ""
    """Which part of every cell was asked; empty for all of it."""
    before: tuple[float, ...] = ()
    """What earlier runs of the same commit gave, oldest first."""

    @property
    def measured(self) -> tuple[float, ...]:
        """All measurements of the commit, oldest first; none where it has no value."""
        return () if self.value is None else (*self.before, self.value)

    @property
    def value(self) -> float | None:
        """The value; None where the commit failed or the metric has no meaning."""
        value = self.found.value
        return None if value is None or not math.isfinite(value) else value


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the history."""

    benchmark: str
    adapter: str
    cell: str
    machine: str
    unit: str
    points: tuple[Point, ...]
    short: str
    """``suite/task/metric``."""

    @property
    def name(self) -> str:
        """``suite/task/metric [cell] on adapter``."""
        inside = f" [{self.cell}]" if self.cell else ""
        return f"{self.short}{inside} on {self.adapter}"

    @property
    def known(self) -> tuple[Point, ...]:
        """The points that have a value."""
        return tuple(point for point in self.points if point.value is not None)


def read_series(results: Path, commits: Sequence[Commit]) -> list[Series]:
    """Return every series of the history.

    Args:
        results: asv's ``results_dir``.
        commits: in order; results of other commits are left out.

    Raises:
        UsageError: if a result file cannot be read.
    """
    order = {commit.hash: (place, commit) for place, commit in enumerate(commits)}
    recorded = runs.read(results)
    units: dict[str, str] = {}
    known: dict[tuple[str, str, str], list[Recorded]] = {}
    # A record without hashes by task asked the same as one with the same hash of the run.
    asked = {(one.suite, one.config, task): told for one in recorded for task, told in one.tasks.items()}
    for one in recorded:
        units |= one.units
        known.setdefault((one.commit, one.machine, one.adapter), []).append(one)
    found: dict[tuple[str, str, str, str], dict[str, Point]] = {}
    short: dict[str, str] = {}
    for file in files.result_files(results):
        hash_, _ = files.read_commit(file)
        if hash_ not in order:
            continue
        place, commit = order[hash_]
        machine = file.parent.name
        for benchmark, values in files.read_file(file).items():
            for (adapter, cell), value in values.items():
                run = _behind(known.get((hash_, machine, adapter), []), benchmark)
                if run is None and (value.value is None or math.isnan(value.value)):
                    continue  # a place of the grid that this commit never had
                run = run or _unrecorded(benchmark)
                _, task, _ = parts = run.place(benchmark)
                if run.tasks or benchmark not in short:
                    short[benchmark] = "/".join(parts)
                config = run.tasks.get(task) or asked.get((run.suite, run.config, task), run.config)
                before = (one["values"].get(benchmark, {}).get(cell) for one in run.before)
                earlier = tuple(found for found in before if found is not None)
                point = Point(commit, value, run.run, config, place, run.part, earlier)
                found.setdefault((benchmark, adapter, cell, machine), {})[hash_] = point
    return [
        Series(*key, unit=units.get(key[0], ""), points=tuple(_ordered(points, order)), short=short[key[0]])
        for key, points in sorted(found.items())
        if any(point.value is not None for point in points.values())
    ]


def _behind(recorded: Sequence[Recorded], benchmark: str) -> Recorded | None:
    """Return the run of one commit, machine and adapter behind a value: the one that names it, else of its suite."""
    fits = [one for one in recorded if benchmark in one.units]
    fits = fits or [one for one in recorded if benchmark.startswith(one.start)]
    return max(fits, key=lambda one: len(one.suite), default=None)


def _unrecorded(benchmark: str) -> Recorded:
    """Return what the name alone says of a value that no recorded run stands behind."""
    return Recorded(commit="", suite=benchmark.split(".")[1], adapter="", machine="", run="", status="")


def _ordered(points: dict[str, Point], order: Iterable[str]) -> Iterable[Point]:
    return (points[hash_] for hash_ in order if hash_ in points)
