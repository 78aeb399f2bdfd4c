"""Error rates, coverage and power by simulation: ``python -m tests.stats.simulations`` prints the tables of the docs.

Every function takes a number of repetitions and a seed and returns rows of a table; the slow tests
hold the same numbers against their nominal values, within Monte Carlo error.
"""

import math
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr
from tabulate import tabulate

from harness.estimate import CellRows, Column, Comparer, Rows, Statistic, auroc, column, count, ratio, total
from harness.stats.intervals import wilson
from harness.stats.multiplicity import holm
from harness.stats.paired import mcnemar, paired_t, tango_paired
from harness.stats.power import mcnemar_minimum_effect, t_minimum_effect
from harness.stats.quantiles import median_ratio, quantile_interval
from harness.stats.results import Comparison, Flips
from harness.stats.sequential import certain_at, sequential_plan
from harness.stats.verdict import Outcome

Rng = np.random.Generator

MEAN_AS_RATIO = Statistic("mean", ratio(total(column("x", "all")), count(column("x", "all"))), bounds=(None, None))
"""A mean that is not seen to be one, so that it is bootstrapped."""
SEPARATION = Statistic("auroc", auroc(column("score", "out"), column("score", "in")))


class Coverage(NamedTuple):
    """How often an interval holds the truth."""

    method: str
    data: str
    two_sided: float
    """Share of 95 % intervals that hold the truth."""
    lower_bound: float
    """Share of one-sided 95 % lower bounds that are not above the truth."""
    runs: int


def _covered(method: str, data: str, truth: float, results: Iterator[Comparison]) -> Coverage:
    hits = np.array([(r.low <= truth <= r.high, not r.lower_bound > truth) for r in results], float)
    return Coverage(method, data, float(hits[:, 0].mean()), float(hits[:, 1].mean()), len(hits))


@cache
def _mcnemar(flips: Flips, margin: float = 0.0) -> Comparison:
    return mcnemar(flips, margin=margin)


def _tables(rng: Rng, runs: int, n: int, lost: float, gained: float, right: float) -> Iterator[Flips]:
    cells = [right - lost, lost, gained, 1 - right - gained]
    return (Flips(*map(int, table)) for table in rng.multinomial(n, cells, size=runs))


def _clustered(rng: Rng) -> Comparison:
    sizes = rng.integers(1, 9, 60)
    clusters = np.repeat(np.arange(60), sizes)
    return paired_t(rng.normal(0, 0.2, 60)[clusters] + rng.normal(0, 0.3, clusters.size), clusters)


def coverage_of_means(runs: int = 4000, seed: int = 1) -> list[Coverage]:
    """Coverage of the paired t interval."""
    rng = np.random.default_rng(seed)
    skewed = (rng.exponential(size=200) - 1 for _ in range(runs))
    return [
        _covered("paired t", "normal, n = 20", 0, (paired_t(rng.normal(size=20)) for _ in range(runs))),
        _covered("paired t", "exponential, n = 200", 0, map(paired_t, skewed)),
        _covered("paired t, clustered", "60 clusters of 1 to 8", 0, (_clustered(rng) for _ in range(runs))),
    ]


def newcombe_paired(flips: Flips, confidence: float = 0.95) -> tuple[float, float]:
    """Return Newcombe's interval (1998, method 10) of the difference of two paired shares: what was rejected."""
    n = flips.n
    new, old = flips.both_right + flips.gained, flips.both_right + flips.lost
    (low_new, low_old), (high_new, high_old) = wilson([new, old], n, confidence)
    below_new, above_new = new / n - low_new, high_new - new / n
    below_old, above_old = old / n - low_old, high_old - old / n
    phi = _corrected_phi(flips)
    down = below_new**2 - 2 * phi * below_new * above_old + above_old**2
    up = above_new**2 - 2 * phi * above_new * below_old + below_old**2
    return flips.difference - math.sqrt(max(down, 0.0)), flips.difference + math.sqrt(max(up, 0.0))


def _corrected_phi(flips: Flips) -> float:
    new, old, n = flips.both_right + flips.gained, flips.both_right + flips.lost, flips.n
    scale = math.sqrt(float(new) * (n - new) * old * (n - old))
    if scale == 0:
        return 0.0
    cross = float(flips.both_right) * flips.both_wrong - float(flips.lost) * flips.gained
    return (max(cross - n / 2, 0.0) if cross > 0 else cross) / scale


def coverage_of_shares(runs: int = 4000, seed: int = 2) -> list[Coverage]:
    """Coverage of Tango's and Newcombe's intervals; the truth is gained − lost."""
    rng = np.random.default_rng(seed)
    rows = []
    for n, lost, gained, right in [
        (100, 0.02, 0, 0.6),
        (100, 0.1, 0.1, 0.6),
        (400, 0.02, 0, 0.6),
        (400, 0.03, 0.01, 0.6),
        (1000, 0.02, 0, 0.8),
    ]:
        tables = list(_tables(rng, runs, n, lost, gained, right))
        for name, interval in (("Newcombe", newcombe_paired), ("Tango", tango_paired)):
            cached = cache(interval)
            truth = gained - lost
            hits = [(low - 1e-9 <= truth <= high + 1e-9) for low, high in (cached(t, 0.95) for t in tables)]
            bounds = [cached(t, 0.9)[0] <= truth + 1e-9 for t in tables]
            data = f"n = {n}, lost {lost:g}, gained {gained:g}"
            rows.append(Coverage(name, data, float(np.mean(hits)), float(np.mean(bounds)), runs))
    return rows


def coverage_of_bootstrap(runs: int = 1000, seed: int = 3) -> list[Coverage]:
    """Coverage of the bootstrap, of ratios and of quantiles."""
    rng = np.random.default_rng(seed)

    def skewed(run: int) -> Comparison:
        place, before = np.arange(100), np.zeros(100)
        sides = (
            Rows({"all": CellRows(place, place, {"x": Column.of(values)})})
            for values in (before, rng.exponential(size=100) - 1)
        )
        found = Comparer(*sides, seed=(run,), resamples=1000).difference(MEAN_AS_RATIO).comparison
        assert found is not None
        return found

    def pairs(n: int) -> tuple[np.ndarray, np.ndarray]:
        old = rng.lognormal(0, 0.3, n)
        return old, old * rng.lognormal(math.log(1.1), 0.1, n)

    def tail() -> Comparison:
        q = quantile_interval(rng.lognormal(size=100), 0.9)
        return Comparison(q.estimate, q.low, q.high, math.nan, math.nan, *[math.nan] * 4, n=q.n, method=q.method)

    p90 = math.exp(1.2815515655446004)
    return [
        _covered("bootstrap BCa", "exponential, n = 100", 0, map(skewed, range(runs))),
        _covered(
            "ratio of medians", "60 pairs", 1.1, (median_ratio(*pairs(60), rng, resamples=500) for _ in range(runs))
        ),
        _covered("order statistics", "p90 of 100, log-normal", p90, (tail() for _ in range(runs)))._replace(
            lower_bound=math.nan
        ),
    ]


class FalseAlarms(NamedTuple):
    """How often a harmless change is called a regression."""

    family: str
    n: int
    any_fail: float
    """Share of comparisons with at least one FAIL."""
    any_significant: float
    """Share with at least one Holm-adjusted p ≤ 0.05, whatever the margin."""
    any_unadjusted: float
    """Share with at least one raw p ≤ 0.05: what Holm prevents."""
    any_threshold: float
    """Share in which a point threshold (any metric down by more than 2 points) would have fired."""
    runs: int


def _null_family(rng: Rng, n: int, clusters: np.ndarray | None) -> list[Comparison]:
    """Ten binary and ten graded metrics of two equally good models, correlated through how hard a sample is."""
    shared = rng.normal(size=(n, 1)) if clusters is None else rng.normal(size=(clusters.max() + 1, 1))[clusters]
    old, new = (0.8 * shared + 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, 20)) for _ in range(2))
    family = []
    for k in range(20):
        if k < 10 and clusters is None:
            flips = (old[:, k] > 0, new[:, k] > 0)
            table = [flips[0] & flips[1], flips[0] & ~flips[1], ~flips[0] & flips[1], ~flips[0] & ~flips[1]]
            family.append(_mcnemar(Flips(*(int(cell.sum()) for cell in table)), 0.02))
        else:
            squash = (lambda x: x > 0) if k < 10 else (lambda x: 1 / (1 + np.exp(-x)))
            family.append(paired_t(squash(new[:, k]) * 1.0 - squash(old[:, k]) * 1.0, clusters, margin=0.02, span=1))
    return family


def coverage_of_shared_draws(runs: int = 400, seed: int = 8) -> list[Coverage]:
    """AUROC of two models on the same samples, from draws that were kept run by run and never saw each other."""
    n, resamples = 200, 400
    labels = np.arange(n) % 2
    truth = float(ndtr(1.5 / math.sqrt(2)) - ndtr(1.8 / math.sqrt(2)))
    results = []
    for rng in map(np.random.default_rng, range(seed, seed + runs)):
        common, place = rng.normal(size=n), np.arange(n)
        sides = []
        for shift in (1.8, 1.5):
            scores = shift * labels + (0.8 * common + 0.6 * rng.normal(size=n))
            sides.append(Rows({
                name: CellRows(place[labels == label], place[labels == label],
                               {"score": Column.of(scores[labels == label])}, stratum=name)
                for name, label in (("out", 1), ("in", 0))
            }))  # fmt: skip
        found = Comparer(*sides, seed=(0,), resamples=resamples).difference(SEPARATION).comparison
        assert found is not None
        results.append(found)
    return [_covered("bootstrap BCa", f"AUROC, n = {n}", truth, iter(results))]


def false_alarms(runs: int = 1500, seed: int = 4) -> list[FalseAlarms]:
    """Family-wise false alarms over 20 metrics without any change."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, n, clusters in [
        ("independent", 100, None),
        ("independent", 400, None),
        ("100 clusters of 4", 400, np.repeat(np.arange(100), 4)),
    ]:
        hits = []
        for _ in range(runs):
            family = _null_family(rng, n, clusters)
            adjusted = holm([c.p_less for c in family])
            hits.append(
                (
                    any(p <= 0.05 and -c.estimate >= c.margin for p, c in zip(adjusted, family, strict=True)),
                    bool((adjusted <= 0.05).any()),
                    any(c.p_less <= 0.05 for c in family),
                    any(c.estimate < -0.02 for c in family),
                )
            )
        rows.append(FalseAlarms(name, n, *np.mean(hits, axis=0).tolist(), runs))
    return rows


class Power(NamedTuple):
    """How often a true drop of the printed size is called a regression."""

    metric: str
    n: int
    margin: float
    family: int
    printed: float
    """Minimum detectable effect that is printed before the run."""
    power: float
    """Share of FAIL at that drop, with Bonferroni's level: the worst case of Holm."""
    runs: int


def power_at_printed_effect(runs: int = 3000, seed: int = 5) -> list[Power]:
    """Power at the minimum detectable effect."""
    rng = np.random.default_rng(seed)
    rows = []
    for n, margin, family in [(200, 0.0, 1), (400, 0.02, 1), (400, 0.02, 20), (2000, 0.02, 20)]:
        alpha = 0.05 / family
        drop = t_minimum_effect(0.3, n, alpha=alpha, margin=margin)
        graded = (paired_t(rng.normal(-drop, 0.3, n), margin=margin) for _ in range(runs))
        rows.append(Power("graded, sd 0.3", n, margin, family, drop, _share_of_failures(graded, family), runs))
        drop = mcnemar_minimum_effect(0.1, n, alpha=alpha, margin=margin)
        flips = max(0.1, drop)
        tables = _tables(rng, runs, n, (flips + drop) / 2, (flips - drop) / 2, 0.7)
        binary = (_mcnemar(table, margin) for table in tables)
        rows.append(Power("binary, 10 % flips", n, margin, family, drop, _share_of_failures(binary, family), runs))
    return rows


def _share_of_failures(comparisons: Iterator[Comparison], family: int) -> float:
    fails = [min(1.0, family * c.p_less) <= 0.05 and -c.estimate >= c.margin for c in comparisons]
    return float(np.mean(fails))


class Sequential(NamedTuple):
    """What looking early does."""

    metric: str
    spending: str
    truth: str
    fail: float
    non_inferior: float
    mean_n: float
    saved: float
    """Share of the planned samples that were not needed."""
    runs: int


LOOKS = (400, 800, 1200, 1600, 2000)
MARGIN = 0.03


def sequential(runs: int = 1500, seed: int = 6) -> list[Sequential]:
    """Error rates and samples saved with five looks, α = 0.05, margin 0.03."""
    rows = []
    for spending in ("obrien-fleming", "pocock"):
        plan = sequential_plan(LOOKS, 0.05, spending)
        for metric, look in (("graded, sd 0.4", _graded_looks), ("binary, 10 % flips", _binary_looks)):
            for truth in (0.0, -MARGIN, -2 * MARGIN):
                rng = np.random.default_rng(seed)
                ends = []
                for _ in range(runs):
                    for k, comparison in enumerate(look(rng, truth)):
                        outcome = certain_at(plan, k, comparison)
                        if outcome is not None:
                            ends.append((outcome is Outcome.FAIL, outcome is Outcome.NON_INFERIOR, LOOKS[k]))
                            break
                fail, clear, mean_n = np.mean(ends, axis=0)
                name = f"{truth:+.2f}" if truth else "no change"
                rows.append(Sequential(metric, spending, name, fail, clear, mean_n, 1 - mean_n / LOOKS[-1], runs))
    return rows


def _graded_looks(rng: Rng, truth: float) -> Iterator[Comparison]:
    d = rng.normal(truth, 0.4, LOOKS[-1])
    return (paired_t(d[:n], margin=MARGIN) for n in LOOKS)


def _binary_looks(rng: Rng, truth: float) -> Iterator[Comparison]:
    d = rng.choice([-1, 0, 1], LOOKS[-1], p=[0.05 - truth / 2, 0.9, 0.05 + truth / 2])
    for n in LOOKS:
        lost, gained = int((d[:n] < 0).sum()), int((d[:n] > 0).sum())
        yield _mcnemar(Flips(n - lost - gained, lost, gained, 0), MARGIN)


def monte_carlo_error(share: float, runs: int, errors: float = 3.5) -> float:
    """How far a simulated share may lie from the true one."""
    return errors * math.sqrt(share * (1 - share) / runs)


TABLES: dict[str, Callable[[], list]] = {
    "Coverage: means": coverage_of_means,
    "Coverage: shares": coverage_of_shares,
    "Coverage: bootstrap, ratios, quantiles": coverage_of_bootstrap,
    "Coverage: draws that two runs kept": coverage_of_shared_draws,
    "False alarms": false_alarms,
    "Power": power_at_printed_effect,
    "Sequential": sequential,
}


def main() -> None:
    """Write all tables as Markdown to standard output."""
    for title, simulate in TABLES.items():
        rows = simulate()
        table = tabulate(rows, headers=rows[0]._fields, tablefmt="github", floatfmt=".3f")
        sys.stdout.write(f"### {title}\n\n{table}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
