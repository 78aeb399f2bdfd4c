"""How much each of several changes adds: alone, last, and in all orders (Shapley's value)."""

import math
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np

from harness.comparison.columns import Floats
from harness.seeds import Stream

Players = frozenset[int]
"""The changes that are as in the candidate; the others are taken back."""
Value = Callable[[Players], Floats]
"""What each unit is worth then, [units]."""


def ends(count: int) -> list[Players]:
    """Return what shows each of some changes alone: taken back by itself, and added by itself to the baseline.

    >>> [sorted(one) for one in ends(3)]
    [[1, 2], [0, 2], [0, 1], [0], [1], [2]]
    """
    everything = frozenset(range(count))
    found = [*(everything - {one} for one in range(count)), *(frozenset({one}) for one in range(count))]
    return [one for one in dict.fromkeys(found) if one and one != everything]


def all_of(players: Sequence[int]) -> list[Players]:
    """Return every set of some changes, the empty one and the whole among them.

    >>> len(all_of([3, 5, 8]))
    8
    """
    sizes = range(len(players) + 1)
    return [frozenset(some) for size in sizes for some in combinations(players, size)]


def orders(players: Sequence[int], count: int, *seed: str | int) -> list[tuple[int, ...]]:
    """Return seeded orders of some changes, each followed by its reverse, which takes the chance of a place away.

    >>> [len(one) for one in orders([0, 1, 2, 3, 4], 4, "x")]
    [5, 5, 5, 5]
    """
    stream = Stream(*seed, "orders")
    found: list[tuple[int, ...]] = []
    while len(found) < count:
        one = tuple(stream.shuffled(list(players)))
        found += [one, one[::-1]]
    return found[:count]


def prefixes(order: Sequence[int]) -> list[Players]:
    """Return the sets that an order passes through, from none to all."""
    return [frozenset(order[:size]) for size in range(len(order) + 1)]


def exact(players: Sequence[int], value: Value) -> dict[int, Floats]:
    """Return Shapley's value of each change for every unit: its mean contribution over all orders, [units].

    They add up to what all changes do together, and a change that never matters has zero.

    Source:
        Shapley 1953, "A value for n-person games".

    >>> together = lambda some: np.array([1.0 if some == {0, 1} else 0.0])
    >>> {player: float(part[0]) for player, part in exact([0, 1], together).items()}
    {0: 0.5, 1: 0.5}
    """
    count = len(players)
    found = {}
    for player in players:
        others = [one for one in players if one != player]
        parts = [
            (value(some | {player}) - value(some))
            * (math.factorial(len(some)) * math.factorial(count - len(some) - 1) / math.factorial(count))
            for some in all_of(others)
        ]
        found[player] = np.sum(parts, axis=0)
    return found


def sampled(found: Sequence[Sequence[int]], value: Value) -> dict[int, Floats]:
    """Return the mean contribution of each change over some orders, for every unit, [units].

    Source:
        Castro, Gómez and Tejada 2009, "Polynomial calculation of the Shapley value based on sampling"; Mitchell,
        Cooper, Frank and Holmes 2022 for orders with their reverse.
    """
    parts: dict[int, list[Floats]] = {}
    for order in found:
        for size, player in enumerate(order):
            parts.setdefault(player, []).append(value(frozenset(order[: size + 1])) - value(frozenset(order[:size])))
    return {player: np.mean(own, axis=0) for player, own in parts.items()}
