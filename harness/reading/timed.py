"""What an answer about a clip says: its words, the windows that it names, the times that it cites."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.reading.found import Reading, nothing, one_of_several
from harness.reading.json import json_values
from harness.reading.times import MOST, is_time, read_prose, read_windows, seconds_of, spans_of
from harness.types import JSON, Span

_LISTED: Final = (
    "spans", "pred_relevant_windows", "relevant_windows", "windows", "segments", "intervals", "moments",
    "time_ranges", "timestamps", "span", "window", "segment", "interval", "moment", "time_range", "timestamp", "time",
)  # fmt: skip
"""Keys of windows, the first of which counts."""
_ENDS: Final = (
    ("start_time", "end_time"), ("start", "end"), ("start_timestamp", "end_timestamp"),
    ("start_seconds", "end_seconds"), ("start_second", "end_second"), ("start_sec", "end_sec"),
    ("start_s", "end_s"), ("begin", "end"), ("from", "to"),    ("startTime", "endTime"), ("t_start", "t_end"),
)  # fmt: skip
_MILLISECONDS: Final = (("start_ms", "end_ms"), ("startMs", "endMs"))
_CONFIDENCE: Final = ("confidence", "score", "probability")
_DEEPEST: Final = 10
"""Levels of JSON in which windows are looked for."""


@dataclass(frozen=True, slots=True)
class TimedAnswer:
    """What an answer about a clip says."""

    answer: str | None
    """In words; None where it only names windows."""
    windows: tuple[Span, ...] | None
    """The best first; empty where it says that there is none, None where it says nothing about it."""
    times: tuple[float, ...] = ()
    """Of the frames that it cites."""
    structured: bool = False
    """Whether it is JSON."""
    why: str = ""
    """The rule that found the windows, or why there are none."""

    @property
    def top(self) -> Span | None:
        """The window that it ranks first."""
        return self.windows[0] if self.windows else None


def read_answer(text: str, by_confidence: bool = True, most: int = MOST) -> TimedAnswer:
    """Read an answer.

    JSON may stand alone, in a code fence or in prose: an object with ``answer``, ``frame_references`` and windows under
    ``spans``, ``pred_relevant_windows``, ``segments``, ``timestamp`` and the like or as ``start`` and ``end``; a list
    of windows; or one window. A window is two numbers, numbers by name, or a text. Other text is prose:
    :func:`~harness.reading.times.read_windows` says what is read there.

    Args:
        text: the answer.
        by_confidence: rank windows by their third number where all have one; else they stay in order.
        most: read so many windows, before they are ranked.

    >>> read_answer('{"answer": "A", "spans": [[1, 2, 0.3], [4, 6, 0.9]]}').windows
    ((4.0, 6.0), (1.0, 2.0))
    >>> read_answer("From 0:02 to 0:05.5, I think.").windows, read_answer("[]").windows, read_answer("no idea").windows
    (((2.0, 5.5),), (), None)
    >>> read_answer('{"start_time": "00:05", "end_time": "00:10"}').windows
    ((5.0, 10.0),)
    """
    structured = _structured(text, by_confidence, most) if "[" in text or "{" in text else None
    if structured is not None:
        return structured
    prose, times = read_prose(text, most)
    return TimedAnswer(text.strip() or None, prose.value, tuple(time.value for time in times), why=prose.why)


def read_spans(text: str) -> Reading[tuple[Span, ...]]:
    """Return the windows that an answer names, the best first; an empty tuple where it says that there is none.

    >>> read_spans("[[5, 10]]").value, read_spans("5s–10s").why
    (((5.0, 10.0),), 'two times with a dash or word between them')
    """
    answer = read_answer(text)
    if answer.windows is None:
        return nothing(answer.why)
    if not answer.structured:
        return Reading(answer.windows, answer.why, read_windows(text).found)
    found = tuple(one_of_several(span, text, 0, answer.why) for span in answer.windows)
    return Reading(answer.windows, answer.why, found)


def _structured(text: str, by_confidence: bool, most: int) -> TimedAnswer | None:
    """Return what the JSON in an answer says; None where it has none of this kind."""
    values = [value.value for value in json_values(text)]
    if len(values) == 1 and isinstance(values[0], dict):
        return _of_object(values[0], by_confidence, most)
    windows: list[tuple[float, ...]] = []
    for value in values:
        found = _listed(value)
        if found is None:
            return None
        windows += found
    return TimedAnswer(None, _ranked(windows, by_confidence, most), structured=True, why="JSON") if values else None


def _of_object(value: Mapping[str, Any], by_confidence: bool, most: int) -> TimedAnswer | None:
    answer = value.get("answer")
    said = answer if isinstance(answer, str) else str(answer) if is_time(answer) else None
    cited = value.get("frame_references")
    times = tuple(float(time) for time in cited if is_time(time)) if isinstance(cited, list) else ()
    key, found = _keyed(value)
    if found is None and said is not None:
        prose = read_windows(said, most, told=True)
        if prose.found:
            return TimedAnswer(said, prose.value, times, structured=True, why=f"the key answer: {prose.why}")
    windows = None if found is None else _ranked(found, by_confidence, most)
    if windows is None and said is None and not times and "answer" not in value and key is None:
        return None
    return TimedAnswer(said, windows, times, structured=True, why=f"the key {key}" if key else "JSON without windows")


def _keyed(value: Mapping[str, Any], depth: int = _DEEPEST) -> tuple[str | None, list[tuple[float, ...]] | None]:
    """Return the key under which an object's windows stand, and these; None where they can't be read."""
    own = _by_name(value)
    if own is not None:
        return "start and end", [own]
    for key in _LISTED:
        if key in value:
            return key, _listed(value[key], depth)
    for key, item in value.items():
        if depth and key not in ("answer", "frame_references"):
            within = item if isinstance(item, dict) else None
            found = _keyed(within, depth - 1)[1] if within is not None else _objects(item, depth)
            if found is not None:
                return key, found
    return None, None


def _objects(value: JSON, depth: int) -> list[tuple[float, ...]] | None:
    """Return the windows of a list of objects; None where it is none."""
    objects = isinstance(value, list) and value and all(isinstance(item, dict) for item in value)
    return _listed(value, depth) if objects else None


def _listed(value: JSON, depth: int = _DEEPEST) -> list[tuple[float, ...]] | None:
    """Return the windows of a value: one, a list of them, or texts; None where it is something else."""
    if not depth:
        return None
    if isinstance(value, str):
        spans = spans_of([value])
        return None if spans is None else list(spans)
    if isinstance(value, dict):
        return _keyed(value, depth - 1)[1]
    if not isinstance(value, list):
        return None
    one = _window(value)
    if one is not None:
        return [one]
    if value and all(isinstance(item, str) for item in value):
        spans = spans_of(value)
        return None if spans is None else list(spans)
    found: list[tuple[float, ...]] = []
    for item in value:
        window = _window(item) if isinstance(item, list) else None
        inner = [window] if window is not None else _listed(item, depth - 1) if isinstance(item, dict) else None
        if inner is None:
            return None
        found += inner
    return found


def _window(items: Sequence[Any]) -> tuple[float, ...] | None:
    """Return a window of two times, with a third number for its confidence; None where it is none."""
    if len(items) not in (2, 3) or (len(items) == 3 and not is_time(items[2])):
        return None
    start, end = seconds_of(items[0]), seconds_of(items[1])
    if start is None or end is None:
        return None
    return (start, end) if len(items) == 2 else (start, end, float(items[2]))


def _by_name(value: Mapping[str, Any]) -> tuple[float, ...] | None:
    for (first, last), unit in _named_ends():
        if first in value and last in value:
            start, end = seconds_of(value[first]), seconds_of(value[last])
            if start is None or end is None:
                return None
            confidence = next((float(value[key]) for key in _CONFIDENCE if is_time(value.get(key))), math.nan)
            return (start * unit, end * unit) if math.isnan(confidence) else (start * unit, end * unit, confidence)
    return None


def _named_ends() -> Iterator[tuple[tuple[str, str], float]]:
    yield from ((ends, 1.0) for ends in _ENDS)
    yield from ((ends, 0.001) for ends in _MILLISECONDS)


def _ranked(windows: Sequence[tuple[float, ...]], by_confidence: bool, most: int) -> tuple[Span, ...]:
    kept = windows[:most]
    if by_confidence and all(len(window) == 3 for window in kept):
        kept = sorted(kept, key=lambda window: -window[2])
    return tuple((window[0], window[1]) for window in kept)


def stated_spans(value: Any) -> tuple[Span, ...] | None:
    """Return the windows that a JSON list holds, in its order, as true ones are written; None where it is none.

    >>> stated_spans([[2.5, 4]]), stated_spans([[1, True]])
    (((2.5, 4.0),), None)
    """
    found = _listed(value) if isinstance(value, list) else None
    return None if found is None else _ranked(found, False, MOST)
