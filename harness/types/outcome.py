"""What becomes of a sample and of an answer, and which way a number gets better."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

Direction = Literal["higher", "lower", "none"]
"""Which way a metric gets better; ``none`` where no way is better."""

JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]
"""A plain JSON value."""

Ask = str
"""What a request wants, a name of ``harness.asks``: `generate`, `classify`, `embed`, `embed_text`, `ground`, …"""


class Status(StrEnum):
    """What became of one sample. Everything but ``ok`` is counted and shown, never averaged away."""

    OK = "ok"
    UNPARSED = "unparsed"
    """The model answered, but not in a form that the metric can read."""
    ERROR = "error"
    """The data or the adapter failed on this sample."""
    TIMEOUT = "timeout"
    MISSING = "missing"
    """The adapter returned no answer for this sample."""
    UNDEFINED = "undefined"
    """The metric has no meaning for this sample (a numeric metric on a yes/no question); never counted as wrong."""


class Finish(StrEnum):
    """Why an answer ends where it does, as far as its adapter knows."""

    UNKNOWN = ""
    STOP = "stop"
    """The model came to its end."""
    LENGTH = "length"
    """It had as many tokens as it might have: what it would have said is not all here."""
    FILTER = "filter"
    """Somebody between the model and the harness took it away, or a part of it."""
    ERROR = "error"
    """The model broke off: its numbers were not finite, say."""

    @classmethod
    def of(cls, several: "Iterable[Finish]") -> "Finish":
        """Return how an answer ends that is put together from several: as the worst of them.

        It came to its end only where each is known to have.

        >>> Finish.of([Finish.STOP, Finish.LENGTH, Finish.UNKNOWN]), Finish.of([Finish.STOP, Finish.UNKNOWN])
        (<Finish.LENGTH: 'length'>, <Finish.UNKNOWN: ''>)
        >>> Finish.of([])
        <Finish.UNKNOWN: ''>
        """
        found = set(several)
        order = (cls.LENGTH, cls.ERROR, cls.FILTER, cls.UNKNOWN)
        return next((one for one in order if one in found), cls.STOP if found else cls.UNKNOWN)
