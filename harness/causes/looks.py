"""How many units are asked about, and which: the flipped ones first of all, in looks that grow until it is sure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from harness.causes.units import BETTER, SAME, WORSE
from harness.errors import UsageError

FEWEST: Final = 24
"""Units of a first look."""
SCREEN: Final = 8
"""Flipped units that all changes are tried on, before those that do nothing to them are put together."""
_STEPS: Final = ((0.25, 0.25), (0.5, 0.25), (1.0, 0.5))
"""Of each look: how much of the last one it is, and its part of the chance of being wrong."""
_WORTHWHILE: Final = 1.5
"""How much larger the next look has to be."""
SHARE: Final = 5
"""A full run in so many may be asked for each change, by default."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look."""

    units: int
    confidence: float
    """Of its intervals, so that all looks together keep theirs."""


def allowance(units: int, rows: int, configurations: int, changes: int, budget: int | None) -> int:
    """Return how many questions may be asked: by default a fifth of a full run a change, and enough for a first look.

    Args:
        units: that there are.
        rows: questions in all of them.
        configurations: that each change by itself needs.
        changes: that are told apart.
        budget: of the caller; None for the default.

    Raises:
        UsageError: if the budget is too small to tell anything.

    >>> allowance(480, 480, 6, 3, None), allowance(48, 48, 6, 3, None)
    (288, 144)
    """
    each = rows / units * configurations
    least = math.ceil(min(units, SCREEN) * each)
    if budget is None:
        return max(changes * rows // SHARE, math.ceil(min(units, FEWEST) * each))
    if budget < least:
        raise UsageError(f"a budget of {budget} questions tells nothing; {least} are the least here: --budget {least}")
    return budget


def plan(units: int, rows: int, configurations: int, room: int, confidence: float) -> list[Look]:
    """Return the looks that there is room for, each at more units than the one before.

    Args:
        units: that there are.
        rows: questions in all of them.
        configurations: that each unit is asked under.
        room: questions that may be asked.
        confidence: of all looks together.

    >>> [look.units for look in plan(480, 480, 2, 288, 0.95)]
    [36, 72, 144]
    """
    most = min(units, max(SCREEN, int(room / max(rows / units * configurations, 1e-9) + 1e-9)))
    sizes = [min(most, max(FEWEST, int(most * share))) for share, _ in _STEPS]
    spent, found = 0.0, []
    for place, (size, (_, part)) in enumerate(zip(sizes, _STEPS, strict=True)):
        spent += part
        if place == len(sizes) - 1 or sizes[place + 1] >= _WORTHWHILE * size:
            found.append(Look(size, 1 - (1 - confidence) * spent))
            spent = 0.0
    return found


def drawn(order: Sequence[Sequence[int]], units: int) -> list[list[int]]:
    """Return the units of a look, by stratum: flipped ones for half of it, more where the others are too few.

    A larger look holds those of a smaller one.

    >>> drawn([[1, 2, 3], [4], [5, 6, 7, 8, 9]], 6)
    [[1, 2], [4], [5, 6, 7]]
    """
    flipped = _mixed(order[WORSE], order[BETTER])
    few = min(len(flipped), max((units + 1) // 2, units - len(order[SAME])))
    taken = set(flipped[:few])
    rest = list(order[SAME][: units - few])
    return [[unit for unit in order[stratum] if unit in taken] for stratum in (WORSE, BETTER)] + [rest]


def _mixed(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Return two orders as one, in which each has its share as far as one looks."""

    def placed(own: Sequence[int]) -> Iterator[tuple[float, int]]:
        yield from (((place + 0.5) / len(own), unit) for place, unit in enumerate(own))

    return [unit for _, unit in sorted([*placed(one), *placed(other)])]
