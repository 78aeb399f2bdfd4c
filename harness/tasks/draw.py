"""Which samples a quick look takes: the first of one seeded order of them, so that a file's order decides nothing.

Whole clusters stand in the order, one after the other, spread evenly over the strata that the samples' tags make: as
far as one looks, every stratum has its share. A look at more samples holds all samples of a look at fewer.
"""

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import TYPE_CHECKING, Final, Literal

from harness.seeds import derive_seed
from harness.types import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Codes = NDArray[np.int64]

Rule = Literal["", "drawn", "head", "informative"]

_IN_MEMORY: Final = 4096
"""Samples that are kept where they were drawn; of more the dataset is read once more for each cell."""
_UNITS_A_STRATUM: Final = 10
"""Strata are cut no finer than that so many clusters come to each, on average."""
_TWO_64: Final = float(1 << 64)


@dataclass(frozen=True, slots=True)
class Taken:
    """The samples of one cell that are looked at, in the order of the dataset."""

    samples: Callable[[], Iterable[Sample]]
    count: int
    mask: "NDArray[np.bool_] | None" = None
    """Which of the samples are taken; None for the first ``count``."""

    def __iter__(self) -> Iterator[Sample]:
        if self.mask is None:
            return islice(self.samples(), self.count)
        return islice(compress(self.samples(), self.mask), self.count)


class Draw:
    """How many samples of a cell are taken, and which.

    Args:
        limit: at most so many; None for all.
        seed: of the suite. The order depends on it, and on the samples' ids, clusters and tags, but neither on the
            adapter nor on the order of the file.
        tags: those that strata are made of first, where they are not too fine.
        head: take the first samples of the dataset instead.
        ranked: ask them as they were drawn, not as they stand in the dataset: the batches of a look at more begin with
            those of a look at fewer. They are all kept in memory.
        chances: of the samples that were drawn by what earlier runs say of them, by id: these are taken.
    """

    def __init__(
        self,
        limit: int | None = None,
        seed: int = 0,
        tags: Sequence[str] = (),
        *,
        head: bool = False,
        ranked: bool = False,
        chances: Mapping[str, float] | None = None,
    ) -> None:
        self.limit = limit
        self.chances = chances
        self.head = head
        self.ranked = ranked and not head
        self._seed = seed
        self._tags = tuple(tags)
        self._known: dict[int, tuple[Iterable[Sample], Taken]] = {}

    @property
    def rule(self) -> Rule:
        """``drawn``, ``head`` or ``informative``; empty where all samples are taken."""
        if self.chances is not None:
            return "informative"
        if self.limit is None:
            return ""
        return "head" if self.head else "drawn"

    def taken(self, samples: Callable[[], Iterable[Sample]], total: int) -> Taken:
        """Return what is taken of some samples.

        Args:
            samples: gives those of one cell, in the same order each time. A dataset that several cells share is drawn
                from once.
            total: how many there are.
        """
        if self.limit is None or (self.limit >= total and not self.ranked and self.chances is None):
            return Taken(samples, total)
        if self.head:
            return Taken(samples, self.limit)
        source = samples()
        known = self._known.get(id(source))
        if known is None:
            known = source, self._drawn(source, samples)
            if iter(source) is not source:  # whoever yields anew each time has no identity to know it by
                self._known[id(source)] = known
        return known[1]

    def _drawn(self, source: Iterable[Sample], samples: Callable[[], Iterable[Sample]]) -> Taken:
        import numpy as np

        assert self.limit is not None  # noqa: S101 - of nothing nothing is drawn
        if self.chances is not None:
            there = np.array([sample.id in self.chances for sample in source], bool)
            found = Taken(samples, int(there.sum()), there)
            if found.count > _IN_MEMORY:
                return found
            few = tuple(found)
            return Taken(lambda: few, len(few))
        rows = _Order(source, self._seed, self._tags).first(self.limit)
        mask = np.zeros(rows.max(initial=-1) + 1, bool)
        mask[rows] = True
        found = Taken(samples, len(rows), mask)
        if len(rows) > _IN_MEMORY and not self.ranked:
            return found
        kept = tuple(found)
        if self.ranked:
            kept = tuple(kept[place] for place in np.argsort(np.argsort(rows)))
        return Taken(lambda: kept, len(kept))


class _Order:
    """The seeded order of some samples."""

    def __init__(self, samples: Iterable[Sample], seed: int, prefer: Sequence[str]) -> None:
        self._key = derive_seed(seed, "draw").to_bytes(8, "big")
        units: dict[str, int] = {}
        count = 0
        self._unit, self._place = array("q"), array("Q")
        """Of each row: its cluster, and where it stands among the rows of its cluster."""
        keys = array("Q")
        tags: dict[str, tuple[array[int], dict[str, int]]] = {}
        for row, sample in enumerate(samples):
            name = sample.cluster or sample.id
            unit = units.get(name)
            if unit is None:
                unit = units[name] = len(units)
                keys.append(self._number("unit", name))
            self._unit.append(unit)
            self._place.append(self._number("row", sample.id) if sample.cluster else 0)
            for tag, value in sample.tags.items():
                if tag not in tags:
                    tags[tag] = array("q"), {}
                codes, values = tags[tag]
                codes.extend([-1] * (row - len(codes)))
                codes.append(values.setdefault(value, len(values)))
            count = row + 1
        for codes, _ in tags.values():
            codes.extend([-1] * (count - len(codes)))
        self._keys = keys
        self._tags = tags
        self._prefer = prefer

    def _number(self, *parts: str) -> int:
        """Return 64 bits that follow from the seed and some words."""
        text = "\0".join(parts).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=self._key).digest(), "big")

    def first(self, limit: int) -> "Codes":
        """Return the rows that a look at so many takes, in their order: no more than that, and at least half as many.

        The last cluster is taken whole or left out, unless it is so large that less than half would be left.
        """
        import numpy as np

        unit = np.frombuffer(self._unit, np.int64)
        ranks = self._ranks(unit)
        order = np.lexsort((np.frombuffer(self._place, np.uint64), ranks[unit]))
        sizes = np.bincount(ranks[unit], minlength=len(ranks))
        ends = np.cumsum(sizes)
        whole = int(ends[np.searchsorted(ends, limit, side="right") - 1]) if ends[0] <= limit else 0
        return order[: whole if 2 * whole >= min(limit, len(unit)) else limit]

    def _ranks(self, unit: "Codes") -> "Codes":
        """Return the place of each cluster in the order, [units].

        The j-th of the m clusters of a stratum, counted in the order of their seeds, stands at (j + u) / m of the way,
        with one u in [0, 1) for each stratum: systematic sampling, proportional in every prefix.
        """
        import numpy as np

        keys = np.frombuffer(self._keys, np.uint64)
        strata, names = self._strata(unit, len(keys))
        inside = np.lexsort((keys, strata))
        sizes = np.bincount(strata, minlength=len(names))
        number = np.arange(len(keys)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        shift = np.array([self._number("stratum", *name) / _TWO_64 for name in names])
        place = np.empty(len(keys))
        place[inside] = (number + shift[strata[inside]]) / sizes[strata[inside]]
        ranks = np.empty(len(keys), np.int64)
        ranks[np.lexsort((keys, place))] = np.arange(len(keys))
        return ranks

    def _strata(self, unit: "Codes", units: int) -> "tuple[Codes, list[tuple[str, ...]]]":
        """Return the stratum of each cluster, [units], and the values that each stratum stands for.

        Tags are crossed, the preferred ones and then those with the fewest values first, as long as strata are not too
        fine. A cluster whose rows differ is where most of them are.
        """
        import numpy as np

        strata = np.zeros(units, np.int64)
        names: list[tuple[str, ...]] = [()]
        others = sorted((len(values), name) for name, (_, values) in self._tags.items() if name not in self._prefer)
        for tag in [*(name for name in self._prefer if name in self._tags), *(name for _, name in others)]:
            codes, values = self._tags[tag]
            if len(values) > units // _UNITS_A_STRATUM:
                continue
            sorted_values = ["", *sorted(values)]
            at = {value: place for place, value in enumerate(sorted_values[1:], start=1)}
            to = np.array([0, *(at[value] for value in values)])
            crossed = strata * len(sorted_values) + _commonest(unit, to[np.frombuffer(codes, np.int64) + 1], units)
            distinct, found = np.unique(crossed, return_inverse=True)
            if len(distinct) <= units // _UNITS_A_STRATUM:
                strata = found.astype(np.int64)
                pairs = (divmod(int(one), len(sorted_values)) for one in distinct)
                names = [(*names[before], f"{tag}={sorted_values[value]}") for before, value in pairs]
        return strata, names


def _commonest(unit: "Codes", codes: "Codes", units: int) -> "Codes":
    """Return the value that most rows of each cluster have, the least of several, [units]."""
    import numpy as np

    many = int(codes.max(initial=0)) + 1
    pairs, counts = np.unique(unit * many + codes, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // many))
    firsts = np.unique(pairs[order] // many, return_index=True)[1]
    found = np.zeros(units, np.int64)
    found[pairs[order][firsts] // many] = pairs[order][firsts] % many
    return found
