"""What each unit is worth under each set of changes: known from the two records, or asked for when it is needed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from harness.causes.shapley import Players
from harness.causes.units import Key, Units
from harness.comparison.columns import Floats

Ask = Callable[[Players, Sequence[str]], Mapping[Key, float]]
"""Asks about some samples with these changes as in the candidate and all others taken back."""

_EQUAL: Final = 1e-9


class Table:
    """The worth of units, by set of changes.

    Args:
        units: all there are.
        count: changes.
        ask: gives what is not known.
        known: of sets of changes whose worths the records tell, [units].
    """

    def __init__(self, units: Units, count: int, ask: Ask, known: Mapping[Players, Floats]) -> None:
        self._units = units
        self._ask = ask
        self._count = count
        self._worths = dict(known)
        self._asked: dict[Players, set[int]] = {}
        self._free = frozenset(known)

    @property
    def everything(self) -> Players:
        """All changes: the candidate as it is."""
        return frozenset(range(self._count))

    def need(self, wanted: Sequence[Players], units: Iterable[int]) -> None:
        """See that the worths of some units are known under some sets of changes."""
        places = list(units)
        for players in wanted:
            if players in self._free:
                continue
            worths = self._worths.setdefault(players, np.full(len(self._units), np.nan))
            done = self._asked.setdefault(players, set())
            if new := [unit for unit in places if unit not in done]:
                answered = self._ask(players, [sample for unit in new for sample in self._units.samples[unit]])
                worths[new] = self._units.sums(answered, new)
                done.update(new)

    def missing(self, wanted: Sequence[Players], units: Sequence[int]) -> int:
        """Return how many rows have to be asked about for some units under some sets of changes."""
        rows = self._units.rows
        lacking = (
            set(units) - self._asked.get(players, set())
            for players in dict.fromkeys(wanted)
            if players not in self._free
        )
        return int(sum(rows[list(one)].sum() for one in lacking))

    def of(self, players: Players) -> Floats:
        """Return the worths under a set of changes, [units]; NaN for units that were not asked about."""
        return self._worths[players]

    def mattering(self, players: Sequence[Players], units: Sequence[int]) -> list[int]:
        """Return which of some groups of changes moved a unit, taken back by themselves or added by themselves."""
        everything, none = self.everything, frozenset[int]()
        return [
            place
            for place, one in enumerate(players)
            if self._moved(everything, everything - one, units) or self._moved(none, one, units)
        ]

    def alike(self, some: Players, matter: Players) -> Players:
        """Return a set that is worth the same where only some changes matter: one that is known, if any is.

        Changes that do not matter are left as the candidate has them.
        """
        inside = some & matter
        if not inside:
            return frozenset()
        rest = self.everything - matter
        known = [one for one in self._worths if one & matter == inside]
        return next((one for one in known if one >= rest), known[0] if known else inside | rest)

    def _moved(self, one: Players, other: Players, units: Sequence[int]) -> bool:
        moved = np.abs(self.of(one)[list(units)] - self.of(other)[list(units)])
        return bool((moved > _EQUAL).any())
