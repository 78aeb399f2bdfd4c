"""Tables read off a chart: RNSS compares the numbers, RMS the entries with their row and column."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from harness.metrics._base import NAN, AnswerMetric, Failures
from harness.metrics._near import number_as_published
from harness.metrics._table_text import Entries, TooLargeError, limit, parse_as_published, parse_table
from harness.metrics._variants import DEPLOT, Variants
from harness.metrics.anls import similarity
from harness.reading.numbers import SIMPLE, number_alone
from harness.types import Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENTRIES: Final = {"rms_f1": "RmsF1", "rms_precision": "RmsPrecision", "rms_recall": "RmsRecall", "rnss": "Rnss"}

_PUBLISHED: Final = "deplot/metrics.py"
TEXT_LIMIT: Final = 0.5
NUMBER_LIMIT: Final = 0.1


def _float(text: str) -> float:
    """Return the number that a cell is, NaN where it is none."""
    number = number_alone(text).value
    return NAN if number is None else number.approx


def relative_distance(value: float, target: float) -> float:
    """Return min(1, |value − target| / |target|); for a zero target 0 if met, else 1.

    >>> relative_distance(90, 100), relative_distance(0, 0), relative_distance(1, 0)
    (0.1, 0.0, 1.0)
    """
    if target == 0:
        return float(value != 0)
    return min(1.0, abs((value - target) / target))


def _distance_as_published(value: float, target: float) -> float:
    # As published: a zero target met exactly is wrong, and missed is right.
    if not target:
        return float(not value)
    distance = abs((value - target) / target)
    return distance if distance < 1 else 1.0


def _best_total(gain: Any) -> float:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gain, maximize=True)
    return float(gain[rows, columns].sum())


class Rnss(AnswerMetric):
    r"""Relative number set similarity: mean of 1 − relative error over matched numbers; missing and extra ones count 0.

    All cells that are numbers count, wherever they stand. The best reference counts. Range 0 to 1, higher is better.

    Edge cases:
        Zero targets must be met exactly. No numbers in any reference: ``undefined``. None in the answer: 0. An empty
        answer: ``unparsed``. Numbers as ``harness.reading.numbers.number_alone`` reads a cell.

    Source:
        Masry et al. 2022, "ChartQA"; Liu et al. 2023, "DePlot" (arXiv:2212.10505); variant after
        google-research/deplot metrics.py (numbers that are not finite are dropped, where it fails).

    >>> Rnss().score("year | A\n2001 | 9", ["year | A\n2001 | 10"]).value
    0.95
    """

    name = "rnss"
    answer_tokens = 512
    variants: ClassVar[Variants] = {
        "default": "missing and extra numbers cost 1, zero is exact",
        "deplot": DEPLOT.variant(
            _PUBLISHED,
            "unmatched numbers cost nothing, a zero target is right where it is missed, 1_000 is a number",
        ),
    }

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        published = self.variant == "deplot"
        read = _numbers_as_published if published else _numbers
        targets = [numbers for numbers in map(read, references) if numbers or published]
        if not targets:
            return Score(NAN, Status.UNDEFINED)
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        try:
            given = read(prediction)
            return Score(max(_number_sets(given, wanted, published) for wanted in targets))
        except TooLargeError as cause:
            return Score(NAN, Status.UNPARSED, {"reason": str(cause)})


def _number_sets(given: Sequence[float], wanted: Sequence[float], published: bool) -> float:
    import numpy as np

    if not given or not wanted:
        return float(not given and not wanted)
    limit(len(given) * len(wanted))
    distance = _distance_as_published if published else relative_distance
    gain = 1 - np.array([[distance(value, target) for value in given] for target in wanted])
    total = _best_total(gain)
    unpenalised = max(len(given), len(wanted)) - min(len(given), len(wanted)) if published else 0
    return min(max((total + unpenalised) / max(len(given), len(wanted)), 0.0), 1.0)


def _numbers(text: str) -> list[float]:
    table = parse_table(text)
    found = (_of_cell(cell) for line in table.lines for cell in line)
    return [number for number in found if not math.isnan(number)]


def _numbers_as_published(text: str) -> list[float]:
    found = []
    for line in text.splitlines():
        for part in line.split(" | "):
            try:
                found.append(float(part))
            except ValueError:
                continue
    return [number for number in found if math.isfinite(number)]


class Rates(NamedTuple):
    """How much of the answer is right, how much of the reference was found, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


def _rates(total: float, given: int, wanted: int) -> Rates:
    if not given or not wanted:
        return Rates(float(not given), float(not wanted), float(not given and not wanted))
    precision, recall = total / given, total / wanted
    return Rates(precision, recall, 2 * precision * recall / (precision + recall) if total else 0.0)


def _key_likeness(wanted: Sequence[str], given: Sequence[str]) -> "NDArray[np.float64]":
    """Return the similarity of every pair of keys, 0 where more than half differs, [wanted, given]."""
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    likeness: NDArray[np.float64] = cdist(
        wanted,
        given,
        scorer=Levenshtein.normalized_similarity,
        score_cutoff=1 - TEXT_LIMIT,
        dtype=np.float64,
    )
    return likeness


def _spelling(value: str, target: str) -> float:
    likeness = similarity(value, target)
    return likeness if likeness >= 1 - TEXT_LIMIT else 0.0


def _of_cell(text: str) -> float:
    """Return the number that a cell holds; NaN where it is text."""
    return float(text) if SIMPLE.fullmatch(text) else _float(text)


_SHORT: Final = 16
_of_short = lru_cache(4096)(_of_cell)
"""Short cells come again in the next table: years, shares, counts."""


def _value_likeness(wanted: Sequence[str], given: Sequence[str], keys: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Return the similarity of every pair of values, [wanted, given]; text only where the keys are alike."""
    import numpy as np

    # A table and its transpose hold the same cells, and a good answer those of the reference.
    numbers = {text: _of_short(text) if len(text) <= _SHORT else _of_cell(text) for text in {*wanted, *given}}
    targets = np.array([numbers[text] for text in wanted])[:, None]
    values = np.array([numbers[text] for text in given])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        distance = np.abs(values - targets) / np.abs(targets)
    # A comparison with NaN (0 / 0, or text) is false: number against text is 0.
    gain = np.where(distance < NUMBER_LIMIT, 1 - distance, 0.0)
    gain[(targets == 0) & (values == 0)] = 1.0
    texts, spelled = (np.flatnonzero(np.isnan(side)).tolist() for side in (targets, values))
    for row, column in product(texts, spelled):
        if keys[row, column] > 0:
            gain[row, column] = _spelling(given[column], wanted[row])
    return gain


def _value_as_published(value: str, target: str) -> float:
    given, wanted = number_as_published(value), number_as_published(target)
    if given is not None and wanted:
        distance = _distance_as_published(given, wanted)
        return 1 - distance if distance < NUMBER_LIMIT else 0.0
    if value == target:
        return 1.0
    likeness = similarity(value, target)
    return likeness if likeness > 1 - TEXT_LIMIT else 0.0


def _compare_as_published(wanted: Entries, given: Entries) -> Rates:
    # As published: a repeated key keeps its last value, and keys are matched before values are looked at.
    from scipy.optimize import linear_sum_assignment

    wanted, given = (_overwritten(entries) for entries in (wanted, given))
    if not wanted.keys or not given.keys:
        return _rates(0.0, len(given.keys), len(wanted.keys))
    limit(len(wanted.keys) * len(given.keys))
    likeness = _key_likeness(wanted.keys, given.keys)
    likeness[likeness <= 1 - TEXT_LIMIT] = 0.0  # as published: what differs by one half is nothing like it
    rows, columns = linear_sum_assignment(1 - likeness)
    total = sum(
        likeness[row, column] * _value_as_published(given.values[column], wanted.values[row])
        for row, column in zip(rows, columns, strict=True)
    )
    return _rates(float(total), len(given.keys), len(wanted.keys))


def _overwritten(entries: Entries) -> Entries:
    last = dict(zip(*entries, strict=True))
    return Entries(list(last), list(last.values()))


def _compare_shapes(wanted: Entries, shapes: Sequence[Entries]) -> list[Rates]:
    """Return the rates of each shape of the answered table."""
    import numpy as np

    if wanted in shapes:
        return [Rates(1.0, 1.0, 1.0)]
    limit(len(wanted.keys) * max(len(shape.keys) for shape in shapes))
    # All shapes at once: small tables cost mostly the calls. Entries whose key is like none are worth nothing, as most
    # of the transposed table are.
    keys = [key for shape in shapes for key in shape.keys]
    values = [cell for shape in shapes for cell in shape.values]
    likeness = _key_likeness(wanted.keys, keys)
    alike = np.flatnonzero(likeness.any(axis=0))
    places = alike.tolist()
    gain = likeness[:, alike]
    gain *= _value_likeness(wanted.values, [values[place] for place in places], gain)
    found, start, begin = [], 0, 0
    for end in accumulate(len(shape.keys) for shape in shapes):
        stop = bisect_left(places, end)
        total = _best_total(gain[:, start:stop]) if stop > start else 0.0
        found.append(_rates(total, end - begin, len(wanted.keys)))
        start, begin = stop, end
    return found


def _best_rates(prediction: str, wanted: Sequence[Entries]) -> Rates | None:
    """Return the rates of the best reference, None where the answer has no entry; every reference has one."""
    table = parse_table(prediction)
    shapes = [shape for shape in (table.transposed().entries(), table.entries()) if shape.keys]
    if not shapes:
        return None
    ways = [rates for entries in wanted for rates in _compare_shapes(entries, shapes)]
    # Two references can give one F1 and two precisions; their order must not count.
    return max(ways, key=lambda rates: (rates.f1, rates.precision))


def _best_as_published(prediction: str, references: Sequence[str]) -> Rates:
    table = parse_as_published(prediction)
    shapes = (table.transposed().entries(), table.entries())
    wanted = [parse_as_published(text).entries() for text in references]
    ways = [_compare_as_published(entries, shape) for shape in shapes for entries in wanted]
    return max(ways, key=lambda rates: rates.f1)


class _Rms(AnswerMetric):
    variants: ClassVar[Variants] = {
        "default": "entries matched for the highest total, repeated keys kept, numbers as people write them",
        "deplot": DEPLOT.variant(_PUBLISHED, "keys matched first, repeated keys overwritten, values with float()"),
        "deplot-per-point": DEPLOT.variant(_PUBLISHED, "as deplot, with its mistake of returning the recall as F1"),
    }

    def __init__(self, variant: str = "default", failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        default = self.variant == "default"
        wanted = [entries for text in references if (entries := parse_table(text).entries()).keys] if default else []
        if default and not wanted:
            return Score(NAN, Status.UNDEFINED)
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        try:
            best = _best_rates(prediction, wanted) if default else _best_as_published(prediction, references)
        except TooLargeError as cause:
            return Score(NAN, Status.UNPARSED, {"reason": str(cause)})
        if best is None:
            return Score(NAN, Status.UNPARSED, {"reason": "no table with a row, a column and a value in the answer"})
        return Score(min(self.pick(best), 1.0), detail=best._asdict())

    def pick(self, rates: Rates) -> float:
        """Return the rate that this metric reports."""
        raise NotImplementedError


class RmsF1(_Rms):
    r"""Relative mapping similarity, F1: entries (row header, column header, value) of two tables, matched one to one.

    An entry is worth the similarity of its headers (ANLS at 0.5) times that of its value (1 − relative error
    below 0.1, or ANLS for text). The better of the answer and its transpose, and the best reference by F1,
    count. Range 0 to 1, higher is better.

    Edge cases:
        No reference has an entry: ``undefined``. The answer has none, or is empty: ``unparsed``. Number against text:
        0. Zero is exact. Numbers as ``harness.reading.numbers.number_alone`` reads a cell.

    Source:
        Liu et al. 2023, "DePlot" (arXiv:2212.10505); variants after google-research/deplot metrics.py.

    >>> round(RmsF1().score("y | A | B\n1 | 5 | 6", ["y | A\n1 | 5"]).value, 4)
    0.6667
    """

    name = "rms_f1"
    answer_tokens = 512

    def pick(self, rates: Rates) -> float:
        return rates.recall if self.variant == "deplot-per-point" else rates.f1


class RmsPrecision(_Rms):
    r"""Relative mapping similarity, precision: the worth of the matched entries / entries of the answer.

    See ``rms_f1``. Range 0 to 1, higher is better.

    Edge cases:
        No entries in the answer: ``unparsed`` (``deplot``: 1, nothing is wrong).

    Source:
        As ``rms_f1``.

    >>> RmsPrecision().score("y | A | B\n1 | 5 | 6", ["y | A\n1 | 5"]).value
    0.5
    """

    name = "rms_precision"
    answer_tokens = 512

    def pick(self, rates: Rates) -> float:
        return rates.precision


class RmsRecall(_Rms):
    r"""Relative mapping similarity, recall: the worth of the matched entries / entries of the reference.

    See ``rms_f1``. Range 0 to 1, higher is better.

    Edge cases:
        No entries in the reference: ``undefined`` (``deplot``: 1, nothing is missing).

    Source:
        As ``rms_f1``.

    >>> RmsRecall().score("y | A | B\n1 | 5 | 6", ["y | A\n1 | 5"]).value
    1.0
    """

    name = "rms_recall"
    answer_tokens = 512

    def pick(self, rates: Rates) -> float:
        return rates.recall
