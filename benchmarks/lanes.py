"""Whether two processes prepare pictures faster than two threads: decoding, and corruptions that hold the lock.

``python -m benchmarks.lanes [TURNS]`` prints a table. One thread, two threads and two processes make the same pictures,
in turn and in random order, so that other work on the machine falls on all three alike; a ratio is the median over
turns, with the order statistics that hold it in 95 of 100 cases. No pixel is sent from the processes: that would come
on top.
It says something only where two cores are free; ``benchmarks.lock`` does on a busy machine, too.
"""

import random
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from io import BytesIO
from multiprocessing import get_context
from statistics import median
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.corruptions import picture
from harness.engine.prepare import request_hash
from harness.images import decode
from harness.perturb import get
from harness.stats.quantiles import order_statistics
from harness.types import Request

WORK: Final = (
    "decode PNG", "decode JPEG", "gaussian_noise", "glass_blur", "motion_blur", "elastic_transform", "fog",
    "jpeg_compression", "all of ImageNet-C",
)  # fmt: skip
SECONDS: Final = 0.12
"""About what one thread works on in a turn."""


@cache
def _encoded(kind: str) -> bytes:
    buffer = BytesIO()
    Image.fromarray(picture(640)).save(buffer, kind)
    return buffer.getvalue()


@cache
def _corruption(name: str) -> Callable[[int], np.ndarray]:
    corruption, image = get(name), picture()
    return lambda seed: corruption(image, 1 + seed % 5, np.random.default_rng(seed))


@cache
def _all() -> tuple[str, ...]:
    from benchmarks.corruptions import imagenet_c

    return tuple(imagenet_c())


def prepare(work: str, seed: int) -> str:
    """Make one picture, as a worker does, and hash what the model would see of it."""
    if work.startswith("decode"):
        image = decode(_encoded(work.split()[1]), "an image")
    else:
        name = _all()[seed % len(_all())] if work.startswith("all") else work
        image = Image.fromarray(_corruption(name)(seed))
    return request_hash(Request("a", "what is it?", (image,)))


def several(work: str, seeds: Sequence[int]) -> tuple[float, int]:
    """Make some; return the CPU seconds that this process took meanwhile, and a number that depends on all pixels."""
    start = time.process_time()
    digests = [prepare(work, seed) for seed in seeds]
    return time.process_time() - start, hash(tuple(digests)) if len(digests) > 1 else 0


def turn(lanes: Executor | None, work: str, count: int) -> tuple[float, float]:
    """Make ``2 · count`` pictures; return wall-clock and CPU seconds of one picture.

    CPU of threads is that of the whole process, and is taken once.
    """
    halves = range(count), range(count, 2 * count)
    wall, cpu = time.perf_counter(), time.process_time()
    if lanes is None:
        for half in halves:
            several(work, half)
    else:
        found = [*lanes.map(partial(several, work), halves)]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if isinstance(lanes, ProcessPoolExecutor):
        cpu += sum(seconds for seconds, _ in found)
    return wall / (2 * count), cpu / (2 * count)


def compare(work: str, ways: dict[str, Executor | None], turns: int) -> dict[str, list[tuple[float, float]]]:
    """Return wall-clock and CPU seconds of a picture in each turn, by way."""
    for lanes in ways.values():  # textures and tables are made once a process
        turn(lanes, work, len(_all()))
    start = time.process_time()
    several(work, range(len(_all())))
    count = max(2, int(SECONDS / ((time.process_time() - start) / len(_all()))))
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    shuffled = random.Random(work)  # noqa: S311 - an order
    for _ in range(turns):
        for name in shuffled.sample([*ways], len(ways)):
            found[name].append(turn(ways[name], work, count))
    return found


def ratio(mine: Sequence[float], theirs: Sequence[float]) -> str:
    """Return the median of ratios turn by turn, with its interval."""
    ratios = sorted(a / b for a, b in zip(mine, theirs, strict=True))
    low, high, _ = order_statistics(np.array(ratios), 0.5, 0.025)
    return f"{median(ratios):.2f} [{low:.2f}, {high:.2f}]"


def main(turns: int) -> None:
    """Print a row for each kind of work."""
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, get_context("spawn")) as processes:
        ways: dict[str, Executor | None] = {"one": None, "threads": threads, "processes": processes}
        titles = ("work", "a picture, CPU", "threads by processes, wall", "least of each", "one thread by two", "CPU")
        print(f"| {' | '.join(titles)} |")
        print("|---|---|---|---|---|---|")
        for work in WORK:
            found = compare(work, ways, turns)
            wall = {name: [one for one, _ in times] for name, times in found.items()}
            cpu = {name: [one for _, one in times] for name, times in found.items()}
            cells = (
                work, f"{1000 * min(cpu['one']):.2f} ms", ratio(wall["threads"], wall["processes"]),
                f"{min(wall['threads']) / min(wall['processes']):.2f}", ratio(wall["one"], wall["threads"]),
                ratio(cpu["threads"], cpu["one"]),
            )  # fmt: skip
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
