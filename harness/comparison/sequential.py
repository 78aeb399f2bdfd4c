"""Looks at pre-declared sample counts, with an error rate that holds over all of them together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from harness.comparison.absolute import Ruled
from harness.comparison.compare import Compared
from harness.errors import UsageError
from harness.stats.results import MIN_UNITS, Comparison
from harness.stats.sequential import Spending, sequential_plan
from harness.stats.verdict import Outcome

ALPHA: Final = 0.05
AUTO: Final = "auto"
_LOOKS: Final = 10
"""Of a gate that chooses them itself: more spare little more, and each loads and perturbs the images anew."""
_FEWEST: Final = 20
"""Samples of its first look at least."""

Rule = tuple[int, str]
"""One of a suite's rules that a single run decides: the place of its gate, and how it is written."""
RuleWord = Literal["pass", "fail", "inconclusive"]
AtLevel = Callable[[float], Sequence[Ruled]]
"""Gives the rules that a single run decides, each end of their intervals at a level."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What a gate with several looks came to."""

    outcomes: Mapping[str, Outcome]
    """By ``task/metric``; metrics that were still open when another one failed are INCONCLUSIVE."""
    look: int
    """From 1."""
    looks: int
    samples: int
    """At most so many of a cell were asked."""
    planned: int
    """At most so many of a cell would have been asked at the last look."""
    spared: float = 0.0
    """The share of the calls that were planned and not made."""
    rules: Mapping[Rule, RuleWord] = field(default_factory=dict)
    """Of the rules that a single run decides. One that is not here stands as it is at the last look."""

    @property
    def note(self) -> str:
        """Which look it was."""
        return f"look {self.look} of {self.looks}, {self.samples:,} samples a cell"

    def __str__(self) -> str:
        if self.look == self.looks:
            return f"all {self.samples:,} samples a cell were asked, in {self.looks} looks"
        told = f"decided after {self.samples:,} of {self.planned:,} samples a cell (look {self.look} of {self.looks})"
        return f"{told}; {self.spared:.0%} of the calls spared"


@dataclass(frozen=True, slots=True)
class Looks:
    """When to look: samples a cell, increasing. The last is the planned end."""

    counts: tuple[int, ...]
    spending: Spending = "obrien-fleming"

    @classmethod
    def parse(cls, text: str, samples: int) -> "Looks":
        """Return the looks that a command line names: ``100,200,400``, or ``auto`` for ten of equal distance.

        Args:
            text: what is named.
            samples: of the largest cell.

        Raises:
            UsageError: if they are not increasing whole numbers above 0.

        >>> Looks.parse("auto", 300).counts
        (30, 60, 90, 120, 150, 180, 210, 240, 270, 300)
        """
        if text == AUTO:
            return cls.evenly(samples)
        try:
            counts = tuple(int(part) for part in text.split(","))
        except ValueError:
            counts = ()
        if not counts or counts[0] < 2 or any(after <= before for before, after in pairwise(counts)):
            said = "looks must be increasing sample counts from 2 on, such as 100,200,400, or auto"
            raise UsageError(f"{said}; not {text!r}")
        return cls(counts)

    @classmethod
    def evenly(cls, samples: int) -> "Looks":
        """Return ten looks of equal distance, fewer where there would be less than twenty samples between them."""
        looks = max(1, min(_LOOKS, samples // _FEWEST))
        return cls(tuple(samples * (i + 1) // looks for i in range(looks)), "quadratic")

    def within(self, samples: int) -> "Looks":
        """Return the looks at so many samples: a look at more than there are is a look at all of them.

        >>> Looks((10, 50, 200)).within(60).counts
        (10, 50, 60)
        """
        return Looks(tuple(dict.fromkeys(min(count, samples) for count in self.counts)), self.spending)


class Watch:
    """Follows a gate from look to look.

    A metric that was shown to be not worse stays so, and one that failed ends the gate: each test spends its own level
    over the looks. A failure spends a level split evenly over all rules (Holm's steps do not carry over to looks at
    different times); a pass spends the whole of it, since all rules must pass.

    Args:
        looks: when.
        metrics: those that are compared, by ``task/metric``.
        rules: how many rules a single run decides.
        alpha: the level of all looks together.
    """

    def __init__(
        self, looks: Looks, metrics: Sequence[str] | Mapping[str, float], rules: int = 0, alpha: float = ALPHA
    ) -> None:
        family = max(1, len(metrics) + rules)
        self.looks = looks
        self._metrics = list(metrics)
        self._failing = sequential_plan(looks.counts, alpha / family, looks.spending).levels
        self._passing = sequential_plan(looks.counts, alpha, looks.spending).levels
        # Of rules that one run decides each end of a two-sided interval has half of the level.
        self._ends = sequential_plan(looks.counts, alpha / 2, looks.spending).levels if rules else ()
        self._passed: set[str] = set()
        self._ruled: dict[Rule, RuleWord] = {}

    def look(self, look: int, compared: Compared, at: AtLevel | None = None) -> Looked | None:
        """Return what the gate has come to at a look (from 0), or None where it must go on.

        Args:
            look: which.
            compared: the samples so far.
            at: the rules that a single run decides.
        """
        outcomes = {name: self._outcome(name, look, compared) for name in self._metrics}
        rules = self._rules(look, at) if at else {}
        last = look == len(self.looks.counts) - 1
        failed = Outcome.FAIL in outcomes.values() or "fail" in rules.values()
        still_open = None in outcomes.values() or "inconclusive" in rules.values()
        if still_open and not failed and not last:
            return None
        found = {name: outcome or Outcome.INCONCLUSIVE for name, outcome in outcomes.items()}
        counts = self.looks.counts
        return Looked(found, look + 1, len(counts), counts[look], counts[-1], rules=rules)

    def _outcome(self, name: str, look: int, compared: Compared) -> Outcome | None:
        delta = compared.delta(name)
        comparison = delta.comparison if delta else None
        if comparison is None:
            return Outcome.INCONCLUSIVE
        if 0 < self._failing[look] >= comparison.p_less and _drops(comparison):
            return Outcome.FAIL
        if 0 < self._passing[look] >= comparison.p_noninferior:
            self._passed.add(name)
        return Outcome.NON_INFERIOR if name in self._passed else None

    def _rules(self, look: int, at: AtLevel) -> dict[Rule, RuleWord]:
        passing, failing = self._ends[look], min(self._ends[look], self._failing[look])
        found: dict[Rule, RuleWord] = {}
        for passes, fails in zip(at(passing), at(failing), strict=True):
            rule = passes.position, passes.gate.rule
            if passes.gate.verdict == "pass":
                self._ruled[rule] = "pass"
            found[rule] = "fail" if fails.gate.verdict == "fail" else self._ruled.get(rule, "inconclusive")
        return found


def _drops(comparison: Comparison) -> bool:
    """Return whether a drop is as large as the margin, of enough units."""
    few = comparison.flips is None and comparison.clusters < MIN_UNITS
    return -comparison.estimate >= comparison.margin and not few
