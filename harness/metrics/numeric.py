"""Numbers of the references that the answer gives, within a tolerance and one to one."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any, ClassVar, Final, NamedTuple

from harness.metrics._base import NAN, AnswerMetric, Failures
from harness.metrics._near import exact_tolerance
from harness.reading.number_words import language_of
from harness.reading.numbers import find_numbers
from harness.types import Score, Status

ENTRIES: Final = {"numeric_accuracy": "NumericAccuracy", "numeric_precision": "NumericPrecision"}


class Match(NamedTuple):
    """How many numbers were matched, and out of how many."""

    matched: int
    wanted: int
    given: int

    @property
    def recall(self) -> float:
        """Share of the reference's numbers that were found."""
        return self.matched / self.wanted if self.wanted else NAN

    @property
    def precision(self) -> float:
        """Share of the answer's numbers that belong to the reference."""
        return self.matched / self.given if self.given else NAN


def count_matches(given: Sequence[Fraction], wanted: Sequence[Fraction], tolerance: Fraction) -> int:
    """Return the size of the largest one-to-one matching of numbers within ``tolerance`` of a wanted one.

    Each wanted number accepts an interval, so that the graph is convex and giving every number, in
    ascending order, to the open interval that closes first is optimal (Glover 1967): exact, independent of
    order, and n log n where an assignment solver needs the whole n × m matrix.

    >>> count_matches([Fraction(100), Fraction(102)], [Fraction(102), Fraction(104)], Fraction("0.02"))
    2
    """
    spans = sorted((t - tolerance * abs(t), t + tolerance * abs(t)) for t in wanted)
    open_spans: list[Fraction] = []
    matched = upcoming = 0
    for value in sorted(given):
        while upcoming < len(spans) and spans[upcoming][0] <= value:
            heappush(open_spans, spans[upcoming][1])
            upcoming += 1
        while open_spans and open_spans[0] < value:
            heappop(open_spans)
        if open_spans:
            heappop(open_spans)
            matched += 1
    return matched


def best_match(
    prediction: str, references: Sequence[str], tolerance: Fraction, locale: str | None = None
) -> Match | None:
    """Return the match with the reference that fits best (recall, then precision), None where none holds a number.

    >>> best_match("41 and 7", ["41", "41 and 9"], Fraction("0.02"))
    Match(matched=1, wanted=1, given=2)
    """
    given = _values(prediction, locale)
    best: Match | None = None
    for reference in references:
        wanted = _values(reference, locale)
        if wanted:
            match = Match(count_matches(given, wanted, tolerance), len(wanted), len(given))
            if best is None or (match.recall, match.matched) > (best.recall, best.matched):
                best = match
    return best


def _values(text: str, locale: str | None) -> list[Fraction]:
    return [found.value.value for found in find_numbers(text, locale)]


def unreadable(references: Sequence[str]) -> str | None:
    """Return what is wrong with references that are meant as numbers: digits of which no number can be read.

    A reference without digits is no mistake: it is no number.

    >>> unreadable(["1.2.3"])
    "references must be numbers that can be read; got '1.2.3'"
    >>> unreadable(["red"]), unreadable(["1.2"])
    (None, None)
    """
    for text in references:
        if any(map(str.isdigit, text)) and not find_numbers(text):
            return f"references must be numbers that can be read; got {text!r:.80}"
    return None


class NumericAccuracy(AnswerMetric):
    """Share of the reference's numbers that the answer gives within a relative tolerance, one to one (recall).

    The best reference counts. Range 0 to 1, higher is better. Extra numbers cost nothing here:
    ``detail["precision"]`` and the metric ``numeric_precision`` count them.

    Args:
        tolerance: relative to the reference's number, its edge included; a zero must be met exactly.
        locale: whose habits the numbers keep, such as ``de``: "3,5" is then one number.

    Edge cases:
        No reference holds a number: ``undefined``. The answer holds none: 0. An empty answer: ``unparsed``.
        A percent sign is ignored ("62%" is 62), a scale word counts ("3.5 million" is 3,500,000). See ``find_numbers``
        for what counts as a number.

    Source:
        This project. Maximum matching instead of a greedy one, which depends on the order.

    >>> NumericAccuracy().score("It rose from 41 to 84", ["41, 83"]).value
    1.0
    """

    name = "numeric_accuracy"
    variants: ClassVar[Mapping[str, str]] = {"default": "maximum one-to-one matching"}

    def __init__(
        self,
        variant: str = "default",
        tolerance: float = 0.02,
        failures: Failures = "wrong",
        locale: str | None = None,
    ) -> None:
        super().__init__(variant, failures)
        if locale is not None:
            language_of(locale)
        self.tolerance = tolerance
        self.locale = locale
        self._exact = exact_tolerance(tolerance)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        match = best_match(prediction, references, self._exact, self.locale)
        if match is None:
            return Score(NAN, Status.UNDEFINED)
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        return self._rate(match)

    def problem(self, references: Sequence[str], context: Mapping[str, Any]) -> str | None:
        return unreadable(references)

    def _rate(self, match: Match) -> Score:
        return Score(match.recall, detail={"precision": match.precision, **match._asdict()})


class NumericPrecision(NumericAccuracy):
    """Share of the answer's numbers that match a number of the reference within a relative tolerance, one to one.

    The reference with the best recall counts. Range 0 to 1, higher is better.

    Args:
        tolerance: relative to the reference's number, its edge included; a zero must be met exactly.
        locale: as for ``numeric_accuracy``.

    Edge cases:
        No reference holds a number: ``undefined``. The answer holds none, so that there is nothing to be precise
        about: ``unparsed``.

    Source:
        This project; the counterpart of ``numeric_accuracy``.

    >>> NumericPrecision().score("between 41 and 99", ["41"]).value
    0.5
    """

    name = "numeric_precision"

    def _rate(self, match: Match) -> Score:
        if not match.given:
            return Score(NAN, Status.UNPARSED, {"reason": "no number in the answer"})
        return Score(match.precision, detail={"recall": match.recall, **match._asdict()})
