"""Where did it get worse, in people's eyes? Labels of each slice by itself: exploratory, never a verdict."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from harness.comparison.asked import Answered
from harness.comparison.columns import Index
from harness.comparison.once import Mask, Rows, by_things
from harness.stats.labelled import ByLabels
from harness.stats.multiplicity import holm

LEVEL: Final = 0.05
_FEWEST: Final = 5
"""Labels of a slice that is looked at."""
_MOST_VALUES: Final = 50
"""A tag with more values names samples rather than slices."""
_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class LabelledSlice:
    """What labels say of the samples that share one value of a tag."""

    where: str
    """``tag = value``."""
    found: ByLabels
    rest: float
    """The change of all other samples by their labels; NaN where they have fewer than two."""
    adjusted_p: float
    """One-sided: small where the slice got worse. Adjusted for all slices of the task that were looked at (Holm)."""

    @property
    def fell(self) -> bool:
        """Whether people find the slice worse, however many were looked at."""
        return self.adjusted_p <= LEVEL


@dataclass(frozen=True, slots=True)
class LookedByLabels:
    """What was found, and among how many."""

    listed: tuple[LabelledSlice, ...] = ()
    """Those that lost, the surest first."""
    among: int = 0


NO_SLICES: Final = LookedByLabels()


def slices_by_labels(
    rows: Rows, things: Index, side: Answered, tags: Collection[str], confidence: float, margin: float
) -> LookedByLabels:
    """Return the slices in which people find answers worse.

    A slice with fewer than five labels is left out, and so is a tag with one value, or more than fifty.

    Args:
        rows: of a task in both runs, with what labels say.
        things: which rows are one thing to label, [rows].
        side: the candidate's rows, whose tags count.
        tags: which.
        confidence: of each interval.
        margin: of the task.
    """
    known = ~np.isnan(rows.truth) & rows.differ
    found: list[tuple[str, Mask, ByLabels]] = []
    for tag, codes, names in _of(side, tags):
        for code, name in enumerate(names):
            inside = codes == code
            if len(np.unique(things[inside & known])) < _FEWEST:
                continue
            one = by_things(*_part(rows, things, inside), confidence, margin)
            if not np.isnan(one.comparison.p_less):
                found.append((f"{tag} = {name}", inside, one))
    adjusted = holm([one.comparison.p_less for _, _, one in found]).tolist()
    lost = [(p, *one) for p, one in zip(adjusted, found, strict=True) if one[2].comparison.estimate < 0]
    lost.sort(key=lambda told: (told[0], told[3].comparison.estimate))

    def others(inside: Mask) -> float:
        return by_things(*_part(rows, things, ~inside), confidence, margin).comparison.estimate

    listed = tuple(LabelledSlice(where, one, others(inside), p) for p, where, inside, one in lost[:_LISTED])
    return LookedByLabels(listed, len(found))


def _part(rows: Rows, things: Index, inside: Mask) -> tuple[Rows, Index]:
    """Return some of the rows, and which of them are one thing."""
    proxy = None if rows.proxy is None else rows.proxy[inside]
    kept = Rows(
        rows.truth[inside], rows.drawn[inside], rows.differ[inside], rows.weights[inside], proxy, rows.clusters[inside]
    )
    return kept, np.unique(things[inside], return_inverse=True)[1].astype(np.int64)


def _of(side: Answered, tags: Collection[str]) -> Iterator[tuple[str, Index, Sequence[str]]]:
    """Yield each tag with the code of every row, −1 where it has none, and what the codes stand for."""
    for tag in side.samples.tags:
        if tag not in tags:
            continue
        codes, names = side.samples.codes(f"tag.{tag}")
        own = codes[side.rows]
        there = [code for code in np.unique(own[own >= 0]).tolist() if names[code]]
        if 2 <= len(there) <= _MOST_VALUES:
            places = np.full(len(names) + 1, -1, np.int64)
            places[there] = np.arange(len(there))
            yield tag, places[own], [str(names[code]) for code in there]
