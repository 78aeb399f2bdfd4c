"""Answers that are classes: averages over classes, agreement beyond chance, the confusion matrix, the top k."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node, call, f_beta
from harness.metrics._base import NAN, Failures, truth
from harness.metrics._confusion import agreement_of_classes
from harness.metrics._summed import SummedAnswerMetric, code_of
from harness.metrics._text import fold
from harness.metrics.retrieval import best_ranks, ranking
from harness.types import MetricValue, Score, Status

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ENTRIES: Final = {
    "balanced_accuracy": "BalancedAccuracy",
    "class_f1": "ClassF1",
    "class_precision": "ClassPrecision",
    "class_recall": "ClassRecall",
    "cohen_kappa": "CohenKappa",
    "confusion": "Confusion",
    "macro_f1": "MacroF1",
    "mcc": "Mcc",
    "micro_f1": "MicroF1",
    "top_k_accuracy": "TopKAccuracy",
}

_NO_CLASS: Final = -1.0
"""What an answer that is not there is answered with: a class that is nowhere right."""


def _classes(prediction: str, references: Sequence[str]) -> tuple[str | None, str]:
    """Return the class that an answer names, and the right one: its first reference, by whichever it was named."""
    names = [fold(reference) for reference in references]
    said = fold(prediction)
    return (names[0] if said in names else said or None), names[0]


class _Classes(SummedAnswerMetric):
    sums: ClassVar[tuple[str, ...]] = ("said", "wanted")
    computed = "of how often each class was answered where each was right"

    def form(self, label: str, at: Sequence[str]) -> Node:
        said, wanted = (self.sum(label, name, at) for name in self.sums)
        target = f"{agreement_of_classes.__module__}:{agreement_of_classes.__name__}"
        return call(target, said, wanted, rule=self.name)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        said, wanted = _classes(prediction, references)
        sums = {"said": _NO_CLASS if said is None else code_of(said), "wanted": code_of(wanted)}
        status = Status.OK if said is not None or not wanted else Status.UNPARSED
        value = float(said == wanted or not (said or wanted)) if status == Status.OK else NAN
        return Score(value, status, {"said": said, "wanted": wanted}, sums=sums)

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the number that all rows make.

        Args:
            predictions: the class that was answered in each row, None where an answer is missing.
            references: the names of the right class of each row.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


class BalancedAccuracy(_Classes):
    """Mean over classes of the share of their rows that are answered right: rare classes count as frequent ones do.

    An answer is a class as ``exact_match`` compares it: without case and surplus white space. The class of a row is its
    first reference; the others are further names for it. Range 0 to 1, higher is better. Bootstrap t interval
    over rows.

    Edge cases:
        A failed, missing or empty answer is wrong, as one that is no class is. No rows: NaN.

    Source:
        Brodersen et al. 2010; equal to scikit-learn's balanced_accuracy_score.

    >>> BalancedAccuracy().compute(["cat", "cat", "cat", "cat"], [["cat"], ["cat"], ["cat"], ["dog"]]).value
    0.5
    """

    name = "balanced_accuracy"


class MacroF1(_Classes):
    """Mean over classes of F1, the harmonic mean of a class's precision and recall; each class counts alike.

    Classes as for ``balanced_accuracy``: those of the references. Range 0 to 1, higher is better. Bootstrap t interval
    over rows.

    Edge cases:
        An answer that is no class of the references is a miss of its row's class, and no class of its own: with it,
        the mean would fall with every other misspelling. Failed, missing and empty answers likewise. A class that no
        draw holds does not count in that draw. No rows: NaN.

    Source:
        Yang and Liu 1999; equal to scikit-learn's f1_score with the references' labels, macro.

    >>> MacroF1().compute(["cat", "cat", "cat", "dog"], [["cat"], ["cat"], ["dog"], ["dog"]]).value.__round__(4)
    0.7333
    """

    name = "macro_f1"


class MicroF1(_Classes):
    """F1 of all classes together: 2 · right answers / (answers that are a class + rows).

    Classes as for ``macro_f1``. Where every answer is a class it is the accuracy. Range 0 to 1, higher is better.
    Bootstrap t interval over rows.

    Edge cases:
        An answer that is no class lowers the recall and not the precision. No rows: NaN.

    Source:
        Yang and Liu 1999; equal to scikit-learn's f1_score with the references' labels, micro.

    >>> MicroF1().compute(["cat", "a bird", "dog"], [["cat"], ["cat"], ["dog"]]).value
    0.8
    """

    name = "micro_f1"


class Mcc(_Classes):
    """Matthews' correlation of answers and references, for two classes or more: 0 for what chance or one answer gives.

    Classes as for ``balanced_accuracy``; answers that are no class of the references are classes of their own, and
    those that are not there are one. Range −1 to 1, higher is better. Bootstrap t interval over rows.

    Edge cases:
        One answer to everything: 0. One class in all references: NaN, since nothing can be told apart.

    Source:
        Matthews 1975; Gorodkin 2004 for more than two classes; equal to scikit-learn's matthews_corrcoef.

    >>> Mcc().compute(["yes", "no", "no", "no"], [["yes"], ["yes"], ["no"], ["no"]]).value.__round__(4)
    0.5774
    """

    name = "mcc"
    bounds = (-1.0, 1.0)


class CohenKappa(_Classes):
    """Cohen's κ of answers and references: agreement beyond chance, as a share of what chance leaves.

    Chance is what the shares of the classes would make. Classes as for ``mcc``. Range −1 to 1, higher is better.
    Bootstrap t interval over rows.

    Edge cases:
        One class in all references: NaN, since chance would do as well as anything.

    Source:
        Cohen 1960; equal to scikit-learn's cohen_kappa_score without weights.

    >>> CohenKappa().compute(["yes", "no", "no", "no"], [["yes"], ["yes"], ["no"], ["no"]]).value
    0.5
    """

    name = "cohen_kappa"
    bounds = (-1.0, 1.0)


class _OfClass(SummedAnswerMetric):
    sums: ClassVar[tuple[str, ...]] = ("right", "said", "true")
    binary_sums = frozenset(sums)

    def __init__(self, variant: str = "default", label: str = "", failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        if not isinstance(label, str) or not label.strip():
            raise UsageError(f"metric {self.name!r} needs a label, the class that it is about")
        self.label = label

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        said, wanted = _classes(prediction, references)
        label = fold(self.label)
        sums = {
            "right": float(said == wanted == label),
            "said": float(said == label),
            "true": float(wanted == label),
        }
        detail = {"said": said, "wanted": wanted}
        return Score(NAN, Status.UNPARSED if said is None and wanted else Status.OK, detail, sums=sums)

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the number of the class.

        Args:
            predictions: the class that was answered in each row, None where an answer is missing.
            references: the names of the right class of each row.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


class ClassPrecision(_OfClass):
    """Share of the answers that name a class which are right: of one class, by its ``label``.

    Classes as for ``balanced_accuracy``. Range 0 to 1, higher is better. Jackknife interval over rows.

    Args:
        label: the class.

    Edge cases:
        No answer names it: NaN with n = 0. A failed or missing answer names none.

    Source:
        van Rijsbergen 1979; equal to scikit-learn's precision_score of one label.

    >>> ClassPrecision(label="cat").compute(["cat", "cat", "dog"], [["cat"], ["dog"], ["cat"]]).value
    0.5
    """

    name = "class_precision"
    computed = "right answers of the class / answers that name it"

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, "right", "said")


class ClassRecall(_OfClass):
    """Share of the rows of a class that are answered right: of one class, by its ``label``.

    Classes as for ``balanced_accuracy``. Range 0 to 1, higher is better. Jackknife interval over rows.

    Args:
        label: the class.

    Edge cases:
        No row of the class: NaN with n = 0. A failed, missing or empty answer is a miss.

    Source:
        van Rijsbergen 1979; equal to scikit-learn's recall_score of one label.

    >>> ClassRecall(label="cat").compute(["cat", "cat", "dog"], [["cat"], ["dog"], ["cat"]]).value
    0.5
    """

    name = "class_recall"
    computed = "right answers of the class / rows of it"

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, "right", "true")


class ClassF1(_OfClass):
    """F1 of one class, by its ``label``: 2 · right answers / (answers that name it + rows of it).

    Classes as for ``balanced_accuracy``. Range 0 to 1, higher is better. Jackknife interval over rows.

    Args:
        label: the class.

    Edge cases:
        The class neither named nor right: NaN with n = 0. Failed and missing answers: as ``class_recall``.

    Source:
        van Rijsbergen 1979; equal to scikit-learn's f1_score of one label.

    >>> ClassF1(label="cat").compute(["cat", "cat", "dog"], [["cat"], ["dog"], ["dog"]]).value.__round__(4)
    0.6667
    """

    name = "class_f1"
    computed = "2 · right / (answers that name the class + rows of it)"

    def form(self, label: str, at: Sequence[str]) -> Node:
        right, said, true = (self.sum(label, name, at) for name in self.sums)
        return f_beta(right, said, true)


class Confusion(SummedAnswerMetric):
    """A cell of the confusion matrix: of the rows of one class, the share that is answered with another, or itself.

    Each answer's classes stand beside it as details ``said`` and ``wanted``: the whole matrix is their table. Range 0
    to 1; neither direction is better. Jackknife interval over rows.

    Args:
        wanted: the class of the rows.
        said: the class of the answers; empty for those that are not there.

    Edge cases:
        No row of the class: NaN with n = 0. A failed, missing or empty answer is none of the classes.

    Source:
        Kohavi and Provost 1998; equal to scikit-learn's confusion_matrix normalised over the true class.

    >>> Confusion(wanted="cat", said="dog").compute(["cat", "dog", "dog"], [["cat"], ["cat"], ["dog"]]).value
    0.5
    """

    name = "confusion"
    direction = "none"
    sums: ClassVar[tuple[str, ...]] = ("both", "true")
    binary_sums = frozenset(sums)
    computed = "rows of the class with that answer / rows of the class"

    def __init__(
        self, variant: str = "default", wanted: str = "", said: str = "", failures: Failures = "wrong"
    ) -> None:
        super().__init__(variant, failures)
        if not isinstance(wanted, str) or not wanted.strip() or not isinstance(said, str):
            raise UsageError("metric 'confusion' needs wanted and said, the classes of the rows and of the answers")
        self.wanted, self.said = wanted, said

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, "both", "true")

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        said, wanted = _classes(prediction, references)
        here = wanted == fold(self.wanted)
        sums = {"both": float(here and (said or "") == fold(self.said)), "true": float(here)}
        detail = {"said": said, "wanted": wanted}
        return Score(NAN, Status.UNPARSED if said is None and wanted else Status.OK, detail, sums=sums)

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the cell.

        Args:
            predictions: the class that was answered in each row, None where an answer is missing.
            references: the names of the right class of each row.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


class TopKAccuracy(SummedAnswerMetric):
    """Share of rows whose right class is among the first k that the answer lists.

    The answer lists classes, best first: a JSON list, or one a line or between commas. Names compare as for
    ``exact_match``. Range 0 to 1, higher is better. Wilson interval.

    Args:
        k: how many classes are looked at; usual are 1 and 5.

    Edge cases:
        A class that is named again counts once. An answer that names none: ``unparsed``, worth 0. In ``compute`` ties
        count against the right class, and NaN is an error.

    Source:
        Russakovsky et al. 2015, "ImageNet" (arXiv:1409.0575); equal to scikit-learn's top_k_accuracy_score without
        ties.

    >>> TopKAccuracy(k=2).compute([[0.5, 0.3, 0.2], [0.5, 0.3, 0.2]], [1, 2]).value
    0.5
    """

    name = "top_k_accuracy"
    binary = True
    whole = True

    def __init__(self, variant: str = "default", k: int = 5, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"metric 'top_k_accuracy': k must be a whole number of at least 1, got {k!r}")
        self.k = k

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        ranked = list(dict.fromkeys(map(fold, ranking(prediction))))
        if not ranked:
            return Score(NAN, Status.UNPARSED)
        return truth(not {fold(name) for name in references}.isdisjoint(ranked[: self.k]))

    def compute(self, scores: "ArrayLike", labels: "ArrayLike", *, confidence: float = 0.95) -> MetricValue:
        """Return the share of rows whose class is among the k highest.

        Args:
            scores: [rows, classes].
            labels: the place of the right class of each row.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        table, places = np.asarray(scores, np.float64), np.asarray(labels, np.int64)
        relevant = places[:, None] == np.arange(table.shape[1] if table.ndim == 2 else 0)
        ranks = best_ranks(table, relevant)
        if (ranks < 0).any():
            raise ValueError("labels must be places of classes")
        return self.of_columns({"": (ranks < self.k).astype(np.float64)}, confidence=confidence)
