"""How often a share that a judge gives holds the truth, as it stands and corrected for the judge's error."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.stats.intervals import mean_interval, wilson
from harness.stats.judged import corrected_interval

Floats = NDArray[np.float64]
Rng = np.random.Generator

N = 200
"""Answers that are judged."""
TRUTH = 0.7
_LONG = 0.4
"""Share of the answers, known or not, that are long."""
_LIKING = 0.4
"""How much likelier a judge that likes length is to pass a long answer, right or wrong."""
_FIRST = 0.5
"""How often a judge that likes the first answer takes it without a look."""


class Played(NamedTuple):
    """How often both intervals held the truth."""

    judge: str
    accuracy: str
    """How often the judge is right of right and of wrong answers alike, before its likings."""
    known: int
    """Answers (or pairs) of known truth."""
    naive: float
    """Share of runs in which the plain interval of what the judge says holds the truth."""
    corrected: float
    """The same for the corrected one."""
    width: float
    """Mean width of the corrected one, where there is one."""
    too_poor: float
    """Share of runs in which the judge is said to be too poor."""
    unlike: float
    """Share of runs in which the known answers are said to be unlike the judged ones; there is no interval then."""
    runs: int


def columns(judged: Any, right: Any, wrong: Any) -> tuple[Floats, Floats]:
    """Return sums and counts [units, 4] of answers that are each a unit of their own."""
    parts = [np.asarray(part, np.float64) for part in (judged, right, wrong)]
    ends = np.cumsum([0, *map(len, parts)])
    sums, counts = np.zeros((ends[-1], 4)), np.zeros((ends[-1], 4))
    for part, start, at in zip(parts, ends[:-1], ([0, 1], [2], [3]), strict=True):
        for column in at:
            sums[start : start + len(part), column] = 1.0 if column == 1 else part
            counts[start : start + len(part), column] = 1.0
    return sums, counts


def _passes(rng: Rng, right: NDArray[np.bool_], accuracy: float, liking: float, long: float = _LONG) -> Floats:
    chance = np.where(right, accuracy, 1 - accuracy) + liking * (rng.random(right.size) < long)
    return (rng.random(right.size) < np.clip(chance, 0, 1)).astype(np.float64)


def _single(liking: float, long: float = _LONG) -> Callable[[Rng, float, int], tuple[Floats, Floats]]:
    def play(rng: Rng, accuracy: float, known: int) -> tuple[Floats, Floats]:
        right = rng.random(N) < TRUTH
        half = known // 2
        truths = (np.ones(half, bool), np.zeros(half, bool))
        told = (_passes(rng, truth, accuracy, liking) for truth in truths)
        return columns(_passes(rng, right, accuracy, liking, long), *told)

    return play


def _clustered(rng: Rng, accuracy: float, known: int) -> tuple[Floats, Floats]:
    """Four answers a picture, of which a third are judged alike; known answers on pictures of their own."""
    pictures = N // 4 + known // 4
    unit = np.repeat(np.arange(pictures), 4)
    shared = rng.random(unit.size) < 1 / 3
    chance = np.where(shared, rng.random(pictures)[unit], rng.random(unit.size))
    right = np.where(shared, rng.random(pictures)[unit], rng.random(unit.size)) < TRUTH
    judged = unit < N // 4
    right[~judged] = (np.arange(unit.size) % 2 == 0)[~judged]
    passed = (chance < np.where(right, accuracy, 1 - accuracy)).astype(np.float64)
    sides = np.column_stack([judged, judged, ~judged & right, ~judged & ~right]).astype(np.float64)
    values = np.column_stack([passed, np.ones(unit.size), passed, passed]) * sides
    summed, counted = (
        np.column_stack([np.bincount(unit, of[:, i], pictures) for i in range(4)]) for of in (values, sides)
    )
    return summed, counted


def _wins(rng: Rng, better: NDArray[np.bool_], accuracy: float) -> Floats:
    """Return how much the candidate wins of each pair, over both orders."""
    each = []
    for candidate_first in (True, False):
        taken = rng.random(better.size) < _FIRST
        honest = (rng.random(better.size) < accuracy) == better
        each.append(np.where(taken, candidate_first, honest))
    return np.asarray(np.mean(each, axis=0), np.float64)


def _pairs(rng: Rng, accuracy: float, known: int) -> tuple[Floats, Floats]:
    """Pairs in both orders, by a judge that takes the first half of the time."""
    won = _wins(rng, rng.random(N) < TRUTH, accuracy)
    told = _wins(rng, np.ones(known, bool), accuracy)
    size = max(N, known)
    sums, counts = np.zeros((size, 4)), np.zeros((size, 4))
    sums[:N, :2], counts[:N, :2] = np.column_stack([won, np.ones(N)]), 1.0
    sums[:known, 2:], counts[:known, 2:] = np.column_stack([told, 1 - told]), 1.0
    return sums, counts


JUDGES: dict[str, Callable[[Rng, float, int], tuple[Floats, Floats]]] = {
    "errs alike": _single(0.0),
    "likes long answers": _single(_LIKING),
    "likes the first of a pair": _pairs,
    "errs alike, 4 answers a picture": _clustered,
}
"""Judges whose error on the known answers is that on the others."""
UNLIKE = {"likes long answers, known ones are shorter": _single(_LIKING, long=0.9)}
"""One whose is not: what the correction cannot know."""

ACCURACIES = (0.6, 0.75, 0.85, 0.95)
KNOWN = (20, 50, 100, 200, 500)


def answers_judged(
    runs: int = 400,
    accuracies: tuple[float, ...] = ACCURACIES,
    known: tuple[int, ...] = KNOWN,
    names: tuple[str, ...] = (),
) -> Iterator[Played]:
    """Play judges of some accuracies, each calibrated on so many known answers, ``runs`` times each."""
    every = JUDGES | UNLIKE
    for name in names or every:
        for accuracy in accuracies:
            for count in known:
                yield _played(name, every[name], accuracy, count, runs)


def _played(name: str, play: Callable[..., tuple[Floats, Floats]], accuracy: float, known: int, runs: int) -> Played:
    told = np.zeros(5)
    for run in range(runs):
        sums, counts = play(np.random.default_rng([29, round(accuracy * 100), known, run]), accuracy, known)
        found = corrected_interval(sums, counts)
        low, high = _naive(sums[:, 0], counts[:, 0])
        told += low <= TRUTH <= high, 0, 0, found.poor, found.unlike
        if not found.unlike:
            told += 0, found.low <= TRUTH <= found.high, found.high - found.low, 0, 0
    naive, corrected, width, poor, unlike = (told / runs).tolist()
    width = width / (1 - unlike) if unlike < 1 else float("nan")
    return Played(name, f"{accuracy:g}", known, naive, corrected, width, poor, unlike, runs)


def _naive(sums: Floats, counts: Floats) -> tuple[float, float]:
    there = counts > 0
    if (counts > 1).any() or (sums % 1 != 0).any():
        return mean_interval(sums[there] / counts[there])
    low, high = wilson(sums.sum(), counts.sum())
    return float(low), float(high)
