"""One model by a few labels and a metric of whatever worth: how often does the interval of what answers are worth hold?

Of 1,000 answers a share is right; a metric says of each whether it is, and errs, or is strict: it passes nothing wrong
and misses right answers. "Promised" is how many labels were said, at 50, to make the interval ± .05, and "reached" its
mean half width with so many. In "clustered" four samples share a picture, and are mostly right or wrong together.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from harness.labels.draws import Item, in_order
from harness.stats.intervals import mean_interval
from harness.stats.labelled import ByLabels, by_labels, lure_weights

N, PILOT, HALF = 1_000, 50, 0.05
METRICS = {"right in 60%": (0.6, 0.6), "right in 90%": (0.9, 0.9), "strict": (0.8, 1.0)}
"""How often a metric is right of a right and of a wrong answer."""
RIGHT = (0.7, 0.95)
COUNTS = (20, 50, 100, 150, 500)


class Row(NamedTuple):
    metric: str
    right: float
    samples: str
    labels: int
    coverage: float
    width: str
    coverage_of_the_metric_alone: float
    promised: str
    reached: str


class World(NamedTuple):
    truth: np.ndarray
    proxy: np.ndarray
    clusters: np.ndarray


def world(rng: np.random.Generator, right: float, metric: tuple[float, float], size: int) -> World:
    """Return what answers are worth, what a metric says, and clusters."""
    shared = np.repeat(rng.random(N // size), size)
    u = np.where(rng.random(N) < 0.6, shared, rng.random(N)) if size > 1 else shared
    truth = (u < right).astype(float)
    agrees = rng.random(N) < np.where(truth == 1, *metric)
    return World(truth, np.where(agrees, truth, 1 - truth), np.repeat(np.arange(N // size), size))


def asked(one: World, run: int, count: int) -> ByLabels:
    """Return what the harness says with so many labels."""
    drawn = [(int(item.name.split()[1]), draw) for item, draw in
             islice(in_order([Item(f"{run} {row}") for row in range(N)]), count)]  # fmt: skip
    places = np.array([row for row, _ in drawn])
    truth, there, weights = np.full(N, np.nan), np.zeros(N, bool), np.ones(N)
    truth[places], there[places] = one.truth[places], True
    weights[places] = lure_weights([draw.chance for _, draw in drawn], N)
    return by_labels(
        truth, there, differ=np.ones(N, bool), weights=weights, proxy=one.proxy, clusters=one.clusters, margin=None
    )


def means(runs: int) -> Iterator[Row]:
    """Yield a row for each metric, share of right answers, number of labels and kind of samples."""
    for name, metric in METRICS.items():
        for right in RIGHT:
            for count, size in [*((count, 1) for count in COUNTS), (50, 4), (100, 4), (150, 4)]:
                rng = np.random.default_rng([round(1000 * metric[0]), round(1000 * right), count, size])
                held = alone = 0
                width, promised = 0.0, list[int]()
                for run in range(runs):
                    one = world(rng, right, metric, size)
                    found = asked(one, run, count)
                    held += found.comparison.low <= right <= found.comparison.high
                    width += (found.comparison.high - found.comparison.low) / runs
                    ends = mean_interval(one.proxy, one.clusters)
                    alone += ends[0] <= right <= ends[1]
                    if count == PILOT and (more := found.more_within(HALF)) is not None:
                        promised.append(count + more)
                typical = round(float(np.median(promised))) if promised else 0
                again = [asked(world(rng, right, metric, size), run, typical).comparison for run in range(20)
                         ] if typical else []  # fmt: skip
                reached = f"{np.mean([one.high - one.low for one in again]) / 2:.3f}" if again else ""
                kind = "clustered" if size > 1 else "independent"
                yield Row(name, right, kind, count, held / runs, f"{width:.3f}", alone / runs,
                          str(typical or ""), reached)  # fmt: skip
