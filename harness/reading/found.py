"""What a reader says: a value with its reason, or the readings that compete for it."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """One thing that was found in a text."""

    value: T
    text: str
    """As it is written."""
    start: int
    """Where in the text, in characters."""
    why: str
    """The rule that found it, in words: ``after "the answer is"``."""


def one_of_several(value: T, text: str, start: int, why: str) -> Found[tuple[T, ...]]:
    """Return one thing that was found, as evidence for a reading of several."""
    return Found((value,), text, start, why)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a text says: a value, or none."""

    value: T | None
    """None where the text says nothing of the kind, or where ``found`` compete."""
    why: str
    """The rule that decided, or why nothing could be."""
    found: tuple[Found[T], ...] = ()
    """The evidence, in the order of the text: all that stood for the value, or all that competed."""

    @property
    def competing(self) -> bool:
        """Whether it is unparsed for having too many readings rather than none."""
        return self.value is None and bool(self.found)


def nothing(why: str) -> Reading[T]:
    """Return the reading of a text that says nothing of the kind.

    >>> nothing("no number").value
    """
    return Reading(None, why)


def agreed(found: Sequence[Found[T]], none: str, key: Callable[[T], Hashable] = lambda value: value) -> Reading[T]:
    """Return the one value that all of ``found`` have; where they differ, the reading in which they compete.

    Args:
        found: in the order of the text.
        none: why there is nothing, where there is nothing.
        key: what makes two values the same.

    >>> agreed([Found("B", "B", 0, "alone")], "no letter").value
    'B'
    >>> agreed([Found("A", "(A)", 0, "in brackets"), Found("B", "(B)", 7, "in brackets")], "no letter").why
    "2 readings compete: '(A)', '(B)'"
    """
    if not found:
        return Reading(None, none)
    if len({key(one.value) for one in found}) == 1:
        return Reading(found[0].value, found[0].why, tuple(found))
    told = list(dict.fromkeys(one.text for one in found))
    shown = ", ".join(repr(text[:40]) for text in told[:4]) + (", …" if len(told) > 4 else "")
    return Reading(None, f"{len(told)} readings compete: {shown}", tuple(found))
