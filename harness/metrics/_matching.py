"""Which detections find a truth, by COCO's rules, for all labels, images and thresholds at once."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from harness.metrics._detected import Table
from harness.metrics._ties import STEPS, Knot, even, untie
from harness.metrics.boxes import AREAS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAIRS: Final = 1_000_000
"""Pairs of boxes to look at in one go."""


class _Pairs(NamedTuple):
    """Pairs of a detection and a truth of its label and image that overlap."""

    left: "NDArray[np.int64]"
    right: "NDArray[np.int64]"
    overlap: "NDArray[np.float64]"

    def take(self, which: Any) -> "_Pairs":
        return _Pairs(self.left[which], self.right[which], self.overlap[which])


def within(table: Table, area: str) -> "NDArray[np.bool_]":
    """Return which boxes have a size that counts."""
    least, most = AREAS[area]
    found: NDArray[np.bool_] = (table.areas >= least) & (table.areas <= most)
    return found


def match(
    found: Table, truths: Table, thresholds: Sequence[float], area: str = "all"
) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
    """Give each detection, best first, the free truth that it overlaps most; crowds can be given again and again.

    A truth whose size does not count, or a crowd, is given to a detection that finds no other; it is then ignored, as
    is a detection that finds nothing and has no size that counts. Of detections with one label, image and score the
    numbers of hits and ignored ones are what counts, and not which they are.

    Returns:
        Hits and ignored detections, [thresholds, found].
    """
    import numpy as np

    least = np.minimum(thresholds, 1 - 1e-10)
    outside = ~within(found, area)
    ignored = truths.crowd | ~within(truths, area)
    hits = np.zeros((len(least), len(found.labels)), bool)
    spared = np.tile(outside, (len(least), 1))
    pairs = _candidates(found, truths, float(least.min()))
    knots = _knots(pairs, found, truths)
    _serve(pairs.take(knots < 0), found, truths, least, ignored, hits, spared)
    # Knots with more scores than one are few: the scores of a detector seldom tie, a language model's all do.
    mixed = _with_several_scores(pairs, knots, found)
    groups = [(even, (knots >= 0) & ~mixed)] + [(untie, mixed & (knots == one)) for one in np.unique(knots[mixed])]
    for rule, which in groups:
        if not which.any():
            continue
        detections, left = np.unique(pairs.left[which], return_inverse=True)
        there, right = np.unique(pairs.right[which], return_inverse=True)
        knot = Knot(left, right, pairs.overlap[which], found.scores[detections], outside[detections], ignored[there],
                    truths.crowd[there])  # fmt: skip
        part = np.zeros(len(detections), np.int64)
        part[left] = knots[which]
        for row, limit in enumerate(least):
            close = knot.overlap >= limit
            one, other = rule(knot._replace(left=left[close], right=right[close], overlap=knot.overlap[close]))
            if rule is even:
                one, other = _dealt(part, one, other)
            hits[row, detections], spared[row, detections] = one, other
    return hits, spared & ~hits


def _with_several_scores(pairs: _Pairs, knots: "NDArray[np.int64]", found: Table) -> "NDArray[np.bool_]":
    """Return which pairs are of a knot whose detections have more scores than one."""
    import numpy as np

    scores = found.scores[pairs.left]
    order = np.lexsort((scores, knots))
    changed = (np.diff(scores[order]) != 0) & (np.diff(knots[order]) == 0)
    several: NDArray[np.bool_] = (knots >= 0) & np.isin(knots, knots[order[1:][changed]])
    return several


def _dealt(part: Any, hit: Any, missed: Any) -> tuple[Any, Any]:
    """Return hits and ignored ones, as many in each part as there are hits and as are neither hit nor missed."""
    import numpy as np

    order = np.argsort(part, kind="stable")
    names, which, sizes = np.unique(part, return_inverse=True, return_counts=True)
    rank = np.empty(len(part), np.int64)
    rank[order] = np.arange(len(part)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    right = np.bincount(which, hit, len(names))[which]
    wrong = np.bincount(which, missed, len(names))[which]
    return rank < right, rank >= right + wrong


def _candidates(found: Table, truths: Table, least: float) -> _Pairs:
    import numpy as np

    stride = max(found.images.max(initial=0), truths.images.max(initial=0)) + 1
    key, other = (table.labels * stride + table.images for table in (found, truths))
    first, last = np.searchsorted(other, key, "left"), np.searchsorted(other, key, "right")
    total = np.cumsum(last - first)
    steps = np.arange(0, total.max(initial=0), _PAIRS)
    parts = []
    for start, end in pairwise([*np.searchsorted(total, steps, "right"), len(key)]):
        sizes = (last - first)[start:end]
        left = np.repeat(np.arange(start, end), sizes)
        right = np.arange(len(left)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + first[left]
        overlap = _overlaps(found.boxes[left], truths.boxes[right], truths.crowd[right])
        enough = overlap >= least
        parts.append((left[enough], right[enough], overlap[enough]))
    if not parts:
        return _Pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return _Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _overlaps(boxes: Any, others: Any, crowd: Any) -> Any:
    """Return the IoU of each pair; for a crowd the share of the detection that lies on it."""
    import numpy as np

    a, b = np.ascontiguousarray(boxes.T), np.ascontiguousarray(others.T)
    width = np.maximum(np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]), 0)
    height = np.maximum(np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]), 0)
    shared, area = width * height, (a[2] - a[0]) * (a[3] - a[1])
    union = np.where(crowd, area, area + (b[2] - b[0]) * (b[3] - b[1]) - shared)
    share = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return np.rint(share * STEPS) / STEPS


def _knots(pairs: _Pairs, found: Table, truths: Table) -> "NDArray[np.int64]":
    """Return for each pair which knot it is part of, −1 where the order of serving is nobody's choice.

    There it is: no truth is near two detections of one score, and none of them is as near to one truth as to another.
    """
    import numpy as np

    left, right, overlap = pairs
    none = np.full(len(left), -1)
    single = np.flatnonzero(~truths.crowd[right])
    scores = found.scores[left[single]]
    rivals = _repeated(single, right[single], scores)
    undecided = _repeated(single, left[single], overlap[single])
    tied = np.union1d(rivals, undecided)
    if not len(tied):
        return none
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(found.labels) + len(truths.labels)
    ends = left[single], right[single] + len(found.labels)
    knot = connected_components(coo_array((np.ones(len(single)), ends), shape=(size, size)), directed=False)[1]
    return np.where(np.isin(knot[left], knot[left[tied]]), knot[left], -1)


def _repeated(places: Any, first: Any, second: Any) -> Any:
    """Return the places whose pair of keys another one has, but for one of each."""
    import numpy as np

    order = np.lexsort((second, first))
    same = (np.diff(first[order]) == 0) & (np.diff(second[order]) == 0)
    return places[order[1:][same]]


def _serve(pairs: _Pairs, found: Table, truths: Table, least: Any, ignored: Any, hits: Any, spared: Any) -> None:
    """Serve detections one by one, in each round the next of every label and image; fill ``hits`` and ``spared``."""
    import numpy as np

    free = np.ones((len(least), len(truths.labels)), bool)
    for turn in _rounds(pairs.left, found):
        row, column, share = pairs.take(turn)
        starts = np.flatnonzero(np.r_[True, np.diff(row) != 0])
        usable = free[:, column] & (share >= least[:, None])
        # What counts before what is ignored, whatever it overlaps; of equals a crowd, which stays free for others.
        wish = np.where(usable, share + 2.0 * ~ignored[column] + truths.crowd[column] / (2 * STEPS), -1.0)
        best = np.maximum.reduceat(wish, starts, axis=1)
        given = np.repeat(best, np.diff(np.r_[starts, len(row)]), axis=1)
        place = np.where((wish == given) & usable, np.arange(len(row)), -1)
        chosen = np.maximum.reduceat(place, starts, axis=1)
        which, at = np.nonzero(chosen >= 0)
        truth = column[chosen[which, at]]
        hits[which, row[starts[at]]] = ~ignored[truth]
        spared[which, row[starts[at]]] = ignored[truth]
        free[which, truth] = truths.crowd[truth]


def _rounds(left: Any, found: Table) -> Iterator[Any]:
    """Yield places of pairs: those of every label and image's best detection, then of the second best, and so on."""
    import numpy as np

    if not len(left):
        return
    detections, index = np.unique(left, return_inverse=True)
    starts = found.take(detections).starts()
    rank = (np.arange(len(detections)) - np.repeat(starts[:-1], np.diff(starts)))[index]
    order = np.argsort(rank, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(rank[order])) + 1)
