"""Whether the data of a run, and what its tasks are made of, are still what they were when it was begun."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.comparison.identity import differing
from harness.engine.collect import plain
from harness.engine.manifest import Manifest
from harness.errors import UsageError
from harness.patience import patiently
from harness.record.marks import RowMarks, read_marks
from harness.suite.bind import Suite
from harness.types import Dataset


@runtime_checkable
class HasMarks(Protocol):
    """A data set that can tell each of its rows from the same row with other content."""

    def marks(self) -> RowMarks: ...


@runtime_checkable
class _Knows(Protocol):
    """A data set that can tell whether the files behind its marks are still what they were, without reading rows."""

    def untouched(self) -> bool: ...


def marks_of(suite: Suite) -> dict[str, RowMarks]:
    """Return the marks of all data sets that have them."""
    return {name: dataset.marks() for name, dataset in suite.datasets.items() if isinstance(dataset, HasMarks)}


def data_of(suite: Suite) -> dict[str, str]:
    """Return by data set a hash of its rows in their order: batches are cut by it."""
    datasets, seconds = suite.datasets.items(), suite.spec.engine.timeout
    return patiently(lambda: {name: _in_order(dataset) for name, dataset in datasets}, seconds)


def tasks_of(suite: Suite) -> dict[str, dict[str, Any]]:
    """Return what changes a number of each task."""
    return {name: plain(task.describe()) for name, task in suite.tasks.items()}


def check_same(manifest: Manifest, suite: Suite, folder: Path) -> None:
    """See that what a run was begun with is what is there now.

    Args:
        manifest: of the run.
        suite: as the manifest loads it, with the data as they are now.
        folder: of the run, which keeps the marks of its rows.

    Raises:
        UsageError: naming the rows, and the keys of tasks, that differ.
    """
    if said := changes(manifest, suite, folder):
        lines = "".join(f"\n  {one}" for one in said)
        hint = "put them back as they were, or begin a new run: `harness run`"
        raise UsageError(f"{folder}: the data or its tasks changed since the run was begun:{lines}\n  {hint}")


def changed_meanwhile(manifest: Manifest, suite: Suite, folder: Path) -> str:
    """Return what changed under a run while it went on, as a reason for which it is no good; nothing where all stands.

    Args:
        manifest: of the run.
        suite: that was run. Its data sets know their rows as they were.
        folder: of the run.
    """
    if not any(isinstance(dataset, HasMarks) for dataset in suite.datasets.values()):
        return ""
    same = {name: one for name, one in suite.datasets.items() if isinstance(one, _Knows) and one.untouched()}
    said = changes(manifest, manifest.load_suite(same), folder)
    return f"the data changed while the run went on: {'; '.join(said)}" if said else ""


def changes(manifest: Manifest, suite: Suite, folder: Path) -> list[str]:
    """Return what differs from what the run was begun with, a sentence each; nothing of runs of earlier versions."""
    now = data_of(suite)
    changed = [name for name, known in manifest.data.items() if now.get(name) != known]
    kept = read_marks(folder) if changed else {}
    said = [f"data {name!r}: {_named(suite.datasets.get(name), kept.get(name))}" for name in changed]
    tasks = tasks_of(suite)
    for name, before in manifest.tasks.items():
        said += [
            f"{one.what}: {one.baseline} then, {one.candidate} now"
            for one in differing(name, before, tasks.get(name, {}), data=False)
        ]
    return said


def _in_order(dataset: Dataset) -> str:
    return dataset.marks().sequence if isinstance(dataset, HasMarks) else dataset.content_hash()


def _named(dataset: object, before: RowMarks | None) -> str:
    if before is None or not isinstance(dataset, HasMarks):
        return "it is another"
    return str(before.differences(dataset.marks())) or "it is another"
