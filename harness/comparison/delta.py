"""How one metric moved between two runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.stats.multiplicity import holm
from harness.stats.results import Comparison
from harness.types import Direction


@dataclass(frozen=True, slots=True)
class Delta:
    """How one metric moved."""

    task: str
    metric: str
    direction: Direction
    unit: str
    before: float
    """Over the pairs alone."""
    after: float
    comparison: Comparison | None
    """Above zero is better. None where it cannot be tested; the note says why."""
    adjusted_p: float = math.nan
    """Two-sided, Holm over all metrics of the comparison."""
    note: str = ""
    lost: int = 0
    """Samples that have a value in the baseline and none in the candidate, because it failed and failures are not
    counted; they are left out."""
    gained: int = 0
    """Samples of which the reverse is true."""
    failed: tuple[int, int] = (0, 0)
    """Samples for which no answer came, in the baseline and in the candidate."""
    rows: int = 0
    """Samples that were compared, those that failed among them."""
    answered: Comparison | None = None
    """The comparison over samples that both answered, where more of the candidate's failed."""
    why_failed: str = ""
    """What the commonest failure of the candidate said."""

    @property
    def name(self) -> str:
        """``task/metric``."""
        return f"{self.task}/{self.metric}"

    @property
    def moved(self) -> str:
        """``better`` or ``worse`` where the adjusted p says so and the interval leaves out no change, else nothing.

        What was never drawn can widen an interval beyond what its test saw; whoever reads both must not be told two
        things.
        """
        found = self.comparison
        if found is None or not self.adjusted_p <= 1 - found.confidence or found.low <= 0 <= found.high:
            return ""
        return "better" if found.estimate > 0 else "worse"


def row_of(delta: Delta) -> dict[str, object]:
    """Return a delta as a row of a table; its comparison is above zero where better, its change is as it is."""
    tested = delta.comparison
    ends = (math.nan, math.nan) if tested is None else (tested.low, tested.high)
    low, high = ends if delta.direction == "higher" else (-ends[1], -ends[0])
    return {
        "task": delta.task,
        "metric": delta.metric,
        "direction": delta.direction,
        "baseline": delta.before,
        "candidate": delta.after,
        "change": delta.after - delta.before,
        "low": low,
        "high": high,
        "pairs": 0 if tested is None else tested.n,
        "adjusted_p": delta.adjusted_p,
        "moved": delta.moved,
        "note": delta.note,
    }


def adjusted(deltas: Sequence[Delta]) -> list[Delta]:
    """Return the deltas with Holm-adjusted p-values over those that have one."""
    p = np.array([math.nan if delta.comparison is None else delta.comparison.p_value for delta in deltas], np.float64)
    tested = ~np.isnan(p)
    p[tested] = holm(p[tested])
    return [replace(delta, adjusted_p=float(q)) for delta, q in zip(deltas, p, strict=True)]
