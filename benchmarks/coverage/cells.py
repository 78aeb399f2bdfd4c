"""Populations with a known truth, and the statistics that are asked of samples of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr, ndtri

from harness.estimate import (
    POSITIVE,
    CellRows,
    Column,
    Rows,
    Statistic,
    aupr,
    auroc,
    bleu,
    calibration,
    column,
    f_beta,
    fpr_at,
    mean,
    quantile,
    ratio,
    retained,
    total,
)

Floats = NDArray[np.float64]
Rng = np.random.Generator
EDGES = [i / 15 for i in range(16)]

AUROC = Statistic("AUROC", auroc(column("score", "out"), column("score", "in")))
AUPR = Statistic("AUPR", aupr(column("score", "out"), column("score", "in")))
FPR = Statistic("FPR at 95 % TPR", fpr_at(column("score", "out"), column("score", "in")), "lower")
ECE = Statistic("ECE", calibration(column("sure", ""), column("right", ""), EDGES, worst=False), "lower")
MCE = Statistic("MCE", calibration(column("sure", ""), column("right", ""), EDGES, worst=True), "lower")
F1 = Statistic("F1", f_beta(column("hit", ""), column("found", ""), column("true", "")))
RECALL = Statistic("recall", ratio(total(column("hit", "")), total(column("true", ""))))
WER = Statistic(
    "WER", ratio(total(column("edits", "")), total(column("words", ""))), "lower", "edits per word", POSITIVE
)
SHARE = Statistic("accuracy", mean(column("right", "")))
GRADED = Statistic("graded mean", mean(column("anls", "")))
NATS = Statistic("unbounded mean", mean(column("nats", "")), "lower", "nats", POSITIVE)
RETAINED = Statistic("retained", retained(mean(column("right", "")), [mean(column("noisy", ""))]), bounds=POSITIVE)
SUMS = ("words", "closest", *(f"{kind} {order}" for order in range(1, 5) for kind in ("matched", "possible")))
BLEU = Statistic("BLEU", bleu([column(name, "") for name in SUMS]))


@dataclass(frozen=True)
class Cell:
    """One population, and how samples of it are drawn."""

    statistic: Statistic
    data: str
    truth: float
    draw: Callable[[Rng], Rows]
    binary: bool = False


def table(columns: dict[str, Floats], units: NDArray[np.int64] | None = None) -> Rows:
    """Return rows of one cell."""
    n = len(next(iter(columns.values())))
    made = {name: Column.of(values) for name, values in columns.items()}
    return Rows({"": CellRows(np.arange(n), np.arange(n) if units is None else units, made)})


def classes(rng: Rng, positives: int, negatives: int, apart: float) -> Rows:
    """Return normal scores of two classes."""
    sides = {}
    for name, n, middle, first in (("out", positives, apart, 0), ("in", negatives, 0.0, positives)):
        place = np.arange(first, first + n)
        sides[name] = CellRows(place, place, {"score": Column.of(rng.normal(middle, 1, n))}, stratum=name)
    return Rows(sides)


def separations() -> Iterator[Cell]:
    """Yield scores of two classes, the rarer one rare."""
    for apart in (1.0, 2.5):
        truth = float(ndtr(apart / np.sqrt(2)))
        for n in (2, 5, 10, 30):
            yield Cell(AUROC, f"{n} positives, 200 negatives", truth, _classes(n, 200, apart))
        missed = float(1 - ndtr(ndtri(0.05) + apart))
        for n, m in ((20, 500), (100, 500), (500, 500)):
            yield Cell(FPR, f"{n} positives, {m} negatives", missed, _classes(n, m, apart))
    for n in (10, 50):
        grid = np.linspace(-9, 12, 200_001)
        kept, false = 1 - ndtr(grid - 1.5), 1 - ndtr(grid)
        precision = n * kept / (n * kept + 200 * false + 1e-300)
        yield Cell(AUPR, f"{n} positives, 200 negatives", float(np.trapezoid(precision, -kept)), _classes(n, 200, 1.5))


def _classes(positives: int, negatives: int, apart: float) -> Callable[[Rng], Rows]:
    return lambda rng: classes(rng, positives, negatives, apart)


def calibrations() -> Iterator[Cell]:
    """Yield stated confidences, calibrated or too high."""
    for statistic, sizes in ((ECE, (100, 300, 1000)), (MCE, (300,))):
        for n in sizes:
            for over in (0.0, 0.05, 0.15):
                data = f"n = {n}, " + (f"{over:g} too sure" if over else "calibrated")
                yield Cell(statistic, data, _gap(over, statistic is MCE), _stated(n, over))
    yield Cell(ECE, "60 clusters of 5, calibrated", 0.0, _stated(300, 0.0, 5))


def _gap(over: float, worst: bool) -> float:
    sure = np.random.default_rng(0).beta(5, 1.5, 1_000_000)
    bins = np.searchsorted(EDGES, sure) - 1
    gaps, counts = np.bincount(bins, sure - np.clip(sure - over, 0, 1), 15), np.bincount(bins, minlength=15)
    return float((gaps / np.maximum(counts, 1)).max() if worst else gaps.sum() / counts.sum())


def _stated(n: int, over: float, size: int = 1) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        sure = rng.beta(5, 1.5, n)
        right = _shared(rng, n // size, size, 0.5 if size > 1 else 0.0) < np.clip(sure - over, 0, 1)
        return table({"sure": sure, "right": right.astype(float)}, np.arange(n) // size)

    return draw


def _shared(rng: Rng, clusters: int, size: int, alike: float) -> Floats:
    """Return uniform numbers, [clusters · size]; two of one cluster are the same with this chance."""
    copied = rng.random((clusters, size)) < np.sqrt(alike)
    return np.where(copied, rng.random((clusters, 1)), rng.random((clusters, size))).ravel()


def pooled() -> Iterator[Cell]:
    """Yield shares, F-scores and graded scores, with clusters and without."""
    for share, clusters, size, alike in (
        (0.9, 10, 10, 0.5),
        (0.98, 20, 10, 0.5),
        (0.98, 60, 5, 0.5),
        (0.9, 200, 5, 0.1),
    ):
        data = f"{share:g}, {clusters} clusters of {size}"
        yield Cell(SHARE, data, share, _right(share, clusters, size, alike), True)
    truth = 2 * 0.4 * 0.85 / (2 * 0.4 * 0.85 + 0.15)
    for clusters, size in ((10, 10), (20, 5), (40, 10), (30, 1), (100, 1)):
        data = f"{clusters} clusters of {size}" if size > 1 else f"n = {clusters}"
        yield Cell(F1, data, truth, _verdicts(clusters, size, 0.4))
    for n in (100, 400):
        yield Cell(RECALL, f"n = {n}, a tenth true", 0.85, _verdicts(n, 1, 0.1))
    for n in (30, 100, 400):
        yield Cell(GRADED, f"2 % zeros, n = {n}", 0.96, _graded(n))
    for n in (10, 30, 100):
        yield Cell(RETAINED, f"n = {n}", 0.875, _noisy(n))


def _right(share: float, clusters: int, size: int, alike: float) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        copied = rng.random((clusters, size)) < np.sqrt(alike)
        right = np.where(copied, rng.random((clusters, 1)) < share, rng.random((clusters, size)) < share)
        return table({"right": right.ravel().astype(float)}, np.arange(clusters * size) // size)

    return draw


def _verdicts(clusters: int, size: int, positive: float) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        true = rng.random(clusters * size) < positive
        right = _shared(rng, clusters, size, 0.3) < 0.85
        made = {"hit": true & right, "found": true == right, "true": true}
        return table({name: part.astype(float) for name, part in made.items()}, np.arange(len(true)) // size)

    return draw


def _graded(n: int) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        u = rng.random(n)
        return table({"anls": np.where(u < 0.02, 0.0, np.where(u < 0.1, rng.uniform(0.5, 1, n), 1.0))})

    return draw


def _noisy(n: int) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        u = rng.random(n)
        noisy = np.where(rng.random(n) < 0.8, u, rng.random(n)) < 0.7
        return table({"right": (u < 0.8).astype(float), "noisy": noisy.astype(float)})

    return draw


def transcripts() -> Iterator[Cell]:
    """Yield error rates with and without rare loops, BLEU, and means that nothing bounds."""
    for loops in (0.0, 0.02):
        for n in (3, 10, 30, 100, 300):
            data = f"n = {n}" + (f", {loops:.0%} loops of 3" if loops else "")
            yield Cell(WER, data, 0.08 + 3 * loops, _words(n, loops))
            if loops:
                data += ", worst row declared as 3.5"
                yield Cell(replace(WER, worst=3.5), data, 0.08 + 3 * loops, _words(n, loops))
    truth = _sentences(np.random.default_rng(0), 200_000).sum(axis=1)
    orders = np.log(truth[2::2] / truth[3::2]).mean()
    for n in (10, 30, 100):
        yield Cell(BLEU, f"n = {n}", float(np.exp(orders + min(0.0, 1 - truth[1] / truth[0]))), _translated(n))
    for n in (5, 10, 30, 100):
        yield Cell(NATS, f"log-normal, n = {n}", float(np.exp(0.5)), _lognormal(n))


def _lognormal(n: int) -> Callable[[Rng], Rows]:
    return lambda rng: table({"nats": rng.lognormal(0, 1, n)})


def _words(n: int, loops: float) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        words = rng.integers(5, 30, n).astype(float)
        edits = rng.binomial(words.astype(int), 0.08) + np.where(rng.random(n) < loops, 3 * words, 0.0)
        return table({"edits": np.asarray(edits, np.float64), "words": words})

    return draw


def _translated(n: int) -> Callable[[Rng], Rows]:
    return lambda rng: table(dict(zip(SUMS, _sentences(rng, n), strict=True)))


def _sentences(rng: Rng, n: int) -> Floats:
    words, quality = rng.integers(6, 30, n), rng.beta(4, 3, n)
    columns = [words, np.round(words * rng.uniform(0.85, 1.2, n))]
    for order in range(4):
        columns += [rng.binomial(words - order, quality ** (order + 1)), words - order]
    return np.array(columns, np.float64)


def calls() -> Iterator[Cell]:
    """Yield latencies of calls that depend on the one before."""
    for before in (0.0, 0.5, 0.9):
        for q in (0.5, 0.95):
            of = Statistic(f"p{100 * q:g}", quantile(column("ms", ""), q), "lower", "ms", POSITIVE, paired=False)
            yield Cell(of, f"n = 400, autocorrelation {before:g}", float(np.exp(0.2 * ndtri(q))), _series(400, before))


def _series(n: int, before: float) -> Callable[[Rng], Rows]:
    def draw(rng: Rng) -> Rows:
        noise = rng.normal(0, 1, n + 200)
        return table({"ms": np.exp(0.2 * lfilter([np.sqrt(1 - before**2)], [1, -before], noise)[200:])})

    return draw


GROUPS: dict[str, Callable[[], Iterator[Cell]]] = {
    "separations": separations,
    "calibrations": calibrations,
    "pooled": pooled,
    "transcripts": transcripts,
    "calls": calls,
}
