"""How often a gate on a ratio of two runs is wrong, where launches of one program differ by themselves."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from harness.stats.launches import welch_ratio
from harness.stats.quantiles import between_launches, median_ratio
from harness.stats.results import Comparison

Rng = np.random.Generator
CALLS = 60


class Judged(NamedTuple):
    """Verdicts on ratios of two runs; a call varies by 3 % within a launch."""

    spread: str
    """Standard deviation between launches."""
    launches: str
    wrong_FAIL: float  # noqa: N815 - a verdict
    """Nothing changed, limit 1.03."""
    wrong_PASS: float  # noqa: N815
    """Truly 1.10, limit 1.05."""
    FAIL: float
    """Truly 1.10, limit 1.05."""
    PASS: float
    """Nothing changed, limit 1.05."""
    runs: int


def _measured(rng: Rng, spread: float, launches: int, truth: float) -> np.ndarray:
    """Return times of calls, [launches, calls]."""
    own = truth * np.exp(rng.normal(0, spread, (launches, 1)))
    return own * np.exp(rng.normal(0, 0.03, (launches, CALLS)))


def _ratio(rng: Rng, spread: float, launches: int, truth: float, limit: float, way: str) -> Comparison:
    old, new = _measured(rng, spread, launches, 1.0), _measured(rng, spread, launches, truth)
    if way == "Welch":
        return welch_ratio(np.median(old, axis=1), np.median(new, axis=1), margin=limit - 1)
    calls = median_ratio(old[0], new[0], rng, paired=False, resamples=200, margin=limit - 1)
    return calls if way == "calls alone" else between_launches(calls, 0.05)


def _share(rng: Rng, runs: int, spread: float, launches: int, way: str, truth: float, limit: float, word: str) -> float:
    """Return how often the verdict is that word, by the bounds: as ``judge_ratio`` decides."""
    found = [_ratio(rng, spread, launches, truth, limit, way) for _ in range(runs)]
    failed, passed = (one.lower_bound > limit for one in found), (one.upper_bound < limit for one in found)
    return sum(failed if word == "fail" else passed) / runs


def ratios_judged(runs: int = 1000, ways: tuple[str, ...] = ("Welch",)) -> Iterator[Judged]:
    """Play launches of 1, 3 and 5 % spread, three, five and ten a side; or one a side by its calls."""
    rng = np.random.default_rng(17)
    cells = [(way, n) for way in ways for n in ((3, 5, 10) if way == "Welch" else (1,))]
    for spread in (0.01, 0.03, 0.05):
        for way, launches in cells:
            share = partial(_share, rng, runs, spread, launches, way)
            yield Judged(
                f"{spread:.0%}",
                f"{launches}, {way}",
                share(1.0, 1.03, "fail"),
                share(1.10, 1.05, "pass"),
                share(1.10, 1.05, "fail"),
                share(1.0, 1.05, "pass"),
                runs,
            )


def all_ways(runs: int) -> Iterator[Judged]:
    """Play one launch a side by its calls too, with and without what launches differ by."""
    return ratios_judged(runs, ("calls alone", "calls, launches differ by 5 %", "Welch"))
