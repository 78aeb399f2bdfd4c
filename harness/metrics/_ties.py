"""Which boxes find which, where scores or overlaps tie: the best that the tied ones can do together.

COCO serves detections one by one, from the highest score down, each with what it overlaps most. Tied ones have no
order, and a list's would be somebody's choice. So those of one score are served together: of all ways to do it, one
with the most hits, of these one with the fewest misses, of these one with the largest overlap; and where several are
equally good for them, one that is best for those that come after. The counts of each score do not depend on which way
is taken. For one detection a score, with no two overlaps equal, it is COCO's rule.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STEPS: Final = 10**12
"""Steps from no to full overlap; closer ones are the same, since mirroring a box may move its last digit."""


class Knot(NamedTuple):
    """Detections and truths that overlap each other, of one label and image; or several such, of no matter which."""

    left: "NDArray[np.int64]"
    """[pairs]; places in the detections."""
    right: "NDArray[np.int64]"
    """[pairs]; places in the truths."""
    overlap: "NDArray[np.float64]"
    """[pairs]"""
    scores: "NDArray[np.float64]"
    """[detections]"""
    outside: "NDArray[np.bool_]"
    """[detections]; of a size that is not looked at: no miss where it finds nothing."""
    ignored: "NDArray[np.bool_]"
    """[truths]; to find one is neither right nor wrong."""
    crowd: "NDArray[np.bool_]"
    """[truths]; ignored ones that can be found again and again."""


def even(knot: Knot) -> tuple[Any, Any]:
    """Return which detections find something that counts, and which must miss, both as many as can be and no more.

    For knots in each of which all scores are equal. The two are found apart from each other: one way to serve the
    detections has both numbers (Mendelsohn and Dulmage 1958), though no detection need be what it is here.
    """
    import numpy as np

    on_crowd = np.zeros(len(knot.scores), bool)
    on_crowd[knot.left[knot.crowd[knot.right]]] = True
    needy = ~knot.outside & ~on_crowd
    found = _most(knot, ~knot.ignored[knot.right])
    spared = _most(knot, needy[knot.left] & ~knot.crowd[knot.right])
    return found, needy & ~spared


def _most(knot: Knot, usable: Any) -> Any:
    """Return the detections that a largest matching serves, of some pairs."""
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    ends = knot.left[usable], knot.right[usable]
    size = len(knot.scores), len(knot.ignored)
    graph = csr_array((np.ones(len(ends[0]), np.int8), ends), shape=size)
    return maximum_bipartite_matching(graph, perm_type="column") >= 0


def untie(knot: Knot) -> tuple[Any, Any]:
    """Return which detections are hits, and which of the others are ignored: of each score, the right number."""
    import numpy as np

    scores, group = np.unique(-knot.scores, return_inverse=True)
    many = len(knot.scores) + 1
    # In falling order of weight: a hit, no miss, an ignored truth rather than none, overlap.
    found = many * STEPS + 1
    calm, hit, unit = found * many, found * many**2, found * many**3
    worth = [calm if outside else 0 for outside in knot.outside.tolist()]
    gains: dict[tuple[int, int], int] = {}
    for d, t, share in zip(knot.left.tolist(), knot.right.tolist(), knot.overlap.tolist(), strict=True):
        step = round(share * STEPS)
        if knot.crowd[t]:
            worth[d] = max(worth[d], calm + found + step)
        else:
            gains[t, d] = calm + step + (found if knot.ignored[t] else hit)
    table = [[0] * len(knot.scores) for _ in knot.ignored]
    for (t, d), gain in gains.items():
        table[t][d] = max(0, gain - worth[d]) * unit ** (len(scores) - 1 - int(group[d]))
    hits = np.zeros(len(knot.scores), bool)
    ignored = np.array(worth) >= calm
    for t, d in _heaviest(table):
        hits[d], ignored[d] = not knot.ignored[t], knot.ignored[t]
    return hits, ignored


def _heaviest(table: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return cells, no two in a row or column, of the greatest sum; none that adds nothing.

    The Hungarian method with potentials, row by row along shortest paths, on whole numbers of any length.

    >>> _heaviest([[3, 2, 0], [2, 0, 0]])
    [(0, 1), (1, 0)]
    """
    import numpy as np

    if len(table) > len(table[0]):
        return sorted((t, d) for d, t in _heaviest([list(column) for column in zip(*table, strict=True)]))
    costs, width = -np.array(table, object), len(table[0])
    owner = np.full(width, -1)
    row_price, column_price = np.zeros(len(table), object), np.zeros(width, object)
    for start in range(len(table)):
        slack, before, seen = np.full(width, 1 - 2 * costs.min() * (len(table) + 1), object), owner * 0 - 1, owner < -1
        row, at = start, -1
        while row >= 0:
            rest = costs[row] - row_price[row] - column_price
            closer = ~seen & np.less(rest, slack).astype(bool)
            slack[closer], before[closer] = rest[closer], at
            open_columns = np.flatnonzero(~seen)
            nearest = open_columns[np.argmin(slack[open_columns])]
            step = slack[nearest]
            row_price[start] += step
            row_price[owner[seen]] += step
            column_price[seen] -= step
            slack[~seen] -= step
            seen[nearest], at = True, nearest
            row = owner[at]
        while at >= 0:
            owner[at] = start if before[at] < 0 else owner[before[at]]
            at = before[at]
    return sorted((int(row), column) for column, row in enumerate(owner) if row >= 0 and table[row][column])
