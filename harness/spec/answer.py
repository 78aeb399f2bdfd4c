"""The structured answer to a question about a clip, versioned: what adapters write and metrics read."""

from typing import Annotated, Final, Literal

from pydantic import Field

from harness.spec.models import Model

SCHEMA: Final = "temporal-answer/1"

Window = Annotated[tuple[float, ...], Field(min_length=2, max_length=3, strict=False)]
"""Start and end in seconds, half-open, and optionally a confidence that ranks it."""


class TemporalAnswer(Model):
    """An answer, where in the clip it lies, and what it rests on. Times are seconds from the clip's start."""

    schema_: Literal["temporal-answer/1"] = Field(default=SCHEMA, alias="schema")
    """The version of this form."""
    answer: str | None = None
    """The answer in words; null where the question only asks when."""
    spans: tuple[Window, ...] = Field(default=(), strict=False)
    """Windows `[start, end]` or `[start, end, confidence]`, the best first."""
    frame_references: tuple[float, ...] = Field(default=(), strict=False)
    """The times of the frames that the answer rests on, as they were shown."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How sure the model is of the answer."""
