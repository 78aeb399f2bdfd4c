"""Which rows two runs share: a data set that gained, lost or changed rows is compared row by row, not refused whole."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from harness.comparison.identity import Identity
from harness.record import Run
from harness.record.arrow import where
from harness.record.folder import SAMPLES_FILE
from harness.record.marks import Differences, RowMarks, read_marks
from harness.record.sources import FileSource

DATA: Final = "dataset"
"""The key of a task's configuration that holds the hash of the data it asks about."""
EPOCH: Final = re.compile(r"#[0-9]+$")
"""What follows a row's id in that of its n-th answer."""

_TOGETHER: Final = ("guard",)
"""Kinds whose samples are made of several rows."""


@dataclass(frozen=True)
class Rows:
    """The data sets of one side: their hashes, and the marks of their rows where there are any."""

    hashes: Mapping[str, str]
    """By name."""
    kept: Mapping[str, RowMarks] | Path
    """By name; or the run that keeps them."""

    @cached_property
    def marks(self) -> Mapping[str, RowMarks]:
        """The marks by the data set's hash."""
        kept = read_marks(self.kept) if isinstance(self.kept, Path) else self.kept
        return {self.hashes[name]: one for name, one in kept.items() if name in self.hashes}


NO_ROWS: Final = Rows({}, {})
"""Of a side of which nothing is known."""


@dataclass(frozen=True, slots=True)
class Unpaired:
    """The rows of one task that have no partner in the other run."""

    task: str
    of: int
    """Rows of the baseline that the candidate was to be asked."""
    missing: tuple[str, ...] = ()
    """Ids that only the baseline has."""
    new: tuple[str, ...] = ()
    """Ids that only the candidate has: they are told, and decide nothing."""
    changed: Mapping[str, tuple[str, ...]] | None = None
    """Ids with other content, and what of it is known to differ."""

    @property
    def lost(self) -> float:
        """The share of the baseline's rows that have no partner."""
        return (len(self.missing) + len(self.changed or ())) / self.of if self.of else 0.0

    def sentences(self) -> list[str]:
        """Return what is to be said, a sentence for each kind."""
        said = list(_sentence(self.task, self.missing, "missing from the candidate"))
        said += _sentence(self.task, self.new, "not in the baseline")
        changed = self.changed or {}
        named = [f"{one} ({', '.join(what)})" if what else one for one, what in changed.items()]
        told = "under the same id" if any(changed.values()) else "(prompt, pixels or generation) under the same id"
        return [*said, *_sentence(self.task, named, f"with other content {told}")]


def apart(baseline: Identity, ours: Rows, candidate: Identity, theirs: Rows) -> dict[str, Differences]:
    """Return by task how the rows of its data differ, of tasks whose data are not the same and can be paired by row.

    A task is left out where a side does not know its rows, or where its samples are no rows: then other data forbid
    a comparison.
    """
    found = {}
    for task in baseline.tasks.keys() & candidate.tasks.keys():
        before, after = (data_of(side.tasks[task]) for side in (baseline, candidate))
        if before is None or after is None or before == after or baseline.tasks[task].get("kind") in _TOGETHER:
            continue
        known = ours.marks.get(before), theirs.marks.get(after)
        if known[0] and known[1] and _asks_rows(ours, task, known[0]):
            found[task] = known[0].differences(known[1])
    return found


def apart_in(baseline: Run, candidate: Run) -> dict[str, Differences]:
    """As :func:`apart`, of two runs."""
    identities = [Identity.of(run.record) for run in (baseline, candidate)]
    sides = [Rows(run.record.datasets, run.folder) for run in (baseline, candidate)]
    return apart(identities[0], sides[0], identities[1], sides[1])


def data_of(config: Mapping[str, Any]) -> str | None:
    """Return the hash of the data that a task, or the one that it is made of, asks about; None where it is not one."""
    found = set(_hashes(config))
    return found.pop() if len(found) == 1 else None


def row_of(sample: str) -> str:
    """Return the id of the row that a sample's answer is to."""
    return EPOCH.sub("", sample)


def _hashes(config: Mapping[str, Any]) -> Iterator[str]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _hashes(value)
        elif key == DATA and isinstance(value, str):
            yield value


def _asks_rows(side: Rows, task: str, marks: RowMarks) -> bool:
    """Return whether a task's samples are rows of its data that were asked, each by itself."""
    if not isinstance(side.kept, Path):
        return True
    import pyarrow.compute as pc

    table = FileSource(side.kept / SAMPLES_FILE).select(["task", "sample_id", "request_hash"])
    own = where(table, "task", task)
    ids = pc.unique(own["sample_id"].cast("string")).to_pylist()
    return own["request_hash"].null_count < len(own) and {row_of(one) for one in ids} <= set(marks.ids)


def _sentence(task: str, ids: Collection[str], what: str) -> Iterator[str]:
    if ids:
        listed = list(dict.fromkeys(ids))
        named = ", ".join(listed[:_NAMED]) + (", …" if len(listed) > _NAMED else "")
        count = f"{len(listed):,} sample{'s' if len(listed) > 1 else ''}"
        yield f"{task}: {count} {what}: {named}"


_NAMED: Final = 5
