"""Which samples several runs got right: a row a sample, a column a run, those on which the runs differ first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from harness.comparison.columns import HASH_LENGTH, Samples
from harness.comparison.controls import control
from harness.comparison.described import described
from harness.comparison.flips import RIGHT
from harness.comparison.rows import rows_of_run
from harness.record import Run
from harness.types import Status

SHOWN: Final = 200
"""Samples that are shown, those on which runs differ before the others."""
_NOT_ASKED, _WRONG, _IS_RIGHT = -1, 0, 1
_Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Given:
    """What one run made of a sample."""

    right: bool
    answer: str
    failed: bool
    """Whether no answer came: it counts as a wrong one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sample in one cell."""

    task: str
    cell: str
    sample_id: str
    prompt: str
    references: tuple[str, ...]
    given: tuple[Given | None, ...]
    """Of each run; None where it was not asked this, or asked it otherwise."""

    differs: bool
    """Whether some run is right and some run is wrong; what simulated runs say counts only where all are simulated."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The samples, the first of them as lines."""

    lines: tuple[Line, ...]
    differing: int
    """Samples on which runs differ."""
    total: int
    """Samples that at least two of the runs that count were asked."""


def matrix(runs: Sequence[Run], shown: int = SHOWN) -> Matrix:
    """Return which samples the runs got right.

    Of tasks whose primary metric tells right from wrong; controls, which are wrong by design, are left out. Samples on
    which runs differ come first, those with the fewest right before the others; then samples that all got wrong.

    Args:
        runs: of one suite.
        shown: how many samples become lines.

    Raises:
        UsageError: if samples cannot be read.
    """
    samples = [rows_of_run(run).samples for run in runs]
    places: dict[_Key, int] = {}
    found = [_judged(run, one, places) for run, one in zip(runs, samples, strict=True)]
    sides = np.full((len(places), len(runs)), _NOT_ASKED, np.int8)
    rows = np.full((len(places), len(runs)), -1, np.int64)
    hashes: dict[int, str] = {}
    for column, judged in enumerate(found):
        for place, row, digest, side in judged:
            if digest and hashes.setdefault(place, digest) != digest:
                continue
            sides[place, column], rows[place, column] = side, row
    real = [not run.record.adapter.simulated for run in runs]
    counted = np.array(real if any(real) else [True] * len(runs), bool)
    asked = (sides != _NOT_ASKED)[:, counted].sum(axis=1)
    right = (sides == _IS_RIGHT)[:, counted].sum(axis=1)
    differs = (right > 0) & (right < asked)
    shared = np.flatnonzero(asked > min(1, counted.sum() - 1))
    order = shared[np.lexsort((shared, right[shared], ~differs[shared]))][:shown]
    lines = _lines(samples, list(places), sides, rows, order, counted)
    return Matrix(lines, int(differs[shared].sum()), int(shared.size))


def _judged(run: Run, samples: Samples, places: dict[_Key, int]) -> list[tuple[int, int, str, int]]:
    """Return, for each row that is right or wrong: its place among all samples, the row, what was asked, its side."""
    ids = samples.text("sample_id").to_pylist()
    hashes = samples.text("request_hash").to_pylist()
    worths = {name: _worths(run, samples, name) for name in run.record.tasks}
    judged = []
    for (task, cell), rows in samples.rows.items():
        worth = worths.get(task)
        if worth is None:
            continue
        for row in rows.tolist():
            if not np.isnan(worth[row]):
                place = places.setdefault((task, cell, ids[row]), len(places))
                side = _IS_RIGHT if worth[row] >= RIGHT else _WRONG
                judged.append((place, row, (hashes[row] or "")[:HASH_LENGTH], side))
    return judged


def _worths(run: Run, samples: Samples, name: str) -> NDArray[np.float64] | None:
    task = run.record.tasks[name]
    known = described(task, samples.metrics)
    if task.primary not in samples.metrics or not known.flips(task.primary) or control(run.record, name, task.primary):
        return None
    return samples.worths(task.primary, known.columns[task.primary])


def _lines(
    samples: Sequence[Samples],
    keys: Sequence[_Key],
    sides: NDArray[np.int8],
    rows: NDArray[np.int64],
    order: NDArray[np.int64],
    counted: NDArray[np.bool_],
) -> tuple[Line, ...]:
    wanted = ("prompt", "references", "response", "status")
    told: list[Mapping[int, Mapping[str, Any]]] = []
    for column, one in enumerate(samples):
        there = [int(row) for row in rows[order, column] if row >= 0]
        told.append(dict(zip(there, one.texts(there, wanted), strict=True)) if there else {})
    lines = []
    for place in order.tolist():
        task, cell, identity = keys[place]
        given: list[Given | None] = []
        prompt, references = "", tuple[str, ...]()
        for column in range(len(samples)):
            row = told[column].get(int(rows[place, column]))
            if row is None:
                given.append(None)
                continue
            prompt, references = prompt or str(row["prompt"] or ""), references or tuple(row["references"] or ())
            failed = row["status"] != Status.OK
            given.append(Given(bool(sides[place, column] == _IS_RIGHT), str(row["response"] or ""), failed))
        differs = len({one.right for one, counts in zip(given, counted, strict=True) if one is not None and counts}) > 1
        lines.append(Line(task, cell, identity, prompt, references, tuple(given), differs))
    return tuple(lines)
