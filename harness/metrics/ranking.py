"""Separating two classes by a score: AUROC, AUPR either way and FPR at 95 % TPR, all from one sort."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.metrics._base import NAN, CorpusMetric
from harness.types import Direction, MetricValue, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

ENTRIES: Final = {"aupr_in": "AuprIn", "aupr_out": "AuprOut", "auroc": "Auroc", "fpr_at_95_tpr": "FprAt95Tpr"}


@dataclass(frozen=True)
class Curve:
    """Counts of both classes at or above each distinct score, from the highest score down."""

    thresholds: "NDArray[np.float64]"
    positives: "NDArray[np.int64]"
    """How many out-of-distribution scores are at or above each threshold."""
    negatives: "NDArray[np.int64]"
    """How many in-distribution scores are at or above each threshold."""

    @classmethod
    def of(cls, scores: "ArrayLike", labels: "ArrayLike") -> "Curve":
        """Sort once.

        Args:
            scores: the higher, the more out of distribution, [n]; infinities may occur, NaN may not.
            labels: 1 or True for out of distribution, [n].

        Raises:
            ValueError: if a score is NaN, a label is neither 0 nor 1, or the lengths differ.
        """
        import numpy as np

        values = np.asarray(scores, np.float64)
        truth = _binary(labels)
        if values.ndim != 1 or values.shape != truth.shape:
            raise ValueError(f"scores and labels must be of one length: {values.shape} and {truth.shape}")
        if np.isnan(values).any():
            raise ValueError("scores must not be NaN")
        order = np.argsort(values)
        ranked = values[order]
        first = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]]) if len(ranked) else np.zeros(0, np.int64)
        below = np.r_[0, np.cumsum(truth[order], dtype=np.int64)]
        total = len(values)
        positives = below[-1] - below[first]
        return cls(ranked[first][::-1], positives[::-1], (total - first - positives)[::-1])

    @property
    def n_positive(self) -> int:
        """How many scores are out of distribution."""
        return int(self.positives[-1]) if len(self.positives) else 0

    @property
    def n_negative(self) -> int:
        """How many scores are in distribution."""
        return int(self.negatives[-1]) if len(self.negatives) else 0

    @cached_property
    def auroc(self) -> float:
        """The chance that an out-of-distribution score is higher, ties half; NaN where a class is empty."""
        import numpy as np

        if not self.n_positive or not self.n_negative:
            return NAN
        gained = np.diff(self.negatives, prepend=0)
        before = self.positives - np.diff(self.positives, prepend=0) / 2
        return float((gained * before).sum() / (self.n_positive * self.n_negative))

    def swapped(self) -> "Curve":
        """Return the curve of in distribution as the positive class, from the lowest score up."""
        import numpy as np

        negatives = self.n_negative - np.r_[0, self.negatives[:-1]][::-1] if len(self.negatives) else self.negatives
        positives = self.n_positive - np.r_[0, self.positives[:-1]][::-1] if len(self.positives) else self.positives
        return Curve(-self.thresholds[::-1], negatives, positives)

    @property
    def sides(self) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """The scores of the positives and of the negatives."""
        import numpy as np

        positives, negatives = (
            np.repeat(self.thresholds, np.diff(counts, prepend=0)) for counts in (self.positives, self.negatives)
        )
        return positives, negatives

    def aupr(self, trapezoid: bool = False) -> float:
        """Return the area under precision and recall of the positive class; NaN where it is empty."""
        import numpy as np

        if not self.n_positive:
            return NAN
        precision = self.positives / (self.positives + self.negatives)
        steps = np.diff(self.positives, prepend=0) / self.n_positive
        if trapezoid:
            precision = (precision + np.r_[1.0, precision[:-1]]) / 2
        return float((steps * precision).sum())

    def fpr_at(self, percent: int) -> tuple[int, int]:
        """Return negatives accepted, and all, at the strictest threshold that accepts ``percent`` of the positives."""
        import numpy as np

        if not self.n_positive:
            return 0, 0
        # In whole numbers: 0.95 · n in doubles may lie just above the count that reaches it.
        enough = int(np.searchsorted(100 * self.positives, percent * self.n_positive))
        return int(self.negatives[enough]), self.n_negative

    def thinned(self, points: int = 1000) -> "Curve":
        """Return at most about ``points`` thresholds: corners of the ROC first, ends always; the area hardly moves.

        Points on a straight line between their neighbours go first, which moves the area not at all.
        """
        import numpy as np

        if len(self.thresholds) <= points:
            return self
        slope = np.diff(self.positives) * 1.0, np.diff(self.negatives) * 1.0
        corner = np.r_[True, slope[0][1:] * slope[1][:-1] != slope[0][:-1] * slope[1][1:], True]
        kept = np.flatnonzero(corner)
        if len(kept) > points:
            kept = kept[np.unique(np.linspace(0, len(kept) - 1, points).round().astype(np.int64))]
        return Curve(self.thresholds[kept], self.positives[kept], self.negatives[kept])


def _binary(labels: "ArrayLike") -> "NDArray[np.bool_]":
    import numpy as np

    truth = np.asarray(labels)
    if truth.dtype != np.bool_ and not np.isin(truth, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    return truth.astype(np.bool_)


class _Separation(CorpusMetric):
    def compute(self, scores: "ArrayLike", labels: "ArrayLike", *, confidence: float = 0.95) -> MetricValue:
        """Return the metric.

        Args:
            scores: the higher, the more out of distribution, [n].
            labels: 1 or True for out of distribution, [n].
            confidence: two-sided coverage of the interval.
        """
        return self.of_curve(Curve.of(scores, labels), confidence)

    def of_curve(self, curve: Curve, confidence: float = 0.95) -> MetricValue:
        """As :meth:`compute`, from a curve that several metrics share."""
        raise NotImplementedError

    def _told(
        self, value: float, curve: Curve, edges: tuple[float, float], method: str, level: float, n: int | None = None
    ) -> MetricValue:
        both = curve.n_positive + curve.n_negative
        if math.isnan(value):
            return self._value(NAN, (NAN, NAN), 0, {Status.OK: both}, "none", level)
        if min(curve.n_positive, curve.n_negative) < 2:
            edges, method = (NAN, NAN), "none (fewer than 2 of a class)"
        return self._value(value, edges, both if n is None else n, {Status.OK: both}, method, level)


class Auroc(_Separation):
    """The chance that a random out-of-distribution sample has a higher score than a random in-distribution one.

    Ties count half. Range 0 to 1, higher is better, 0.5 is chance. Wilson's interval with DeLong's effective n.

    Edge cases:
        One class is empty: NaN with n = 0. A NaN score is an error.

    Source:
        Hanley and McNeil 1982; DeLong et al. 1988 for the interval; equal to scikit-learn's roc_auc_score.

    >>> Auroc().compute([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).value
    0.75
    """

    name = "auroc"

    def of_curve(self, curve: Curve, confidence: float = 0.95) -> MetricValue:
        from harness.stats.separation import auroc_interval

        edges = auroc_interval(*curve.sides, confidence=confidence)
        return self._told(curve.auroc, curve, edges, "Wilson, DeLong's effective n", confidence)


class _Aupr(_Separation):
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as average-precision",
        "average-precision": "precision at each threshold, weighted by the gain in recall, no interpolation",
        "trapezoid": "linear interpolation, which is optimistic",
    }
    swap: ClassVar[bool]

    def of_curve(self, curve: Curve, confidence: float = 0.95) -> MetricValue:
        from harness.stats.separation import aupr_interval

        ours = curve.swapped() if self.swap else curve
        value = ours.aupr(self.variant == "trapezoid")
        edges = aupr_interval(value, ours.n_positive, min(ours.n_positive, ours.n_negative), confidence)
        return self._told(value, curve, edges, "logit (Boyd)", confidence)


class AuprOut(_Aupr):
    """Area under precision and recall, out of distribution as the positive class.

    Range 0 to 1, higher is better; chance is the share of positives. Logit interval.

    Edge cases:
        No positives: NaN with n = 0. Tied scores are one threshold.

    Source:
        Davis and Goadrich 2006; Boyd et al. 2013 for the interval; equal to scikit-learn's average_precision_score.

    >>> round(AuprOut().compute([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).value, 4)
    0.8333
    """

    name = "aupr_out"
    swap = False


class AuprIn(_Aupr):
    """Area under precision and recall, in distribution as the positive class (low scores).

    Range 0 to 1, higher is better; chance is the share of positives. Logit interval.

    Edge cases:
        No positives: NaN with n = 0. Tied scores are one threshold.

    Source:
        As ``aupr_out``.

    >>> round(AuprIn().compute([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).value, 4)
    0.8333
    """

    name = "aupr_in"
    swap = True


class FprAt95Tpr(_Separation):
    """False positive rate at the strictest threshold that accepts at least 95 % of the positives.

    Which class is positive is the variant: papers differ. Range 0 to 1, lower is better. Its interval adds the
    doubt about the threshold to that of the share (MOVER); below 72 positives nothing bounds it from above.

    Edge cases:
        A class is empty: NaN with n = 0. Tied scores are accepted together.

    Source:
        Liang et al. 2018, "ODIN" (arXiv:1706.02690) and OpenOOD for ``id-positive``; Hendrycks et al. 2019
        (arXiv:1812.04606) for ``ood-positive``.

    >>> FprAt95Tpr().compute([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]).value
    0.5
    """

    name = "fpr_at_95_tpr"
    direction: ClassVar[Direction] = "lower"
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as id-positive",
        "id-positive": "share of out-of-distribution samples accepted where 95 % of in-distribution ones are",
        "ood-positive": "share of in-distribution samples alarmed where 95 % of out-of-distribution ones are",
    }

    def of_curve(self, curve: Curve, confidence: float = 0.95) -> MetricValue:
        from harness.stats.separation import fpr_interval, least_positives

        ours = curve if self.variant == "ood-positive" else curve.swapped()
        accepted, negatives = ours.fpr_at(95)
        low, high, enough = fpr_interval(*ours.sides, 0.95, confidence=confidence)
        least = least_positives(0.95, confidence)
        few = "" if enough else f"; fewer than {least} positives can't bound the threshold"
        value = accepted / negatives if negatives else NAN
        method = f"MOVER (Wilson, order statistics){few}"
        return self._told(value, curve, (low, high), method, confidence, negatives)


def ood_report(scores: Any, labels: Any, confidence: float = 0.95) -> dict[str, MetricValue]:
    """Return ``auroc``, ``aupr_in``, ``aupr_out`` and ``fpr_at_95_tpr`` with a single sort.

    >>> sorted(ood_report([0.1, 0.9], [0, 1]))
    ['aupr_in', 'aupr_out', 'auroc', 'fpr_at_95_tpr']
    """
    curve = Curve.of(scores, labels)
    metrics: tuple[_Separation, ...] = (Auroc(), AuprIn(), AuprOut(), FprAt95Tpr())
    return {metric.name: metric.of_curve(curve, confidence) for metric in metrics}
