"""Looks at pre-declared sample counts, with an error rate that holds over all of them together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.comparison.compare import Compared
from harness.errors import UsageError
from harness.stats.sequential import certain_at, sequential_plan
from harness.stats.verdict import Outcome

ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Looked:
    """What a gate with several looks came to."""

    outcomes: Mapping[str, Outcome]
    """By ``task/metric``; metrics that were still open when another one failed are INCONCLUSIVE."""
    note: str
    """Which look it was."""


@dataclass(frozen=True, slots=True)
class Looks:
    """When to look: samples a cell, increasing. The last is the planned end."""

    counts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> "Looks":
        """Return the looks that a command line names: ``100,200,400``.

        Raises:
            UsageError: if they are not increasing whole numbers above 0.
        """
        try:
            counts = tuple(int(part) for part in text.split(","))
        except ValueError:
            counts = ()
        if not counts or counts[0] < 2 or any(after <= before for before, after in pairwise(counts)):
            raise UsageError(f"looks must be increasing sample counts from 2 on, such as 100,200,400; not {text!r}")
        return cls(counts)

    def within(self, samples: int) -> "Looks":
        """Return the looks at so many samples: a look at more than there are is a look at all of them.

        >>> Looks((10, 50, 200)).within(60).counts
        (10, 50, 60)
        """
        return Looks(tuple(dict.fromkeys(min(count, samples) for count in self.counts)))

    def outcomes(
        self, look: int, compared: Compared, metrics: Mapping[str, float] | Sequence[str]
    ) -> dict[str, Outcome] | None:
        """Return the outcome of every metric if the verdict is certain at a look (from 0), else None.

        It is certain where every metric is, or one has failed. Levels are split evenly over the
        metrics, and over the looks as O'Brien and Fleming do.
        """
        plan = sequential_plan(self.counts, ALPHA / max(1, len(metrics)))
        found: dict[str, Outcome | None] = {}
        for name in metrics:
            delta = compared.delta(name)
            comparison = delta.comparison if delta else None
            found[name] = certain_at(plan, look, comparison) if comparison else Outcome.INCONCLUSIVE
        if Outcome.FAIL in found.values() or None not in found.values():
            return {name: outcome or Outcome.INCONCLUSIVE for name, outcome in found.items()}
        return None

    def said(self, look: int, outcomes: Mapping[str, Outcome]) -> Looked:
        """Return what a look came to, with the sentence that tells which it was."""
        spared = self.counts[-1] - self.counts[look]
        note = f"look {look + 1} of {len(self.counts)}, {self.counts[look]:,} samples a cell"
        return Looked(outcomes, note + (f", {spared:,} spared" if spared else ""))
