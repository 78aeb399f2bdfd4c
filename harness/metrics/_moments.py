"""Reading windows and times out of what models write: JSON in several forms, or "from 2.5 to 4 s" in prose."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.reading.json import StrictJSONError, parse_json
from harness.types import Span

_LIMIT: Final = 1e9
"""Seconds; nothing is longer than thirty years."""
_MOST: Final = 1000
"""Windows that are read from one answer."""

# Bounded repetitions: an answer of a megabyte must take linear time.
_TIME: Final = r"(?<![\w.:])(?:(\d{1,3}):)?(?:(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)"
_UNIT: Final = r"\s{0,2}(?:s|sec|secs|second|seconds)?"
_BETWEEN: Final = rf"{_UNIT}\b\s{{0,2}}(?:-|–|—|to\b|until\b|till\b|and\b|,)\s{{0,2}}"
_WINDOW: Final = re.compile(_TIME + _BETWEEN + _TIME.replace(r"(?<![\w.:])", "") + _UNIT + r"(?![\w:])", re.IGNORECASE)
_MOMENT: Final = re.compile(_TIME)
_BRACKET: Final = re.compile(r"[{\[]")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer about a clip says."""

    answer: str | None
    """In words; None where it only names windows."""
    windows: tuple[Span, ...] | None
    """The best first; empty where it says that there is none, None where it says nothing about it."""
    times: tuple[float, ...] = ()
    """Of the frames that it cites."""
    structured: bool = False
    """Whether it is JSON."""

    @property
    def top(self) -> Span | None:
        """The window that it ranks first."""
        return self.windows[0] if self.windows else None


def read(text: str, by_confidence: bool = True, most: int = _MOST) -> Reading:
    """Read an answer.

    JSON may stand alone, in a code fence or behind prose: an object with ``answer``, ``spans`` (or
    QVHighlights' ``pred_relevant_windows``) and ``frame_references``, a list of windows, or one window. In
    prose, two times with "-", "to", "until" or "and" between them are a window; times may be ``1:02.5``.

    Args:
        text: the answer.
        by_confidence: rank windows by their third number where all have one; else they stay in order.
        most: read so many windows, before they are ranked.

    >>> read('{"answer": "A", "spans": [[1, 2, 0.3], [4, 6, 0.9]]}').windows
    ((4.0, 6.0), (1.0, 2.0))
    >>> read("From 0:02 to 0:05.5, I think.").windows, read("[]").windows, read("no idea").windows
    (((2.0, 5.5),), (), None)
    """
    for value in _values(text):
        found = _structured(value, by_confidence, most)
        if found is not None:
            return found
    windows = tuple(_in_prose(text))[:most]
    times = tuple(_seconds(match.groups()) for match in _few(_MOMENT, text))
    return Reading(text.strip() or None, windows or None, times)


def _values(text: str) -> Iterator[Any]:
    """Yield what JSON there is: the whole text, else what stands between the first bracket and the last."""
    stripped = text.strip()
    start = _BRACKET.search(stripped)
    if start is None:
        return
    closing = {"{": "}", "[": "]"}[start[0]]
    end = stripped.rfind(closing)
    for candidate in dict.fromkeys((stripped, stripped[start.start() : end + 1])):
        try:
            yield parse_json(candidate)
        except StrictJSONError:
            continue


def _structured(value: Any, by_confidence: bool, most: int) -> Reading | None:
    if isinstance(value, list):
        windows = _windows(value, by_confidence, most)
        return None if windows is None else Reading(None, windows, structured=True)
    if not isinstance(value, dict):
        return None
    listed = value.get("spans", value.get("pred_relevant_windows"))
    windows = _windows(listed, by_confidence, most) if isinstance(listed, list) else None
    answer = value.get("answer")
    said = answer if isinstance(answer, str) else str(answer) if _is_number(answer) else None
    cited = value.get("frame_references")
    times = tuple(float(time) for time in cited if _is_number(time)) if isinstance(cited, list) else ()
    return Reading(said, windows, times, structured=True)


def _windows(items: list[Any], by_confidence: bool = False, most: int = _MOST) -> tuple[Span, ...] | None:
    if len(items) in (2, 3) and all(map(_is_number, items)):
        items = [items]
    if not all(isinstance(item, list) and len(item) in (2, 3) and all(map(_is_number, item)) for item in items):
        return None
    kept = items[:most]
    if by_confidence and all(len(item) == 3 for item in kept):
        kept = sorted(kept, key=lambda item: -item[2])
    return tuple((float(item[0]), float(item[1])) for item in kept)


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < _LIMIT
    )


def _in_prose(text: str) -> Iterator[Span]:
    for match in _few(_WINDOW, text):
        yield _seconds(match.groups()[:3]), _seconds(match.groups()[3:])


def _few(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return (match for _, match in zip(range(_MOST), pattern.finditer(text), strict=False))


def _seconds(parts: Sequence[str | None]) -> float:
    first, second, last = parts
    units = [float(part) for part in (first, second, last) if part is not None]
    return math.fsum(unit * (1.0, 60.0, 3600.0)[power] for power, unit in enumerate(reversed(units)))


def annotations(references: Sequence[str], evidence: Any) -> list[tuple[Span, ...]]:
    """Return the true windows, one tuple an annotation; an answer is held against the one that suits it best.

    Where the evidence is a JSON object with ``spans``, they are the only annotation, and may be none. Else
    each reference is one.

    Raises:
        ValueError: if a reference holds no window, or one whose end does not lie after its start.
    """
    stated = _stated(evidence)
    if stated is not None:
        return [_proper(stated, "evidence")]
    return [_proper(read(reference).windows or (), f"references: {reference!r:.80}") for reference in references]


def _stated(evidence: Any) -> tuple[Span, ...] | None:
    if not isinstance(evidence, str) or not evidence.startswith("{"):
        return None
    try:
        value = parse_json(evidence)
    except StrictJSONError:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("spans"), list):
        return None
    return _windows(value["spans"])


def _proper(windows: tuple[Span, ...], where: str) -> tuple[Span, ...]:
    if any(start >= end for start, end in windows) or (not windows and where != "evidence"):
        raise ValueError(f"references must be windows [start, end) with start < end, in seconds; got {where}")
    return windows


def only_windows(references: Sequence[str]) -> bool:
    """Say whether the right answer is a time: every reference is a JSON list of windows and nothing else."""
    return all(reference.lstrip().startswith("[") and read(reference).windows is not None for reference in references)
