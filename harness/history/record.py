"""Put runs into the history: their metrics into asv's result file of their commit."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.history import files, runs
from harness.history.commits import Commit, named
from harness.history.files import ResultFile
from harness.history.measure import Measured, Place, measured
from harness.record import RunRecord, read_run
from harness.record.lineage import machine


def record(folders: Sequence[Path], results: Path, repository: Path, allow_dirty: bool = False) -> list[Path]:
    """Write runs into asv's result files.

    Args:
        folders: of runs.
        results: asv's ``results_dir``.
        repository: where the commits are looked up.
        allow_dirty: take runs of a working tree with local changes for runs of its commit.

    Returns:
        The files that were written.

    Raises:
        UsageError: if a run is no complete run of a commit of this repository.
    """
    records = [read_run(folder) for folder in folders]
    for one in records:
        _check(one, allow_dirty)
    commits = named(repository, [one.git.commit for one in records if one.git])
    return add_all([(one, commits[one.git.commit]) for one in records if one.git], results)


def add(one: RunRecord, commit: Commit, results: Path, asked: str = "") -> Path:
    """Write one run into the result file of ``commit``."""
    return add_all([(one, commit)], results, asked)[0]


def add_all(found: Sequence[tuple[RunRecord, Commit]], results: Path, asked: str = "") -> list[Path]:
    """Write runs into the result files of their commits.

    A run of a commit that has one already, which asked the same, takes its place; what the earlier one measured is
    kept beside it, as the measurement that the newer one confirms or does not.

    Args:
        found: runs with their commits.
        results: asv's ``results_dir``.
        asked: the words of ``harness history run``; empty for runs that are recorded by hand.

    Returns:
        The files that were written.
    """
    known = {one.key: one for one in runs.read(results)}
    told, written = [], []
    for one, commit in found:
        file = ResultFile(commit.hash, commit.date, one.machine)
        places = list(measured(one))
        line = _line(one, commit, places, asked)
        before = known.get(line.key)
        if before is not None and before.run and before.config == line.config:
            line = replace(line, asked=asked or before.asked, before=_earlier(before, line.run, results / file.path))
        known[line.key] = line
        told.append(line)
        file.add(places, int(one.started.timestamp() * 1000), str(one.suite.version))
        written.append(files.write(results, file))
    runs.add(results, told)
    describe(results)
    return written


def _line(one: RunRecord, commit: Commit, places: Sequence[tuple[Place, Measured]], asked: str) -> runs.Recorded:
    adapter = places[0][0].adapter if places else one.adapter.name
    limit = one.options.get("limit")
    return runs.Recorded(
        commit.hash, one.suite.name, adapter, files.machine_name(one.machine), one.run_id, "complete",
        {place.benchmark: place.unit for place, _ in places}, asked, _config(one),
        {task: _asked(one, task) for task in one.tasks},
        runs.part_of(limit, one.limit_rule), limit,
    )  # fmt: skip


def _earlier(before: runs.Recorded, run: str, file: Path) -> list[runs.Earlier]:
    """Return the runs of a commit that ``run`` comes after, with what asv's file still holds of the last of them."""
    kept = [one for one in before.before if one["run"] != run]
    if before.run == run or not file.is_file():
        return kept
    values: dict[str, dict[str, float]] = {}
    for benchmark, found in files.read_file(file).items():
        for (adapter, cell), one in found.items():
            value = math.nan if one.value is None else one.value
            if benchmark in before.units and adapter == before.adapter and math.isfinite(value):
                values.setdefault(benchmark, {})[cell] = value
    return [*kept, {"run": before.run, "values": values}]


def add_failure(suite: str, adapter: str, commit: Commit, why: str, results: Path, asked: str = "") -> None:
    """Write down that a commit could not be run: null for every series that the suite and adapter have so far.

    Args:
        suite: its name.
        adapter: its name.
        commit: which could not be run.
        why: in one line.
        results: asv's ``results_dir``.
        asked: the words of ``harness history run``, by which earlier runs are known that go by other names.
    """
    here = machine()
    name = files.machine_name(here)
    places = set()
    units: dict[str, str] = {}
    for one in runs.read(results):
        named = one.suite == suite and one.adapter.removesuffix(" (simulated)") == adapter
        if one.run and (one.asked == asked if asked and one.asked else named):
            units |= one.units
            places |= _places(results, one)
            suite, adapter = one.suite, one.adapter
    told = runs.Recorded(commit.hash, suite, adapter, name, "", why[:500], asked=asked)
    runs.add(results, [told])
    if not places:
        return
    file = ResultFile(commit.hash, commit.date, here)
    version = _newest_version(results, next(iter(places))[0])
    nulls = [(Place(benchmark, units[benchmark], adapter, cell), Measured(None)) for benchmark, cell in sorted(places)]
    file.add(nulls, int(datetime.now(UTC).timestamp() * 1000), version)
    files.write(results, file)
    describe(results)


def _places(results: Path, one: runs.Recorded) -> set[tuple[str, str]]:
    found = set()
    for file in results.glob(f"{one.machine}/{one.commit[:8]}-{files.ENVIRONMENT}.json"):
        for name, values in files.read_file(file).items():
            if name in one.units:
                found |= {
                    (name, cell)
                    for (adapter, cell), value in values.items()
                    if adapter == one.adapter and value.value is not None and not math.isnan(value.value)
                }
    return found


def _newest_version(results: Path, benchmark: str) -> str:
    versions = [version for file in files.result_files(results) if (version := files.version_of(file, benchmark))]
    return max(versions, key=int, default="1")


def describe(results: Path) -> None:
    """Write ``benchmarks.json`` anew from all that is recorded."""
    units: dict[str, str] = {}
    for one in runs.read(results):
        units |= one.units
    files.write_benchmarks(results, units)


def _config(one: RunRecord) -> str:
    told = {name: task.config_hash for name, task in one.tasks.items()}
    return _hash([told, one.datasets, *_limit(one)])


def _asked(one: RunRecord, task: str) -> str:
    """Return a hash of what one task asked, which another task of the suite does not change."""
    return _hash([one.tasks[task].config_hash, _datasets(one, task), *_limit(one)])


def _limit(one: RunRecord) -> list[int | str | None]:
    """Return how many samples of a cell were asked, and which unless they are the first, as in older records."""
    return [one.options.get("limit"), *([one.limit_rule] if one.limit_rule not in ("", "head") else [])]


def _datasets(one: RunRecord, task: str) -> dict[str, str]:
    """Return the data sets that a task names, or the task that it is made of does; all where it names none."""
    names = _names(one.suite.content.get("tasks", {}), task)
    return {name: digest for name, digest in one.datasets.items() if name in names} or one.datasets


def _names(tasks: Mapping[str, Any], task: str) -> set[str]:
    found: set[str] = set()
    left: list[Any] = [task]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and value not in found:
            found.add(value)
            left.append(tasks.get(value))
    return found


def _hash(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def _check(one: RunRecord, allow_dirty: bool) -> None:
    if one.status != "complete":
        raise UsageError(f"{one.run_id} is not complete ({one.status}): its numbers are no part of a history")
    left_out = {"--only": one.selection.only, "--sample-id": one.selection.sample_ids, "--shard": one.shard}
    if said := [option for option, value in left_out.items() if value]:
        raise UsageError(
            f"{one.run_id} is a part of a run ({' and '.join(said)}): its numbers would stand for the whole suite; "
            "run all of it"
        )
    if one.git is None:
        raise UsageError(f"{one.run_id} was not made in a repository: it belongs to no commit")
    if one.git.dirty and not allow_dirty:
        raise UsageError(
            f"{one.run_id} was made with local changes: it is no run of {one.git.commit[:12]}; "
            "commit them and run again, or say --allow-dirty"
        )
