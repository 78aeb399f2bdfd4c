"""The order in which samples are picked: the least sure first, less so where their like was picked already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from harness.seeds import derive_seed

LIKE: Final[Mapping[str, float]] = {"picture": 1.0}
"""By how much one pick of a group discounts the next of it: after n of them a sample is worth 1 / (1 + like · n) of its
score. A second question on one picture is worth half."""
LIKE_OTHERWISE: Final = 0.1
"""Of all other groups, templates and slices: the eleventh pick of one is worth half."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sample that may be picked."""

    name: str
    """Unique among items."""
    score: float | None
    """From 0 to 1: how likely its answer is wrong; None where nothing says it."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """What it is one of, by the kind of group: its picture, the template of its question, its slice."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One item where it is picked."""

    item: Item
    worth: float
    """Its score, less what its groups take off; from 0 to 1."""
    before: Mapping[str, int]
    """How many of each of its groups were picked before it; groups of which there were none are left out."""


def in_order(items: Sequence[Item], seed: int = 0, *, spread: bool = True) -> Iterator[Ranked]:
    """Yield all items, each once, in the order in which they are worth labelling.

    The order follows from the items and the seed alone: not from their order, nor from how many are taken. Items
    without a score come after all that have one. Ties are broken by a hash of seed and name.

    Args:
        items: with unique names.
        seed: of ties.
        spread: whether groups count.

    Raises:
        ValueError: if two items have one name, or a score is not from 0 to 1.

    >>> a, b, c = Item("a", 0.9, {"picture": "1"}), Item("b", 0.8, {"picture": "1"}), Item("c", 0.5, {"picture": "2"})
    >>> [ranked.item.name for ranked in in_order([c, b, a])]
    ['a', 'c', 'b']
    >>> [ranked.item.name for ranked in in_order([c, b, a], spread=False)]
    ['a', 'b', 'c']
    """
    if len({item.name for item in items}) < len(items):
        raise ValueError("two items have one name")
    if not all(item.score is None or 0 <= item.score <= 1 for item in items):
        raise ValueError("a score must be from 0 to 1")
    ordered = sorted(items, key=lambda item: (derive_seed("pick", seed, item.name), item.name))
    counts = _Counts(spread)
    yield from _greedy([item for item in ordered if item.score], counts)
    # Among those of which nothing tells one from the other, groups alone do.
    yield from _greedy([item for item in ordered if item.score == 0], counts)
    yield from _greedy([item for item in ordered if item.score is None], counts)


class _Counts:
    """How many of each group were picked."""

    def __init__(self, spread: bool) -> None:
        self.spread = spread
        self._had: dict[tuple[str, str], int] = {}

    def of(self, item: Item) -> dict[str, int]:
        return {kind: n for kind, value in item.groups.items() if (n := self._had.get((kind, value), 0))}

    def take(self, item: Item) -> None:
        for group in item.groups.items():
            self._had[group] = self._had.get(group, 0) + 1

    def discount(self, item: Item) -> float:
        found = 1.0
        for kind, n in sorted(self.of(item).items()) if self.spread else ():
            found /= 1 + LIKE.get(kind, LIKE_OTHERWISE) * n
        return found


def _greedy(items: Sequence[Item], counts: _Counts) -> Iterator[Ranked]:
    """Yield items by what they are worth when they are picked; of equals the first."""
    members: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(items):
        for group in item.groups.items():
            members.setdefault(group, []).append(place)
    scores = [item.score or 1.0 for item in items]
    worth = np.array([score * counts.discount(item) for score, item in zip(scores, items, strict=True)])
    for _ in items:
        best = int(worth.argmax())
        item = items[best]
        yield Ranked(item, 0.0 if not item.score else float(worth[best]), counts.of(item))
        counts.take(item)
        worth[best] = -1.0
        if counts.spread:
            for place in {place for group in item.groups.items() for place in members[group]}:
                if worth[place] >= 0:
                    worth[place] = scores[place] * counts.discount(items[place])
