"""Draw the samples that are likely to tell models apart: what earlier runs say of each, made into chances."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.comparison.described import described
from harness.comparison.rows import RunRows, TaskView, rows_of_run
from harness.errors import HarnessError, UsageError
from harness.estimate import Statistic
from harness.estimate.forms import FORMS
from harness.estimate.rows import unit_code
from harness.estimate.statistic import forms_in
from harness.record import Run, find_runs
from harness.record.schema import DrawnRecord
from harness.seeds import derive_seed
from harness.stats.chances import chances, drawn, expected_moves, worth
from harness.suite.bind import Suite
from harness.suite.looks import draw_of
from harness.tasks import Adjusts, Illustrates, Makes, Measures, NeedsAdapter, Task
from harness.tasks.draw import Draw

LEAST: Final = 100
"""With fewer samples nothing is gained, whatever history says (docs/active.md): they are refused."""
_NEWEST: Final = 20
"""Earlier runs that are read."""
_TWO_63: Final = float(1 << 63)


@dataclass(frozen=True, slots=True)
class _Data:
    """The samples that some tasks share, and their units."""

    name: str
    tasks: tuple[Task, ...]
    ids: tuple[str, ...]
    keys: tuple[str, ...]
    """Of each sample's unit: its cluster, or itself."""


def informed_draw(suite: Suite, limit: int, runs: Path, given: Sequence[Path] = ()) -> tuple[Draw, DrawnRecord]:
    """Return a draw by what earlier runs say of the samples, and what it is like.

    The seed is the suite's; a unit's place in the draw follows from its name alone.

    Args:
        suite: what is to be run.
        limit: about how many samples of each data set are asked.
        runs: the folder of earlier runs; the newest of each model with the same data are read.
        given: folders of the runs to read instead.

    Raises:
        UsageError: if a task's numbers know no weights, if the limit is too small, or if there is no history.
    """
    if limit < LEAST:
        raise UsageError(
            f"--sample informative needs --limit {LEAST} or more, not {limit}: "
            "with fewer there is nothing to gain over a plain draw (leave out --sample)"
        )
    for task in suite.tasks.values():
        if why := unweighable(task):
            raise UsageError(
                f"task {task.name!r} cannot be run with --sample informative: {why}; leave it out (--only)"
            )
    known = [Run(folder) for folder in given] if given else _earlier(suite, runs)
    found: dict[str, float] = {}
    parts = []
    for data in _data(suite):
        if twice := next((name for name in data.ids if name in found), None):
            raise UsageError(f"sample {twice!r} is in several data sets of the suite: run their tasks apart (--only)")
        chosen, part = _drawn(suite, data, limit, known)
        found |= chosen
        parts.append(part)
    record = DrawnRecord(
        runs=list(dict.fromkeys(run for part in parts for run in part.runs)),
        population=sum(part.population for part in parts),
        asked=len(found),
        least_chance=min(part.least_chance for part in parts),
        effective=sum(part.effective for part in parts),
        worth=min(part.worth for part in parts),
    )
    return draw_of(suite, limit, chances=found), record


def unweighable(task: Task) -> str:
    """Return why a task's numbers cannot be weighted; nothing where they can."""
    if isinstance(task, (Measures, NeedsAdapter, Makes, Adjusts)):
        return "it does more than ask each sample once"
    by_figures = getattr(task, "by_figures", False)
    if isinstance(task, Illustrates) and not by_figures:
        return f"kind {task.kind!r} makes pictures of plain averages"
    told = [*task.statistics(), *(one for cell in task.cells() for one in task.cell_statistics(cell))]
    # What a task stores by itself is right where it is made of figures.
    fine = {"stored"} if by_figures else set()
    return next((f"{one.name}: {why}" for one in told if (why := _unweighable(one, fine))), "")


def _unweighable(one: Statistic, fine: Collection[str]) -> str:
    kinds = {name: FORMS[name] for name in forms_in(one.of) if name not in fine}
    bad = [name for name, kind in kinds.items() if kind.block or kind.unsummed or name in ("stored", "bleu")]
    return f"its form {bad[0]!r} knows no weights" if bad else ""


def _data(suite: Suite) -> Iterator[_Data]:
    """Yield the sets of samples that the tasks ask, each once."""
    groups: dict[tuple[str, ...], list[Task]] = {}
    units: dict[tuple[str, ...], tuple[str, ...]] = {}
    for task in suite.tasks.values():
        samples = list(task.samples(task.cells()[0]))
        ids = tuple(sample.id for sample in samples)
        groups.setdefault(ids, []).append(task)
        units[ids] = tuple(sample.cluster or f"\0{sample.id}" for sample in samples)
    for ids, tasks in groups.items():
        yield _Data(tasks[0].name, tuple(tasks), ids, units[ids])


def _earlier(suite: Suite, runs: Path) -> list[Run]:
    """Return the newest complete run of each model that was asked about the same data, one of all samples first."""
    wanted = {dataset.content_hash() for dataset in suite.datasets.values()}
    found: dict[str, Run] = {}
    for folder in [*find_runs(runs)][::-1]:
        try:
            run = Run(folder)
        except HarnessError:
            continue
        record = run.record
        asked = record.status == "complete" and suite.tasks.keys() & record.tasks.keys()
        before = found.get(record.adapter.fingerprint)
        better = before is None or (before.record.limit_rule and not record.limit_rule)
        if asked and better and wanted & set(record.datasets.values()):
            found[record.adapter.fingerprint] = run
    return [*found.values()][:_NEWEST]


def _drawn(suite: Suite, data: _Data, limit: int, runs: Sequence[Run]) -> tuple[dict[str, float], DrawnRecord]:
    names, index = np.unique(np.array(data.keys), return_inverse=True)
    sizes = np.bincount(index).astype(np.float64)
    few = limit * len(names) / len(data.ids)
    if few < LEAST:
        raise UsageError(
            f"--sample informative: {limit} samples of task {data.name!r} are {few:.0f} independent ones (rows that "
            f"share an image or a cluster are one), and with fewer than {LEAST} there is nothing to gain"
        )
    moves, read = np.zeros(len(names)), dict[str, None]()
    for task in data.tasks:
        told = [(run.record.run_id, one) for run in runs if (one := _by_unit(run, task, data, index)) is not None]
        if len(told) < 2:
            continue
        expected = expected_moves(np.array([one for _, one in told]))
        if expected.any():  # each task counts the same, whatever its unit
            moves += expected / expected.mean()
        read |= dict.fromkeys(name for name, _ in told)
    if not read:
        raise UsageError(
            f"--sample informative: fewer than two earlier runs of different models asked task {data.name!r} about "
            "these samples, so nothing is known of them; run all of it on two models first, or name runs "
            "(--sample-from RUN)"
        )
    if limit >= len(data.ids):
        raise UsageError(f"--sample informative: task {data.name!r} has {len(data.ids):,} samples, which is no more "
                         f"than --limit {limit}: run all of them")  # fmt: skip
    chance = chances(moves, sizes, limit)
    seed = derive_seed(suite.spec.seed, "informative")
    order = np.array([derive_seed(seed, str(name)) >> 1 for name in names.tolist()])
    units = drawn(chance, order, (derive_seed(seed, *names.tolist()) >> 1) / _TWO_63)
    there = np.isin(index, units)
    found = {data.ids[row]: float(chance[index[row]]) for row in np.flatnonzero(there).tolist()}
    weights = 1 / chance[units] * sizes[units]
    return found, DrawnRecord(
        runs=list(read),
        population=len(data.ids),
        asked=len(found),
        least_chance=float(chance.min()),
        effective=float(weights.sum() ** 2 / np.square(weights).sum() * len(found) / len(units)),
        worth=worth(chance, sizes, moves),
    )


def _by_unit(run: Run, task: Task, data: _Data, index: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Return the sum of a run's primary scores over each unit's rows and cells; NaN where any row is not known."""
    record = run.record.tasks.get(task.name)
    if record is None or record.primary != task.primary or record.kind != task.kind:
        return None
    try:
        rows: RunRows = rows_of_run(run, weighted=True)
    except HarnessError:
        return None
    place = {unit_code("", name): row for row, name in enumerate(data.ids)}
    view = TaskView(task.name, record, described(record, rows.samples.metrics))
    total = np.zeros(len(data.ids))
    wanted = {cell.id for cell in task.cells()}
    for cell, part in rows.of(view).cells.items():
        if cell not in wanted or task.primary not in part.columns:
            continue
        worths = np.full(len(data.ids), np.nan)
        at = np.array([place.get(sample, -1) for sample in part.sample.tolist()], np.int64)
        worths[at[at >= 0]] = part.columns[task.primary].worths[at >= 0]
        total += worths
        wanted.discard(cell)
    if wanted:
        return None
    sums = np.bincount(index, total).astype(np.float64)  # NaN where a row is
    return None if np.isnan(sums).all() else sums
