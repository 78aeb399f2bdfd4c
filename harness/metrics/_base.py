"""What all metrics share: variants, parameters, sums, and the form that makes one number of many answers."""

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from harness.errors import UsageError
from harness.estimate import Node, Statistic, column, mean
from harness.metrics._columns import Rows, ScoreColumns, blank
from harness.metrics._variants import Variants, find_variant, variant_at
from harness.reading.clean import visible
from harness.types import Direction, MetricValue, Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from harness.estimate import CellRows

FAILED: Final = (Status.UNPARSED, Status.ERROR, Status.TIMEOUT, Status.MISSING)

Failures = Literal["wrong", "exclude"]
"""What an unparsed, failed or missing answer does to the mean: it counts as wrong, or it is left out."""

StatusCounts = Mapping[Status, int] | Mapping[str, int]

NAN: Final = float("nan")


class Metric(ABC):
    """What every metric states about itself."""

    name: ClassVar[str]
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "share"
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    variants: ClassVar[Variants] = {"default": "as documented"}
    needs: tuple[str, ...] = ()
    """Facts of a sample without which there is no score; ``__init__`` may set them by its parameters."""
    wants: tuple[str, ...] = ()
    """Facts that are read where a sample carries them."""
    sums: ClassVar[tuple[str, ...]] = ()
    """What :meth:`SampleMetric.score` gives beside a value, for forms that are no mean of values."""
    worst_row: ClassVar[float | None] = None
    """The most that one answer can be worth in a ratio of sums without an upper bound; its interval rests on it."""
    computed: ClassVar[str] = "mean over answers"
    """How its columns make one number, in words."""

    def __init__(self, variant: str = "default") -> None:
        self.variant = find_variant(self.name, variant, self.variants)

    @property
    def variant_at(self) -> str:
        """The variant as a record names it, with the revision of the published code: ``lmms-eval@75571cf``."""
        return variant_at(self.variant, self.variants)

    @property
    def params(self) -> dict[str, Any]:
        """The keyword arguments that rebuild this metric, defaults included."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def form(self, label: str, at: Sequence[str]) -> Node:
        """Return what its columns make over some cells, as a form of :mod:`harness.estimate`; the mean by default.

        Args:
            label: what the task calls the metric.
            at: the cells, by id; their rows are pooled.

        Raises:
            UsageError: if the metric has no form with these parameters.
        """
        return mean(column(label, *at))

    def sum(self, label: str, name: str, at: Sequence[str]) -> Node:
        """Return the column of one of its sums."""
        return column(f"{label}.{name}", *at)

    def binary_columns(self, label: str) -> frozenset[str]:
        """Return which of its columns hold 0 and 1 alone."""
        return frozenset()

    def statistic(self, label: str, at: Sequence[str], name: str | None = None) -> Statistic:
        """Return the number that it makes over some cells, under its label or another name."""
        low, high = (bound if math.isfinite(bound) else None for bound in self.bounds)
        form = self.form(label, at)
        return Statistic(name or label, form, self.direction, self.unit, (low, high), worst=self.worst_row)


class SampleMetric(Metric):
    """A metric that judges one answer at a time.

    A subclass states ``name``, ``direction``, ``unit``, ``bounds``, ``variants`` (name → what it
    does and where it comes from) and implements :meth:`score`. Its keyword parameters are its
    ``__init__``'s; they are recorded, so that the metric can be rebuilt from a run.
    """

    binary: bool = False
    """True where every score is 0 or 1: the interval is then Wilson's."""
    whole: ClassVar[bool] = False
    """True where it reads the whole of a structured answer; extraction steps are then for the other metrics."""
    failure_value: float | None = 0.0
    """What an unparsed, failed or missing answer is worth; None leaves it out of the mean."""
    binary_sums: ClassVar[frozenset[str]] = frozenset()
    """Those of its sums that are 0 or 1."""
    keeps_rows: ClassVar[bool] = False
    """True where scores have ``rows``, for a form that is no function of sums."""
    left_out: ClassVar[str] = ""
    """Why failed answers can only be left out; empty where they need not be."""
    answer_tokens: ClassVar[int] = 32
    """Tokens that an answer of the kind it judges takes at most: what a task gives where the suite does not say it."""

    def __init__(self, variant: str = "default", failures: Failures = "wrong") -> None:
        super().__init__(variant)
        if failures not in ("wrong", "exclude"):
            raise UsageError(f"metric {self.name!r}: failures is 'wrong' or 'exclude', not {failures!r}")
        if failures == "wrong" and self.left_out:
            raise UsageError(f"metric {self.name!r}: failures can only be 'exclude'; {self.left_out}")
        self.failures = failures
        if failures == "exclude":
            self.failure_value = None

    @abstractmethod
    def score(self, prediction: str, references: Sequence[str], **context: Any) -> Score:
        """Judge one answer. ``context`` may hold ``evidence`` (str), ``tags`` (mapping) and the sample's facts.

        The score holds every sum of ``sums``, or none where the sample says nothing: it then counts nowhere. A value
        of NaN with status ``ok`` is for answers that can be read, and that only their sums speak of.
        """

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        """Return what is wrong with a sample's references, tags or facts for this metric; None where nothing is.

        For what :meth:`score` would take without a word; references that it refuses, with a ``ValueError``, need not be
        told here. Either way the sample is ``undefined`` under the metric, and ``harness validate`` names its line.
        """
        return None

    def failed(self, empty: Score, status: Status) -> Score:
        """Return the score of an answer that failed, given that of an empty one.

        Under ``failures: wrong`` the sums of an empty answer stand for it, as ``failure_value`` does for its value;
        under ``exclude`` it has none, but for the ``group`` that its sample belongs to. A sample for which the metric
        is undefined stays undefined.
        """
        if empty.status == Status.UNDEFINED:
            return empty
        if self.failures == "wrong":
            return Score(NAN, status, sums=empty.sums, rows=empty.rows)
        return Score(NAN, status, sums={name: code for name, code in empty.sums.items() if name == "group"})

    def binary_columns(self, label: str) -> frozenset[str]:
        return frozenset({label} if self.binary else ()) | {f"{label}.{name}" for name in self.binary_sums}

    def score_batch(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        evidence: Sequence[str | None] | None = None,
        tags: Sequence[Mapping[str, str]] | None = None,
        **context: Sequence[Any],
    ) -> ScoreColumns:
        """Judge many answers: what :meth:`score` says of each, as columns.

        Metrics that have a faster way take it; the result is the same to the bit.

        Args:
            predictions: one answer a row, None where it is missing.
            references: the right answers of each row.
            evidence: what the image says, one text a row.
            tags: the tags of each row.
            context: other columns that the metric asks for, such as ``size``.

        Raises:
            ValueError: if the columns differ in length, or where :meth:`score` raises for a row.

        >>> from harness.metrics import sample_metric
        >>> columns = sample_metric("exact_match").score_batch(["red", "5", None], [["Red"], ["6"], ["7"]])
        >>> columns.values.tolist(), [status.value for status in columns.decoded()]
        ([1.0, 0.0, nan], ['ok', 'ok', 'missing'])
        """
        given = {"evidence": evidence, "tags": tags, **context}
        columns = {name: column for name, column in given.items() if column is not None}
        same_length(predictions=predictions, references=references, **columns)
        return self._score_rows(Rows(predictions, references, columns))

    def _score_rows(self, rows: Rows) -> ScoreColumns:
        row_by_row = zip(rows.predictions, rows.references, rows.contexts(), strict=True)
        return ScoreColumns.of(self.score(text, wanted, **more) for text, wanted, more in row_by_row)

    def aggregate(
        self, scores: Iterable[Score], clusters: Sequence[str] | None = None, confidence: float = 0.95
    ) -> MetricValue:
        """Return the mean score with its interval and the count of every status.

        Undefined scores are left out of ``n`` and ``total``; failed ones are worth ``failure_value``.
        The result does not depend on the order of the scores.
        """
        return self.aggregate_columns(ScoreColumns.of(scores), clusters, confidence)

    def worth(self, score: Score) -> float:
        """Return what one score adds to the mean: its value, ``failure_value`` if it failed, NaN if it is left out."""
        if score.status == Status.OK:
            return score.value
        return NAN if score.status not in FAILED or self.failure_value is None else self.failure_value

    def aggregate_columns(
        self, columns: ScoreColumns, clusters: Sequence[str] | None = None, confidence: float = 0.95
    ) -> MetricValue:
        """As :meth:`aggregate`, from the columns that :meth:`score_batch` returns."""
        from harness.estimate.means import mean_interval_of, mean_of

        worths = self._worths(columns)
        kept = columns.among(Status.OK, *(FAILED if self.failure_value is not None else ()))
        groups = cluster_index(clusters, len(columns))
        values, units = worths[kept], None if groups is None else groups[kept]
        low, high = self.statistic(self.name, ()).bounds
        interval = mean_interval_of(values, units, (low, high), binary=self.binary, confidence=confidence)
        statuses = columns.counts()
        total = sum(count for status, count in statuses.items() if status != Status.UNDEFINED)
        return MetricValue(
            mean_of(values), interval[0], interval[1], len(values), total, self.direction, self.unit, statuses,
            interval[2], confidence,
        )  # fmt: skip

    def _worths(self, columns: ScoreColumns) -> "NDArray[np.float64]":
        """As :meth:`worth`, for every row."""
        import numpy as np

        worths = np.where(columns.among(Status.OK), columns.values, NAN)
        worths[columns.among(*FAILED)] = NAN if self.failure_value is None else self.failure_value
        return worths


class AnswerMetric(SampleMetric):
    """A per-sample metric on text: checks and cleans its input once, so that a subclass only judges.

    A missing answer (None) is ``missing``; anything that is not text is a ``ValueError`` that names the argument.
    What is judged, answer, references and evidence alike, is what can be seen of them
    (:func:`harness.reading.clean.visible`).
    """

    compares_text: ClassVar[bool] = False
    """True where an answer is held against the references as text. An empty answer is then judged like any other,
    right where a reference is empty; where it is worth nothing it counts as ``unparsed``, since nothing was said."""

    def score(self, prediction: str | None, references: Sequence[str], **context: Any) -> Score:
        answers = check_references(references)
        if prediction is None:
            return Score(NAN, Status.MISSING)
        if not isinstance(prediction, str):
            raise ValueError(f"prediction must be a string or None, got {type(prediction).__name__}")
        if context:
            evidence = context.get("evidence")
            if isinstance(evidence, str) and not evidence.isascii():
                context["evidence"] = visible(evidence)
        if not prediction.isascii():
            prediction = visible(prediction)
        score = self.judge(prediction, answers, context)
        if (not prediction or prediction.isspace()) and self.compares_text and score.value == 0:
            return Score(NAN, Status.UNPARSED)
        return score

    @abstractmethod
    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        """Judge one answer against at least one reference."""

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        """Judge many answers at once, as :meth:`judge` would, to the bit; None where there is no faster way.

        For subclasses that can. The rows are checked and cleaned: every answer is a string, none is missing, every
        row has at least one reference. Not asked where a subclass has a ``judge`` or ``score`` of its own.
        """
        return None

    def _score_rows(self, rows: Rows) -> ScoreColumns:
        if not rows.plain() or not self._batch_fits():
            return super()._score_rows(rows)
        here = rows.answered()
        answered = (rows if here is None else rows.take(here)).visible()
        judged = self.judge_batch(answered)
        if judged is None:
            return super()._score_rows(rows)
        if self.compares_text:
            judged = judged.but(blank(answered.predictions) & (judged.values == 0), Status.UNPARSED)
        return judged if here is None else judged.spread(here, len(rows), Status.MISSING)

    def _batch_fits(self) -> bool:
        """Say whether ``judge_batch`` was written for this very ``judge``: a subclass may have changed one alone."""
        order = type(self).__mro__
        place = {name: next(i for i, cls in enumerate(order) if name in vars(cls)) for name in _JUDGING}
        return place["judge_batch"] <= min(place["judge"], place["score"])


_JUDGING: Final = ("judge", "judge_batch", "score")


def check_references(references: Sequence[str]) -> tuple[str, ...]:
    """Return what can be seen of ``references``, as a tuple.

    Raises:
        ValueError: if they are empty, one bare string, or not all strings.
    """
    # The type is compared first: asking an abstract base class costs more than scoring a short answer.
    if type(references) not in (tuple, list) and (
        isinstance(references, str | bytes) or not isinstance(references, Sequence)
    ):
        raise ValueError(f"references must be a sequence of strings, got {type(references).__name__}")
    if not references:
        raise ValueError("references must hold at least one string, got none")
    plain = True
    for reference in references:
        if not isinstance(reference, str):
            raise ValueError(f"references must be strings, got {type(reference).__name__}")
        if not reference.isascii():
            plain = False
    return tuple(references) if plain else tuple(map(visible, references))


def truth(value: bool) -> Score:
    """Return a score of 1 or 0."""
    return Score(1.0 if value else 0.0)


class CorpusMetric(Metric):
    """A metric over a whole data set: ``compute(...)`` takes the lists or arrays.

    Each metric documents its own arguments; all take ``clusters`` (one string a row; rows that share
    one are resampled together) where rows can depend on each other, and ``confidence``.
    """

    resamples: int = 1000
    """Draws of :meth:`compute`; a suite has a number of its own."""

    @abstractmethod
    def compute(self, *args: Any, **kwargs: Any) -> MetricValue:
        """Return the metric over all rows, with its interval."""

    def over_rows(self, rows: "CellRows", confidence: float) -> MetricValue:
        """Return what its form makes of rows whose columns it names, with its interval."""
        from harness.estimate import Estimator
        from harness.estimate import Rows as Table

        binary = self.binary_columns(self.name).__contains__
        seed = ("interval", self.name, self.variant)
        estimator = Estimator(Table({"": rows}), seed, binary, self.resamples, confidence)
        return estimator.value(self.statistic(self.name, ("",)))

    def _value(
        self,
        value: float,
        bounds: tuple[float, float],
        n: int,
        statuses: StatusCounts,
        method: str,
        confidence: float,
    ) -> MetricValue:
        counts = {str(status): count for status, count in statuses.items() if count}
        total = sum(count for status, count in counts.items() if status != Status.UNDEFINED)
        return MetricValue(value, *bounds, n, total, self.direction, self.unit, counts, method, confidence)


def cluster_index(clusters: Sequence[str] | None, n: int) -> Any:
    """Return the index of each row's cluster (int64 [n]), or None where all rows are independent.

    A row whose cluster is "" is a cluster of its own.

    Raises:
        ValueError: if there is not one cluster for each row.
    """
    import numpy as np

    if clusters is None:
        return None
    if len(clusters) != n:
        raise ValueError(f"clusters must hold one string a row: {n} rows, {len(clusters)} clusters")
    names = [name or f"\0{row}" for row, name in enumerate(clusters)]
    # Sorted, so that rounding does not depend on the order of rows. Not np.unique: its strings are padded with NULs.
    place = {name: i for i, name in enumerate(sorted(set(names)))}
    return None if len(place) == n else np.array([place[name] for name in names], np.int64)


def same_length(**columns: Any) -> int:
    """Return the common length of the arguments.

    Raises:
        ValueError: if they differ, naming them.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise ValueError(f"all arguments must have one length: {told}")
    return next(iter(lengths.values()))
