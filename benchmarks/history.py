"""The history: how long its page takes, and how surely it finds a step: ``python -m benchmarks.history``."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.history.commits import Commit
from harness.history.measure import Measured
from harness.history.series import Point, Series
from harness.history.steps import changes
from harness.report.history_html import write_history

COMMITS = 200
SERIES = 50


@dataclass(frozen=True)
class Power:
    """What a simulation found."""

    power: float
    false_alarms: float
    series: int


def power(n: int, size: float, series: int, seed: int, correlation: float = 0.0) -> Power:
    """Return how often a step of ``size`` standard deviations is found, and how often one where there is none.

    The step lies anywhere but in the first and last five commits; found means within two commits of it, for the worse.
    """
    rng = np.random.default_rng(seed)
    found = false = 0
    for _ in range(series):
        noise = _noise(rng, n, correlation)
        false += any(change.kind != "drift" for change in changes(list(0.1 + 0.01 * noise)))
        at = int(rng.integers(5, n - 5))
        values = 0.1 + 0.01 * (noise + size * (np.arange(n) >= at))
        found += any(
            change.kind == "worse" and abs(change.at - at) <= 2 for change in changes(list(map(float, values)))
        )
    return Power(found / series, false / series, series)


def _noise(rng: np.random.Generator, n: int, correlation: float) -> np.ndarray:
    noise = rng.normal(size=n)
    for i in range(1, n):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    return noise


def long_history() -> list[Series]:
    """Return 50 series over 200 commits, half of them with steps."""
    rng = np.random.default_rng(0)
    commits = [Commit(f"{i:040x}", 1_700_000_000_000 + i * 3_600_000, "Ada", f"change {i}") for i in range(COMMITS)]
    made = []
    for k in range(SERIES):
        values = 0.2 + 0.01 * rng.normal(size=COMMITS) + 0.05 * (np.arange(COMMITS) > 60 + k) * (k % 2)
        points = tuple(
            Point(commit, Measured(float(v), float(v) - 0.02, float(v) + 0.02, 400), f"run-{i}", "same", i)
            for i, (commit, v) in enumerate(zip(commits, values, strict=True))
        )
        name = f"metric_{k}_error"
        made.append(Series(f"suites.s.task.{name}", "a", "", "m", "1 − metric", points, f"s/task/{name}"))
    return made


class History:
    """CPU time of the page."""

    timer = staticmethod(time.process_time)
    timeout = 120

    def setup(self) -> None:
        self.series = long_history()

    def time_page_of_200_commits_and_50_series(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_history(self.series, Path(folder) / "index.html")


def main() -> None:
    """Print both."""
    series = long_history()
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        file = write_history(series, Path(folder) / "index.html")
        size = file.stat().st_size
    print(
        f"page of {COMMITS} commits × {SERIES} series: {time.process_time() - start:.1f} s of CPU (≤ 10), "
        f"{size / 1e6:.1f} MB"
    )
    print(f"{'commits':>7} {'step':>6} {'correlation':>11} {'power':>7} {'false alarms':>12}")
    for n, size_, correlation in ((20, 3, 0.0), (30, 3, 0.0), (60, 3, 0.0), (60, 2, 0.0), (60, 3, 0.3), (100, 3, 0.0)):
        found = power(n, size_, 300, seed=1, correlation=correlation)
        print(f"{n:>7} {size_:>5}σ {correlation:>11} {found.power:>7.1%} {found.false_alarms:>12.1%}", flush=True)


if __name__ == "__main__":
    main()
