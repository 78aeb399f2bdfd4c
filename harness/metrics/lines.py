"""Transcripts line by line: what was read of each line, in which order, and which words are missed or invented."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple

from harness.estimate import Node
from harness.metrics._base import AnswerMetric
from harness.metrics._summed import SummedAnswerMetric
from harness.metrics._text import squeeze
from harness.metrics.edits import edits
from harness.types import Direction, MetricValue, Score, Status

ENTRIES: Final = {
    "line_cer": "LineCer",
    "line_wer": "LineWer",
    "lines_right": "LinesRight",
    "reading_order": "ReadingOrder",
    "words_invented": "WordsInvented",
    "words_missed": "WordsMissed",
}

_FARTHEST: Final = 0.5
"""Lines that differ in a larger share of the longer one's characters are no readings of each other."""
_NEARER: Final = 1e-6
"""What decides between equal lines: the one at the likelier place of the page."""


class Reading(NamedTuple):
    """Which line of an answer reads which line of a reference."""

    wanted: tuple[str, ...]
    """The lines of the reference, none empty, runs of white space one space."""
    said: tuple[str, ...]
    """Those of the answer."""
    found: Mapping[int, int]
    """By line of the reference: the line of the answer, each at most once."""

    def pairs(self) -> tuple[int, int]:
        """Return how many pairs of lines that were found stand in the reference's order, of how many."""
        places = [self.found[line] for line in sorted(self.found)]
        ordered = sum(early < late for at, late in enumerate(places) for early in places[:at])
        return ordered, len(places) * (len(places) - 1) // 2


def lines_of(text: str) -> tuple[str, ...]:
    r"""Return the lines of a text that hold something.

    >>> lines_of(" a  b \n\n c")
    ('a b', 'c')
    """
    return tuple(filter(None, map(squeeze, text.splitlines())))


@lru_cache(maxsize=64)
def read(answer: str, reference: str) -> Reading:
    r"""Match lines one to one, so that the sum of their normalised edit distances is least; far ones are no match.

    >>> read("to sea\nCall me Ishmae1.", "Call me Ishmael.\nI went\nto sea").found
    {0: 1, 2: 0}
    """
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist
    from scipy.optimize import linear_sum_assignment

    wanted, said = lines_of(reference), lines_of(answer)
    if not wanted or not said:
        return Reading(wanted, said, {})
    far = cdist(wanted, said, scorer=Levenshtein.normalized_distance, dtype=np.float64)
    places = np.abs(np.linspace(0, 1, len(wanted))[:, None] - np.linspace(0, 1, len(said))[None, :])
    # A line without a fit is worth as much as one that is left alone, so that it takes no other one's place.
    rows, columns = linear_sum_assignment(np.minimum(far, _FARTHEST) + _NEARER * places)
    kept = far[rows, columns] <= _FARTHEST
    return Reading(wanted, said, dict(zip(rows[kept].tolist(), columns[kept].tolist(), strict=True)))


def _nearest(answer: str, references: Sequence[str]) -> Reading:
    """Return the reading of the reference that the whole answer is nearest to, of those that hold text."""
    told = [one for one in references if one.strip()]
    if len(told) > 1:
        told.sort(key=lambda one: edits(squeeze(answer), squeeze(one)) / len(squeeze(one)))
    return read(answer, told[0] if told else "")


class _OfLines(SummedAnswerMetric):
    answer_tokens = 512

    def tally(self, reading: Reading) -> tuple[float, float]:
        """Return what a transcript adds over and under the line."""
        raise NotImplementedError

    empty: ClassVar[float | None] = None
    """The value of 0 / 0."""
    blind: ClassVar[bool] = True
    """Whether a page without text has no value."""

    def form(self, label: str, at: Sequence[str]) -> Node:
        over, under = self.sums
        return self.ratio(label, at, over, under, self.empty)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        reading = _nearest(prediction, references)
        if self.blind and not reading.wanted:
            return Score(float("nan"), Status.UNDEFINED)
        over, under = self.tally(reading)
        value = over / under if under else float("nan") if self.empty is None else self.empty
        return Score(value, sums=dict(zip(self.sums, (over, under), strict=True)))

    def compute(
        self,
        predictions: Sequence[str | None],
        references: Sequence[Sequence[str]],
        *,
        clusters: Sequence[str] | None = None,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the number over all transcripts.

        Args:
            predictions: one transcript a row; None (missing) counts as empty.
            references: the right transcripts of each row; the one that the answer is nearest to counts.
            clusters: rows with the same string are resampled together.
            confidence: two-sided coverage of the interval.
        """
        return self.over(predictions, references, clusters, confidence)


class _LineErrors(_OfLines):
    direction: ClassVar[Direction] = "lower"
    unit = "edits per unit"
    sums: ClassVar[tuple[str, ...]] = ("edits", "units")
    failure_value: float | None = 1.0

    def units(self, line: str) -> Sequence[str]:
        """Return what is counted of a line."""
        raise NotImplementedError

    def tally(self, reading: Reading) -> tuple[float, float]:
        wanted = [self.units(line) for line in reading.wanted]
        found = {line: self.units(reading.said[place]) for line, place in reading.found.items()}
        wrong = [min(len(line), edits(found[at], line)) if at in found else len(line) for at, line in enumerate(wanted)]
        return float(sum(wrong)), float(sum(map(len, wanted)))


class LineCer(_LineErrors):
    r"""Character error rate by line: edits of the lines that were found, all of those that were not, per character.

    Lines of answer and reference are matched one to one by edit distance, wherever they stand; so the order of lines,
    which ``corpus_cer`` counts as edits, costs nothing here and is ``reading_order``. Range 0 to 1, lower is better.
    Gaffke's interval over documents.

    Edge cases:
        A line that nothing in the answer is like (more than half of the longer one's characters differ) costs all its
        characters. What the answer has beside is ``words_invented``. An answer whose lines are broken elsewhere finds
        none. A page without text (no reference holds any): ``undefined``. A failed or missing answer reads nothing: 1.

    Source:
        Levenshtein 1966; lines are matched one to one as text blocks are by Ouyang et al. 2024 (arXiv:2412.07626).

    >>> round(LineCer().compute(["to sea\nCall me Ishmae1."], [["Call me Ishmael.\nto sea"]]).value, 4)
    0.0455
    """

    name = "line_cer"
    computed = "Σ edits of lines / Σ characters of the references' lines"

    def units(self, line: str) -> Sequence[str]:
        return line


class LineWer(_LineErrors):
    r"""Word error rate by line: as ``line_cer``, of words between white space.

    Range 0 to 1, lower is better: a line costs at most its words. Gaffke's interval over documents.

    Edge cases:
        As ``line_cer``; lines are matched by their characters.

    Source:
        As ``line_cer``.

    >>> round(LineWer().compute(["to sea\nCall me Ishmae1."], [["Call me Ishmael.\nto sea"]]).value, 4)
    0.2
    """

    name = "line_wer"
    computed = "Σ edits of lines / Σ words of the references' lines"

    def units(self, line: str) -> Sequence[str]:
        return line.split()


class ReadingOrder(_OfLines):
    r"""Share of the pairs of lines found that the answer has in the reference's order, whatever their letters.

    1 − Kendall's distance over all pairs; lines are matched as for ``line_cer``. Range 0 to 1, higher is better: 0.5 is
    what an order drawn at random gives, 0 is from the last line to the first. Gaffke's interval over documents.

    Edge cases:
        Lines that were not found are in no pair: read ``line_cer`` beside it. Equal lines are taken in the likelier
        order. Fewer than two lines found, as in a failed answer: no pair. No pair in any answer: NaN.

    Source:
        Kendall 1938; for the order of texts Lapata 2006.

    >>> ReadingOrder().compute(["b b\na a\nc c"], [["a a\nb b\nc c"]]).value.__round__(4)
    0.6667
    """

    name = "reading_order"
    sums: ClassVar[tuple[str, ...]] = ("ordered", "pairs")
    computed = "Σ pairs of lines in order / Σ pairs of lines found"

    def tally(self, reading: Reading) -> tuple[float, float]:
        ordered, pairs = reading.pairs()
        return float(ordered), float(pairs)


class WordsMissed(_OfLines):
    """Share of the references' words that the answer does not hold, wherever they stand.

    Words between white space, with case and punctuation, each as often as it stands there. Range 0 to 1, lower is
    better. Gaffke's interval over documents.

    Edge cases:
        A page without text (no reference holds any): ``undefined``. A failed or missing answer misses all.

    Source:
        1 − recall of the bag of words, as in evaluations of OCR (Clausner et al. 2020).

    >>> WordsMissed().compute(["the red bar"], [["the red red chart"]]).value
    0.5
    """

    name = "words_missed"
    direction: ClassVar[Direction] = "lower"
    sums: ClassVar[tuple[str, ...]] = ("missed", "wanted")
    computed = "Σ words missed / Σ words of the references"
    failure_value: float | None = 1.0

    def tally(self, reading: Reading) -> tuple[float, float]:
        wanted, said = _words(reading.wanted), _words(reading.said)
        return float((wanted - said).total()), float(wanted.total())


class WordsInvented(_OfLines):
    """Share of the answer's words that the reference does not hold.

    Words as for ``words_missed``. Range 0 to 1, lower is better. Gaffke's interval over documents.

    Edge cases:
        An answer without words, a failed one too, invents nothing: 0 where no answer has any. On a page without text
        every word is invented.

    Source:
        1 − precision of the bag of words, as in evaluations of OCR (Clausner et al. 2020).

    >>> WordsInvented().compute(["the red bar"], [["the red red chart"]]).value.__round__(4)
    0.3333
    """

    name = "words_invented"
    direction: ClassVar[Direction] = "lower"
    sums: ClassVar[tuple[str, ...]] = ("invented", "said")
    computed = "Σ words invented / Σ words of the answers"
    empty = 0.0
    blind = False

    def tally(self, reading: Reading) -> tuple[float, float]:
        wanted, said = _words(reading.wanted), _words(reading.said)
        return float((said - wanted).total()), float(said.total())


class LinesRight(AnswerMetric):
    r"""Share of a document's lines that the answer has without a mistake, wherever they stand; mean over documents.

    Runs of white space count as one; case and punctuation count. Range 0 to 1, higher is better.

    Edge cases:
        A line that stands twice must be read twice. A page without text (no reference holds any): ``undefined``.
        A failed or missing answer: 0.

    Source:
        Recall of whole lines.

    >>> LinesRight().score("Call me  Ishmael.\nSome years", ["Call me Ishmael.\nSome years ago"]).value
    0.5
    """

    name = "lines_right"
    answer_tokens = 512

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        reading = _nearest(prediction, references)
        if not reading.wanted:
            return Score(float("nan"), Status.UNDEFINED)
        right = (Counter(reading.wanted) & Counter(reading.said)).total()
        return Score(right / len(reading.wanted))


def _words(lines: Sequence[str]) -> Counter[str]:
    return Counter(word for line in lines for word in line.split())
