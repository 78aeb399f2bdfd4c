"""What to ask next: drawn with known chances, so that whoever stops anywhere has a sample that can be weighted.

The order is a function of what there is to draw from: whoever labels, and whenever they go on, gets the same one. Each
draw takes one item of what is left, with a chance in proportion to what it is expected to tell, twice that where its
slice has had too few so far and half of it where too many. The chance is written beside the label, and
:func:`harness.stats.labelled.lure_weights` makes means over what was drawn unbiased, wherever it ended.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from harness.labels.rows import Draw
from harness.seeds import generator

_LEAST: Final = 0.5
_MOST: Final = 2.0
"""How far a slice's chance is lessened and raised. Chances that lie further apart cost more than balance gains."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be labelled."""

    name: str
    """Unique: the question, and the answer or the answers."""
    stratum: str = ""
    """The slice that it is in."""
    gain: float = 1.0
    """How much its label is expected to tell, as a chance relative to the others', above 0."""


def design_of(names: Sequence[str]) -> str:
    """Return what names a set to draw from, and so the order of the draws.

    >>> design_of(["b", "a"]) == design_of(["a", "b"])
    True
    """
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:16]


def in_order(items: Sequence[Item]) -> Iterator[tuple[Item, Draw]]:
    """Yield all items in the order in which they are drawn, each with its draw.

    >>> [draw.number for _, draw in in_order([Item("a"), Item("b")])]
    [1, 2]
    """
    listed = sorted(items, key=lambda item: item.name)
    design, count = design_of([item.name for item in listed]), len(listed)
    rng = generator("labels", design)
    strata = {name: i for i, name in enumerate(dict.fromkeys(item.stratum for item in listed))}
    of = np.array([strata[item.stratum] for item in listed], np.int64)
    shares = np.bincount(of, minlength=len(strata)) / max(count, 1)
    left = np.array([item.gain for item in listed], np.float64)
    had = np.zeros(len(strata))
    for number in range(1, count + 1):
        behind = np.clip(1 + shares * number - had, _LEAST, _MOST)
        weights = left * behind[of]
        chances = weights / weights.sum()
        place = int(np.searchsorted(np.cumsum(chances), rng.random(), side="right"))
        place = min(place, int(np.flatnonzero(left)[-1]))  # where rounding leaves the sum below 1
        left[place] = 0.0
        had[of[place]] += 1
        yield listed[place], Draw(design, number, count, float(min(1.0, chances[place])))


def known_before(names: Sequence[str], draws: Mapping[str, Draw | None]) -> tuple[str | None, set[str]]:
    """Return the design that labels were drawn by, and what was known without it.

    A design fits where the set that it drew from is exactly what there is, less what has a label of another origin.

    Args:
        names: of all items that there are now.
        draws: how those that have a label were drawn; None where nobody says.

    Returns:
        ``(design, names known)``; ``(None, all that have a label)`` where no design fits.
    """
    all_names = set(names)
    there = {name: draw for name, draw in draws.items() if name in all_names}
    for design, _ in Counter(draw.design for draw in there.values() if draw is not None).most_common():
        known = {name for name, draw in there.items() if draw is None or draw.design != design}
        if design_of([name for name in names if name not in known]) == design:
            return design, known
    return None, set(there)


def pooled(groups: Iterable[tuple[str, Sequence[Item]]]) -> list[Item]:
    """Return the items of several tasks as one set to draw from; what two of them ask is asked once.

    Each task is a slice of its own, and so has its share of any number of draws.
    """
    found: dict[str, Item] = {}
    for task, items in groups:
        for item in items:
            found.setdefault(item.name, replace(item, stratum=f"{task} {item.stratum}"))
    return list(found.values())
