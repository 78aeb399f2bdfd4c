"""The innermost loops, each as a ratio to a kernel that never changes, measured in the same run.

``python -m benchmarks.kernels`` prints the ratios beside those of ``kernels.json`` and names what became slower by more
than 15 %; ``--write`` stores them; ``--strict`` ends with 1 where something is named. A ratio cancels most of what a
machine is and most of what else it does, not all: another processor has other ratios, so the word is advice. Rounds
interleave all kernels, a ratio is the median over rounds of neighbours in time, and what is named was measured anew.
"""

import argparse
import json
import os
import platform
import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from benchmarks.corruptions import picture
from benchmarks.metrics import sentences, tables
from benchmarks.stats import RATES, SEPARATION, rows
from harness.comparison.columns import samples_of
from harness.comparison.pair import pair
from harness.estimate import Comparer
from harness.metrics import get as metric
from harness.metrics.extract import reading
from harness.perturb import get as corruption
from harness.stats.paired import mcnemar, paired_t
from harness.stats.results import Flips

STORED: Final = Path(__file__).with_suffix(".json")
SLOWER: Final = 1.15
_ROUNDS: Final = 7
_CORRUPTIONS: Final = ("brightness", "gaussian_blur", "gaussian_noise", "jpeg_compression", "occlusion", "rotation")
Kernel = Callable[[], Any]


def arithmetic() -> float:
    """Calibrate: a fixed share of array work and of plain Python, as the kernels have both."""
    values = np.arange(40_000, dtype=np.float64)
    for _ in range(12):
        values = np.sqrt(values * 1.0001 + 1.0)
    total = 0
    for i in range(20_000):
        total += i % 7
    words = [str(i) for i in range(6_000)]
    return float(values.sum()) + total + len(set(words))


def kernels() -> dict[str, Kernel]:
    """Return what is measured, by name; each call takes from a millisecond to a tenth of a second."""
    image, rng = picture(), np.random.default_rng(0)
    made: dict[str, Kernel] = {}
    for name in _CORRUPTIONS:
        made[f"corruption: {name}"] = _corrupted(name, image)
    for name, texts, parts in (
        ("exact_match", sentences(1500), 1500),
        ("squad_f1", sentences(1000), 1000),
        ("anls", sentences(1000), 1000),
        ("rms_f1", tables(25), 25),
    ):
        made[f"metric: {name}"] = _scored(name, *texts, parts)
    pair_of_runs = rows(rng, 400), rows(rng, 400)
    made["bootstrap: a rate"] = lambda: Comparer(*pair_of_runs).difference(RATES[0])
    made["bootstrap: auroc"] = lambda: Comparer(*pair_of_runs, resamples=200).difference(SEPARATION)
    differences, clusters = rng.normal(0.01, 1.0, 50_000), np.arange(50_000) // 3
    made["test: clustered t"] = lambda: paired_t(differences, clusters)
    made["test: mcnemar"] = lambda: [mcnemar(Flips(900, 40 + i, 30, 30)) for i in range(20)]
    runs = _run(rng, 20_000), _run(rng, 20_000)
    made["pairing"] = lambda: pair(*runs)
    made["reading: final_answer"] = _read(["final_answer"])
    made["reading: choice_letter"] = _read(["choice_letter"])
    return made


def measured(chosen: Mapping[str, Kernel], rounds: int = _ROUNDS) -> dict[str, float]:
    """Return the ratio of each kernel's CPU time to the calibration's, the median over rounds."""
    for kernel in (arithmetic, *chosen.values()):
        kernel()  # tables, caches and imports
    ratios: dict[str, list[float]] = {name: [] for name in chosen}
    for _ in range(rounds):
        for name, kernel in chosen.items():
            before, own, after = _seconds(arithmetic), _seconds(kernel), _seconds(arithmetic)
            ratios[name].append(own / (before + after) * 2)
    return {name: median(found) for name, found in ratios.items()}


def slower(now: Mapping[str, float], stored: Mapping[str, float], most: float = SLOWER) -> dict[str, float]:
    """Return the kernels that became slower by more than a factor, with how many times slower they are.

    >>> slower({"a": 2.4, "b": 1.0, "new": 9.0}, {"a": 2.0, "b": 1.0})
    {'a': 1.2}
    """
    return {name: ratio / stored[name] for name, ratio in now.items() if name in stored and ratio > most * stored[name]}


def report(now: Mapping[str, float], stored: Mapping[str, float]) -> Iterable[str]:
    """Yield a line a kernel: its ratio, the stored one, and the change."""
    yield f"{'kernel':<28} {'ratio':>8} {'stored':>8}"
    for name, ratio in now.items():
        known = stored.get(name)
        change = "new" if known is None else f"{(ratio / known - 1) * 100:+.0f} %"
        yield f"{name:<28} {ratio:>8.2f} {'' if known is None else format(known, '.2f'):>8} {change:>7}"


def main() -> int:
    """Measure, print, and name what became slower."""
    asked = argparse.ArgumentParser(prog="python -m benchmarks.kernels", description=__doc__.split("\n")[0])
    asked.add_argument("--write", action="store_true", help="store the ratios in kernels.json")
    asked.add_argument("--strict", action="store_true", help="end with 1 where a kernel is slower")
    asked.add_argument("--rounds", type=int, default=_ROUNDS, help="how often each is measured")
    options = asked.parse_args()
    chosen = kernels()
    now = measured(chosen, options.rounds)
    if options.write:
        told = {"machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
                "ratios": {name: round(ratio, 3) for name, ratio in now.items()}}  # fmt: skip
        STORED.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        return 0
    stored = json.loads(STORED.read_text(encoding="utf-8"))["ratios"]
    if doubtful := slower(now, stored):
        again = measured({name: chosen[name] for name in doubtful}, options.rounds)
        now |= {name: min(now[name], ratio) for name, ratio in again.items()}
    print("\n".join(report(now, stored)))
    found = slower(now, stored)
    for name, times in found.items():
        mark = "::warning::" if os.environ.get("GITHUB_ACTIONS") else ""
        print(f"{mark}{name} is {times:.2f} times as slow as when its ratio was stored")
    return int(bool(found) and options.strict)


def _seconds(kernel: Kernel) -> float:
    start = time.process_time()
    kernel()
    return time.process_time() - start


def _corrupted(name: str, image: np.ndarray) -> Kernel:
    apply = corruption(name)
    return lambda: [apply(image, severity, np.random.default_rng(0)) for severity in (1, 3, 5)]


def _scored(name: str, answers: list[str], references: list[list[str]], count: int) -> Kernel:
    scorer: Any = metric(name)
    return lambda: scorer.score_batch(answers[:count], references[:count])


def _run(rng: np.random.Generator, n: int) -> Any:
    import pyarrow as pa

    ids = [f"sample-{i:07}" for i in rng.permutation(n)]
    word = pa.dictionary(pa.int32(), pa.string())
    columns = {
        "task": pa.array(["qa"] * n).cast(word),
        "cell": pa.array(["clean"] * n).cast(word),
        "sample_id": pa.array(ids),
        "request_hash": pa.array([f"{i:0>64}" for i in ids]),
    }
    return samples_of(Path(), pa.table(columns))


def _read(steps: list[str]) -> Kernel:
    rng, chain = random.Random(0), reading(steps)  # noqa: S311 - texts, no secrets
    says = ("The answer is {}.", "Final answer: {}", "I see it, so {} it is", "**{}**", "<think>no</think> {}")
    texts = [rng.choice(says).format(rng.choice([*"ABCD", "42", "3.5 kg"])) for _ in range(300)]
    return lambda: [chain(text, {"choices": ["red", "blue", "green", "grey"]}) for text in texts]


if __name__ == "__main__":
    sys.exit(main())
