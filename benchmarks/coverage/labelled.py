"""Two models by a few labels and a judge of whatever worth: how often is the interval right, and how often the verdict?

Of 3,000 samples 12 % change sides and another 10 % are worded otherwise; a judge says of each answer whether it is
right, and errs. Labels are drawn as ``harness label`` draws them. In "clustered" four samples share a picture, and are
lost together.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from harness.labels.draws import Item, in_order
from harness.stats.labelled import by_labels, lure_weights
from harness.stats.paired import paired_t
from harness.stats.verdict import judge

N = 3_000
MOVED, REWORDED, MARGIN = 0.12, 0.10, 0.05
JUDGES = ((0.6, 0.0), (0.8, 0.0), (0.9, 0.1), (0.95, 0.0))
"""How often a judge is right, and how much more often it forgives a wrong answer of the candidate."""
COUNTS = (20, 50, 100, 150, 500)
LOOKS = (20, 40, 60, 80, 100, 120)


class Row(NamedTuple):
    judge: str
    samples: str
    labels: int
    coverage: float
    width: str
    wrong_pass: float
    pass_if_nothing_changed: float
    coverage_of_the_judge_alone: float
    wrong_pass_of_the_judge_alone: float


class World(NamedTuple):
    truth: np.ndarray
    differ: np.ndarray
    judged: np.ndarray
    clusters: np.ndarray
    drop: float


def world(rng: np.random.Generator, drop: float, accuracy: float, forgiving: float, size: int) -> World:
    """Return what people would say of each row, what differs, what a judge says, and clusters."""
    stay = 0.6 if size > 1 else 1.0
    u = np.repeat(rng.random(N // size), size)
    moved, lost = MOVED / stay, drop / stay
    d = np.where(u < (moved + lost) / 2, -1.0, np.where(u > 1 - (moved - lost) / 2, 1.0, 0.0))
    d *= rng.random(N) < stay
    differ = (d != 0) | (rng.random(N) < REWORDED)
    before = np.where(d == 0, rng.random(N) < 0.8, d < 0)
    after = np.where(d == 0, before, ~before)

    def judged(right: np.ndarray, extra: float) -> np.ndarray:
        return (right ^ (rng.random(N) < np.where(right, 1 - accuracy, 1 - accuracy + extra))).astype(float)

    moves = np.where(differ, judged(after, forgiving) - judged(before, 0.0), 0.0)
    return World(d, differ, moves, np.repeat(np.arange(N // size), size), drop)


def asked(one: World, run: int, count: int):
    """Return what the harness says with so many labels."""
    rows = np.flatnonzero(one.differ)
    items = [Item(f"{run} {row}", "", 2.0 if one.judged[row] else 1.0) for row in rows.tolist()]
    drawn = [(int(item.name.split()[1]), draw) for item, draw in islice(in_order(items), count)]
    places = np.array([row for row, _ in drawn])
    truth, there, weights = np.where(one.differ, np.nan, 0.0), np.zeros(N, bool), np.ones(N)
    truth[places], there[places] = one.truth[places], True
    weights[places] = lure_weights([draw.chance for _, draw in drawn], len(rows))
    return by_labels(
        truth, there, differ=one.differ, weights=weights, proxy=one.judged, clusters=one.clusters, margin=MARGIN
    ).comparison


def few_labels(runs: int) -> Iterator[Row]:
    """Yield a row for each judge, number of labels and kind of samples."""
    for accuracy, forgiving in JUDGES:
        said = f"right in {accuracy:.0%}" + (", forgives the candidate" if forgiving else "")
        for count, size in [*((count, 1) for count in COUNTS), (50, 4), (100, 4), (150, 4)]:
            rng = np.random.default_rng(round(1000 * accuracy) + count + size)
            held = wrong = passed = alone_held = alone_wrong = 0
            width = 0.0
            for run in range(runs):
                lost = world(rng, MARGIN, accuracy, forgiving, size)
                found = asked(lost, run, count)
                held += found.low <= -MARGIN <= found.high
                wrong += found.lower_bound > -MARGIN
                width += (found.high - found.low) / runs
                passed += asked(world(rng, 0.0, accuracy, forgiving, size), run, count).lower_bound > -MARGIN
                alone = paired_t(lost.judged, lost.clusters, margin=MARGIN)
                alone_held += alone.low <= -MARGIN <= alone.high
                alone_wrong += alone.lower_bound > -MARGIN
            shares = (held / runs, f"{width:.3f}", wrong / runs, passed / runs, alone_held / runs, alone_wrong / runs)
            yield Row(said, "clustered" if size > 1 else "independent", count, *shares)


class Peeks(NamedTuple):
    judge: str
    wrong_pass_at_120: float
    wrong_pass_at_20_to_120: float
    wrong_fail_at_120: float
    wrong_fail_at_20_to_120: float


def peeks(runs: int) -> Iterator[Peeks]:
    """Yield what it costs to look after every twenty labels and to stop when a verdict suits."""
    for accuracy, forgiving in JUDGES[1:3]:
        rng = np.random.default_rng(round(1000 * accuracy))
        passed, failed = np.zeros((runs, len(LOOKS)), bool), np.zeros((runs, len(LOOKS)), bool)
        for run in range(runs):
            lost, same = (world(rng, drop, accuracy, forgiving, 1) for drop in (MARGIN, 0.0))
            for look, count in enumerate(LOOKS):
                passed[run, look] = asked(lost, run, count).lower_bound > -MARGIN
                failed[run, look] = judge(asked(same, run, count)).outcome == "fail"
        shares = [float(one.mean()) for found in (passed, failed) for one in (found[:, -1], found.any(axis=1))]
        yield Peeks(f"right in {accuracy:.0%}" + (", forgives the candidate" if forgiving else ""), *shares)
