"""Captions against references: BLEU-4, ROUGE-L and CIDEr-D, with the tokenisation stated."""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.estimate import Node, bleu
from harness.metrics._base import NAN, AnswerMetric, check_references, same_length
from harness.metrics._ptb import ptb_tokens
from harness.metrics._summed import SummedAnswerMetric
from harness.metrics._text import fold
from harness.metrics._variants import COCO_CAPTION, ROUGE_SCORE, SACREBLEU, Variants
from harness.types import MetricValue, Score, Status

ENTRIES: Final = {"bleu4": "Bleu4", "cider_d": "CiderD", "rouge_l": "RougeL"}

_ORDER: Final = 4
_WORD: Final = re.compile(r"(?<!\w)[-−–]?\.?\d+(?:[.,]\d+)*\w*(?:['’]\w+)*|\w+(?:['’]\w+)*")
_MINUS: Final = str.maketrans("−–", "--")
_ASCII_WORD: Final = re.compile(r"[a-z0-9]+")

NGrams = Counter[tuple[str, ...]]
Cut = Callable[[str], list[str]]


def tokens(text: str) -> list[str]:
    """Return the words of a caption: no case, no punctuation but what a number is written with, and apostrophes.

    >>> tokens("A dog's red ball, isn't it?")
    ['a', "dog's", 'red', 'ball', "isn't", 'it']
    >>> tokens("It rose by 3.5 to -1,000, in 2020-2021.")
    ['it', 'rose', 'by', '3.5', 'to', '-1,000', 'in', '2020', '2021']
    """
    found = _WORD.findall(fold(text))
    return found if text.isascii() else [word.translate(_MINUS) for word in found]


def _sacrebleu_tokens(text: str) -> list[str]:
    try:
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    except ImportError as cause:
        raise UsageError("variant 'sacrebleu' of metric 'bleu4' needs the package: pip install sacrebleu") from cause
    tokenizer: Any = Tokenizer13a
    return str(tokenizer()(text.strip())).split()


def ngrams(words: Sequence[str], order: int) -> NGrams:
    """Count the n-grams of one order.

    >>> ngrams("a b a b".split(), 2)[("a", "b")]
    2
    """
    return Counter(zip(*(words[start:] for start in range(order)), strict=False))


class Bleu4(SummedAnswerMetric):
    """BLEU-4 of a corpus: geometric mean of the clipped 1- to 4-gram precisions, times the brevity penalty.

    Range 0 to 1 (multiply by 100 for the usual scale), higher is better. Jackknife interval.

    Edge cases:
        No 4-gram of the corpus matches: 0 (``sacrebleu`` and ``coco-caption`` smooth). A failed or missing answer is
        an empty caption. No words in any answer: 0. No rows: NaN. One answer has no value: only all together have one.

    Source:
        Papineni et al. 2002; the closest reference length, ties to the shorter; variant after sacrebleu 2
        (13a tokens, case kept, exponential smoothing) and tylin/coco-caption at 3a9afb2.

    >>> round(Bleu4().compute(["a red bar on a chart"], [["a red bar on the chart"]]).value, 4)
    0.5373
    """

    name = "bleu4"
    answer_tokens = 128
    variants: ClassVar[Variants] = {
        "default": "words without case and punctuation, numbers whole, no smoothing",
        "sacrebleu": SACREBLEU.variant("sacrebleu.corpus_bleu", "13a tokens, case kept, exponential smoothing"),
        "coco-caption": COCO_CAPTION.variant(
            "pycocoevalcap/bleu/bleu_scorer.py",
            "words of the Penn Treebank in lower case, 1e-15 and 1e-9 added to the counts",
        ),
    }

    sums: ClassVar[tuple[str, ...]] = (
        "words",
        "closest",
        *(f"{kind}_{order}" for order in range(1, _ORDER + 1) for kind in ("matched", "possible")),
    )
    computed = "geometric mean of Σ matched / Σ possible n-grams, × brevity penalty"

    def form(self, label: str, at: Sequence[str]) -> Node:
        return bleu([self.sum(label, name, at) for name in self.sums], _SMOOTHING[self.variant])

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        cut = _BLEU_TOKENS[self.variant]
        row = _bleu_row(cut(prediction), [cut(reference) for reference in references])
        return Score(NAN, sums=dict(zip(self.sums, row, strict=True)))

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return BLEU-4 of all captions together.

        Args:
            predictions: one caption a row, None where it is missing.
            references: the human captions of each row.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


_BLEU_TOKENS: Final[Mapping[str, Cut]] = {
    "default": tokens,
    "sacrebleu": _sacrebleu_tokens,
    "coco-caption": ptb_tokens,
}
_SMOOTHING: Final = {"default": "none", "sacrebleu": "exponential", "coco-caption": "tiny"}


def _bleu_row(words: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    closest = min((abs(len(reference) - len(words)), len(reference)) for reference in references)[1]
    row = [float(len(words)), float(closest)]
    for order in range(1, _ORDER + 1):
        most: NGrams = Counter()
        for reference in references:
            most |= ngrams(reference, order)
        found = ngrams(words, order)
        row += [float((found & most).total()), float(found.total())]
    return row


class RougeL(AnswerMetric):
    """ROUGE-L of one answer: F-measure of the longest common subsequence of words, best over references.

    Range 0 to 1, higher is better.

    Edge cases:
        No words in the reference and none in the answer: 0, as published. An empty answer: ``unparsed``.

    Source:
        Lin 2004; variants after the package rouge-score 0.1 (no stemming) and tylin/coco-caption at 3a9afb2.

    >>> round(RougeL().score("the red bar is high", ["the bar is very high"]).value, 4)
    0.8
    """

    name = "rouge_l"
    answer_tokens = 128
    variants: ClassVar[Variants] = {
        "default": "F1, words without case and punctuation, numbers whole",
        "rouge-score": ROUGE_SCORE.variant("rouge_score.rouge_scorer", "F1, runs of a-z and 0-9"),
        "coco": "F with beta 1.2 of the best precision and the best recall over references, words split at white space",
        "coco-caption": COCO_CAPTION.variant(
            "pycocoevalcap/rouge/rouge.py", "as coco, of the words of the Penn Treebank in lower case"
        ),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        cut = _ROUGE_TOKENS[self.variant]
        words = cut(prediction)
        pairs = [_overlap(words, cut(reference)) for reference in references]
        if self.variant in ("coco", "coco-caption"):
            return Score(_f_measure(max(p for p, _ in pairs), max(r for _, r in pairs), 1.2))
        return Score(max(_f_measure(precision, recall, 1.0) for precision, recall in pairs))


_ROUGE_TOKENS: Final[Mapping[str, Cut]] = {
    "default": tokens,
    "rouge-score": lambda text: _ASCII_WORD.findall(text.lower()),
    "coco": lambda text: text.split(" "),
    "coco-caption": lambda text: " ".join(ptb_tokens(text)).split(" "),
}


def _overlap(words: Sequence[str], reference: Sequence[str]) -> tuple[float, float]:
    from rapidfuzz.distance import LCSseq

    if not words or not reference:
        return 0.0, 0.0
    common = LCSseq.similarity(words, reference)
    return common / len(words), common / len(reference)


def _f_measure(precision: float, recall: float, beta: float) -> float:
    if not precision or not recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


class CiderD(SummedAnswerMetric):
    """CIDEr-D: tf-idf weighted n-gram agreement with the references, clipped, with a length penalty, times 10.

    Document frequencies come from the references of the whole dataset (under ``--limit`` too; of the run's answers
    where they are scored again), one document a row: the value depends on the data set, and on the tokenisation (by
    half). Range 0 to 10, higher is better. Gaffke's interval of the rows, their document frequencies taken as given.

    Edge cases:
        Fewer than two rows: NaN, since every document frequency is then log 1 = 0. A failed or missing caption is 0.

    Source:
        Vedantam et al. 2015 (arXiv:1411.5726), with sigma 6 and n up to 4 as tylin/coco-caption (3a9afb2) computes
        it; ``coco-caption`` on the words that it counts.

    >>> captions = ["a red bar", "two blue lines"]
    >>> round(CiderD().compute(captions, [[caption] for caption in captions]).value, 4)
    7.5
    """

    name = "cider_d"
    answer_tokens = 128
    variants: ClassVar[Variants] = {
        "default": "words without case and punctuation, numbers whole",
        "coco-caption": COCO_CAPTION.variant(
            "pycocoevalcap/cider/cider_scorer.py", "words of the Penn Treebank in lower case"
        ),
    }
    unit = "points"
    bounds = (0.0, 10.0)
    computed = "mean over answers, given the document frequencies of all references"
    _SIGMA: Final = 6.0
    _weigh: "_Weights | None" = None
    fitted: str | None = None
    """A hash of the references that the document frequencies come from."""

    def fit(self, references: Iterable[Sequence[str]]) -> None:
        """Take the document frequencies from the references of all samples."""
        rows = [check_references(wanted) for wanted in references]
        seen = Counter(gram for row in rows for gram in frozenset().union(*map(self._ngrams, row)))
        self._weigh = _Weights(seen, math.log(len(rows))) if len(rows) > 1 else None
        self.fitted = hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()

    def _ngrams(self, text: str) -> NGrams:
        words = tokens(text) if self.variant == "default" else ptb_tokens(text)
        found: NGrams = Counter()
        for order in range(1, _ORDER + 1):
            found.update(ngrams(words, order))
        return found

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if self.fitted is None:
            raise ValueError("fit() must see the references of the whole dataset first")
        weigh = self._weigh
        if weigh is None:
            return Score(NAN, Status.UNDEFINED)
        answer = weigh(self._ngrams(prediction))
        parts = [answer.likeness(weigh(self._ngrams(text)), self._SIGMA) for text in references]
        return Score(10 * sum(parts) / len(parts))

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the mean CIDEr-D of all rows, with the document frequencies of their references.

        Args:
            predictions: one caption a row, None where it is missing.
            references: the human captions of each row.
            clusters: rows with the same string share an image.
            confidence: two-sided coverage of the interval.
        """
        same_length(predictions=predictions, references=references)
        fresh = copy(self)
        fresh.fit(references)
        return fresh.over(predictions, references, clusters, confidence)


class _Vector:
    """The tf-idf weights of one caption, by order of the n-gram."""

    def __init__(self, weights: Mapping[tuple[str, ...], float], length: int) -> None:
        self.length = length
        self.by_order: list[dict[tuple[str, ...], float]] = [{} for _ in range(_ORDER)]
        for gram, weight in weights.items():
            self.by_order[len(gram) - 1][gram] = weight
        self.norms = [math.sqrt(math.fsum(w * w for w in order.values())) for order in self.by_order]

    def likeness(self, reference: "_Vector", sigma: float) -> float:
        """Return the mean over orders of the clipped cosine, times the Gaussian length penalty."""
        total = 0.0
        for mine, theirs, norm, other in zip(
            self.by_order, reference.by_order, self.norms, reference.norms, strict=True
        ):
            if norm and other:
                dot = math.fsum(
                    min(weight, theirs[gram]) * theirs[gram] for gram, weight in mine.items() if gram in theirs
                )
                total += dot / (norm * other)
        penalty = math.exp(-((self.length - reference.length) ** 2) / (2 * sigma**2))
        return total / _ORDER * penalty


class _Weights:
    """Turns n-gram counts into tf-idf weights."""

    def __init__(self, seen: Counter[tuple[str, ...]], log_n: float) -> None:
        self._seen = seen
        self._log_n = log_n

    def __call__(self, counts: NGrams) -> _Vector:
        weights = {gram: count * (self._log_n - math.log(max(1, self._seen[gram]))) for gram, count in counts.items()}
        # As published, the length is the number of bigrams.
        return _Vector(weights, sum(count for gram, count in counts.items() if len(gram) == 2))
