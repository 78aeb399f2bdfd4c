"""Time of the statistics behind a comparison: 100,000 samples, 2,000 resamples, one core."""

import time

import numpy as np

from harness.estimate import CellRows, Column, Comparer, Rows, Statistic, auroc, column, ratio, total
from harness.stats.paired import count_flips, mcnemar, paired_t
from harness.stats.sequential import sequential_plan
from harness.stats.verdict import compare_scores, judge_family

N = 100_000
METRICS = 20
SEPARATION = Statistic("auroc", auroc(column("score", "out"), column("score", "in")))
RATES = [
    Statistic(f"rate {k}", ratio(total(column(f"edits {k}", "in")), total(column("words", "in"))), bounds=(0.0, None))
    for k in range(METRICS)
]


def binary_changes(rng: np.random.Generator) -> np.ndarray:
    return rng.choice([-1.0, 0.0, 1.0], N, p=[0.05, 0.91, 0.04])


def rows(rng: np.random.Generator, n: int) -> Rows:
    """Return the scores of two classes, and edits and words for rates, each cell with samples of its own."""
    place = np.arange(n)
    edits = {f"edits {k}": Column.of(rng.poisson(2.0, n).astype(float)) for k in range(METRICS)}
    words = {"words": Column.of(rng.integers(5, 30, n).astype(float)), "score": Column.of(rng.normal(size=n))}
    out = {"score": Column.of(rng.normal(1.0, 1.0, n // 2))}
    return Rows({"in": CellRows(place, place, edits | words, stratum="in"),
                 "out": CellRows(place[: n // 2], n + place[: n // 2], out, stratum="out")})  # fmt: skip


class Bootstrap:
    """Paired bootstrap of statistics that are no means; the goal for twenty of them is 5 s."""

    timer = staticmethod(time.process_time)
    timeout = 120

    def setup(self) -> None:
        rng = np.random.default_rng(0)
        self.large = rows(rng, N), rows(rng, N)
        self.small = rows(rng, 1300), rows(rng, 1300)

    def time_twenty_rates(self) -> None:
        comparer = Comparer(*self.large)
        for statistic in RATES:
            comparer.difference(statistic)

    def time_auroc(self) -> None:
        Comparer(*self.large).difference(SEPARATION)

    def time_auroc_of_2000(self) -> None:
        Comparer(*self.small).difference(SEPARATION)


class Tests:
    """Tests that need no resampling."""

    timer = staticmethod(time.process_time)

    def setup(self) -> None:
        rng = np.random.default_rng(0)
        self.changes = binary_changes(rng)
        self.graded = rng.normal(0, 0.3, N)
        self.clusters = rng.integers(0, N // 4, N)
        self.old = (rng.random(N) < 0.7).astype(float)
        self.new = np.clip(self.old + self.changes, 0, 1)

    def time_paired_t_with_clusters(self) -> None:
        paired_t(self.graded, self.clusters)

    def time_mcnemar(self) -> None:
        mcnemar(count_flips(self.old, self.new), margin=0.02)

    def time_twenty_verdicts(self) -> None:
        judge_family([compare_scores(self.old, self.new, margin=0.02) for _ in range(METRICS)])

    def time_sequential_plan_of_five_looks(self) -> None:
        sequential_plan([2000, 4000, 6000, 8000, 10_000])
