"""Keep the evidence: samples that were right in a cell's baseline and wrong in the cell, with both pictures."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from harness.errors import SampleError
from harness.record.artifacts import save_picture
from harness.record.store import ResponseStore, Row
from harness.tasks import Cell, Task

_LOOKED_AT: Final = 2000
"""Samples of a cell that are looked through: evidence is wanted, not a census, and memory stays flat."""
_KEPT: Final = 3
"""Flips kept for each corruption."""


@dataclass(frozen=True, slots=True)
class Flip:
    """One sample whose answer went from right to wrong."""

    task: str
    cell: str
    baseline: str
    sample_id: str
    prompt: str
    references: Sequence[str]
    before: str
    after: str
    pictures: Sequence[str] = field(default_factory=tuple)
    """Files in the run's folder: before, after."""


def keep_flips(tasks: Iterable[Task], store: ResponseStore, folder: Path) -> None:
    """Write ``artifacts/flips.json`` and its pictures."""
    kept = [flip for task in tasks for flip in _with_pictures(task, _flips(task, store), folder)]
    if kept:
        target = folder / "artifacts" / "flips.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps([asdict(flip) for flip in kept], indent=1), encoding="utf-8")


def _flips(task: Task, store: ResponseStore) -> list[Flip]:
    """Return the first flips of each group of cells; milder cells come first in a task's grid."""
    cells = task.cells()
    found: dict[str, list[Flip]] = {}
    right: dict[str, dict[str, Row]] = {}
    for cell in cells:
        flips = found.setdefault(cell.group, [])
        if cell.baseline is None or len(flips) >= _KEPT:
            continue
        if cell.baseline not in right:
            rows = islice(store.cell(task.name, cell.baseline), _LOOKED_AT)
            right[cell.baseline] = {row.sample_id: row for row in rows if _worth(task, row) == 1.0}
        known = {flip.sample_id for flip in flips}
        for row in islice(store.cell(task.name, cell.id), _LOOKED_AT):
            before = right[cell.baseline].get(row.sample_id)
            if before and row.sample_id not in known and _worth(task, row) == 0.0 and len(flips) < _KEPT:
                flips.append(_flip(cell, before, row))
    return [flip for flips in found.values() for flip in flips]


def _flip(cell: Cell, before: Row, after: Row) -> Flip:
    return Flip(
        task=after.task,
        cell=cell.id,
        baseline=before.cell,
        sample_id=after.sample_id,
        prompt=after.prompt or "",
        references=after.references,
        before=before.response or "",
        after=after.response or "",
    )


def _worth(task: Task, row: Row) -> float | None:
    return row.scores.get(task.primary, (None, ""))[0]


def _with_pictures(task: Task, flips: Sequence[Flip], folder: Path) -> Iterable[Flip]:
    cells = {cell.id: cell for cell in task.cells()}
    wanted: dict[str, set[str]] = {}
    for flip in flips:
        for cell in (flip.baseline, flip.cell):
            wanted.setdefault(cell, set()).add(flip.sample_id)
    # Of each cell: some kinds change the samples, others the requests.
    samples = {
        (cell, sample.id): sample
        for cell, ids in wanted.items()
        for sample in islice(task.samples(cells[cell]), _LOOKED_AT)
        if sample.id in ids
    }
    for number, flip in enumerate(flips):
        pictures = []
        for cell in (flip.baseline, flip.cell):
            name = f"artifacts/{task.name}/flips/{number:03d}-{cell}.png"
            if (sample := samples.get((cell, flip.sample_id))) is None:
                continue
            try:
                requests = task.requests(cells[cell], sample, oracle=False)
            except SampleError:
                continue
            if shown := next((request.images for request in requests if request.images), None):
                save_picture(folder / name, shown[0])
                pictures.append(name)
        yield Flip(**{**asdict(flip), "pictures": pictures})
