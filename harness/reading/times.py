"""Times and windows in prose: "from 2.5 to 4 s", "5 to 10 minutes", "00:01:02,500", in several languages."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Final

from harness.reading import units
from harness.reading.found import Found, Reading, nothing, one_of_several
from harness.reading.lazily import lazily
from harness.types import Span

LIMIT: Final = 1e9
"""Seconds; nothing is longer than thirty years."""
MOST: Final = 1000
"""Windows that are read from one answer."""
_BEFORE: Final = 60
"""Characters before a time in which it is looked for what introduces it."""

# Bounded repetitions: an answer of a megabyte must take linear time.
_NUMBER: Final = r"\d{1,9}(?:[.,]\d{1,9})?"
_POINTED: Final = r"\d{1,9}(?:\.\d{1,9})?"
_ORDINAL: Final = rf"(?:(?:st|nd|rd|th|te|ten|er|e|º|ª|°)(?!{units.LETTER}))?"
_AND: Final = r"\s{0,2}(?:,|and\b|und\b|et\b|y\b|e\b|и\b)?\s{0,2}"
_LEFT: Final = rf"(?<![^\W{units.EAST}])(?<![.:])(?<!\d,)"
_RIGHT: Final = rf"(?!{units.LETTER}|\d|[:.,]\d)"


def _amounts(number: str) -> str:
    """Return the pattern of a number with its unit, and of those that follow with smaller ones."""
    hours, minutes, seconds, millis = (
        rf"{number}{_ORDINAL}(?:-|\s{{0,2}}){units.UNITS[unit]}" for unit in (3600.0, 60.0, 1.0, 0.001)
    )
    last = rf"(?:{_AND}{millis})?"
    then = rf"(?:{_AND}{seconds})?{last}"
    return rf"{hours}(?:{_AND}{minutes})?{then}|{minutes}{then}|{millis}|{seconds}{last}"


_CLOCK: Final = r"(?:\d{1,3}:)?\d{1,4}:\d{1,2}(?:[.,]\d{1,9})?"


def _time(number: str, group: str = "") -> str:
    clock, units_, bare = (f"(?P<{name}>" if not group else "(?:" for name in ("clock", "units", "bare"))
    return (
        rf"{clock}{_CLOCK}{_RIGHT})(?:\s?(?:seconds?|secs?|s|minutes?|mins?|min|hours?|h)\b)?"
        rf"|{units_}{_amounts(number)})|{bare}{number}{_ORDINAL}){_RIGHT}"
    )


@cache
def _a_time() -> re.Pattern[str]:
    """Return the pattern of a time. Compiled when it is first read with: that takes half a second, for all three."""
    return re.compile(rf"{_LEFT}(?:{_time(_NUMBER)})", re.IGNORECASE)


@cache
def _bracketed() -> re.Pattern[str]:
    """Return the pattern of two times in a bracket."""
    one = _time(_POINTED, "x")
    return re.compile(rf"[\[(<{{]\s{{0,3}}({one})\s{{0,3}},\s{{0,3}}({one})\s{{0,3}}[\])>}}]", re.IGNORECASE)


@cache
def _parts() -> dict[float, re.Pattern[str]]:
    """Return the patterns of amounts, by the seconds that one of their unit has."""
    return {
        unit: re.compile(rf"({_NUMBER}){_ORDINAL}(?:-|\s{{0,2}}){word}", re.IGNORECASE)
        for unit, word in units.UNITS.items()
    }


_DIGIT: Final = lazily(r"\d")
_SECONDS: Final = lazily(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s?(?:seconds?|s)\.?", re.IGNORECASE)
"""The commonest amount, for which it need not be looked through all units."""
_LEADING: Final = lazily(_NUMBER)
_FRAMES_BEHIND: Final = lazily(rf"\s{{0,2}}(?:{units.FRAMES})", re.IGNORECASE)
_THOUSANDS: Final = lazily(r"\d{1,3},\d{3}")


@dataclass(frozen=True, slots=True)
class _Time:
    start: int
    end: int
    text: str
    value: float | None
    """Seconds, or what it counts of a unit that follows; None where it counts frames, or may be thousands."""
    unit: float | None
    """Of its last number; None where it has none."""
    clock: bool = False

    @property
    def marked(self) -> bool:
        return self.clock or self.unit is not None


def find_times(text: str) -> list[Found[float]]:
    """Return the times of a text in seconds, in its order: those that say so, else all numbers.

    A time says so by a unit, by colons, by the word before it ("at 3.5"), or by being the end of a window that does.
    Numbers of frames are none, nor are bare ones that count something else ("5 people").

    >>> [time.value for time in find_times("2 people enter at 1:02.5 and leave at 2 min 5 s")]
    [62.5, 125.0]
    """
    times = _times(text)
    return _told(text, times, list(_windows(text, times)))


def _told(text: str, times: "Sequence[_Time]", windows: "Sequence[_Window]") -> list[Found[float]]:
    ends = {
        time.start: value
        for window in windows
        if window.told
        for time, value in zip((window.first, window.second), window.span, strict=True)
    }
    told = [time for time in times if time.start in ends or time.marked or units.AT.search(_before(text, time))]
    bare = (time for time in times if not _counts(text, time.end))
    read = ((time, ends.get(time.start, time.value)) for time in told or bare)
    return [Found(value, time.text, time.start, "a time") for time, value in read if value is not None]


def read_windows(text: str, most: int = MOST, told: bool = False) -> Reading[tuple[Span, ...]]:
    """Return the windows of a text in seconds, in its order; an empty tuple where it says that there is none.

    Two times are a window with "-", "to", "bis", "à", "到" and the like between them, with "and" behind "between", as
    start and end, or in one bracket. A unit behind the second counts for both. Where some windows say that they are
    times, by a unit, by colons or by "from", the others are numbers of something else. So are bare numbers with a noun
    before or behind them: "rows 1-2", "from 5 to 10 km/h".

    Args:
        text: prose.
        most: read so many windows.
        told: only those that say that they are times.

    >>> [read_windows(text).value for text in ("5 to 10 minutes", "2-3 people walk in from 5 to 10 s", "12,5 - 20,3")]
    [((300.0, 600.0),), ((5.0, 10.0),), ((12.5, 20.3),)]
    >>> read_windows("No such moment.").value, read_windows("I cannot say.").value
    ((), None)
    """
    return _of_windows(text, list(islice(_windows(text, _times(text)), most)), told)


def read_prose(text: str, most: int = MOST) -> tuple[Reading[tuple[Span, ...]], list[Found[float]]]:
    """Return what :func:`read_windows` and :func:`find_times` do, in one go."""
    times = _times(text)
    windows = list(_windows(text, times))
    return _of_windows(text, windows[:most]), _told(text, times, windows)


def _of_windows(text: str, found: "Sequence[_Window]", told: bool = False) -> Reading[tuple[Span, ...]]:
    kept = [window for window in found if window.told] or ([] if told else list(found))
    if kept:
        why = "; ".join(dict.fromkeys(window.why for window in kept))
        evidence = (
            one_of_several(window.span, text[window.first.start : window.second.end], window.first.start, window.why)
            for window in kept
        )
        return Reading(tuple(window.span for window in kept), why, tuple(evidence))
    never = units.NEVER.search(text)
    return nothing("no two times") if never is None else Reading((), f"it says {never[0].strip()!r}")


@dataclass(frozen=True, slots=True)
class _Window:
    first: _Time
    second: _Time
    span: Span
    why: str
    told: bool
    """Whether it says that it is one of times."""


def _windows(text: str, times: Sequence[_Time]) -> Iterator[_Window]:
    at = 0
    while at + 1 < len(times):
        first, second = times[at], times[at + 1]
        rule = _rule(text, first, second, alone=len(times) == 2)
        if rule is None:
            at += 1
            continue
        at += 2
        why, told = rule
        if first.value is None or second.value is None or _is_date(text, first, second):
            continue
        if not second.marked and not first.marked and _counts(text, second.end):
            continue
        if not told and ((_is_year(first) and _is_year(second)) or not units.UNCOUNTED.search(_before(text, first))):
            continue
        span = _in_one_unit(first, second)
        # A score or a ratio, "3-2", goes down; a window never does, and one that says that it is one is left to judge.
        if max(span) < LIMIT and (told or span[0] <= span[1]):
            yield _Window(first, second, span, why, told)


def _rule(text: str, first: _Time, second: _Time, alone: bool) -> tuple[str, bool] | None:
    """Return what makes a window of two times that follow each other, and whether it says that these are times."""
    between, before = text[first.end : second.start], _before(text, first)
    if len(between) > 80:
        return None
    marked = first.marked or second.marked
    if units.TO.fullmatch(between):
        introduced = units.FROM.search(before) or units.BETWEEN.search(before)
        return ("from … to …" if introduced else "two times with a dash or word between them"), bool(
            marked or introduced
        )
    if units.AND.fullmatch(between) and units.BETWEEN.search(before):
        return "between … and …", True
    if units.BEGIN.search(before) and units.END.fullmatch(between):
        return "start and end", True
    if between.strip() == ",":
        if before.rstrip()[-1:] in ("[", "(", "<", "{") and text[second.end : second.end + 4].lstrip()[:1] in (
            "]",
            ")",
            ">",
            "}",
        ):
            return "two times in one bracket", True
        if alone and not before.strip() and not text[second.end :].strip(" .\n"):
            return "two times alone", False
    return None


def _is_year(time: _Time) -> bool:
    return time.text.isdecimal() and len(time.text) == 4 and time.text[:2] in ("19", "20")


def _before(text: str, time: _Time) -> str:
    return text[max(0, time.start - _BEFORE) : time.start]


def _is_date(text: str, first: _Time, second: _Time) -> bool:
    behind, before = text[second.end : second.end + 2], text[max(0, first.start - 2) : first.start]
    return (behind[:1] in ("-", "/") and behind[1:].isdigit()) or (before[-1:] in ("-", "/") and before[:1].isdigit())


def _counts(text: str, end: int) -> bool:
    """Say whether a word behind a number is what it counts."""
    word = units.COUNTED.match(text, end)
    return word is not None and (word[1] is None or word[1].lower() not in units.NOT_COUNTED)


def _in_one_unit(first: _Time, second: _Time) -> Span:
    """Return two times in seconds: one without a unit has that of the other."""
    start, end = first.value or 0.0, second.value or 0.0
    if not first.marked and second.unit is not None:
        start *= _unit_of_first(second)
    elif not second.marked and first.unit is not None:
        end *= first.unit
    return start, end


def _unit_of_first(time: _Time) -> float:
    if _SECONDS.fullmatch(time.text):
        return 1.0
    return max(unit for unit, part in _parts().items() if part.search(time.text))


def _times(text: str) -> list[_Time]:
    """Return all numbers that may be times, in the order of the text; numbers in brackets with a comma are two."""
    found: list[_Time] = []
    at = 0
    a_time, brackets = _a_time(), _bracketed().finditer(text)
    bracket = next(brackets, None)
    while len(found) < 2 * MOST:
        # Every time begins with a digit; to go from one to the next is several times as fast as a search.
        digit = _DIGIT.search(text, at)
        if digit is None:
            break
        match = a_time.match(text, digit.start())
        if match is None:
            at = digit.end()
            continue
        if bracket is not None and match.end() > bracket.start():
            for group in (1, 2):
                inner = a_time.match(text, bracket.start(group), bracket.end(group))
                if inner is not None:
                    found.append(_read(inner, text))
            at, bracket = bracket.end(), next(brackets, None)
            continue
        found.append(_read(match, text))
        at = match.end()
    return found


def _read(match: re.Match[str], text: str) -> _Time:
    start, end, written = match.start(), match.end(), match[0]
    if match["clock"] is not None:
        return _Time(start, end, written, _of_clock(match["clock"]), None, clock=True)
    if match["units"] is not None:
        if seconds := _SECONDS.fullmatch(written):
            return _Time(start, end, written, float(seconds[1]), 1.0)
        parts = [(unit, part) for unit, pattern in _parts().items() for part in pattern.findall(written)]
        value = math.fsum(unit * _of_number(part) for unit, part in parts)
        return _Time(start, end, written, None if any(map(_unclear, (p for _, p in parts))) else value, parts[-1][0])
    number = _LEADING.match(written)
    written_number = number[0] if number else written
    of_frames = _FRAMES_BEHIND.match(text, end) or units.OF_FRAMES.search(text[max(0, start - 24) : start])
    if units.MINUTE.search(text, max(0, start - 24), start) and not of_frames:
        return _Time(start, end, written, 60.0 * _of_number(written_number), 60.0)
    unclear = of_frames or _unclear(written_number)
    return _Time(start, end, written, None if unclear else _of_number(written_number), None)


def _unclear(written: str) -> bool:
    """Say whether a comma may part thousands or a fraction."""
    return _THOUSANDS.fullmatch(written) is not None


def _of_number(written: str) -> float:
    return float(written.replace(",", "."))


def _of_clock(written: str) -> float:
    parts = [_of_number(part) for part in written.split(":")]
    return math.fsum(part * 60.0**power for power, part in enumerate(reversed(parts)))


def seconds_of(value: object) -> float | None:
    """Return the seconds of a JSON value: a number, or a text that is one time and nothing else.

    >>> seconds_of(5), seconds_of("00:05"), seconds_of("5 s"), seconds_of("soon")
    (5.0, 5.0, 5.0, None)
    """
    if isinstance(value, str):
        match = _a_time().fullmatch(value.strip())
        return _read(match, value.strip()).value if match else None
    return float(value) if is_time(value) else None  # type: ignore[arg-type]


def is_time(value: object) -> bool:
    """Say whether a JSON value is a number that can be seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LIMIT


def spans_of(values: Sequence[object]) -> tuple[Span, ...] | None:
    """Return windows of texts, such as "5s–10s", in their order; None where one has none."""
    found: list[Span] = []
    for value in values:
        spans = read_windows(value).value if isinstance(value, str) else None
        if not spans:
            return None
        found += spans
    return tuple(found)
