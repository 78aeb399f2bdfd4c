"""Exact match: the answer is one of the references, up to a stated normalisation."""

import re
import string
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from harness.metrics._base import AnswerMetric, truth
from harness.metrics._columns import Rows, ScoreColumns
from harness.metrics._text import fold
from harness.metrics._variants import SQUAD, Variants
from harness.types import Score

ENTRIES: Final = {"exact_match": "ExactMatch"}

_ARTICLES: Final = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)


def normalize_squad(text: str) -> str:
    """Return ``text`` as SQuAD compares it: lower case, no ASCII punctuation, no articles, single spaces.

    >>> normalize_squad("The 3.5 km."), normalize_squad("an  Apple!")
    ('35 km', 'apple')
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())


def _as_is(text: str) -> str:
    return text


_NORMALIZERS: Final[Mapping[str, Callable[[str], str]]] = {
    "default": fold,
    "casefold": fold,
    "strict": _as_is,
    "squad": normalize_squad,
}


class ExactMatch(AnswerMetric):
    """1 where the normalised answer equals a normalised reference, else 0; the mean is the share of exact answers.

    Range 0 to 1, higher is better.

    Edge cases:
        An empty answer is right where a reference is empty, and ``unparsed`` (worth 0) otherwise.
        ``squad`` makes "3.5" equal "35" and "a" equal "": for comparing with published numbers only.

    Source:
        Rajpurkar et al. 2016, "SQuAD" (arXiv:1606.05250) and its evaluation script v1.1 for ``squad``.

    >>> ExactMatch().score("  Red ", ["red"]).value, ExactMatch("strict").score("Red", ["red"]).value
    (1.0, 0.0)
    """

    name = "exact_match"
    binary = True
    compares_text = True
    variants: ClassVar[Variants] = {
        "default": "as casefold",
        "casefold": "Unicode NFC, no case, white space trimmed and collapsed",
        "strict": "the same characters; those that nobody sees do not count",
        "squad": SQUAD.variant("evaluate-v2.0.py", "as in SQuAD 1.1: lower case, no ASCII punctuation, no articles"),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        normalize = _NORMALIZERS[self.variant]
        answer = normalize(prediction)
        return truth(any(answer == normalize(reference) for reference in references))

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        import numpy as np

        pairs, normalize = rows.pairs(), _NORMALIZERS[self.variant]
        beside = zip(pairs.answers, pairs.references, strict=True)
        same = (answer == text or normalize(answer) == normalize(text) for answer, text in beside)
        return ScoreColumns.ok(pairs.any(np.fromiter(same, bool, len(pairs.rows))))
