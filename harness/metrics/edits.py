"""Character and word error rates: per answer, and over a whole corpus."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from harness.estimate import Node
from harness.metrics._base import AnswerMetric
from harness.metrics._columns import Pairs, Rows, ScoreColumns
from harness.metrics._summed import SummedAnswerMetric
from harness.metrics._text import squeeze
from harness.metrics._variants import JIWER, TORCHMETRICS, Variants
from harness.types import Direction, MetricValue, Score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"cer": "Cer", "corpus_cer": "CorpusCer", "corpus_wer": "CorpusWer", "wer": "Wer"}

_SPACES: Final = re.compile(r"\s\s+")

Units = Callable[[str], Sequence[str]]


def _jiwer_words(text: str) -> list[str]:
    # As published: only the space separates words; a single tab or newline joins its neighbours.
    return [word for word in _SPACES.sub(" ", text).strip().split(" ") if word]


def _nfc_words(text: str) -> list[str]:
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).split()


_WORDS: Final[Mapping[str, Units]] = {"default": _nfc_words, "jiwer": _jiwer_words, "torchmetrics": str.split}
_CHARACTERS: Final[Mapping[str, Units]] = {"default": squeeze, "jiwer": str.strip, "torchmetrics": str}


def edits(answer: Sequence[str], reference: Sequence[str]) -> int:
    """Return the least number of insertions, deletions and substitutions.

    >>> edits("the red bar".split(), "a red bar".split())
    1
    """
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(answer, reference)


def _best(answer: Sequence[str], references: Sequence[Sequence[str]]) -> tuple[int, int]:
    """Return edits and length for the reference with the lowest rate."""
    pairs = [(edits(answer, reference), len(reference)) for reference in references]
    return min(pairs, key=lambda pair: (pair[0] / pair[1] if pair[1] else (0.0 if not pair[0] else float("inf")), pair))


def _columns(cut: Units, pairs: Pairs) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return edits and reference units of each pair."""
    import numpy as np
    from rapidfuzz.distance import Levenshtein

    distance = Levenshtein.distance
    wrong, lengths = np.zeros(len(pairs.rows), np.int64), np.zeros(len(pairs.rows), np.int64)
    for place, (answer, reference) in enumerate(zip(pairs.answers, pairs.references, strict=True)):
        units = cut(reference)
        lengths[place] = len(units)
        if answer != reference:
            wrong[place] = distance(cut(answer), units)
    return wrong, lengths


def _ratios(wrong: "NDArray[np.int64]", lengths: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return edits / units, infinite for edits of no units."""
    import numpy as np

    ratios: NDArray[np.float64] = np.where(wrong > 0, np.inf, 0.0)
    return np.divide(wrong, lengths, out=ratios, where=lengths > 0)


class _ErrorRate(AnswerMetric):
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "edits per unit"
    bounds: ClassVar[tuple[float, float]] = (0.0, float("inf"))
    failure_value: float | None = 1.0
    units: ClassVar[Mapping[str, Units]]

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        cut = self.units[self.variant]
        wrong, length = _best(cut(prediction), [cut(reference) for reference in references])
        detail = {"edits": wrong, "length": length}
        return Score(wrong / length if length else float(self._alone(wrong)), detail=detail)

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        import numpy as np

        pairs = rows.pairs()
        wrong, lengths = _columns(self.units[self.variant], pairs)
        lowest = pairs.lowest(_ratios(wrong, lengths))
        if np.isinf(lowest).any():
            lowest = np.where(np.isinf(lowest), pairs.lowest(self._alone(wrong)), lowest)
        return ScoreColumns.ok(lowest)

    def _alone(self, wrong: Any) -> Any:
        """Return what edits of no units are worth: 1, all that was said is wrong; as published, their number."""
        return wrong * 1.0 if self.variant == "jiwer" else (wrong > 0) * 1.0


class Wer(_ErrorRate):
    r"""Word error rate of one answer: word edits / words of the reference that fits best.

    Range 0 to infinity (long answers exceed 1), lower is better. The mean over answers is not the corpus
    rate: for that see ``corpus_wer``.

    Edge cases:
        An empty answer deletes every word: 1. Only empty references: 0 for an empty answer, 1 for any other
        (``jiwer``: its edits). A failed or missing answer is worth 1. Case and punctuation count.

    Source:
        Levenshtein 1966; variants after the packages jiwer 4 and torchmetrics 1.

    >>> Wer().score("the red\tbar", ["a red bar"]).detail
    {'edits': 1, 'length': 3}
    """

    name = "wer"
    answer_tokens = 512
    units: ClassVar[Mapping[str, Units]] = _WORDS
    variants: ClassVar[Variants] = {
        "default": "Unicode NFC, any white space separates words",
        "jiwer": JIWER.variant("jiwer.wer", "only spaces and runs of white space separate words"),
        "torchmetrics": TORCHMETRICS.variant(
            "torchmetrics.functional.text.word_error_rate", "any white space separates words"
        ),
    }


class Cer(_ErrorRate):
    """Character error rate of one answer: character edits / characters of the reference that fits best.

    Range 0 to infinity (long answers exceed 1), lower is better. The mean over answers is not the corpus
    rate: for that see ``corpus_cer``.

    Edge cases:
        An empty answer deletes every character: 1. Only empty references: 0 for an empty answer, 1 for any other
        (``jiwer``: its edits). A failed or missing answer is worth 1. Case and punctuation count.

    Source:
        Levenshtein 1966; variants after the packages jiwer 4 and torchmetrics 1.

    >>> Cer().score("chart", ["charts"]).detail
    {'edits': 1, 'length': 6}
    """

    name = "cer"
    answer_tokens = 512
    units: ClassVar[Mapping[str, Units]] = _CHARACTERS
    variants: ClassVar[Variants] = {
        "default": "code points in Unicode NFC, runs of white space one space",
        "jiwer": JIWER.variant("jiwer.cer", "code points, ends trimmed"),
        "torchmetrics": TORCHMETRICS.variant("torchmetrics.functional.text.char_error_rate", "code points as they are"),
    }


class _CorpusRate(SummedAnswerMetric, _ErrorRate):
    sums: ClassVar[tuple[str, ...]] = ("edits", "units")
    computed: ClassVar[str] = "Σ edits / Σ units of the references"

    def form(self, label: str, at: Sequence[str]) -> Node:
        return self.ratio(label, at, "edits", "units", empty=0.0)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        score = super().judge(prediction, references, context)
        sums = {"edits": float(score.detail["edits"]), "units": float(score.detail["length"])}
        return Score(score.value, detail=score.detail, sums=sums)

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return all edits / all reference units.

        Args:
            predictions: one answer a row; None (missing) counts as empty.
            references: the right answers of each row; the one that fits best counts.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


class CorpusWer(_CorpusRate):
    """Word error rate of a corpus: all word edits / all words of the references.

    Range 0 to infinity, lower is better. Gaffke's interval: no row is taken to be
    worse than ``worst_row``, or than a fifth more than the worst that was seen.

    Edge cases:
        An empty reference adds its edits and no words. No words at all: 0 without edits, else NaN. A failed or
        missing answer deletes its reference. No rows: NaN.

    Source:
        As ``wer``.

    >>> round(CorpusWer().compute(["a red bar", "x"], [["the red bar"], ["x"]]).value, 4)
    0.25
    """

    name = "corpus_wer"
    answer_tokens = 512
    units: ClassVar[Mapping[str, Units]] = _WORDS
    variants: ClassVar[Variants] = Wer.variants


class CorpusCer(_CorpusRate):
    """Character error rate of a corpus: all character edits / all characters of the references.

    Range 0 to infinity, lower is better. Gaffke's interval: no row is taken to be
    worse than ``worst_row``, or than a fifth more than the worst that was seen.

    Edge cases:
        An empty reference adds its edits and no characters. No characters at all: 0 without edits, else NaN.
        A failed or missing answer deletes its reference. No rows: NaN.

    Source:
        As ``cer``.

    >>> round(CorpusCer().compute(["chart", "x"], [["charts"], ["xy"]]).value, 4)
    0.25
    """

    name = "corpus_cer"
    answer_tokens = 512
    units: ClassVar[Mapping[str, Units]] = _CHARACTERS
    variants: ClassVar[Variants] = Cer.variants
