"""Where did a metric move? Differences by tag and by pairs of tags: exploratory, never a verdict."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from harness.compare.columns import Floats, Index, Samples
from harness.compare.pair import CellPairs
from harness.compare.rules import Rule
from harness.stats.multiplicity import benjamini_hochberg
from harness.stats.results import Comparison
from harness.stats.verdict import compare_scores

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
    pairs: CellPairs,
    metric: str,
    rule: Rule,
    worths: tuple[Floats, Floats],
    samples: Samples,
    clusters: Index,
    tags: Collection[str] | None = None,
) -> list[SliceDelta]:
    """Return the slices of one cell, the surest drops first.

    Every tag with at most 50 values is looked at (or those in ``tags``), then every pair of tags; slices
    under ten pairs are left out. Tags are the candidate's.
    """
    before, after = worths[0][pairs.baseline], worths[1][pairs.candidate]
    both = ~np.isnan(before) & ~np.isnan(after)
    found = []
    for where, inside in _groups(samples, pairs.candidate, tags):
        mask = inside & both
        if mask.sum() < MIN_PAIRS or mask.sum() == both.sum():
            continue
        comparison = compare_scores(before[mask], after[mask], rule.way, clusters[mask], span=rule.span)
        found.append((where, float(before[mask].mean()), float(after[mask].mean()), comparison))
        if len(found) == _MOST:
            break
    p = np.array([comparison.p_value for *_, comparison in found], np.float64)
    adjusted = np.full(len(found), np.nan)
    adjusted[~np.isnan(p)] = benjamini_hochberg(p[~np.isnan(p)])
    made = [SliceDelta(pairs.task, metric, *row, adjusted_p=float(q)) for row, q in zip(found, adjusted, strict=True)]
    return sorted(made, key=lambda one: (one.comparison.estimate >= 0, one.adjusted_p, one.comparison.estimate))


def _groups(samples: Samples, rows: Index, tags: Collection[str] | None) -> Iterator[tuple[str, np.ndarray]]:
    single: dict[str, list[tuple[str, np.ndarray]]] = {}
    for tag in samples.tags if tags is None else [tag for tag in samples.tags if tag in tags]:
        codes, names = samples.codes(f"tag.{tag}")
        values = codes[rows]
        present = np.unique(values[values >= 0])
        if 2 <= present.size <= _MOST_VALUES:
            single[tag] = [(f"{tag} = {names[code]}", values == code) for code in present]
    for groups in single.values():
        yield from groups
    for one, other in combinations(single.values(), 2):
        for (left, here), (right, there) in ((a, b) for a in one for b in other):
            yield f"{left}, {right}", here & there
