"""The innermost loops, each as a ratio to a kernel that never changes, measured beside it with pytest-benchmark.

``make speed`` names what became slower by more than 15 % than ``kernels.json`` says, where a second measurement agrees;
``make speed SPEED=--benchmark-json=benchmarks/kernels.json`` stores new ratios. A ratio cancels most of what a machine
is and most of what else it does, not all: another processor has other ratios, so the word is advice.
"""

import json
import random
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.corruptions import picture
from benchmarks.metric_data import sentences, tables
from benchmarks.stats import RATES, SEPARATION, rows
from harness.comparison.columns import samples_of
from harness.comparison.pair import pair
from harness.estimate import Comparer
from harness.metrics import get as metric
from harness.metrics.extract import reading
from harness.perturb import get as corruption
from harness.stats.paired import mcnemar, paired_t
from harness.stats.results import Flips

if TYPE_CHECKING:
    import pytest  # asv imports this module where pytest is not installed

STORED: Final = Path(__file__).with_suffix(".json")
SLOWER: Final = 1.15
_ROUNDS: Final = 9
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


@cache
def kernels() -> dict[str, Kernel]:
    """Return what is measured, by name; each call takes from three milliseconds to a tenth of a second."""
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
    made["test: clustered t"] = lambda: [paired_t(differences, clusters) for _ in range(10)]
    made["test: mcnemar"] = lambda: [mcnemar(Flips(900, 40 + i, 30, 30)) for i in range(20)]
    runs = _run(rng, 20_000), _run(rng, 20_000)
    made["pairing"] = lambda: pair(*runs)
    made["reading: final_answer"] = _read(["final_answer"])
    made["reading: choice_letter"] = _read(["choice_letter"])
    return made


def pytest_generate_tests(metafunc: "pytest.Metafunc") -> None:
    """Make a test of each kernel, measured in CPU time."""
    import pytest

    timed = pytest.mark.benchmark(timer=time.process_time)
    metafunc.parametrize("name", [pytest.param(name, marks=timed) for name in kernels()])


def test_kernel(pytestconfig: "pytest.Config", benchmark: Any, name: str) -> None:
    import pytest

    spent: list[float] = []

    def calibrate() -> None:
        spent.append(_seconds(arithmetic))

    benchmark.pedantic(kernels()[name], setup=calibrate, rounds=_ROUNDS, warmup_rounds=1)
    if benchmark.disabled:
        return
    calibrate()
    rounds = zip(benchmark.stats.stats.data, spent[-_ROUNDS - 1 :], spent[-_ROUNDS:], strict=False)
    ratio = median(2 * own / (before + after) for own, before, after in rounds)
    benchmark.extra_info["ratio"] = round(ratio, 3)
    known = None if pytestconfig.getoption("benchmark_json") else stored().get(name)
    if known:
        benchmark.stats.name = f"{name}: {ratio:.2f}, was {known:.2f}"
        if ratio > SLOWER * known:
            pytest.fail(f"{name} is {ratio / known:.2f} times as slow as when its ratio was stored", pytrace=False)


@cache
def stored() -> dict[str, float]:
    """Return the stored ratios by name."""
    told = json.loads(STORED.read_text(encoding="utf-8"))
    return {found["param"]: found["extra_info"]["ratio"] for found in told["benchmarks"]}


def _seconds(kernel: Kernel) -> float:
    start = time.process_time()
    kernel()
    return time.process_time() - start


def _corrupted(name: str, image: np.ndarray) -> Kernel:
    apply = corruption(name)
    return lambda: [apply(image, severity, np.random.default_rng(0)) for severity in (1, 3, 5) * 8]


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
