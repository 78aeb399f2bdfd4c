"""Relaxed accuracy for charts: numbers within a relative tolerance, text without case."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple, get_args

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._columns import Pairs, Rows, ScoreColumns
from harness.metrics._near import exact_tolerance, meets, near_columns, number_as_published, same_unit
from harness.metrics._text import fold
from harness.metrics._variants import CHARTQAPRO, LMMS_EVAL, PIX2STRUCT, VLMEVALKIT, Variants
from harness.reading import Reading
from harness.reading.number_words import has_decimal_comma, language_of
from harness.reading.numbers import EVERYDAY, SIMPLE, Number, keeps_decimal_comma, number_alone
from harness.types import Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"relaxed_accuracy": "RelaxedAccuracy"}

Years = Literal["tagged", "exact", "tolerant"]
"""Which targets must be met exactly: those tagged ``year: yes``, also everything that looks like a year, none."""

_YEAR: Final = re.compile(r"(?:1[5-9]|20|21)[0-9]{2}")
_QUOTES: Final = "\"'“”‘’`"


@lru_cache(maxsize=65536)
def _plain(text: str) -> str:
    """Fold case and space, and drop what wraps a short answer: quotes and full stops."""
    return fold(text).rstrip(".").strip(_QUOTES).rstrip(".").strip()


def _matches(prediction: str, reference: str, tolerance: Fraction, locale: str | None) -> bool | None:
    """Say whether an answer meets a reference; None where it can be read as several numbers."""
    wanted = _read(reference, locale)
    target = wanted.value
    if target is not None and locale is None and keeps_decimal_comma(_unquoted(reference)):
        locale = "de"
    given = _read(prediction, locale)
    value = given.value
    if value is None or target is None or not same_unit(value, target):
        if _plain(prediction) == _plain(reference):
            return True
        return None if given.competing and target is not None else False
    return meets(value, target, tolerance)


@lru_cache(maxsize=65536)
def _read(text: str, locale: str | None) -> Reading[Number]:
    return number_alone(_unquoted(text), locale)


def _unquoted(text: str) -> str:
    return text.strip().strip(_QUOTES)


class _Doubles(NamedTuple):
    """Texts as numbers, one a row."""

    values: "NDArray[np.float64]"
    """The double nearest to each, NaN for text."""
    percent: "NDArray[np.bool_]"
    """Which have a percent sign."""
    odd: "NDArray[np.bool_]"
    """Which doubles cannot judge alone: those with a unit or a decimal comma, and those with several readings."""


_DIGIT: Final = re.compile(r"[\d¼-¾⅐-⅞]")


def _doubles(texts: Sequence[str], locale: str | None) -> _Doubles:
    import numpy as np

    # Setting an item of a list costs half of setting one of an array.
    values, percent, odd = [NAN] * len(texts), [False] * len(texts), np.zeros(len(texts), bool)
    # "1.234" is simple unless points part thousands.
    by_point = locale is None or not has_decimal_comma(locale)
    simple, everyday = SIMPLE.fullmatch, EVERYDAY.fullmatch
    for place, text in enumerate(texts):
        if by_point and simple(text):
            values[place] = float(text)
        elif by_point and everyday(text):
            values[place], percent[place] = float(text.replace(",", "").rstrip("%")), text[-1] == "%"
        elif _DIGIT.search(text):
            read = _read(text, locale)
            number = read.value
            if number is not None:
                values[place], percent[place] = number.approx, number.percent
                odd[place] = bool(number.unit) or ("," in text and keeps_decimal_comma(_unquoted(text)))
            else:
                odd[place] = read.competing
    return _Doubles(np.array(values), np.array(percent, bool), odd)


def _differing(
    pairs: Pairs, exact: "NDArray[np.bool_]", tolerance: Fraction, locale: str | None
) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
    """Return which pairs match, among pairs of texts that differ; ``exact`` ones without tolerance.

    Returns:
        The pairs that match, and those whose answer can be read as several numbers.
    """
    import numpy as np

    values, value_percent, odd = _doubles(pairs.answers, locale)
    targets, target_percent, odd_targets = _doubles(pairs.references, locale)
    limits = np.where(exact, 0.0, float(tolerance))
    hits, doubtful = near_columns(values, targets, limits)
    scaled = np.where(value_percent, values / 100, values * 100)
    scaled[value_percent == target_percent] = NAN
    scaled_hits, scaled_doubtful = near_columns(scaled, targets, limits)
    hits |= scaled_hits
    for place in np.flatnonzero(np.isnan(values) | np.isnan(targets)).tolist():
        hits[place] = _plain(pairs.answers[place]) == _plain(pairs.references[place])
    competing = np.zeros(len(hits), bool)
    for place in np.flatnonzero(((doubtful | scaled_doubtful) & ~hits) | odd | odd_targets).tolist():
        allowed = Fraction(0) if exact[place] else tolerance
        met = _matches(pairs.answers[place], pairs.references[place], allowed, locale)
        hits[place], competing[place] = bool(met), met is None
    return hits, competing


def _pix2struct(prediction: str, reference: str, tolerance: float) -> float:
    value, target = number_as_published(prediction), number_as_published(reference)
    if value is not None and target:
        return float(abs(value - target) / abs(target) <= tolerance)
    return float(prediction.lower() == reference.lower())


def _vlmevalkit(prediction: str, reference: str, tolerance: float) -> float:
    return _pix2struct(prediction.strip(), reference, tolerance)


# ChartQAPro puts quotes round the first stretch of each bare element before it reads a list.
_BARE: Final = re.compile(r"(?<!['\w])(\w[^,]*?)(?!['\w])")


def _literal(text: str) -> Any:
    """Read a Python literal, None where there is none; no code runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            return ast.literal_eval(text)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None


def _quoted_list(reference: str) -> str:
    found = re.match(r"^\[(.*)\]$", reference.strip())
    read = _literal(f"[{_BARE.sub(_quote, found[1])}]") if found else None
    return reference if read is None else str(read)


def _quote(found: re.Match[str]) -> str:
    return f"'{found[1]}'"


def _elements(text: str) -> list[str]:
    # Only a list literal counts, so nothing else is worth reading.
    read = _literal(text) if text.lstrip(" \t").startswith(("[", "(")) else None
    return [str(item).strip(" '") for item in read] if isinstance(read, list) and read else [text]


def _chartqapro_item(prediction: str, reference: str, tolerance: float) -> float:
    from harness.metrics.anls import similarity

    answer, wanted = (text.strip().strip("%").strip() for text in (prediction, reference))
    value, target = (_plain_float(text) for text in (answer, wanted))
    if value is not None and target is not None:
        if target == 0:
            return float(value == 0)
        return float(abs(value - target) / abs(target) <= tolerance)
    likeness = similarity(" ".join(answer.lower().split()), " ".join(wanted.lower().split()))
    return likeness if likeness > 0.5 else 0.0


def _plain_float(text: str) -> float | None:
    try:
        return float(text.strip().strip("%"))
    except ValueError:
        return None


def _chartqapro(prediction: str, reference: str, tolerance: float, years: Sequence[str] = ("NO",)) -> float:
    wanted = _elements(_quoted_list(reference.strip(".").strip("\n")))
    given = _elements(prediction.strip(".").strip("\n"))
    flags = list(years) * len(wanted) if len(years) < len(wanted) else list(years)
    total = 0.0
    for answer, target, flag in zip(given, wanted, flags, strict=False):
        if flag.upper() == "YES":
            total += answer.strip().lower() == target.strip().lower()
        else:
            total += _chartqapro_item(answer, target, tolerance)
    return total / max(len(given), len(wanted))


_PUBLISHED: Final[Mapping[str, Callable[[str, str, float], float]]] = {
    "pix2struct": _pix2struct,
    "lmms-eval": _pix2struct,
    "vlmevalkit": _vlmevalkit,
}


class RelaxedAccuracy(AnswerMetric):
    """1 where the answer is a number within ``tolerance`` of a reference, or the same text without case, else 0.

    The whole answer is judged: take "14" out of "The answer is 14." with an extraction step first. The
    best reference counts. Range 0 to 1, higher is better.

    Args:
        tolerance: relative to the reference, its edge included, compared as decimals: 1.05 is within 5 % of 1.
        years: ``tagged`` compares exactly where the sample's tag ``year`` is yes; ``exact`` also
            wherever a reference is a whole number from 1500 to 2199; ``tolerant`` nowhere.
        locale: whose habits the numbers keep, such as ``de``: "1.234" is then 1234. By default a comma before groups of
            three parts thousands and a single point is a decimal point, unless the reference has a decimal comma.

    Edge cases:
        Numbers as ``harness.reading.numbers.number_alone`` reads them: "1,000", "$1000", "1.000,00", "1 thousand" and
        "1000." are 1000; "62%" matches 62, 62% and 0.62. A unit counts only where both sides have one: "5 kg" is "5"
        and not "5 g". A zero must be met exactly. "nan", "inf", "1_000" and "1e400" are text. An answer that can be
        read as several numbers ("5m"): ``unparsed``. An empty answer: as ``anls``.

    Source:
        Methani et al. 2020, "PlotQA" (arXiv:1909.00997); Masry et al. 2022, "ChartQA" (arXiv:2203.10244).
        ``chartqapro`` ignores its own exact-match flag, as published.

    >>> metric = RelaxedAccuracy()
    >>> [metric.score(answer, ["1,000"]).value for answer in ("$1050", "1050.1", "1,05 thousand", "It is 1000")]
    [1.0, 0.0, 1.0, 0.0]
    """

    name = "relaxed_accuracy"
    compares_text = True
    variants: ClassVar[Variants] = {
        "default": "as documented",
        "pix2struct": PIX2STRUCT.variant(
            "pix2struct/metrics.py", "float() on raw text, 62% is only 0.62, a zero target compares as text"
        ),
        "lmms-eval": LMMS_EVAL.variant("lmms_eval/tasks/chartqa/utils.py", "as pix2struct"),
        "vlmevalkit": VLMEVALKIT.variant(
            "vlmeval/dataset/utils/vqa_eval.py", "as pix2struct, after trimming the answer"
        ),
        "chartqapro": CHARTQAPRO.variant(
            "evaluate_predictions.py",
            "lists element by element, years from the tag, text by ANLS at 0.5; between 0 and 1",
        ),
    }

    def __init__(
        self,
        variant: str = "default",
        tolerance: float = 0.05,
        years: Years = "tagged",
        failures: Failures = "wrong",
        locale: str | None = None,
    ) -> None:
        super().__init__(variant, failures)
        if locale is not None:
            language_of(locale)
        if years not in get_args(Years):
            raise UsageError(
                f"metric 'relaxed_accuracy': unknown years {years!r}; {did_you_mean(years, get_args(Years))}"
            )
        self.tolerance = tolerance
        self.years = years
        self.locale = locale
        self.binary = self.variant != "chartqapro"
        self._exact = exact_tolerance(tolerance)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if self.variant == "default":
            return self._best(prediction, references, self._is_tagged(context))
        if self.variant == "chartqapro":
            flags = [flag.strip() for flag in _year_tag(context).split(",")]
            return Score(max(_chartqapro(prediction, text, self.tolerance, flags) for text in references))
        published = _PUBLISHED[self.variant]
        return Score(max(published(prediction, text, self.tolerance) for text in references))

    def _best(self, prediction: str, references: tuple[str, ...], year: bool) -> Score:
        met = [_matches(prediction, text, self._tolerance(text, year), self.locale) for text in references]
        if None in met and True not in met:
            return Score(NAN, Status.UNPARSED, {"reason": _read(prediction, self.locale).why})
        return truth(True in met)

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        import numpy as np

        if self.variant == "chartqapro":
            return None
        pairs = rows.pairs()
        unread = np.zeros(len(rows), bool)
        if self.variant == "default":
            hits, competing = self._matching(rows, pairs)
            values = pairs.any(hits)
            if competing.any():
                unread |= (pairs.any(competing) > 0) & (values == 0)
        else:
            published, beside = _PUBLISHED[self.variant], zip(pairs.answers, pairs.references, strict=True)
            scores = (published(answer, text, self.tolerance) for answer, text in beside)
            values = pairs.highest(np.fromiter(scores, np.float64, len(pairs.rows)))
        return ScoreColumns.ok(values).but(unread, Status.UNPARSED)

    def _matching(self, rows: Rows, pairs: Pairs) -> "tuple[NDArray[np.bool_], NDArray[np.bool_]]":
        import numpy as np

        beside = zip(pairs.answers, pairs.references, strict=True)
        hits = np.fromiter((answer == text for answer, text in beside), bool, len(pairs.rows))
        differ = np.flatnonzero(~hits)
        left = pairs.take(differ)
        tagged = np.zeros(len(rows), bool)
        if "tags" in rows.context:
            tagged[:] = [self._is_tagged({"tags": tags}) for tags in rows.context["tags"]]
        exact = tagged[left.rows]
        if self.years == "exact":
            exact |= np.fromiter(map(_looks_like_year, left.references), bool, len(differ))
        competing = np.zeros(len(hits), bool)
        hits[differ], competing[differ] = _differing(left, exact, self._exact, self.locale)
        return hits, competing

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        """Say where the tag ``year`` is neither yes nor no: it would silently mean no."""
        listed = self.variant == "chartqapro"
        if self.years == "tolerant" or not (listed or self.variant == "default"):
            return None
        flags = _year_tag(context).split(",") if listed else [_year_tag(context)]
        if all(flag.strip().lower() in (*_YES, *_NO) for flag in flags):
            return None
        wanted = "yes or no, one a question, with commas between" if listed else "yes or no"
        return f"the tag 'year' must be {wanted}; got {_year_tag(context)!r}"

    def _is_tagged(self, context: Mapping[str, Any]) -> bool:
        return self.years != "tolerant" and _year_tag(context).lower() in _YES

    def _tolerance(self, reference: str, tagged: bool) -> Fraction:
        return Fraction(0) if tagged or (self.years == "exact" and _looks_like_year(reference)) else self._exact


_YES: Final = ("yes", "true", "1")
_NO: Final = ("no", "false", "0", "")


def _looks_like_year(reference: str) -> bool:
    return _YEAR.fullmatch(_unquoted(reference).rstrip(".")) is not None


def _year_tag(context: Mapping[str, Any]) -> str:
    tags = context.get("tags") or {}
    return str(tags.get("year", "no")).strip()
