"""Does the latency protocol find a difference where there is none? The same model against itself, also beside a hog.

Run it in parts: ``python -m benchmarks.latency --repetitions 25 --seed 0``, then with another seed.
"""

import argparse
import math
import multiprocessing
import os
import tempfile
from pathlib import Path

import numpy as np

from harness.quantise.inputs import open_session, random_inputs
from harness.seeds import derive_seed, generator
from harness.stats.quantiles import median_ratio
from harness.timing.clock import Call, interleaved, overhead
from harness.timing.energy import Meter
from harness.zoo.shapes import vit


def hog(stop: "multiprocessing.synchronize.Event") -> None:
    """Keep a core busy."""
    x = 1.0
    while not stop.is_set():
        for _ in range(10_000):
            x = math.sin(x) + 1.0


def repetition(path: Path, rounds: int, seed: int) -> tuple[float, float, float, float]:
    """Time two sessions of one model against each other; return ratio, low, high and the shortest call in ms."""

    def side() -> Call:
        session = open_session(path)
        (feed,) = random_inputs(session, 1)
        return lambda number: lambda: session.run(None, dict(feed))

    times: tuple[list[float], list[float]] = ([], [])
    for timed in interleaved([side(), side()], rounds, 3, seed, Meter(None)):
        times[timed.side].append(timed.cpu)
    found = median_ratio(times[0], times[1], generator(seed, "self"), resamples=2000)
    return found.estimate, found.low, found.high, min(map(min, times))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hogs", type=int, default=0, help="processes that keep the other cores busy meanwhile")
    given = parser.parse_args()
    stop = multiprocessing.Event()
    hogs = [multiprocessing.Process(target=hog, args=(stop,), daemon=True) for _ in range(given.hogs)]
    for process in hogs:
        process.start()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(vit("self", 96, 4, 4, patch=16, side=96).SerializeToString())
        seeds = [derive_seed("self", given.seed, i) for i in range(given.repetitions)]
        found = np.array([repetition(path, given.rounds, seed) for seed in seeds])
    stop.set()
    covered = int(((found[:, 1] <= 1) & (found[:, 2] >= 1)).sum())
    width = float(np.median(found[:, 2] / found[:, 1])) - 1
    cost, shortest = overhead(), float(found[:, 3].min())
    print(
        f"{given.hogs} hogs, load {os.getloadavg()[0]:.1f}: the interval covers 1 in {covered} of {given.repetitions}"
    )
    print(f"ratio {found[:, 0].min():.3f} to {found[:, 0].max():.3f}, median width of the interval {width:.1%}")
    print(f"timing costs {1000 * cost:.2f} µs a call, {cost / shortest:.3%} of the shortest ({shortest:.2f} ms)")


if __name__ == "__main__":
    main()
