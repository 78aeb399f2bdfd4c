"""Where did a metric move? Differences by tag and by pairs of tags: exploratory, never a verdict."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from harness.estimate import Comparer, Statistic
from harness.estimate.rows import CellRows, Mask
from harness.stats.multiplicity import benjamini_hochberg
from harness.stats.results import Comparison

MIN_PAIRS: Final = 10
_MOST_VALUES: Final = 50
"""A tag with more values names samples rather than slices."""
_MOST: Final = 400


@dataclass(frozen=True, slots=True)
class SliceDelta:
    """How a metric moved on the samples that share one tag or two."""

    task: str
    metric: str
    where: str
    """``tag = value``, or two of them."""
    before: float
    after: float
    comparison: Comparison
    adjusted_p: float
    """Two-sided, Benjamini–Hochberg over all slices of the task."""


def slices(
    task: str, statistic: Statistic, comparer: Comparer, rows: CellRows, tags: Collection[str] | None = None
) -> list[SliceDelta]:
    """Return the slices of one cell, the surest drops first.

    Every tag with at most 50 values is looked at (or those in ``tags``), then every pair of tags; slices
    under ten pairs are left out. Tags are the candidate's.

    Args:
        task: its name.
        statistic: what is looked at in each slice.
        comparer: of both runs.
        rows: of the candidate's cell, those that are paired.
        tags: the tags to look at; None for all.
    """
    whole = comparer.difference(statistic).comparison
    found = []
    for where in _groups(rows, tags):
        one = comparer.difference(replace(statistic, where=where))
        comparison = one.comparison
        if comparison is None or comparison.n < MIN_PAIRS or (whole and comparison.n == whole.n):
            continue
        said = ", ".join(f"{tag} = {value}" for tag, value in where.items())
        found.append((said, one.before, one.after, comparison))
        if len(found) == _MOST:
            break
    p = np.array([comparison.p_value for *_, comparison in found], np.float64)
    adjusted = np.full(len(found), np.nan)
    adjusted[~np.isnan(p)] = benjamini_hochberg(p[~np.isnan(p)])
    made = [SliceDelta(task, statistic.name, *row, adjusted_p=float(q)) for row, q in zip(found, adjusted, strict=True)]
    return sorted(made, key=lambda one: (one.comparison.estimate >= 0, one.adjusted_p, one.comparison.estimate))


def _groups(rows: CellRows, tags: Collection[str] | None) -> Iterator[dict[str, str]]:
    """Yield every slice by one tag or two that has enough rows."""
    single: dict[str, dict[str, Mask]] = {}
    for tag, labels in rows.tags.items():
        present = np.unique(labels.codes[labels.codes >= 0])
        if (tags is None or tag in tags) and 2 <= present.size <= _MOST_VALUES:
            single[tag] = {labels.names[code]: labels.codes == code for code in present.tolist()}
    for tag, values in single.items():
        yield from ({tag: value} for value, inside in values.items() if inside.sum() >= MIN_PAIRS)
    for (one, left), (other, right) in combinations(single.items(), 2):
        for (a, here), (b, there) in ((x, y) for x in left.items() for y in right.items()):
            if (here & there).sum() >= MIN_PAIRS:
                yield {one: a, other: b}
