"""Numbers that stand together: four in one bracket, two brackets of two, or bare in a row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from harness.reading.corner_names import BOTTOM_RIGHT, TOP_LEFT, names_corners
from harness.reading.lazily import lazily

# Bounded repetitions: an answer of a megabyte must take linear time.
NUMBER: Final = r"[-+−]?(?:[0-9]{1,12}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE][-+]?[0-9]{1,3})?(?:\s?%|\s?px\b)?"
_PART: Final = lazily(NUMBER)
_SPACE: Final = r"\s{0,40}"
_GAP: Final = rf"(?:{_SPACE}[,;]{_SPACE}|\s{{1,40}})"
_OPEN: Final = rf"[(\[{{<]{_SPACE}"
_CLOSE: Final = rf"{_SPACE}[)\]}}>]"
_PAIR: Final = rf"{_OPEN}{NUMBER}{_GAP}{NUMBER}{_CLOSE}"
_LINK: Final = r"\s{0,9}[)\]}]{0,2}\s{0,9}(?:[,;]|->|[-–—→到至]|to\b)?\s{0,9}[(\[{]{0,2}\s{0,9}"
_COMMA: Final = r"[-+−]?[0-9]{1,12},[0-9]{1,20}"
_FOURS: Final = (
    rf"(?P<commas>{_OPEN}{_COMMA}(?:{_SPACE};{_SPACE}{_COMMA}){{3}}{_CLOSE})"
    rf"|(?P<four>{_OPEN}(?:{NUMBER}{_GAP}){{3}}{NUMBER}(?P<more>{_GAP}{NUMBER})?{_CLOSE})"
)
_CHAIN: Final = rf"|(?P<chain>{_PAIR}(?:{_LINK}{_PAIR}){{1,400}})"
_TO_PAIR: Final = rf"[^\d(\[{{<]{{0,40}}{_PAIR}"
_CORNERS: Final = (
    rf"|(?P<corners>{TOP_LEFT}{_TO_PAIR}[^\d(\[{{<]{{0,60}}?{BOTTOM_RIGHT}{_TO_PAIR})"
    rf"|(?P<turned>{BOTTOM_RIGHT}{_TO_PAIR}[^\d(\[{{<]{{0,60}}?{TOP_LEFT}{_TO_PAIR})"
)
_GROUP: Final = {named: lazily(_FOURS + (_CORNERS if named else "") + _CHAIN, re.IGNORECASE) for named in (False, True)}
"""With the names of corners only for texts that have some: to look for them takes time."""
_TWO: Final = lazily(_PAIR)
_TWO_WITH_COMMAS: Final = lazily(rf"(?P<commas>{_OPEN}{_COMMA}{_SPACE};{_SPACE}{_COMMA}{_CLOSE})|{_PAIR}")
_RUN: Final = lazily(
    rf"(?:^[ \t]{{0,8}}[0-9]{{1,3}}[.)][ \t]{{1,4}})?(?<![\w.])(?P<run>{NUMBER}(?:{_GAP}{NUMBER}){{1,200}})"
    rf"(?![\w]|{_GAP}[0-9]{{13}})",
    re.MULTILINE,
)
WIDE: Final = {
    **{code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)},
    **{ord(mark): ord(plain) for mark, plain in zip("、【】〔〕⟨⟩〈〉", ",[][]<><>", strict=True)},
    0x3000: 0x20,
}
"""Full-width forms and their plain ones, one for one, so that nothing changes its place."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers that stand together."""

    values: tuple[float, ...]
    text: str
    start: int
    why: str
    percent: bool = False
    """Whether each has a "%" behind it."""
    extra: float | None = None
    """A fifth number in the bracket."""


def fours(text: str) -> Iterator[Numbers]:
    """Yield the fours that brackets bind: four numbers in one, or two brackets of two beside each other.

    >>> [four.values for four in fours("3 [1, 2, 3, 4], (5, 6), (7, 8); <1 2 3 4> [1, 2, 3]")]
    [(1.0, 2.0, 3.0, 4.0), (5.0, 6.0, 7.0, 8.0), (1.0, 2.0, 3.0, 4.0)]
    """
    for group in _GROUP[names_corners(text)].finditer(text):
        if group["four"] is not None:
            numbers = numbers_in(group[0], group.start(), "four numbers in one bracket")
            if numbers:
                yield numbers
        elif group["commas"] is not None:
            numbers = numbers_in(group[0].replace(",", "."), group.start(), "four numbers with decimal commas")
            if numbers:
                yield numbers
        elif group.lastgroup in ("corners", "turned"):
            yield from _joined(list(_TWO.finditer(group[0])), group.start(), group[0], "two corners by name",
                               turned=group.lastgroup == "turned")  # fmt: skip
        else:
            yield from _chained(group[0], group.start())


def _chained(text: str, start: int) -> Iterator[Numbers]:
    """Yield the pairs of brackets in a chain of them: its two, or two and two where something parts them."""
    pairs = list(_TWO.finditer(text))
    parts: list[list[re.Match[str]]] = [pairs[:1]]
    for before, after in pairwise(pairs):
        link = text[before.end() : after.start()]
        if len(pairs) > 2 and any(mark in link for mark in ")]}\n"):
            parts.append([])
        parts[-1].append(after)
    if all(len(part) == 2 for part in parts):
        for part in parts:
            yield from _joined(part, start, text, "two brackets of two numbers")


def _joined(pairs: Sequence[re.Match[str]], start: int, text: str, why: str, turned: bool = False) -> Iterator[Numbers]:
    inside = text[pairs[0].start() : pairs[-1].end()]
    halves = [numbers_in(pair[0], 0, why) for pair in (reversed(pairs) if turned else pairs)]
    if all(halves):
        values = tuple(value for half in halves if half for value in half.values)
        yield Numbers(values, inside, start + pairs[0].start(), why, all(half.percent for half in halves if half))


def twos(text: str) -> Iterator[Numbers]:
    """Yield the pairs that brackets bind.

    >>> [two.values for two in twos("1. click (12, 34)")]
    [(12.0, 34.0)]
    """
    for pair in (_TWO_WITH_COMMAS if ";" in text else _TWO).finditer(text):
        commas = pair.lastgroup == "commas"
        numbers = numbers_in(
            pair[0].replace(",", ".") if commas else pair[0], pair.start(), "two numbers in one bracket"
        )
        if numbers:
            yield numbers


def rows(text: str, length: int) -> Iterator[Numbers]:
    """Yield the bare numbers that stand in rows of a length: alone between words, in a line, or between its spaces.

    A number that a list is counted with, "1." or "2)", is none of them.

    >>> [row.values for row in rows("1. 10, 20, 30, 40", 4)], list(rows("in 2024, 10, 20, 30, 40", 4))
    ([(10.0, 20.0, 30.0, 40.0)], [])
    """
    for run in _RUN.finditer(text):
        if run.end() == len(text) and text[: run.start("run")].rstrip()[-1:] in ("(", "[", "{", "<"):
            continue  # the answer ends within a bracket, and perhaps within its last number
        at = run.start("run")
        for piece in _pieces(run["run"], length):
            numbers = numbers_in(piece, at + run["run"].index(piece), f"{length} bare numbers in a row")
            if numbers and len(numbers.values) == length:
                yield numbers


def _pieces(run: str, length: int) -> Iterator[str]:
    """Yield what may be one row each: the whole run, else its lines, else what commas hold together."""
    if len(_PART.findall(run)) == length:
        yield run
        return
    for line in run.splitlines():
        found = len(_PART.findall(line))
        parts = re.split(r"(?<![,;\s])\s{1,40}(?![,;\s])", line) if "," in line and found > length else [line]
        yield from (part for part in parts if len(_PART.findall(part)) == length)


def numbers_in(text: str, start: int, why: str) -> Numbers | None:
    """Return all numbers of a text that has some; None where one is too large, or only some are percentages."""
    written = _PART.findall(text)
    shares = [number.endswith("%") for number in written]
    values: tuple[float, ...] = tuple([number_of(number) for number in written])
    if any(shares) != all(shares) or max(map(abs, values)) >= LIMIT:
        return None
    extra = None
    if len(values) == 5:
        if not 0 <= values[4] <= 1:
            return None
        extra = values[-1]
        values = values[:-1]
    return Numbers(values, text, start, why, all(shares), extra)


LIMIT: Final = 1e9
"""No image has so many pixels a side; beyond, squares of sides would lose their units."""


def number_of(written: str) -> float:
    """Return the number of what ``NUMBER`` finds, whatever it counts."""
    if written[-1] not in "0123456789.":
        written = written.rstrip("pxPX%").rstrip()
    return float(written.replace("−", "-"))
