"""The order in which samples are picked: the least sure first, less so where their like was picked already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    likes = _Likes(ordered, spread=spread)
    for some in (
        [place for place, item in enumerate(ordered) if item.score],
        # Among those of which nothing tells one from the other, groups alone do.
        [place for place, item in enumerate(ordered) if item.score == 0],
        [place for place, item in enumerate(ordered) if item.score is None],
    ):
        yield from _greedy(ordered, np.array(some, np.int64), likes)


class _Likes:
    """How many of each group were picked, and what that takes off its members."""

    def __init__(self, items: Sequence[Item], *, spread: bool) -> None:
        self._items = items
        self._spread = spread
        self._had: dict[str, dict[str, int]] = {}
        self._codes: dict[str, NDArray[np.int64]] = {}
        """By kind: the number of each item's group, [items]; the last number is of those that have none."""
        self._factors: dict[str, NDArray[np.float64]] = {}
        """By kind: what the score of a group's members is multiplied by, [groups + 1]."""
        self._numbers: dict[str, dict[str, int]] = {}
        for kind in sorted({kind for item in items for kind in item.groups}):
            names = sorted({item.groups[kind] for item in items if kind in item.groups})
            numbers = self._numbers[kind] = {name: number for number, name in enumerate(names)}
            groups = [numbers[item.groups[kind]] if kind in item.groups else len(names) for item in items]
            self._codes[kind] = np.array(groups, np.int64)
            self._factors[kind] = np.ones(len(names) + 1)
            self._had[kind] = {}

    def before(self, item: Item) -> dict[str, int]:
        """Return how many of each of an item's groups were picked."""
        return {kind: n for kind, name in item.groups.items() if (n := self._had[kind].get(name, 0))}

    def take(self, item: Item) -> None:
        """Count an item as picked."""
        for kind, name in item.groups.items():
            n = self._had[kind][name] = self._had[kind].get(name, 0) + 1
            self._factors[kind][self._numbers[kind][name]] = 1 / (1 + LIKE.get(kind, LIKE_OTHERWISE) * n)

    def discounts(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what is left of the score of some items, [places], in (0, 1]."""
        left = np.ones(len(places))
        for kind in self._codes if self._spread else ():
            left *= self._factors[kind][self._codes[kind][places]]
        return left


def _greedy(items: Sequence[Item], places: NDArray[np.int64], likes: _Likes) -> Iterator[Ranked]:
    """Yield some of the items by what they are worth when they are picked; of equals the first."""
    scores = np.array([items[place].score or 1.0 for place in places])
    for _ in places:
        worth = scores * likes.discounts(places)
        best = int(worth.argmax())
        item = items[places[best]]
        yield Ranked(item, float(worth[best]) if item.score else 0.0, likes.before(item))
        likes.take(item)
        scores[best] = -1.0
