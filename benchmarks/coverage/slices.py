"""How often a slice that lost answers is found, and others with it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats.parts import against_rest

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
Rng = np.random.Generator


class Found(NamedTuple):
    """What was found where one of eight styles lost a share of its right answers, of 400 samples."""

    data: str
    loss: str
    """Share of the right answers of one style that are lost."""
    found: float
    """Share of runs that flag the style."""
    others: float
    """Share of runs that flag any other tag."""
    beside: float
    """Share of runs that name a tag as explained by another."""
    first: float
    """Share of runs that list the style first."""
    runs: int


def sliced(rng: Rng, loss: float, clusters: int = 0) -> tuple[Floats, list[Index], Index]:
    """Return differences of 400 samples, their tags (8 styles, 7 types, 3 marks) and units; style 0 lost answers.

    With clusters, a style is the cluster's, and half of the flips hit a cluster's rows alike.
    """
    n = 400
    tags = [rng.integers(0, 8, n), rng.integers(0, 7, n), rng.integers(0, 3, n)]
    units, chance = np.arange(n), rng.random(n)
    if clusters:
        units = np.sort(rng.integers(0, clusters, n))
        tags[0] = rng.integers(0, 8, clusters)[units]
        chance = np.where(rng.random(n) < 0.5, rng.random(clusters)[units], chance)
    right = rng.random(n) < 0.9
    moved = np.where(right, -1.0, 1.0) * (rng.random(n) < np.where(right, 0.5, 1.0))
    d = np.where(chance < 0.04, moved, 0.0)
    return np.where((tags[0] == 0) & right & (rng.random(n) < loss), -1.0, d), tags, units


def _plain(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss)
    return d[:, None], tags, units


def _hard(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss)
    hard = tags[1] == 0
    d[hard] = rng.choice([-1.0, 0.0, 1.0], int(hard.sum()), p=[0.1, 0.8, 0.1])
    return d[:, None], tags, units


def _neighbour(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss)
    return d[:, None], [*tags, np.where(rng.random(len(d)) < 0.7, tags[0], rng.integers(0, 8, len(d)))], units


def _many(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss)
    return d[:, None], [*tags, rng.integers(0, 20, len(d)), rng.integers(0, 30, len(d))], units


def _clusters(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss, 130)
    return d[:, None], tags, units


def _cells(rng: Rng, loss: float) -> tuple[Floats, list[Index], Index]:
    d, tags, units = sliced(rng, loss)
    every = [d]
    for _ in range(4):
        more, _, _ = sliced(rng, 0.0)
        own = np.where(tags[0] == 0, np.where(rng.random(len(d)) < 0.7, d, -1.0 * (rng.random(len(d)) < loss)), more)
        every.append(own if loss else more)
    made = np.column_stack(every)
    return np.column_stack([made.mean(axis=1), made]), tags, units


DATA = {
    "one metric": _plain,
    "a type of which 20 % flip, both ways": _hard,
    "a tag with 70 % of its rows": _neighbour,
    "50 further values of tags": _many,
    "130 clusters": _clusters,
    "5 cells and their mean": _cells,
}


LOSSES = (0.0, 0.1, 0.2, 0.3)


def slices_found(runs: int = 400, losses: tuple[float, ...] = LOSSES, names: tuple[str, ...] = ()) -> Iterator[Found]:
    """Play it, with normal numbers in place of permutations (see the tests for how near they are)."""
    for name in names or DATA:
        for loss in losses:
            hits = np.zeros(4)
            for run in range(runs):
                d, tags, units = DATA[name](np.random.default_rng([17, run]), loss)
                found = against_rest(d, tags, units, seed=run, draws=499, most_permuted=0)
                flagged, true = (found.p <= 0.05).any(axis=1), found.of.index((0, 0))
                others = np.delete(flagged, true) if loss else flagged
                first = int(np.nanargmin(found.shrunk) // found.shrunk.shape[1]) == true
                hits += flagged[true], others.any(), (found.beside >= 0).any(), first
            told, *rest = (hits / runs).tolist()
            yield Found(name, f"{loss:.0%}", told, *rest, runs)
