"""A model against a baseline on samples drawn by what earlier runs say of them: coverage, and what it saves.

Of 3,000 samples four earlier runs tell how often each changed sides. In "informative" one in five can change sides at
all; in "useless" the model's changes have nothing to do with that; in "wrong" it fails only where nothing ever changed
and changes nothing else; in "few flips" one in twenty-five can change sides; and in "clustered" four samples share a
picture and move together. Beside it a plain draw of as many samples, compared as ``harness compare`` does.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from harness.stats.chances import chances, drawn, expected_moves
from harness.stats.results import Comparison
from harness.stats.verdict import compare_scores
from harness.stats.weighted import weighted_t
from harness.stats.weighted_flips import weighted_flips

N, RUNS = 3_000, 4
WORLDS = ("informative", "useless", "wrong", "few flips", "clustered", "clustered, wrong")
COUNTS = (30, 50, 100, 300, 1000)
DROPS = (0.05, 0.01)
"""The truth of the row; of independent samples both are played."""
MARGIN = 0.05
_THERE = 0.8
"""The share of a drop that comes from samples that can change sides, if there are enough of them."""
_SURE = 0.7
"""The share of the samples that never change sides that are right."""


class Row(NamedTuple):
    history: str
    drop: str
    asked: int
    coverage: float
    width: str
    coverage_of_a_plain_draw: float
    its_width: str
    worth: str
    """How many calls of a plain draw one call is worth: the squared ratio of the widths."""
    wrong_pass: float
    """At a margin of just the drop."""
    its_wrong_pass: float
    pass_if_nothing_changed: float
    its_pass: float


class World(NamedTuple):
    before: np.ndarray
    after: np.ndarray
    history: np.ndarray
    units: np.ndarray


def world(rng: np.random.Generator, name: str, drop: float) -> World:
    """Return a baseline, a model that is worse by ``drop`` in expectation, earlier runs, and clusters."""
    size = 4 if name.startswith("clustered") else 1
    groups, open_ = N // size, 0.04 if name == "few flips" else 0.20
    unsure = rng.random(groups) < open_
    likely = np.where(unsure, rng.uniform(0.3, 0.7, groups), rng.random(groups) < _SURE)
    history = rng.random((RUNS, groups)) < likely
    if name == "useless":
        likely = rng.permutation(likely)
    before = rng.random(groups) < likely
    if name.endswith("wrong"):
        lost = ~unsure & (rng.random(groups) < drop / (_SURE * (1 - open_)))
        after = before & ~lost
    else:
        of_unsure = min(0.6, _THERE * drop / (0.5 * open_))
        of_others = (drop - of_unsure * 0.5 * open_) / (_SURE * (1 - open_))
        if name == "useless":
            of_unsure = of_others = drop / (_SURE * (1 - open_) + 0.5 * open_)
        after = (rng.random(groups) < likely) & (rng.random(groups) >= np.where(unsure, of_unsure, of_others))
    before, after, history = (np.repeat(one.astype(float), size, axis=-1) for one in (before, after, history))
    return World(before, after, history, np.repeat(np.arange(groups), size))


def by_history(one: World, count: int, rng: np.random.Generator) -> Comparison:
    """Return what the harness says of a draw by history."""
    sums = np.array([np.bincount(one.units, run) for run in one.history])
    chance = chances(expected_moves(sums), np.bincount(one.units), count)
    units = drawn(chance, rng.random(len(chance)), rng.random())
    rows = np.flatnonzero(np.isin(one.units, units))
    d, weights = one.after[rows] - one.before[rows], 1 / chance[one.units[rows]]
    if len(units) == len(rows):
        return weighted_flips(d, weights, margin=MARGIN)
    return weighted_t(d, weights, one.units[rows], margin=MARGIN, span=1.0)


def plainly(one: World, count: int, rng: np.random.Generator) -> Comparison:
    """Return what it says of a plain draw of whole clusters."""
    groups = one.units[-1] + 1
    units = rng.permutation(groups)[: round(count * groups / N)]
    rows = np.flatnonzero(np.isin(one.units, units))
    return compare_scores(one.before[rows], one.after[rows], "higher", one.units[rows], 0.95, MARGIN, 1.0)


def informative(runs: int) -> Iterator[Row]:
    """Yield a row for each kind of history and number of samples."""
    for place, name in enumerate(WORLDS):
        drops = DROPS[:1] if name.startswith("clustered") else DROPS
        for drop, count in ((drop, count) for drop in drops for count in COUNTS):
            rng = np.random.default_rng([place, count, round(100 * drop)])
            held, wrong, passed, width = (np.zeros(2) for _ in range(4))
            for _ in range(runs):
                lost, same = world(rng, name, drop), world(rng, name, 0.0)
                for way, draw in enumerate((by_history, plainly)):
                    found, again = draw(lost, count, rng), draw(same, count, rng)
                    held[way] += found.low <= -drop <= found.high
                    wrong[way] += found.lower_bound > -drop
                    passed[way] += again.lower_bound > -MARGIN
                    width[way] += (found.high - found.low) / runs
            shares = [float(one[way] / runs) for one in (wrong, passed) for way in (0, 1)]
            widths = [f"{float(one):.3f}" for one in width]
            worth = f"{(width[1] / width[0]) ** 2:.2f}"
            of = [float(one / runs) for one in held]
            yield Row(name, f"{drop:g}", count, of[0], widths[0], of[1], widths[1], worth, *shares)
