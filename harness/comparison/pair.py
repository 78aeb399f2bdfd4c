"""Join two runs sample by sample. What has no partner is named, never dropped in silence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.comparison.columns import CellKey, Index, Samples
from harness.comparison.sets import Unpaired, row_of
from harness.record.arrow import as_numpy, indices, mask
from harness.record.marks import Differences

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class CellPairs:
    """The pairs of one cell."""

    task: str
    cell: str
    baseline: Index
    """Rows in the baseline's samples, [pairs]."""
    candidate: Index
    """Rows of the same samples in the candidate's, [pairs]."""
    missing: tuple[str, ...] = ()
    """Ids that only the baseline has."""
    extra: tuple[str, ...] = ()
    """Ids that only the candidate has."""
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids whose content (prompt, pixels, generation, or what they are judged by) differs, with what of their rows is
    known to; they are no pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of two runs."""

    cells: Mapping[CellKey, CellPairs]

    def unpaired(self, limit: int | None = None, *, drawn: bool = False) -> list[Unpaired]:
        """Return the rows without a partner, of every task that has some.

        Args:
            limit: the candidate was asked to run so many samples a cell: what it lacks beyond them is no surprise.
            drawn: whether it took whole clusters, and so perhaps fewer; half of them at least.
        """
        enough = 0 if limit is None else -(-limit // 2) if drawn else limit
        found = []
        for task in dict.fromkeys(pairs.task for pairs in self.cells.values()):
            cells = [pairs for pairs in self.cells.values() if pairs.task == task]
            asked = [pairs for pairs in cells if limit is None or len(pairs.baseline) + len(pairs.changed) < enough]
            # A question that is asked in several cells, or several times, is one row.
            missing = dict.fromkeys(ids for pairs in asked for ids in pairs.missing)
            extra = dict.fromkeys(ids for pairs in cells for ids in pairs.extra)
            changed = {ids: what for pairs in cells for ids, what in pairs.changed.items()}
            paired = max((len(pairs.baseline) for pairs in cells), default=0)
            one = Unpaired(task, paired + len(missing) + len(changed), tuple(missing), tuple(extra), changed)
            found += [one] * bool(missing or extra or changed)
        return found

    def warnings(self, limit: int | None = None, *, drawn: bool = False) -> list[str]:
        """Return a sentence for every kind of rows without a partner, of every task; arguments as above."""
        return [said for one in self.unpaired(limit, drawn=drawn) for said in one.sentences()]


def pair(baseline: Samples, candidate: Samples, rows: Mapping[str, Differences] | None = None) -> Pairs:
    """Join on task, cell and sample id; a pair whose content differs is no pair.

    Content is the hash of the request, and the mark of the row where the data differ. Where neither side has a hash
    (the sample could not be prepared), ids and marks decide.

    Args:
        baseline: one side.
        candidate: the other.
        rows: by task, how its rows differ.
    """
    keys = [*baseline.rows, *(key for key in candidate.rows if key not in baseline.rows)]
    ids = baseline.text("sample_id"), candidate.text("sample_id")
    hashes = baseline.hashes(), candidate.hashes()
    nobody = np.zeros(0, np.int64)
    others = rows or {}
    cells = {
        key: _join(
            key, baseline.rows.get(key, nobody), candidate.rows.get(key, nobody), ids, hashes, others.get(key[0])
        )
        for key in keys
    }
    return Pairs(cells)


def _join(
    key: CellKey,
    ours: Index,
    theirs: Index,
    ids: tuple["pa.Array", "pa.Array"],
    hashes: tuple["pa.Array", "pa.Array"],
    rows: Differences | None,
) -> CellPairs:
    import pyarrow.compute as pc

    left, right = ids[0].take(indices(ours)), ids[1].take(indices(theirs))
    extra: list[str] = []
    if left.equals(right):
        here = there = np.arange(len(left))
        missing: list[str] = []
    else:
        found = as_numpy(pc.index_in(left, value_set=right), -1).astype(np.int64)
        here = np.flatnonzero(found >= 0)
        there = found[here]
        missing = left.filter(mask(found < 0)).to_pylist()
        extra = right.filter(pc.invert(pc.is_in(right, value_set=left))).to_pylist()
    same = _same_content(hashes[0].take(indices(ours[here])), hashes[1].take(indices(theirs[there])))
    known = {} if rows is None else {identity: rows.changed[identity] for identity in rows.judged}
    if known:
        same &= ~np.array([row_of(identity) in known for identity in left.take(indices(here)).to_pylist()], bool)
    changed = left.take(indices(here[~same])).to_pylist()
    paired = ours[here[same]], theirs[there[same]]
    named = {identity: known.get(row_of(identity), ()) for identity in changed}
    return CellPairs(*key, *paired, tuple(missing), tuple(extra), named)


def _same_content(one: "pa.Array", other: "pa.Array") -> np.ndarray:
    import pyarrow.compute as pc

    equal = pc.equal(one, other)
    # A sample that could not be prepared has no hash: that is a failure of its run, not another sample.
    unknown = pc.or_(pc.is_null(one), pc.is_null(other))
    return as_numpy(pc.or_kleene(unknown, equal), 0)
