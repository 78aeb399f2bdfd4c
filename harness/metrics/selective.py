"""What a model's confidences are worth for knowing when to say nothing: risk against coverage."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node, call
from harness.metrics._base import Failures
from harness.metrics.calibration import Stated, checked
from harness.types import MetricValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

ENTRIES: Final = {"aurc": "Aurc", "selective_risk": "SelectiveRisk"}

_AT_ONCE: Final = 4_000_000
"""Numbers to hold at once."""


def risk_by_coverage(
    columns: Sequence[Any], weights: Sequence[Any], coverage: float | None = None
) -> "NDArray[np.float64]":
    """Return the area under risk by coverage, or the risk at one coverage, under weightings.

    Args:
        columns: two, [n]: the confidences, and whether the answers are right; NaN where a row does not count.
        weights: two, [b, n], alike.
        coverage: the share of the answers that are kept; None for the area.

    Returns:
        [b]; NaN where nothing counts.

    >>> import numpy as np
    >>> rows = [np.array([0.9, 0.6, 0.6]), np.array([1.0, 0.0, 1.0])]
    >>> every = [np.ones((1, 3))] * 2
    >>> risk_by_coverage(rows, every, 2 / 3).tolist(), risk_by_coverage(rows, every).round(4).tolist()
    ([0.25], [0.2222])
    """
    import numpy as np

    confidence, correct = (np.asarray(column, np.float64) for column in columns)
    there = np.flatnonzero(~(np.isnan(confidence) | np.isnan(correct)))
    order = there[np.argsort(-confidence[there], kind="stable")]
    table = np.asarray(weights[1], np.float64)
    found = np.full(len(table), np.nan)
    if not len(order):
        return found
    ordered, wrong = confidence[order], 1.0 - correct[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    step = max(1, _AT_ONCE // len(order))
    with np.errstate(invalid="ignore", divide="ignore"):
        for first in range(0, len(table), step):
            part = table[first : first + step, order]
            kept, errors = (np.add.reduceat(one, starts, axis=1) for one in (part, part * wrong))
            before, whole = kept.cumsum(axis=1), kept.sum(axis=1)
            if coverage is None:
                risks = np.where(before > 0, errors.cumsum(axis=1) / before, 0.0)
                found[first : first + step] = (kept * risks).sum(axis=1) / whole
            else:
                room = coverage * whole[:, None] - (before - kept)
                share = np.clip(np.where(kept > 0, room / kept, 0.0), 0.0, 1.0)
                found[first : first + step] = (errors * share).sum(axis=1) / (coverage * whole)
    return found


class Aurc(Stated):
    """Area under risk by coverage: mean over answers of the share of errors among those at least as confident.

    Range 0 to 1, lower is better: what a model errs on average if it may decline the answers that it is least sure of.
    One whose confidences say nothing has its error rate.

    Args:
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        Answers with one confidence are kept or declined together. Stated confidences: as ``ece``. No rows: NaN.

    Source:
        Geifman and El-Yaniv 2017 (arXiv:1705.08500); Geifman et al. 2019 (arXiv:1805.08206).

    >>> round(Aurc().compute([0.9, 0.8, 0.3], [1, 1, 0]).value, 4)
    0.1111
    """

    name = "aurc"
    sums: ClassVar[tuple[str, ...]] = ("confidence", "correct")
    binary_sums = frozenset({"correct"})
    computed = "mean of errors / answers at least as confident"

    def form(self, label: str, at: Sequence[str]) -> Node:
        confidence, correct = (self.sum(label, name, at) for name in self.sums)
        return call(f"{__name__}:{risk_by_coverage.__name__}", confidence, correct, coverage=self._kept())

    def _kept(self) -> float | None:
        return None

    def _value_of(self, confidence: float, right: bool) -> float:
        return float(not right)

    def compute(
        self,
        confidences: "ArrayLike",
        correct: "ArrayLike",
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the number.

        Args:
            confidences: of the chosen answers, in [0, 1], [n].
            correct: 1 or True where the answer was right, [n].
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        values, right = checked(confidences, correct)
        return self.of_columns({"": 1.0 - right, "confidence": values, "correct": right}, clusters, confidence)


class SelectiveRisk(Aurc):
    """Share of errors among the answers that a model is most sure of: a share ``coverage`` of all.

    Range 0 to 1, lower is better. At a coverage of 1 it is the error rate.

    Args:
        coverage: which share of the answers is kept.
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        Of answers with one confidence that are not all kept, each counts in part. Otherwise as ``aurc``.

    Source:
        El-Yaniv and Wiener 2010; as ``aurc``.

    >>> SelectiveRisk(coverage=0.5).compute([0.9, 0.8, 0.3, 0.2], [1, 1, 0, 1]).value
    0.0
    """

    name = "selective_risk"
    computed = "errors among the most confident share / that share"

    def __init__(
        self,
        variant: str = "default",
        coverage: float = 0.8,
        of: str | Mapping[str, Any] = "exact_match",
        failures: Failures = "exclude",
    ) -> None:
        super().__init__(variant, of, failures)
        if isinstance(coverage, bool) or not isinstance(coverage, int | float) or not 0 < coverage <= 1:
            raise UsageError(f"metric {self.name!r}: coverage must be above 0 and at most 1, got {coverage!r}")
        self.coverage = float(coverage)

    def _kept(self) -> float | None:
        return self.coverage
