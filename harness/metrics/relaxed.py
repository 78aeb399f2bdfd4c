"""Relaxed accuracy for charts: numbers within a relative tolerance, text without case."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, get_args

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._columns import Pairs, Rows, ScoreColumns, blank
from harness.metrics._numbers import Number, exact_tolerance, is_simple, near, near_columns, parse_number, within
from harness.metrics._text import fold
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


def _matches(prediction: str, reference: str, tolerance: Fraction) -> bool:
    value, target = _read(prediction), _read(reference)
    if value is None or target is None:
        return _plain(prediction) == _plain(reference)
    if near(value, target, tolerance):
        return True
    if value.percent == target.percent:
        return False
    # With a percent sign on one side only, the axis may or may not be in percent: "62%" is 62 and 0.62.
    other = value.value / 100 if value.percent else value.value * 100
    return within(other, target.value, tolerance)


@lru_cache(maxsize=65536)
def _read(text: str) -> Number | None:
    return parse_number(_unquoted(text))


def _unquoted(text: str) -> str:
    return text.strip().strip(_QUOTES)


def _doubles(texts: Sequence[str]) -> "tuple[NDArray[np.float64], NDArray[np.bool_]]":
    """Return the double nearest to each number, NaN for text, and which have a percent sign, [n]."""
    import numpy as np

    values = np.full(len(texts), NAN)
    percent = np.zeros(len(texts), bool)
    for place, text in enumerate(texts):
        if is_simple(text):
            values[place] = float(text)
        elif not text[:1].isalpha():  # no number starts with a letter
            number = _read(text)
            if number is not None:
                values[place], percent[place] = number.approx, number.percent
    return values, percent


def _differing(pairs: Pairs, exact: "NDArray[np.bool_]", tolerance: Fraction) -> "NDArray[np.bool_]":
    """Return which pairs match, among pairs of texts that differ; ``exact`` ones without tolerance."""
    import numpy as np

    values, value_percent = _doubles(pairs.answers)
    targets, target_percent = _doubles(pairs.references)
    limits = np.where(exact, 0.0, float(tolerance))
    hits, doubtful = near_columns(values, targets, limits)
    scaled = np.where(value_percent, values / 100, values * 100)
    scaled[value_percent == target_percent] = NAN
    scaled_hits, scaled_doubtful = near_columns(scaled, targets, limits)
    hits |= scaled_hits
    for place in np.flatnonzero((doubtful | scaled_doubtful) & ~hits).tolist():
        allowed = Fraction(0) if exact[place] else tolerance
        hits[place] = _matches(pairs.answers[place], pairs.references[place], allowed)
    for place in np.flatnonzero(np.isnan(values) | np.isnan(targets)).tolist():
        hits[place] = _plain(pairs.answers[place]) == _plain(pairs.references[place])
    return hits


def _float(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _pix2struct(prediction: str, reference: str, tolerance: float) -> float:
    value, target = _float(prediction), _float(reference)
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

    Edge cases:
        "1,000", "$1000" and "1000." are 1000; "62%" matches 62, 62% and 0.62. A zero must be met exactly.
        "nan", "inf", "1_000", "1e400" and digits of other scripts are text. An empty answer: ``unparsed``.

    Source:
        Methani et al. 2020, "PlotQA" (arXiv:1909.00997); Masry et al. 2022, "ChartQA" (arXiv:2203.10244).
        Variants after google-research/pix2struct metrics.py, lmms-eval tasks/chartqa, VLMEvalKit
        vqa_eval.py and vis-nlp/ChartQAPro evaluate_predictions.py, which ignores its own exact-match flag.

    >>> metric = RelaxedAccuracy()
    >>> [metric.score(answer, ["1,000"]).value for answer in ("$1050", "1050.1", "about 1000")]
    [1.0, 0.0, 0.0]
    """

    name = "relaxed_accuracy"
    variants: ClassVar[Mapping[str, str]] = {
        "default": "as documented",
        "pix2struct": "float() on raw text, 62% is only 0.62, a zero target compares as text",
        "lmms-eval": "as pix2struct",
        "vlmevalkit": "as pix2struct, after trimming the answer",
        "chartqapro": "lists element by element, years from the tag, text by ANLS at 0.5; between 0 and 1",
    }

    def __init__(
        self,
        variant: str = "default",
        tolerance: float = 0.05,
        years: Years = "tagged",
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, failures)
        if years not in get_args(Years):
            raise UsageError(
                f"metric 'relaxed_accuracy': unknown years {years!r}; {did_you_mean(years, get_args(Years))}"
            )
        self.tolerance = tolerance
        self.years = years
        self.binary = variant != "chartqapro"
        self._exact = exact_tolerance(tolerance)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        if self.variant == "default":
            year = self._is_tagged(context)
            return truth(any(_matches(prediction, text, self._tolerance(text, year)) for text in references))
        if self.variant == "chartqapro":
            flags = [flag.strip() for flag in _year_tag(context).split(",")]
            return Score(max(_chartqapro(prediction, text, self.tolerance, flags) for text in references))
        published = _PUBLISHED[self.variant]
        return Score(max(published(prediction, text, self.tolerance) for text in references))

    def judge_batch(self, rows: Rows) -> ScoreColumns | None:
        import numpy as np

        if self.variant == "chartqapro":
            return None
        pairs = rows.pairs()
        if self.variant == "default":
            values = pairs.any(self._matching(rows, pairs))
        else:
            published, beside = _PUBLISHED[self.variant], zip(pairs.answers, pairs.references, strict=True)
            scores = (published(answer, text, self.tolerance) for answer, text in beside)
            values = pairs.highest(np.fromiter(scores, np.float64, len(pairs.rows)))
        return ScoreColumns.ok(values).but(blank(rows.predictions), Status.UNPARSED)

    def _matching(self, rows: Rows, pairs: Pairs) -> "NDArray[np.bool_]":
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
        hits[differ] = _differing(left, exact, self._exact)
        return hits

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
