"""What every part of a run record is: frozen, strict, and without numbers that JSON does not know."""

import math

from pydantic import BaseModel, ConfigDict


class RecordModel(BaseModel):
    """Frozen; keys of a newer minor version are an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def finite(value: float) -> float | None:
    """Return a number as the record has it: None where it is NaN or infinite, which JSON has no words for."""
    return value if math.isfinite(value) else None
