"""The readers by the name of what they read, for commands and tests that are told a kind of thing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeVar

from harness.errors import UsageError, did_you_mean
from harness.reading.boxes import read_places
from harness.reading.choices import read_choice
from harness.reading.clean import visible
from harness.reading.found import Found, Reading, agreed, nothing
from harness.reading.frames import Frame, misfit
from harness.reading.json import read_json
from harness.reading.numbers import read_number
from harness.reading.placed import Place
from harness.reading.points import Point, read_points
from harness.reading.stated import final_answer, read_stated
from harness.reading.timed import read_spans
from harness.reading.times import find_times
from harness.reading.yes_no import read_yes_no

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _How:
    options: Sequence[str]
    order: Literal["xyxy", "yxyx"]
    frame: Frame
    locale: str | None


def _answer(text: str, how: _How) -> Reading[str]:
    stated = read_stated(text)
    whole = final_answer(text)
    if stated.value is not None or whole is None:
        return stated
    return Reading(whole, "no answer is marked as such: all of it", (Found(whole, text, 0, "all of it"),))


def _box(text: str, how: _How) -> Reading[tuple[Place, ...]]:
    reading = read_places(text, how.order)
    places = reading.value or ()
    frames = [how.frame if place.frame is None else Frame.parse(place.frame) for place in places]
    return _fitting(
        reading, [(frame, (place.box[:2], place.box[2:])) for frame, place in zip(frames, places, strict=True)]
    )


def _point(text: str, how: _How) -> Reading[tuple[Point, ...]]:
    reading = read_points(text, how.order)
    return _fitting(reading, [(how.frame, (point,)) for point in reading.value or ()])


def _fitting(reading: Reading[T], corners: Sequence[tuple[Frame, Sequence[Point]]]) -> Reading[T]:
    """Return a reading; none where its numbers can't be meant in their frame, as metrics have it."""
    complaints = (misfit(frame, points, {}) for frame, points in corners if not set(frame.needs()) - {"size"})
    complaint = next(filter(None, complaints), None)
    return reading if complaint is None else Reading(None, complaint, reading.found)


def _number(text: str, how: _How) -> Reading[Any]:
    return _where_stated(text, lambda part: read_number(part, how.locale))


def _where_stated(text: str, read: Callable[[str], Reading[Any]]) -> Reading[Any]:
    """Read what an answer states, else all of it; evidence lies where it does in the whole text."""
    stated = read_stated(text)
    if stated.value is None:
        return stated if final_answer(text) is None else read(text)
    reading = read(stated.value)
    start = max(text.find(stated.value, stated.found[-1].start), stated.found[-1].start)
    found = tuple(replace(one, start=one.start + start) for one in reading.found)
    return Reading(reading.value, f"{reading.why}, {stated.why}", found)


_READERS: Final[Mapping[str, Callable[[str, _How], Reading[Any]]]] = {
    "answer": _answer,
    "box": _box,
    "choice": lambda text, how: read_choice(text, how.options),
    "json": lambda text, how: read_json(text),
    "number": _number,
    "point": _point,
    "span": lambda text, how: read_spans(text),
    "time": lambda text, how: agreed(find_times(text), "no time"),
    "yes_no": lambda text, how: read_yes_no(text),
}


def kinds() -> list[str]:
    """Return the kinds of things that are read.

    >>> kinds()
    ['answer', 'box', 'choice', 'json', 'number', 'point', 'span', 'time', 'yes_no']
    """
    return sorted(_READERS)


def read_as(
    kind: str,
    text: str,
    *,
    options: Sequence[str] = (),
    order: Literal["xyxy", "yxyx"] = "xyxy",
    frame: str = "pixel",
    locale: str | None = None,
) -> Reading[Any]:
    """Read an answer as one kind of thing.

    Args:
        kind: one of :func:`kinds`.
        text: an answer without its thinking.
        options: of a multiple-choice question, in order.
        order: which of x and y is first in boxes and points that don't say it.
        frame: what their numbers count (see :mod:`harness.reading.frames`); others are unparsed.
        locale: whose habits numbers keep.

    Returns:
        What is read, with where in ``visible(text).strip()`` and why.

    Raises:
        UsageError: if there is no such kind, frame or locale.

    >>> read_as("number", "I see 3 bars, so the answer is: 1,240 €.").value.literal
    '1240'
    >>> read_as("choice", "It is blue.", options=["red", "blue"]).value
    'B'
    """
    if kind not in _READERS:
        raise UsageError(f"nothing is read as {kind!r}; {did_you_mean(kind, _READERS)}")
    seen = visible(text).strip()
    if not seen:
        return nothing("an empty text")
    declared = Frame.parse(frame)
    return _READERS[kind](seen, _How(options, "yxyx" if declared.y_first else order, declared, locale))
