"""How often a gate is wrong that looks several times, at drawn or at the first rows, or is tried again and again.

Wrong PASS: the true drop is the margin, or twice as much. Wrong FAIL: there is no drop.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.sequential import Looks
from harness.gates.tries import level
from harness.stats.results import Comparison
from harness.stats.sequential import certain_at, sequential_plan
from harness.stats.verdict import Outcome, compare_scores
from harness.tasks.draw import Draw
from harness.types import Sample

Scores = np.ndarray
Pair = tuple[Scores, Scores]
Maker = Callable[[np.random.Generator, int], Pair]

HEAD = "| gate | data | n | margin | FAIL | PASS | calls |"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    gate: str
    data: str
    n: int
    margin: float
    fails: float
    passes: float
    calls: float

    def __str__(self) -> str:
        told = [self.gate, self.data, f"{self.n:,}", f"{self.margin:g}", f"{self.fails:.1%}", f"{self.passes:.1%}"]
        return f"| {' | '.join([*told, f'{self.calls:.0%}'])} |"


def binary(flips: float, drop: float) -> Maker:
    """Right and wrong answers, of which a share changes, so that ``drop`` more are lost than gained."""

    def make(rng: np.random.Generator, n: int) -> Pair:
        u = rng.random(n)
        lost, gained = u < (flips + drop) / 2, u > 1 - (flips - drop) / 2
        before = np.where(lost, 1.0, np.where(gained, 0.0, 1.0))
        return before, np.where(lost, 0.0, 1.0)

    return make


def rare(drop: float) -> Maker:
    """Graded scores that jitter by a hundredth, of which a share is lost altogether."""

    def make(rng: np.random.Generator, n: int) -> Pair:
        before = np.full(n, 0.95)
        jitter = np.clip(before + rng.normal(0, 0.01, n), 0, 1)
        return before, np.where(rng.random(n) < drop / 0.95, 0.0, jitter)

    return make


def looking(make: Maker, n: int, margin: float, runs: int, looks: Sequence[int], spending: str) -> tuple[float, ...]:
    """Return shares of FAIL, of PASS and of calls of a gate that looks."""
    plan = sequential_plan(looks, 0.05, spending)  # type: ignore[arg-type]
    rng, found = np.random.default_rng(17), []
    for _ in range(runs):
        before, after = make(rng, n)
        for look, count in enumerate(looks):
            outcome = certain_at(plan, look, _compared(before[:count], after[:count], margin))
            if outcome is not None:
                found.append((outcome, count / n))
                break
    return _shares(found)


def once(make: Maker, n: int, margin: float, runs: int) -> tuple[float, ...]:
    """Return the same of a gate that looks at all samples once."""
    rng = np.random.default_rng(17)
    found = [(_verdict(_compared(*make(rng, n), margin)), 1.0) for _ in range(runs)]
    return _shares(found)


def sorted_rows(n: int, margin: float, runs: int, head: bool) -> tuple[float, ...]:
    """Return the same where rows are sorted by category and the model has lost half of the last quarter."""
    rows = [Sample(f"s{i}", "", ("",)) for i in range(n)]
    looks, found = Looks.evenly(n), []
    plan = sequential_plan(looks.counts, 0.05, looks.spending)
    rng = np.random.default_rng(17)
    for run in range(runs):
        before = np.where(rng.random(n) < 0.9, 1.0, 0.0)
        lost = (np.arange(n) >= 3 * n // 4) & (rng.random(n) < 0.5)
        after = np.where(lost, 0.0, before)
        for look, count in enumerate(looks.counts):
            taken = Draw(count, run, head=head).taken(lambda: rows, n)
            places = np.array([int(sample.id[1:]) for sample in taken])
            outcome = certain_at(plan, look, _compared(before[places], after[places], margin))
            if outcome is not None:
                found.append((outcome, count / n))
                break
    return _shares(found)


def trying(drop: float, n: int, margin: float, runs: int, tries: int, ledger: bool) -> tuple[float, ...]:
    """Return the same of a model that samples its answers and is tried until it passes, or does not fail any more.

    A question is answered rightly with a chance of its own; the candidate's is lower by ``drop`` on average. With the
    ledger a failure stands until a later try passes.
    """
    rng, found = np.random.default_rng(17), []
    for _ in range(runs):
        chance = rng.beta(4, 1, n)
        worse = np.clip(chance - drop / 0.8 * chance, 0, 1)
        before = (rng.random(n) < chance).astype(float)
        outcomes = []
        for number in range(1, tries + 1):
            after = (rng.random(n) < worse).astype(float)
            alpha = level(number) if ledger else 0.05
            outcomes.append(_verdict(_compared(before, after, margin, 1 - alpha)))
            if outcomes[-1] is Outcome.NON_INFERIOR:
                break
        stands = Outcome.FAIL in outcomes if ledger else all(one is Outcome.FAIL for one in outcomes)
        passed = outcomes[-1] is Outcome.NON_INFERIOR
        last = Outcome.NON_INFERIOR if passed else Outcome.FAIL if stands else Outcome.INCONCLUSIVE
        found.append((last, float(len(outcomes))))
    return _shares(found)


def growing(make: Maker, n: int, margin: float, runs: int, looks: int, ledger: bool) -> tuple[float, ...]:
    """Return the same of a gate that is asked again with a larger ``--limit`` until it passes."""
    rng, found = np.random.default_rng(17), []
    for _ in range(runs):
        before, after = make(rng, n)
        outcome, number = Outcome.INCONCLUSIVE, 0
        for look in range(1, looks + 1):
            count = n * look // looks
            if 1 - (1 - margin) ** count < 0.9:  # too few to pass anything: no try
                continue
            number += 1
            alpha = level(number) if ledger else 0.05
            outcome = _verdict(_compared(before[:count], after[:count], margin, 1 - alpha))
            if outcome is not Outcome.INCONCLUSIVE:
                break
        found.append((outcome, count / n))
    return _shares(found)


def _compared(before: Scores, after: Scores, margin: float, confidence: float = 0.95) -> Comparison:
    return compare_scores(before, after, confidence=confidence, margin=margin, span=1.0)


def _verdict(found: Comparison) -> Outcome:
    """Return the outcome as `judge` does, which would also plan how many samples are needed: far slower."""
    if found.p_less <= 1 - found.confidence and -found.estimate >= found.margin:
        return Outcome.FAIL
    return Outcome.NON_INFERIOR if found.lower_bound > -found.margin else Outcome.INCONCLUSIVE


def _shares(found: Sequence[tuple[Outcome, float]]) -> tuple[float, ...]:
    outcomes = [outcome for outcome, _ in found]
    fails, passes = (outcomes.count(one) / len(found) for one in (Outcome.FAIL, Outcome.NON_INFERIOR))
    return fails, passes, math.fsum(calls for _, calls in found) / len(found)


def looks(runs: int) -> Iterator[Row]:
    """Yield gates that look ten times, beside those that look once, and at sorted rows."""
    for n, margin in ((400, 0.05), (1000, 0.02)):
        auto = Looks.evenly(n)
        for data, make in (
            ("no drop, .05 flip", binary(0.05, 0)),
            ("no drop, .1 flip", binary(0.1, 0)),
            ("no drop, graded", rare(0)),
            ("drop = margin, .1 flip", binary(0.1, margin)),
            ("drop = margin, total losses", binary(margin, margin)),
            ("drop = margin, graded, total losses", rare(margin)),
            ("drop = margin + .05, .15 flip", binary(0.15, margin + 0.05)),
        ):
            yield Row("auto", data, n, margin, *looking(make, n, margin, runs, auto.counts, auto.spending))
            yield Row("once", data, n, margin, *once(make, n, margin, runs))
    for head in (True, False):
        which = "first rows" if head else "drawn"
        yield Row(f"auto, {which}", "sorted, last quarter loses half", 400, 0.05, *sorted_rows(400, 0.05, runs, head))


def tries(runs: int) -> Iterator[Row]:
    """Yield gates that are tried again, with a ledger and without."""
    for ledger in (False, True):
        how = "ledger" if ledger else "no ledger"
        for count in (1, 5, 10):
            for drop in (0.0, 0.05, 0.1):
                data = f"sampling model, true drop {drop:g}"
                yield Row(f"{count} tries, {how}", data, 400, 0.05, *trying(drop, 400, 0.05, runs, count, ledger))
        for data, make in (("no drop, .1 flip", binary(0.1, 0)), ("drop = margin, .1 flip", binary(0.1, 0.05))):
            yield Row(f"20 limits, {how}", data, 400, 0.05, *growing(make, 400, 0.05, runs, 20, ledger))


GROUPS = {"looks": looks, "tries": tries}
