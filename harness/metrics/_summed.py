"""Metrics whose number over many answers is no mean of values, but made of sums that each answer adds to."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

from harness.errors import UsageError
from harness.estimate import Node, ratio, total
from harness.metrics._base import (
    FAILED,
    NAN,
    AnswerMetric,
    CorpusMetric,
    SampleMetric,
    cluster_index,
    same_length,
)
from harness.metrics._columns import Rows, ScoreColumns
from harness.seeds import derive_seed
from harness.types import MetricValue, Score, Status

GROUPS: Final = ("group", "cluster")
"""What may say which answers belong together: the fact ``group``, or the samples' clusters."""


class SummedMetric(SampleMetric, CorpusMetric):
    """A metric that judges one answer at a time, and whose ``form`` makes one number of many answers.

    A suite names it as any other; ``compute`` is for answers that lie at hand.
    """

    @abstractmethod
    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        """As :meth:`SampleMetric.score`; an answer of None is missing."""

    def ratio(self, label: str, at: Sequence[str], over: str, under: str, empty: float | None = None) -> Node:
        """Return the ratio of two of its sums; ``empty`` is the value of 0 / 0."""
        return ratio(total(self.sum(label, over, at)), total(self.sum(label, under, at)), empty)

    def aggregate(
        self, scores: Iterable[Score], clusters: Sequence[str] | None = None, confidence: float = 0.95
    ) -> MetricValue:
        """Return the number that the scores make, with its interval and the count of every status."""
        import numpy as np

        rows, codes = list(scores), {status: code for code, status in enumerate(Status)}
        columns = {"": [self.worth(row) for row in rows]}
        columns |= {name: [row.sums.get(name, NAN) for row in rows] for name in self.sums}
        arrays = {name: np.array(values, np.float64) for name, values in columns.items()}
        kinds = np.array([codes[row.status] for row in rows], np.int8)
        details = [row.rows for row in rows] if self.keeps_rows else None
        return self.of_columns(arrays, clusters, confidence, kinds, details)

    def aggregate_columns(
        self, columns: ScoreColumns, clusters: Sequence[str] | None = None, confidence: float = 0.95
    ) -> MetricValue:
        """Refuse: the columns that ``score_batch`` returns hold no sums."""
        raise UsageError(f"metric {self.name!r} is made of sums, which columns of scores have not: use aggregate()")

    def over(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        clusters: Sequence[str] | None,
        confidence: float,
        **context: Sequence[Any],
    ) -> MetricValue:
        """Score every row, and return the number that they make."""
        same_length(predictions=predictions, references=references, **context)
        rows = zip(predictions, references, Rows(predictions, references, context).contexts(), strict=True)
        scores = (self.score(text, wanted, **more) for text, wanted, more in rows)
        return self.aggregate(scores, clusters, confidence)

    def of_columns(
        self,
        columns: Mapping[str, Any],
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
        kinds: Any = None,
        details: Sequence[str | None] | None = None,
    ) -> MetricValue:
        """Return the number that columns make; its interval is drawn over rows, or over clusters.

        Args:
            columns: float64 [n] by sum, the values under ``""``; NaN where a row does not count.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
            kinds: the status of each row, a place in ``list(Status)``; by default what is NaN is undefined.
            details: the rows of each score.
        """
        from harness.estimate import CellRows, Column

        n = same_length(**{name or "values": column for name, column in columns.items()})
        units = cluster_index(clusters, n)
        made = {
            f"{self.name}.{name}" if name else self.name: Column.of(values)
            if kinds is None
            else Column(values, kinds, details)
            for name, values in columns.items()
        }
        return self.over_rows(CellRows(_places(n), _places(n) if units is None else units, made), confidence)


def _places(n: int) -> Any:
    import numpy as np

    return np.arange(n)


class SummedAnswerMetric(AnswerMetric, SummedMetric):
    """As :class:`SummedMetric`, on text: a missing answer has the sums of an empty one, unless they are left out."""

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        if prediction is None:
            return self.failed(super().score("", references, **context), Status.MISSING)
        score = super().score(prediction, references, **context)
        return self.failed(score, score.status) if score.status in FAILED else score


@runtime_checkable
class Fitted(Protocol):
    """A metric that must see the references of the whole dataset before it judges."""

    fitted: str | None
    """A hash of what it has seen."""

    def fit(self, references: Iterable[Sequence[str]]) -> None:
        """Take in the references of all samples."""
        ...


def code_of(text: str) -> float:
    """Return a code that equal texts share, a whole number that a double holds.

    >>> code_of("chart 1") == code_of("chart 1"), code_of("chart 1") == code_of("chart 2")
    (True, False)
    """
    return float(derive_seed(text) >> 11)


def check_by(metric: str, by: str) -> tuple[str, ...]:
    """Return the facts that answers are grouped by.

    Raises:
        UsageError: if they cannot be grouped so.
    """
    if by not in GROUPS:
        raise UsageError(f"metric {metric!r}: by is 'group' or 'cluster', not {by!r}")
    return ("group",) if by == "group" else ()
