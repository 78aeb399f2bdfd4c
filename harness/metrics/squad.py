"""Short answers as question answering compares them: SQuAD's exact match and token F1, Hugging Face's exact match."""

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._variants import SQUAD, Variants
from harness.metrics.captions import tokens
from harness.metrics.exact_match import normalize_squad
from harness.types import Score, Status

ENTRIES: Final = {"hf_exact_match": "HfExactMatch", "squad_em": "SquadEm", "squad_f1": "SquadF1"}

_ARTICLES: Final = frozenset(("a", "an", "the"))


def _words(text: str) -> list[str]:
    return [word for word in tokens(text) if word not in _ARTICLES]


def _official(text: str) -> list[str]:
    return normalize_squad(text).split()


_CUTS: Final[Mapping[str, Callable[[str], list[str]]]] = {"default": _words, "official": _official}
_VARIANTS: Final[Variants] = {
    "default": "words without case, punctuation and articles; numbers keep their signs and points",
    "official": SQUAD.variant(
        "evaluate-v2.0.py", "lower case, no ASCII punctuation (3.5 is 35), no articles, words at white space"
    ),
}


class _Squad(AnswerMetric):
    variants: ClassVar[Variants] = _VARIANTS

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        cut = _CUTS[self.variant]
        said = cut(prediction)
        best = max(self._worth(prediction, said, reference, cut(reference)) for reference in references)
        if not prediction.strip() and not best:
            return Score(NAN, Status.UNPARSED)
        return Score(best)

    def _worth(self, prediction: str, said: Sequence[str], reference: str, wanted: Sequence[str]) -> float:
        """Return what the answer is worth beside one reference, where the words of one do not decide it."""
        if not said and not wanted and self.variant == "default":
            return float(prediction.split() == reference.split())
        return self._of_words(said, wanted) if said and wanted else float(said == wanted)

    def _of_words(self, said: Sequence[str], wanted: Sequence[str]) -> float:
        raise NotImplementedError


class SquadEm(_Squad):
    """1 where the words of the answer are those of a reference, in their order, without articles; else 0.

    Range 0 to 1, higher is better.

    Edge cases:
        An empty answer is right where a reference is empty (a question without an answer), and ``unparsed`` (worth 0)
        otherwise. Texts without a word are compared as they are.

    Source:
        Rajpurkar et al. 2016 and 2018, "SQuAD" (arXiv:1606.05250, arXiv:1806.03822) and its evaluate-v2.0.py.

    >>> SquadEm().score("The 3.5 km.", ["3.5 km"]).value, SquadEm("official").score("3.5", ["35"]).value
    (1.0, 1.0)
    """

    name = "squad_em"
    binary = True

    def _of_words(self, said: Sequence[str], wanted: Sequence[str]) -> float:
        return float(said == wanted)


class SquadF1(_Squad):
    """Token F1: harmonic mean of the shares of words that answer and reference have in common, best over references.

    Words without case, punctuation and articles; each counts as often as it occurs. Range 0 to 1, higher is better.

    Edge cases:
        As ``squad_em``: a text without words shares nothing, unless both have none.

    Source:
        As ``squad_em``.

    >>> SquadF1().score("the red bar of 2020", ["a red bar"]).value
    0.6666666666666666
    """

    name = "squad_f1"

    def _of_words(self, said: Sequence[str], wanted: Sequence[str]) -> float:
        common = (Counter(said) & Counter(wanted)).total()
        return 2 * common / (len(said) + len(wanted))


_NO_PUNCTUATION: Final = str.maketrans("", "", string.punctuation)
_NO_DIGITS: Final = str.maketrans("", "", string.digits)


class HfExactMatch(AnswerMetric):
    """1 where the answer is a reference to the letter, after what is to be ignored was taken out of both; else 0.

    The exact match of Hugging Face's evaluate, with its options under their names. Range 0 to 1, higher is better.

    Args:
        regexes_to_ignore: regular expressions whose matches are taken out, in this order, before anything else.
        ignore_case: whether case counts not.
        ignore_punctuation: whether ASCII punctuation is taken out.
        ignore_numbers: whether the digits 0 to 9 are taken out.

    Edge cases:
        An empty answer is right where nothing is left of a reference, and ``unparsed`` (worth 0) otherwise.

    Source:
        huggingface/evaluate, metrics/exact_match (its number is a share since version 0.2).

    >>> HfExactMatch(ignore_case=True, ignore_punctuation=True).score("Red!", ["red"]).value
    1.0
    """

    name = "hf_exact_match"
    binary = True

    def __init__(
        self,
        variant: str = "default",
        regexes_to_ignore: Sequence[str] = (),
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        ignore_numbers: bool = False,
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, failures)
        if isinstance(regexes_to_ignore, str) or not all(isinstance(one, str) for one in regexes_to_ignore):
            raise UsageError("metric 'hf_exact_match': regexes_to_ignore is a list of regular expressions")
        try:
            self._patterns = [re.compile(pattern) for pattern in regexes_to_ignore]
        except re.error as cause:
            raise UsageError(f"metric 'hf_exact_match': {cause.pattern!r} is no regular expression: {cause}") from cause
        self.regexes_to_ignore = tuple(regexes_to_ignore)
        self.ignore_case, self.ignore_punctuation, self.ignore_numbers = (
            ignore_case, ignore_punctuation, ignore_numbers
        )  # fmt: skip

    def _left(self, text: str) -> str:
        for pattern in self._patterns:
            text = pattern.sub("", text)
        text = text.lower() if self.ignore_case else text
        text = text.translate(_NO_PUNCTUATION) if self.ignore_punctuation else text
        return text.translate(_NO_DIGITS) if self.ignore_numbers else text

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        said = self._left(prediction)
        if any(said == self._left(reference) for reference in references):
            return truth(True)
        return truth(False) if prediction.strip() else Score(NAN, Status.UNPARSED)
