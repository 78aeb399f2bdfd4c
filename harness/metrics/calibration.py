"""How far confidences can be trusted: calibration errors with their reliability curve, Brier score, likelihood."""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node, calibration
from harness.metrics._base import NAN, Failures, SampleMetric
from harness.metrics._confidence import stated_confidence
from harness.metrics._summed import SummedMetric
from harness.types import Direction, MetricValue, Score, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ENTRIES: Final = {"brier": "Brier", "ece": "Ece", "mce": "Mce", "nll": "Nll"}

_BINNINGS: Final = ("width", "mass")


def _edges(confidences: Any, bins: int, binning: str) -> Any:
    import numpy as np

    if binning == "width" or not len(confidences):
        return np.arange(bins + 1) / bins
    edges = np.quantile(confidences, np.arange(bins + 1) / bins, method="inverted_cdf")
    edges[0], edges[-1] = 0.0, 1.0
    return edges


def checked(confidences: "ArrayLike", correct: "ArrayLike") -> tuple[Any, Any]:
    """Return confidences and whether the answers are right as float64 [n].

    Raises:
        ValueError: if they are none, or differ in length.
    """
    import numpy as np

    values, right = np.asarray(confidences, np.float64), np.asarray(correct)
    if values.ndim != 1 or values.shape != right.shape:
        raise ValueError(f"confidences and correct must have one length: {values.shape} and {right.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("confidences must lie in [0, 1]")
    if right.dtype != np.bool_ and not np.isin(right, (0, 1)).all():
        raise ValueError("correct must be 0 or 1")
    return values, right.astype(np.float64)


class Stated(SummedMetric):
    """A metric of the confidence that an answer states, and of whether an inner metric finds the answer right."""

    direction: ClassVar[Direction] = "lower"
    whole = True
    left_out = "an answer that states no confidence says nothing about confidences"

    def __init__(
        self, variant: str = "default", of: str | Mapping[str, Any] = "exact_match", failures: Failures = "exclude"
    ) -> None:
        super().__init__(variant, failures)
        from harness.metrics import sample_metric

        options = {"metric": of} if isinstance(of, str) else dict(of)
        self.of = of
        self._inner: SampleMetric = sample_metric(options.pop("metric", ""), **options)
        if self._inner.whole or self._inner.direction != "higher":
            raise UsageError(f"metric {self.name!r}: {self._inner.name!r} does not say of an answer that it is right")
        self.needs, self.wants = self._inner.needs, self._inner.wants

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        if prediction is None:
            return Score(NAN, Status.MISSING)
        answer, confidence = stated_confidence(prediction)
        inner = self._inner.score(answer, references, **context)
        if inner.status == Status.UNDEFINED:
            return Score(NAN, Status.UNDEFINED)
        if confidence is None:
            return Score(NAN, Status.UNPARSED)
        right = inner.status == Status.OK and inner.value == 1.0
        sums = {"confidence": confidence, "correct": float(right)}
        return Score(self._value_of(confidence, right), sums={name: sums[name] for name in self.sums})

    @abstractmethod
    def _value_of(self, confidence: float, right: bool) -> float:
        """Return the value of one answer."""


class _Calibration(Stated):
    sums: ClassVar[tuple[str, ...]] = ("confidence", "correct")
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as right-closed",
        "right-closed": "bins (a, b], as in the paper; 0 in the first",
        "left-closed": "bins [a, b), as numpy.histogram; 1 in the last",
    }
    worst: ClassVar[bool]

    def __init__(
        self,
        variant: str = "default",
        bins: int = 15,
        binning: str = "width",
        resamples: int = 1000,
        of: str | Mapping[str, Any] = "exact_match",
        failures: Failures = "exclude",
    ) -> None:
        super().__init__(variant, of, failures)
        if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
            raise UsageError(f"metric {self.name!r}: bins must be a whole number of at least 1, got {bins!r}")
        if binning not in _BINNINGS:
            raise UsageError(f"metric {self.name!r}: binning is 'width' or 'mass', not {binning!r}")
        self.bins = bins
        self.binning = binning
        self.resamples = resamples
        self._edges: Any = None

    def form(self, label: str, at: Sequence[str]) -> Node:
        if self.binning == "mass" and self._edges is None:
            raise UsageError(
                f"metric {self.name!r}: bins of equal mass depend on the answers, so that no two runs would have the "
                "same; use binning: width, or call compute()"
            )
        edges = [edge / self.bins for edge in range(self.bins + 1)] if self._edges is None else self._edges
        confidence, correct = (self.sum(label, name, at) for name in self.sums)
        closed = "left" if self.variant == "left-closed" else "right"
        return calibration(confidence, correct, edges, closed, worst=self.worst)

    def _value_of(self, confidence: float, right: bool) -> float:
        return abs(confidence - right)

    def compute(
        self,
        confidences: "ArrayLike",
        correct: "ArrayLike",
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the error.

        Args:
            confidences: of the chosen answers, in [0, 1], [n].
            correct: 1 or True where the answer was right, [n].
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        values, right = checked(confidences, correct)
        bound = copy(self)
        bound._edges = _edges(values, self.bins, self.binning)
        return bound.of_columns({"confidence": values, "correct": right}, clusters, confidence)


class Ece(_Calibration):
    """Expected calibration error: mean over answers of |mean confidence − accuracy| of their bin.

    Range 0 to 1, lower is better. Biased upward in small samples: the lower
    end of its interval allows for what calibrated models show on the same confidences.

    Args:
        bins: number of bins.
        binning: ``width`` for equal widths, ``mass`` for equal counts (for ``compute`` alone).
        resamples: bootstrap draws of ``compute``.
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        An answer states its confidence as ``{"answer": …, "confidence": 0.8}``, or at its end as "(80 %)", "(0.8)" or
        "(confidence: 0.8)"; one that states none is ``unparsed``. It is left out, as failed and missing ones are: the
        coverage tells how many. No rows: NaN. In ``compute`` a confidence outside [0, 1] or NaN is an error.

    Source:
        Naeini et al. 2015; Guo et al. 2017 (arXiv:1706.04599).

    >>> round(Ece(bins=2).compute([0.2, 0.9, 0.7], [0, 1, 1]).value, 4)
    0.2
    """

    name = "ece"
    computed = "Σ over bins |Σ (confidence − correct)| / n"
    worst = False


class Mce(_Calibration):
    """Maximum calibration error: the largest |mean confidence − accuracy| of a bin that is not empty.

    Range 0 to 1, lower is better; the emptiest bin rules it. Its interval is as that of ``ece``. (Mean corruption error
    is another metric, of the robustness tasks.)

    Args:
        bins: number of bins.
        binning: ``width`` for equal widths, ``mass`` for equal counts (for ``compute`` alone).
        resamples: bootstrap draws of ``compute``.
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        As ``ece``.

    Source:
        Naeini et al. 2015; Guo et al. 2017 (arXiv:1706.04599).

    >>> round(Mce(bins=2).compute([0.2, 0.9, 0.7], [0, 1, 0]).value, 4)
    0.3
    """

    name = "mce"
    computed = "greatest |Σ (confidence − correct)| / n of a bin"
    worst = True


def _distribution(probabilities: "ArrayLike", labels: "ArrayLike") -> tuple[Any, Any]:
    """Return probabilities [n, classes] and labels [n]; one column of positives becomes two classes."""
    import numpy as np

    table, truth = np.asarray(probabilities, np.float64), np.asarray(labels)
    if table.ndim == 1:
        table = np.column_stack([1 - table, table])
    if table.ndim != 2 or truth.shape != table.shape[:1] or (len(table) and table.shape[1] < 2):
        raise ValueError("probabilities must be [n] or [n, classes] and labels [n]")
    if not ((table >= 0) & (table <= 1)).all():
        raise ValueError("probabilities must lie in [0, 1]")
    if not np.allclose(table.sum(axis=1), 1, atol=1e-4):
        raise ValueError("probabilities must sum to 1 in each row")
    if len(truth) and (truth.dtype.kind not in "iub" or not ((truth >= 0) & (truth < table.shape[1])).all()):
        raise ValueError("labels must be class numbers, from 0 to classes − 1")
    return table, truth.astype(np.int64)


class Brier(Stated):
    """Brier score: mean squared difference between probabilities and outcomes.

    Of an answer: (stated confidence − right)². Lower is better. Range 0 to 2 for several classes (summed over classes,
    as Brier defined it), 0 to 1 for one column of probabilities, for stated confidences and for ``mean``.

    Args:
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        Stated confidences: as ``ece``. In ``compute`` one column of probabilities is the positive class. No rows: NaN.
        Out of range or NaN: an error.

    Source:
        Brier 1950; one column equals scikit-learn's brier_score_loss.

    >>> round(Brier().compute([0.9, 0.2], [1, 0]).value, 4)
    0.025
    """

    name = "brier"
    unit = "squared error"
    bounds = (0.0, 2.0)
    variants: ClassVar[Mapping[str, str]] = {
        "default": "summed over classes; one column: the positive class alone",
        "mean": "mean over classes",
    }

    def _value_of(self, confidence: float, right: bool) -> float:
        return (confidence - right) ** 2

    def compute(
        self,
        probabilities: "ArrayLike",
        labels: "ArrayLike",
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the score.

        Args:
            probabilities: of the positive class [n], or of every class [n, classes].
            labels: class numbers, [n].
            clusters: rows with the same string share an image.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        single = np.ndim(probabilities) == 1
        table, truth = _distribution(probabilities, labels)
        errors = table.copy()
        errors[np.arange(len(truth)), truth] -= 1
        values = np.square(errors).sum(axis=1)
        if single:
            values = values / 2
        elif self.variant == "mean" and len(values):
            values = values / table.shape[1]
        return self.of_columns({"": values}, clusters, confidence)


class Nll(Stated):
    """Negative log-likelihood: mean of −ln(probability of what happened), in nats.

    Of an answer: −ln of the stated confidence where it is right, else of the rest. Range 0 to infinity, lower is
    better. Nothing is clipped: one probability of 0 for what happened makes it infinite. t interval on the log
    scale, from ten answers on.

    Args:
        of: what says whether an answer is right: a metric, or a mapping with its parameters; right is a value of 1.

    Edge cases:
        Stated confidences: as ``ece``. In ``compute`` one column of probabilities is the positive class. No rows: NaN.
        Out of range or NaN: an error. Infinite: no interval.

    Source:
        Good 1952; equal to scikit-learn's log_loss where no probability is 0.

    >>> round(Nll().compute([0.5, 0.5], [1, 0]).value, 4)
    0.6931
    """

    name = "nll"
    unit = "nats"
    bounds = (0.0, float("inf"))

    def _value_of(self, confidence: float, right: bool) -> float:
        happened = confidence if right else 1 - confidence
        return -math.log(happened) + 0.0 if happened else math.inf

    def compute(
        self,
        probabilities: "ArrayLike",
        labels: "ArrayLike",
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the mean negative log-likelihood.

        Args:
            probabilities: of the positive class [n], or of every class [n, classes].
            labels: class numbers, [n].
            clusters: rows with the same string share an image.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        table, truth = _distribution(probabilities, labels)
        with np.errstate(divide="ignore"):
            values = -np.log(table[np.arange(len(truth)), truth]) + 0.0
        return self.of_columns({"": values}, clusters, confidence)
