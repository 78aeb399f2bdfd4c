"""Time of every corruption on one image of 224 × 224, beside the package `imagecorruptions`.

``python -m benchmarks.corruptions`` prints a table. The peer is measured in the same run where
it can be imported (``pip install imagecorruptions "setuptools<81"``); it is no dependency.
"""

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from statistics import fmean
from typing import ClassVar

import numpy as np

from harness.perturb import get
from harness.registry import registry
from harness.types import Corruption

SIDE = 224
SEVERITIES = range(1, 6)
TURNS = 3
Peer = Callable[[np.ndarray, int, str], np.ndarray]


def picture(side: int = SIDE) -> np.ndarray:
    """A photograph-like picture: gradients, edges, and a little noise."""
    y, x = np.mgrid[:side, :side]
    blue = np.where((x // 28 + y // 28) % 2, 200, 40)
    image = np.stack([x * 255 // side, y * 255 // side, blue], axis=2)
    noise = np.random.default_rng(0).normal(0, 8, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def imagenet_c() -> dict[str, Corruption]:
    """The nineteen corruptions of ImageNet-C."""
    published = [e.name for e in registry("corruptions") if "ImageNet-C" in getattr(e.load(), "source", "")]
    return {name: get(name) for name in published}


class Corruptions:
    """One corruption; divide by five for the time of an image."""

    params: ClassVar = registry("corruptions").names()
    param_names: ClassVar = ["corruption"]
    timer = staticmethod(time.process_time)

    def setup(self, name: str) -> None:
        self.corruption = get(name)
        self.image = picture()
        self.time_all_severities(name)  # textures and tables are made once a process

    def time_all_severities(self, name: str) -> None:
        rng = np.random.default_rng(0)
        for severity in SEVERITIES:
            self.corruption(self.image, severity, rng)


class ImageNetC:
    """The nineteen corruptions of ImageNet-C together."""

    timer = staticmethod(time.process_time)

    def setup(self) -> None:
        self.all = list(imagenet_c().values())
        self.image = picture()
        self.time_all_severities()

    def time_all_severities(self) -> None:
        rng = np.random.default_rng(0)
        for corruption in self.all:
            for severity in SEVERITIES:
                corruption(self.image, severity, rng)


@cache
def peer() -> Peer | None:
    """Return the peer's function (image, severity, name), or None where it is not installed.

    `imagecorruptions` 1.1.2 uses two names that are gone: `np.float_` (fog; removed in NumPy 2.0)
    and the argument `multichannel` of scikit-image's `gaussian` (gaussian_blur, glass_blur;
    `channel_axis` since 0.19). Without them three of the nineteen fail; both are put back here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pkg_resources and scipy.ndimage.interpolation are deprecated
            import cv2
            import imagecorruptions
            import skimage.filters
    except ImportError:
        return None
    cv2.setNumThreads(1)

    def gaussian(image: np.ndarray, sigma: float = 1, multichannel: bool = False, **options: object) -> np.ndarray:
        return skimage.filters.gaussian(image, sigma=sigma, channel_axis=-1 if multichannel else None, **options)

    imagecorruptions.corruptions.gaussian = gaussian
    if not hasattr(np, "float_"):
        np.float_ = np.float64
    return imagecorruptions.corrupt


def compare(names: Sequence[str], rounds: int) -> dict[str, tuple[float, float]]:
    """Return the milliseconds an image and severity of each corruption: ours and the peer's (NaN without one).

    CPU time; of all rounds the fastest counts, severity by severity. Each package runs in a process
    of its own, so that neither works with caches and a heap that the other has left behind, and the
    two take turns, so that a busy machine slows both.
    """
    fresh = get_context("spawn")
    with ProcessPoolExecutor(1, fresh) as ours, ProcessPoolExecutor(1, fresh) as theirs:

        def fastest(name: str, severity: int) -> tuple[float, float]:
            turns = [
                (
                    ours.submit(ours_ms, name, severity, rounds).result(),
                    theirs.submit(peer_ms, name, severity, rounds).result(),
                )
                for _ in range(TURNS)
            ]
            return min(turn[0] for turn in turns), min(turn[1] for turn in turns)

        times = {name: [fastest(name, severity) for severity in SEVERITIES] for name in names}
    return {name: (fmean(pair[0] for pair in pairs), fmean(pair[1] for pair in pairs)) for name, pairs in times.items()}


def ours_ms(name: str, severity: int, rounds: int) -> float:
    corruption, rng = get(name), np.random.default_rng(0)
    return _fastest(lambda image: corruption(image, severity, rng), rounds)


def peer_ms(name: str, severity: int, rounds: int) -> float:
    corrupt = peer()
    return _fastest(lambda image: corrupt(image, severity, name), rounds) if corrupt else math.nan


def _fastest(run: Callable[[np.ndarray], np.ndarray], rounds: int) -> float:
    """Return the least milliseconds of CPU time after a first run, which makes textures and tables."""
    image, times = picture(), []
    for _ in range(rounds + 1):
        start = time.process_time()
        run(image)
        times.append(1000 * (time.process_time() - start))
    return min(times[1:])


def table(times: dict[str, tuple[float, float]]) -> str:
    """Return the times as lines of text, with the sums and the geometric mean of the ratios."""
    rows = [f"{'ms an image and severity':<26}{'ours':>8}{'peer':>9}{'ratio':>8}"]
    rows += [f"{name:<26}{ours:8.3f}{theirs:9.3f}{theirs / ours:7.1f}×" for name, (ours, theirs) in times.items()]
    ours, theirs = (sum(column) for column in zip(*times.values(), strict=True))
    rows.append(f"{'all':<26}{ours:8.3f}{theirs:9.3f}{theirs / ours:7.1f}×")
    mean = math.exp(sum(math.log(theirs / ours) for ours, theirs in times.values()) / len(times))
    rows.append(f"{'geometric mean':<43}{mean:7.1f}×")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corruptions", description=__doc__)
    parser.add_argument("names", nargs="*", help="corruptions (default: the nineteen of ImageNet-C)")
    parser.add_argument(
        "--rounds", type=int, default=5, help="runs in each of three turns, of which the fastest counts"
    )
    given = parser.parse_args()
    print(table(compare(given.names or sorted(imagenet_c()), given.rounds)))


if __name__ == "__main__":
    main()
