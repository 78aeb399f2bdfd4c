"""Times as other harnesses write them."""

from datetime import UTC, datetime
from typing import Any

_EARLIEST, _LATEST = 0.0, 4e9


def moment(value: Any) -> datetime | None:
    """Return a time, in UTC; one without a zone is taken to be. None where it is none.

    >>> moment(0), moment("2026-11-28T20:56:44+01:00").hour, moment("yesterday")
    (datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), 19, None)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC) if _EARLIEST <= value <= _LATEST else None
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
