"""The one scrubber: what is written about a run goes through here, and comes out without secrets."""

import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from harness.spec.secrets import KNOWN, SECRET

HIDDEN: Final = "[redacted]"
_LEAST: Final = 8
"""Letters of a variable's value that is looked for: shorter ones stand in every other text."""

_LOOKS: Final = 20
"""A second, at the environment: an adapter may fill it while it is loaded."""
_USER: Final = re.compile(r"(\w+://)[^/@\s]+@")
"""A user and password in an address."""
_SAID: Final = re.compile(
    r"(?P<lead>\b(?:bearer|basic)\s+|"
    r"[?&;](?:[\w-]*(?:token|signature|secret|password|api[_-]?key)|key|sig)=|"
    r"\b[\w-]*(?:api[_-]?key|secret|password|passwd|authorization|(?:auth|access|api)[_-]?token)[\"']?\s*[:=]\s*[\"']?"
    r"(?:(?:bearer|basic)\s+)?)"
    r"(?P<secret>[^\s\"'&;,)}\]]{6,})",
    re.IGNORECASE,
)
"""What follows a word that announces a secret, in messages of libraries and servers."""


def scrubbed(text: str) -> str:
    """Return a message without secrets.

    Those are this process's own (:func:`without_own`), what follows ``Bearer``, ``token=`` and the like, and users and
    passwords in addresses.

    >>> scrubbed("GET https://u:pw@host/v1?token=abcdef123 failed: Authorization: Bearer abcdef")
    'GET https://[redacted]@host/v1?token=[redacted] failed: Authorization: Bearer [redacted]'
    """
    text = _USER.sub(rf"\1{HIDDEN}@", without_own(text))
    return _SAID.sub(rf"\g<lead>{HIDDEN}", text)


def without_own(text: str) -> str:
    """Return a text without the secrets of this process's environment and keys of known forms.

    For answers: a model may write of passwords and addresses, and what it writes is kept as it is.
    """
    own = _own(int(time.monotonic() * _LOOKS))
    if own is not None:
        text = own.sub(HIDDEN, text)
    return KNOWN.sub(HIDDEN, text)


@lru_cache(maxsize=1)
def _own(_: int) -> re.Pattern[str] | None:
    """Return what finds the secrets of the environment; it is looked through once in a while, not once a text."""
    secrets = {value for name, value in os.environ.items() if _is_secret(name, value)}
    return re.compile("|".join(map(re.escape, sorted(secrets, key=len, reverse=True)))) if secrets else None


def _is_secret(name: str, value: str) -> bool:
    # Some variables of such names hold the path of a file with the secret.
    return len(value) >= _LEAST and bool(SECRET.search(name)) and not os.path.exists(value)  # noqa: PTH110


def scrubbed_values(value: Any) -> Any:
    """Return a value, or the lists and mappings of values that it is, each text as :func:`scrubbed` leaves it.

    >>> scrubbed_values({"from": ["https://ann:hunter2@example.org/x", 3]})
    {'from': ['https://[redacted]@example.org/x', 3]}
    """
    if isinstance(value, Mapping):
        return {key: scrubbed_values(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scrubbed_values(item) for item in value]
    return scrubbed(value) if isinstance(value, str) else value
