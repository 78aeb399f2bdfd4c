"""The answers of a candidate with the baseline's beside them, in the form that the sample browser reads."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from harness.comparison.columns import CellKey, Floats, Index, Samples, read_samples
from harness.comparison.described import described
from harness.comparison.flips import answer, ways
from harness.comparison.pair import CellPairs, pair
from harness.comparison.sets import apart_in
from harness.record import Run, RunRecord
from harness.record.arrow import as_numpy, indices
from harness.report.exchanges import clipped
from harness.report.label_marks import NO_MARKS, Key, Mark
from harness.report.part import fitting
from harness.report.samples import SIDES, browser_data, read_columns

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
    both = _Both(baseline, candidate, flipping, marks)
    names = read_columns(both.sides[1].names, candidate.record)
    urgent = both.flipped() | {sample for _, _, sample in marks}
    return fitting(both.beside, candidate.record, both.sides[1].source, urgent=urgent, names=names)


class _Both:
    """The pairs of two runs. Their texts are read for the answers that are shown, and for no others."""

    def __init__(
        self, baseline: Run, candidate: Run, flipping: Collection[str], marks: Mapping[Key, Mark]
    ) -> None:  # fmt: skip
        self._runs = baseline, candidate
        self._marks = marks
        before, after = (read_samples(run.folder, run.record.files, weighted=True) for run in self._runs)
        self.sides = before, after
        self._cells = pair(before, after, apart_in(baseline, candidate)).cells
        self._worths = {task: _worths(candidate.record, task, self.sides) for task in flipping}

    @cached_property
    def _ids(self) -> "pa.DictionaryArray":
        return self.sides[1].text("sample_id").dictionary_encode()

    def flipped(self) -> set[str]:
        """Return the samples that changed sides anywhere."""
        codes, found = as_numpy(self._ids.indices, 0).astype(np.int64), np.zeros(len(self._ids.dictionary), bool)
        for key, pairs in self._cells.items():
            rows = codes[pairs.candidate]
            # Of several answers under one id the last one is told.
            last = np.full(len(found), -1, np.int64)
            last[rows] = np.arange(len(rows))
            told = last[rows] == np.arange(len(rows))
            found[rows[told & (self._sides(key, pairs) > 0)]] = True
        return set(self._ids.dictionary.take(indices(np.flatnonzero(found))).to_pylist())

    def beside(self, table: "pa.Table") -> dict[str, Any]:
        """Return some of the candidate's answers with the baseline's beside them."""
        baseline, candidate = self._runs
        known = dict(self._known(table))
        data = browser_data(candidate.folder, candidate.record, table, self._marks)
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

    def _known(self, table: "pa.Table") -> Iterator[tuple[tuple[CellKey, str], tuple[str, int]]]:
        """Yield cell and id of the pairs of some answers with the baseline's, and whether the candidate's flipped."""
        import pyarrow.compute as pc

        shown = table["sample_id"].combine_chunks()
        there = as_numpy(pc.is_in(self._ids.dictionary, value_set=shown), 0)[as_numpy(self._ids.indices, 0)]
        for key, pairs in self._cells.items():
            at = np.flatnonzero(there[pairs.candidate])
            ids = self._ids.take(indices(pairs.candidate[at])).to_pylist()
            sides = self._sides(key, pairs)[at].tolist()
            said = self.sides[0].texts(pairs.baseline[at], ("response", "status"))
            for name, row, side in zip(ids, said, sides, strict=True):
                yield (key, name), (clipped(answer(row)), side)

    def _sides(self, key: CellKey, pairs: CellPairs) -> Index:
        """Return which way each pair of a cell went, [pairs]; 0 for none."""
        codes = np.zeros(len(pairs.candidate), np.int64)
        if key[0] in self._worths:
            old, new = self._worths[key[0]]
            for way, mask in ways(old[pairs.baseline], new[pairs.candidate]):
                codes[mask] = SIDES[way]
        return codes


def _worths(record: RunRecord, task: str, sides: tuple[Samples, Samples]) -> tuple[Floats, Floats]:
    """Return what the rows of both runs are worth under a task's primary metric, as the comparison counts them."""
    primary = record.tasks[task].primary
    spec = described(record.tasks[task], [primary]).columns[primary]
    return sides[0].worths(primary, spec), sides[1].worths(primary, spec)
