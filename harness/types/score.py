"""What an answer is worth, and what many are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.types.outcome import Direction, Status


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's judgement of one answer."""

    value: float
    """NaN where ``status`` is not ``ok``, unless the metric says what a failure is worth."""
    status: Status = Status.OK
    detail: Mapping[str, Any] = field(default_factory=dict)
    complaint: str | None = None
    """What the row must say beside the score, as the words after "metric 'name'": "raised KeyError: 'size'"."""
    sums: Mapping[str, float] = field(default_factory=dict)
    """Named sums that statistics over many answers are made of: edits and units, hits and claims."""
    rows: str | None = None
    """What a form that is no function of sums reads of this answer, as JSON."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric over many samples, with how sure we are."""

    value: float
    low: float
    high: float
    n: int
    """Samples that the value is computed from."""
    total: int
    """Samples that were asked for, undefined ones left out."""
    direction: Direction
    unit: str = "share"
    statuses: Mapping[str, int] = field(default_factory=dict)
    """How many samples ended in each status."""
    method: str = ""
    """How the interval was made."""
    confidence: float = 0.95

    @property
    def coverage(self) -> float:
        """The share of samples that were scored ``ok``; NaN without samples."""
        return self.statuses.get(Status.OK, 0) / self.total if self.total else float("nan")
