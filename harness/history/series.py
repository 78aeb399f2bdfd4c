"""The history as series: one a benchmark, adapter, cell and machine, its points in the order of the commits."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.history import files, runs
from harness.history.commits import Commit
from harness.history.measure import PREFIX, Measured


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

    @property
    def name(self) -> str:
        """``suite/task/metric [cell] on adapter``."""
        inside = f" [{self.cell}]" if self.cell else ""
        return f"{self.short}{inside} on {self.adapter}"

    @property
    def short(self) -> str:
        """``suite/task/metric``."""
        return "/".join(self.benchmark.removeprefix(f"{PREFIX}.").split(".", 2))

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
    known: dict[tuple[str, str, str, str], runs.Recorded] = {}
    for one in recorded:
        units |= one.units
        known[one.commit, one.machine, one.suite, one.adapter] = one
    found: dict[tuple[str, str, str, str], dict[str, Point]] = {}
    for file in files.result_files(results):
        hash_, _ = files.read_commit(file)
        if hash_ not in order:
            continue
        machine = file.parent.name
        for benchmark, values in files.read_file(file).items():
            suite = benchmark.split(".")[1]
            for (adapter, cell), value in values.items():
                run = known.get((hash_, machine, suite, adapter))
                if run is None and (value.value is None or math.isnan(value.value)):
                    continue  # a place of the grid that this commit never had
                place, commit = order[hash_]
                point = Point(commit, value, run.run if run else "", run.config if run else "", place)
                found.setdefault((benchmark, adapter, cell, machine), {})[hash_] = point
    return [
        Series(*key, unit=units.get(key[0], ""), points=tuple(_ordered(points, order)))
        for key, points in sorted(found.items())
        if any(point.value is not None for point in points.values())
    ]


def _ordered(points: dict[str, Point], order: Iterable[str]) -> Iterable[Point]:
    return (points[hash_] for hash_ in order if hash_ in points)
