"""ANLS: how close the answer's spelling is to a reference, nothing below a threshold; ANLS* for structured answers."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from harness.metrics._base import NAN, AnswerMetric
from harness.metrics._columns import Pairs, Rows, ScoreColumns
from harness.metrics._text import fold
from harness.metrics._variants import ANLS_STAR, LMMS_EVAL, PIX2STRUCT, VLMEVALKIT, Variants
from harness.reading.json import StrictJSONError, parse_json
from harness.types import Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"anls": "Anls", "anls_star": "AnlsStar"}


def similarity(first: str, second: str) -> float:
    """Return 1 − edit distance / length of the longer string; two empty strings are alike.

    >>> round(similarity("kitten", "sitting"), 4)
    0.5714
    """
    longest = max(len(first), len(second))
    return 1 - _distance(first, second) / longest if longest else 1.0


def _distance(first: str, second: str) -> int:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(first, second)


def _squeeze_lower(text: str) -> str:
    return " ".join(text.lower().split())


_RAW_TOLD: Final = "divides by the length of the raw text, in upper case: of white space that is squeezed, too"


class _Rule(NamedTuple):
    """How a variant compares two texts."""

    clean: Callable[[str], str]
    raw: bool = False
    """Whether the distance of the cleaned texts is divided by the length of the raw ones."""
    half: bool = True
    """Whether a similarity of exactly one half counts."""


def _raw_length(text: str) -> int:
    # As published: of the text in upper case, which is longer for "ß".
    return len(text) if text.isascii() else len(text.upper())


_RULES: Final[Mapping[str, _Rule]] = {
    "default": _Rule(fold),
    "pix2struct": _Rule(str.lower, half=False),
    "lmms-eval": _Rule(_squeeze_lower, raw=True),
    "vlmevalkit": _Rule(_squeeze_lower, raw=True),
    "anls-star": _Rule(_squeeze_lower),
}


def _likeness(answer: str, reference: str, rule: _Rule) -> float:
    """Return the similarity of two texts, 0 below one half; the search stops where it cannot reach that any more."""
    from rapidfuzz.distance import Levenshtein

    if answer == reference:
        return 1.0
    first, second = rule.clean(answer), rule.clean(reference)
    longest = max(_raw_length(answer), _raw_length(reference)) if rule.raw else max(len(first), len(second), 1)
    wrong = Levenshtein.distance(first, second, score_cutoff=longest // 2)
    # In whole numbers: one half is met or it isn't.
    return 1 - wrong / longest if (2 * wrong <= longest if rule.half else 2 * wrong < longest) else 0.0


def _likeness_columns(pairs: Pairs, rule: _Rule) -> "NDArray[np.float64]":
    """As :func:`_likeness`, for each pair of an answer and a reference."""
    import numpy as np
    from rapidfuzz.distance import Levenshtein

    distance, clean, raw = Levenshtein.distance, rule.clean, rule.raw
    wrong, longest = np.zeros(len(pairs.rows), np.int64), np.ones(len(pairs.rows), np.int64)
    for place, (answer, reference) in enumerate(zip(pairs.answers, pairs.references, strict=True)):
        if answer != reference:
            first, second = clean(answer), clean(reference)
            most = max(_raw_length(answer), _raw_length(reference)) if raw else max(len(first), len(second), 1)
            longest[place] = most
            wrong[place] = distance(first, second, score_cutoff=most // 2)
    enough = 2 * wrong <= longest if rule.half else 2 * wrong < longest
    return np.where(enough, 1 - wrong / longest, 0.0)


class Anls(AnswerMetric):
    """Normalised Levenshtein similarity, 1 − edits / length of the longer text, to the best reference; 0 below 0.5.

    Case and runs of white space don't matter. Range 0 to 1, higher is better.

    Edge cases:
        A similarity of exactly 0.5 counts, as in the evaluation script of the DocVQA server (the paper's
        formula and ``pix2struct`` exclude it). An empty answer is 1 where a reference is empty, and ``unparsed``
        where it is worth nothing; of two empty texts ``pix2struct`` has no number (it divides by zero).

    Source:
        Biten et al. 2019, "Scene Text Visual Question Answering" (arXiv:1905.13648); Mathew et al. 2021, "DocVQA".
        The variants name what they follow; ``anls-star`` is the comparison of two texts within ANLS*.

    >>> round(Anls().score("Kitten ", ["sitting"]).value, 4)
    0.5714
    """

    name = "anls"
    compares_text = True
    variants: ClassVar[Variants] = {
        "default": "Unicode case folding, white space squeezed, 0.5 counts",
        "pix2struct": PIX2STRUCT.variant(
            "pix2struct/metrics.py", "lower case only; white space counts; a similarity of exactly 0.5 does not"
        ),
        "lmms-eval": LMMS_EVAL.variant("lmms_eval/api/metrics.py", _RAW_TOLD),
        "vlmevalkit": VLMEVALKIT.variant("vlmeval/dataset/utils/vqa_eval.py", _RAW_TOLD),
        "anls-star": ANLS_STAR.variant("src/anls_star/anls_star.py", "lower case, white space squeezed, 0.5 counts"),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        rule = _RULES[self.variant]
        return Score(max(_likeness(prediction, reference, rule) for reference in references))

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        pairs = rows.pairs()
        return ScoreColumns.ok(pairs.highest(_likeness_columns(pairs, _RULES[self.variant])))


class _Match(NamedTuple):
    """The summed similarity of a pair of trees and the number of leaves that it is spread over."""

    total: float
    leaves: int

    @property
    def mean(self) -> float:
        return self.total / self.leaves if self.leaves else 1.0


def anls_star(truth: Any, prediction: Any, extra_nulls: bool = True) -> float:
    """Return ANLS* of two JSON-like objects: strings, numbers, None, lists (in any order) and dictionaries.

    Args:
        truth: the reference; a tuple holds alternatives, of which the best counts.
        prediction: the answer.
        extra_nulls: whether keys that only the answer has, with nothing in them, are forgiven.

    >>> anls_star({"name": "Ann", "tags": ["a", "b"]}, {"name": "Ann", "tags": ["b", "a"]})
    1.0
    """
    return _compare(truth, prediction, extra_nulls).mean


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _leaves(value: Any) -> int:
    if isinstance(value, tuple):
        return max(_leaves(option) for option in value)
    if isinstance(value, dict):
        return sum(_leaves(item) for item in value.values())
    if isinstance(value, list):
        return sum(_leaves(item) for item in value)
    return 1


def _compare(truth: Any, answer: Any, extra_nulls: bool) -> _Match:
    if isinstance(truth, tuple):
        return max((_compare(option, answer, extra_nulls) for option in truth), key=lambda match: match.mean)
    if truth is None:
        return _Match(float(_is_nothing(answer)), max(1, _leaves(answer)))
    if isinstance(truth, dict) and isinstance(answer, dict):
        return _compare_dicts(truth, answer, extra_nulls)
    if isinstance(truth, list) and isinstance(answer, list):
        return _compare_lists(truth, answer, extra_nulls)
    size = max(_leaves(truth), _leaves(answer))
    if isinstance(truth, list | dict) or isinstance(answer, list | dict) or answer is None:
        return _Match(0.0, size)
    return _Match(_likeness(str(answer), str(truth), _RULES["anls-star"]), size)


def _compare_dicts(truth: dict[Any, Any], answer: dict[Any, Any], extra_nulls: bool) -> _Match:
    total, leaves = 0.0, 0
    for key in truth.keys() | answer.keys():
        made_up = key not in truth and _is_nothing(answer[key])
        if made_up and extra_nulls:
            continue
        match = _compare(truth.get(key), answer.get(key), extra_nulls)
        total += 0.0 if made_up else match.total
        leaves += match.leaves
    return _Match(total, leaves)


def _compare_lists(truth: list[Any], answer: list[Any], extra_nulls: bool) -> _Match:
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    if not truth or not answer:
        return _Match(0.0, _leaves(truth) + _leaves(answer))
    pairs = [[_compare(wanted, given, extra_nulls) for given in answer] for wanted in truth]
    rows, columns = linear_sum_assignment(np.array([[pair.mean for pair in row] for row in pairs]), maximize=True)
    chosen = [pairs[row][column] for row, column in zip(rows, columns, strict=True)]
    left_over = sum(_leaves(truth[i]) for i in set(range(len(truth))) - set(rows.tolist()))
    left_over += sum(_leaves(answer[j]) for j in set(range(len(answer))) - set(columns.tolist()))
    return _Match(sum(pair.total for pair in chosen), sum(pair.leaves for pair in chosen) + left_over)


class AnlsStar(AnswerMetric):
    """ANLS of structured answers: mean similarity over all leaves, lists matched in the best order.

    An answer or reference that starts with "{" or "[" is read as JSON, anything else is one string. Missing
    and made-up leaves count 0. The best reference counts. Range 0 to 1, higher is better.

    Edge cases:
        An answer that starts like JSON and isn't valid (see ``schema_compliance``) is ``unparsed`` where a
        reference is structured, and a string otherwise. An empty answer: as ``anls``.

    Source:
        Peer et al. 2024, "ANLS*" (arXiv:2402.03848); variant ``anls-star`` after the authors' package.

    >>> AnlsStar().score('{"total": "12.50"}', ['{"total": "12.50", "date": "May"}']).value
    0.5
    """

    name = "anls_star"
    compares_text = True
    answer_tokens = 512
    variants: ClassVar[Variants] = {
        "default": "an extra key with nothing in it is forgiven",
        "anls-star": ANLS_STAR.variant(
            "src/anls_star/anls_star.py", "an extra key with nothing in it counts as a made-up leaf"
        ),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        truths = tuple(_structure(reference, "references") for reference in references)
        try:
            answer = _structure(prediction, "prediction")
        except ValueError:
            if not all(isinstance(wanted, str) for wanted in truths):
                return Score(NAN, Status.UNPARSED)
            answer = prediction
        return Score(min(anls_star(truths, answer, self.variant == "default"), 1.0))


def _structure(text: str, argument: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return parse_json(text)
    except StrictJSONError as cause:
        raise ValueError(f"{argument} must be valid JSON or plain text: {cause}") from cause
