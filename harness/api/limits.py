"""What several calls take and do not take: defaults, least values, and the refusal of what cannot be."""

from collections.abc import Mapping
from typing import Final, get_args

from harness.engine.options import Prepare
from harness.errors import UsageError

HEAD_ALONE: Final = "head says which samples a limit takes; give one"
DRAWS: Final = 2_000
"""Bootstrap draws of a comparison by default."""
FEWEST_DRAWS: Final = 100


def refuse(mistakes: Mapping[str, object]) -> None:
    """Raise the first of some sentences whose condition holds."""
    if said := next((said for said, wrong in mistakes.items() if wrong), None):
        raise UsageError(said)


def at_least(fewest: int, **numbers: int | None) -> None:
    """Raise where one of some options, by name, is below the fewest; None is no number."""
    for name, number in numbers.items():
        if number is not None and number < fewest:
            raise UsageError(f"{name} must be {fewest} or more, not {number}")


def known_preparation(prepare: str) -> None:
    """See that samples can be prepared in this way.

    Raises:
        UsageError: if they cannot.
    """
    if prepare not in get_args(Prepare):
        raise UsageError(f"prepare must be one of {', '.join(get_args(Prepare))}, not {prepare!r}")
