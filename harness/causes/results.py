"""What ``harness why`` found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.causes.changes import Change
from harness.causes.estimate import Interval
from harness.record.schema import RunRecord
from harness.shown import Shown

Verdict = Literal["found", "likely", "open", "noise", "alike"]
"""``found``: the interval of the first cause (or of several that weigh alike) leaves out zero and all others.
``likely``: on the samples that moved it does, and too few of the others were asked to say that they hide nothing.
``open``: no cause stands apart.
``noise``: the runs do not differ by more than chance, and no change does anything that shows. ``alike``: all scores are
the same."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A change and what it does to the number."""

    change: Change
    effect: Interval
    """Of the change from the baseline to the candidate, in the metric's unit: below zero where it made it fall."""
    moved: Interval
    """The part of it that comes from samples that moved."""
    flips: float
    """Its share of what moved, from 0 to 1, or below or above where it works against the others."""
    alone: float
    """What it does when it is added to the baseline by itself."""
    back: float
    """What comes back when it is taken back from the candidate by itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What it took."""

    questions: int
    """That no cache answered."""
    cached: int
    full: int
    """Questions of a full run of the task."""
    units: int
    """Samples, or clusters of them, that were asked about."""
    of: int
    configurations: int
    """Different ones that were asked."""
    changes: int
    """That were told apart."""

    @property
    def each(self) -> float:
        """Questions for each change, as a share of a full run; those that a cache answered count too."""
        return (self.questions + self.cached) / max(1, self.changes) / max(1, self.full)


@dataclass(frozen=True, slots=True, repr=False)
class Why(Shown):
    """Which change made the difference between two runs."""

    baseline: RunRecord
    candidate: RunRecord
    metric: str
    unit: str
    higher: bool
    """Whether more of it is better."""
    total: Interval
    """The whole difference, candidate − baseline."""
    flipped: tuple[int, int]
    """Samples, or clusters of them, that got worse and that got better."""
    causes: tuple[Cause, ...]
    """What was taken back, the likeliest cause first."""
    fixed: tuple[Change, ...]
    """What differs and could not be taken back here; each says why not."""
    left: Interval
    """What no change that was taken back explains: those that could not be, and chance."""
    together: float
    """What the changes do only with each other: their whole less what each does alone."""
    verdict: Verdict
    asked: Asked
    confidence: float
    notes: tuple[str, ...] = ()
    simulated: bool = False
    apart: "dict[str, int]" = field(default_factory=dict)
    """Rows that are no pairs, by reason."""
    python: str = ""
    """The interpreter that the baseline's versions were asked with; empty where versions were not taken back."""
    leading: int = 0
    """How many of the causes stand apart from the others; several where they cannot be told from each other."""

    @property
    def found(self) -> tuple[Cause, ...]:
        """The causes that stand apart from all others: one, or several that weigh alike."""
        return self.causes[: self.leading]

    @property
    def first(self) -> Cause | None:
        """The likeliest cause; None where nothing was found."""
        return self.causes[0] if self.leading else None


def plain(found: Why) -> dict[str, object]:
    """Return it as plain JSON values."""
    return {
        "baseline": found.baseline.run_id,
        "candidate": found.candidate.run_id,
        "metric": found.metric,
        "unit": found.unit,
        "direction": "higher" if found.higher else "lower",
        "simulated": found.simulated,
        "verdict": found.verdict,
        "found": [cause.change.name for cause in found.found],
        "confidence": found.confidence,
        "total": _interval(found.total),
        "worse": found.flipped[0],
        "better": found.flipped[1],
        "causes": [
            {
                **_change(cause.change),
                "effect": _interval(cause.effect),
                "effect_on_moved": _interval(cause.moved),
                "share_of_flips": _number(cause.flips),
                "alone": _number(cause.alone),
                "taken_back": _number(cause.back),
            }
            for cause in found.causes
        ],
        "not_taken_back": [{**_change(one), "why_not": one.why_not} for one in found.fixed],
        "left": _interval(found.left),
        "together": _number(found.together),
        "asked": {
            "questions": found.asked.questions,
            "cached": found.asked.cached,
            "full_run": found.asked.full,
            "units": found.asked.units,
            "of": found.asked.of,
            "configurations": found.asked.configurations,
        },
        "unpaired": found.apart,
        "notes": list(found.notes),
    }


def told(changes: Sequence[Change]) -> list[dict[str, object]]:
    """Return changes as plain JSON values."""
    return [{**_change(one), "why_not": one.why_not or None} for one in changes]


def _change(change: Change) -> dict[str, object]:
    return {"change": change.name, "baseline": change.before, "candidate": change.after}


def _interval(found: Interval) -> dict[str, float | None]:
    return {"value": _number(found.value), "low": _number(found.low), "high": _number(found.high)}


def _number(value: float) -> float | None:
    return value if value == value else None  # noqa: PLR0124 - NaN is like nothing
