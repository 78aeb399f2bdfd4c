"""Speed of the detectors: kNN, OOD metrics, and drift charts over many streams at once.

``python -m benchmarks.detect`` prints CPU seconds and what they are of. Run it with OMP_NUM_THREADS=1 for one core.
"""

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np

from harness.detect import ControlChart, Views, drift_detector, ood_detector
from harness.detect.run_length import arl, limit_for
from harness.metrics.ranking import ood_report

SAMPLES, WIDTH = 10_000, 512
SCORES = 1_000_000
SEEDS, BATCHES = 1_000, 2_000


class Knn:
    """10,000 × 512 against 10,000 × 512."""

    timer = staticmethod(time.process_time)

    def setup(self) -> None:
        rng = np.random.default_rng(0)
        bank, rows = (rng.standard_normal((SAMPLES, WIDTH), np.float32) for _ in range(2))
        self.fitted, self.rows = ood_detector("knn", k=10).fit(Views(bank)), Views(rows)

    def time_score(self) -> None:
        self.fitted.score(self.rows)

    def peak_mib(self) -> float:
        """Memory that scoring allocates at most."""
        tracemalloc.start()
        self.fitted.score(self.rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 2**20


class OodMetrics:
    """AUROC, both AUPR and FPR at 95 % TPR of a million scores."""

    timer = staticmethod(time.process_time)

    def setup(self) -> None:
        rng = np.random.default_rng(0)
        self.labels = rng.integers(0, 2, SCORES)
        self.scores = rng.standard_normal(SCORES) + self.labels

    def time_report(self) -> None:
        ood_report(self.scores, self.labels)


class Charts:
    """1,000 streams of 2,000 batches."""

    params: ClassVar = ["shewhart", "ewma", "cusum", "page_hinkley", "adwin"]
    param_names: ClassVar = ["detector"]
    timer = staticmethod(time.process_time)

    def setup(self, name: str) -> None:
        made = drift_detector(name)
        assert isinstance(made, ControlChart)
        self.chart = made
        self.values = np.random.default_rng(0).standard_normal((BATCHES, SEEDS))

    def time_stream(self, name: str) -> None:
        self.chart.begin(SEEDS)
        for row in self.values:
            self.chart.next(row)


class Theory:
    """A limit for an ARL0 of 370, and the ARL at it under a shift."""

    params: ClassVar = ["shewhart", "ewma", "cusum"]
    param_names: ClassVar = ["detector"]
    timer = staticmethod(time.process_time)

    def time_limit_and_arl(self, name: str) -> None:
        chart = drift_detector(name)
        arl(chart, limit_for(chart, 370.0), 1.0)


def seconds(work: Callable[[], None]) -> float:
    """The least CPU time of three."""
    found = []
    for _ in range(3):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.detect", description=__doc__).parse_args()
    knn, metrics = Knn(), OodMetrics()
    knn.setup()
    metrics.setup()
    rows = [
        ("kNN, 10,000 × 512 against 10,000 × 512", seconds(knn.time_score), 3.0),
        ("OOD metrics of 10⁶ scores", seconds(metrics.time_report), 0.6),
    ]
    for name in Charts.params:
        charts = Charts()
        charts.setup(name)
        rows.append((f"{name}, 1,000 seeds × 2,000 batches", seconds(partial(charts.time_stream, name)), 2.0))
    for what, took, target in rows:
        print(f"{what:<42} {took:6.2f} s CPU, {took / target:4.2f} of the target")
    print(f"{'kNN: peak memory of scoring':<42} {knn.peak_mib():6.0f} MiB")


if __name__ == "__main__":
    main()
