"""Join two runs sample by sample. What has no partner is named, never dropped in silence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.comparison.columns import CellKey, Index, Samples

if TYPE_CHECKING:
    import pyarrow as pa

HASH_LENGTH: Final = 16
"""Characters of a request's hash that are compared; baselines keep no more."""
_NAMED: Final = 5


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
    changed: tuple[str, ...] = ()
    """Ids whose content (prompt, pixels, generation) differs; they are no pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """All pairs of two runs."""

    cells: Mapping[CellKey, CellPairs]

    def warnings(self, limit: int | None = None, *, drawn: bool = False) -> list[str]:
        """Return a sentence for every task with samples that have no partner.

        Args:
            limit: the candidate was asked to run so many samples a cell: what it lacks beyond them is no surprise.
            drawn: whether it took whole clusters, and so perhaps fewer; half of them at least.
        """
        enough = 0 if limit is None else -(-limit // 2) if drawn else limit
        said: list[str] = []
        for task in dict.fromkeys(pairs.task for pairs in self.cells.values()):
            cells = [pairs for pairs in self.cells.values() if pairs.task == task]
            surprising = [
                ids for pairs in cells for ids in pairs.missing if limit is None or len(pairs.baseline) < enough
            ]
            said += _sentence(task, surprising, "missing from the candidate")
            said += _sentence(task, [ids for pairs in cells for ids in pairs.extra], "not in the baseline")
            changed = [ids for pairs in cells for ids in pairs.changed]
            said += _sentence(task, changed, "with other content (prompt, pixels or generation) under the same id")
        return said


def pair(baseline: Samples, candidate: Samples) -> Pairs:
    """Join on task, cell and sample id; a pair whose content differs is no pair.

    Content is the hash of the request. Where neither side has one (the sample could not be
    prepared), the ids alone decide.
    """
    keys = [*baseline.rows, *(key for key in candidate.rows if key not in baseline.rows)]
    ids = baseline.text("sample_id"), candidate.text("sample_id")
    hashes = baseline.text("request_hash"), candidate.text("request_hash")
    nobody = np.zeros(0, np.int64)
    cells = {
        key: _join(key, baseline.rows.get(key, nobody), candidate.rows.get(key, nobody), ids, hashes) for key in keys
    }
    return Pairs(cells)


def _join(
    key: CellKey,
    ours: Index,
    theirs: Index,
    ids: tuple["pa.Array", "pa.Array"],
    hashes: tuple["pa.Array", "pa.Array"],
) -> CellPairs:
    import pyarrow as pa
    import pyarrow.compute as pc

    left, right = ids[0].take(pa.array(ours)), ids[1].take(pa.array(theirs))
    extra: list[str] = []
    if left.equals(right):
        here = there = np.arange(len(left))
        missing: list[str] = []
    else:
        found = pc.index_in(left, value_set=right).fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        here = np.flatnonzero(found >= 0)
        there = found[here]
        missing = left.filter(pa.array(found < 0)).to_pylist()
        extra = right.filter(pc.invert(pc.is_in(right, value_set=left))).to_pylist()
    same = _same_content(hashes[0].take(pa.array(ours[here])), hashes[1].take(pa.array(theirs[there])))
    changed = left.take(pa.array(here[~same])).to_pylist()
    rows = ours[here[same]], theirs[there[same]]
    return CellPairs(*key, *rows, tuple(missing), tuple(extra), tuple(changed))


def _same_content(one: "pa.Array", other: "pa.Array") -> np.ndarray:
    import pyarrow.compute as pc

    short = (pc.utf8_slice_codeunits(side, 0, HASH_LENGTH) for side in (one, other))
    equal = pc.equal(*short)
    # A sample that could not be prepared has no hash: that is a failure of its run, not another sample.
    unknown = pc.or_(pc.is_null(one), pc.is_null(other))
    return np.asarray(pc.if_else(unknown, True, equal).to_numpy(zero_copy_only=False), bool)


def _sentence(task: str, ids: list[str], what: str) -> list[str]:
    if not ids:
        return []
    distinct = list(dict.fromkeys(ids))
    named = ", ".join(distinct[:_NAMED]) + (", …" if len(distinct) > _NAMED else "")
    count = f"{len(distinct):,} sample{'s' if len(distinct) > 1 else ''}"
    return [f"{task}: {count} {what}: {named}"]
