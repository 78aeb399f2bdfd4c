"""The answers of a candidate with the baseline's beside them, in the form that the sample browser reads."""

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import CellKey, Floats, Samples, read_samples
from harness.comparison.described import described
from harness.comparison.flips import answer, ways
from harness.comparison.pair import pair
from harness.comparison.sets import apart_in
from harness.record import Run, RunRecord
from harness.report.exchanges import clipped
from harness.report.label_marks import NO_MARKS, Key, Mark
from harness.report.part import fitting
from harness.report.samples import SIDES, browser_data

if TYPE_CHECKING:
    import pyarrow as pa

_NOBODY: Final = -1
"""In place of a baseline's answer where the baseline was not asked the same."""


def paired_data(
    baseline: Run, candidate: Run, flipping: Collection[str], marks: Mapping[Key, Mark] = NO_MARKS
) -> dict[str, Any]:
    """Return what the sample browser shows of two runs, as JSON values.

    Args:
        baseline: asked first.
        candidate: whose answers stand in front.
        flipping: tasks whose primary metric tells right from wrong; answers of the others do not flip.
        marks: what people say of the candidate's answers.
    """
    known = dict(_pairs(baseline, candidate, flipping))
    flipped = {identity for (_, identity), (_, side) in known.items() if side}
    urgent = flipped | {sample for _, _, sample in marks}
    make = partial(_beside, baseline, candidate, known, marks)
    return fitting(make, candidate.record, candidate.table(), urgent=urgent)


def _beside(
    baseline: Run,
    candidate: Run,
    known: Mapping[tuple[CellKey, str], tuple[str, int]],
    marks: Mapping[Key, Mark],
    table: "pa.Table",
) -> dict[str, Any]:
    data = browser_data(candidate.folder, candidate.record, table, marks)
    texts = {text: code for code, text in enumerate(data["responses"])}
    rows, before, flips = data["rows"], [], []
    for task, cell, sample in zip(rows["task"], rows["cell"], rows["sample"], strict=True):
        key = (data["tasks"][task], data["cells"][cell]), data["samples"]["id"][sample]
        text, side = known.get(key, (None, 0))
        before.append(_NOBODY if text is None else texts.setdefault(text, len(texts)))
        flips.append(side)
    rows |= {"before": before, "flip": flips}
    return {
        **data,
        "responses": list(texts),
        "against": "the baseline",
        "simulated": data["simulated"] or baseline.record.adapter.simulated,
    }


def _pairs(
    baseline: Run, candidate: Run, flipping: Collection[str]
) -> Iterator[tuple[tuple[CellKey, str], tuple[str, int]]]:
    """Yield cell and id of every pair with the baseline's answer, and whether the candidate's changed sides."""
    before, after = (read_samples(run.folder, run.record.files, weighted=True) for run in (baseline, candidate))
    sides = before, after
    responses, statuses = (sides[0].text(name).to_pylist() for name in ("response", "status"))
    ids = sides[1].text("sample_id").to_pylist()
    worths = {task: _worths(candidate.record, task, sides) for task in flipping}
    for key, pairs in pair(*sides, apart_in(baseline, candidate)).cells.items():
        codes = np.zeros(len(pairs.candidate), np.int64)
        if key[0] in worths:
            old, new = worths[key[0]]
            for way, mask in ways(old[pairs.baseline], new[pairs.candidate]):
                codes[mask] = SIDES[way]
        for one, other, code in zip(pairs.baseline, pairs.candidate, codes.tolist(), strict=True):
            said = answer({"response": responses[one], "status": statuses[one]})
            yield (key, ids[other]), (clipped(said), code)


def _worths(record: RunRecord, task: str, sides: tuple[Samples, Samples]) -> tuple[Floats, Floats]:
    """Return what the rows of both runs are worth under a task's primary metric, as the comparison counts them."""
    primary = record.tasks[task].primary
    spec = described(record.tasks[task], [primary]).columns[primary]
    return sides[0].worths(primary, spec), sides[1].worths(primary, spec)
