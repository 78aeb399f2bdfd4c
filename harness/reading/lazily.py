"""Patterns that are compiled when the first text is held against them: most runs never read a choice or a time."""

import re
from typing import Any, Final, cast

_METHODS: Final = ("search", "match", "fullmatch", "finditer", "findall", "split", "sub", "subn")


class _Later:
    def __init__(self, pattern: str, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(*self._given)
        for method in _METHODS:  # from now on they are found here, and cost what they cost without this class
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def lazily(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a pattern as ``re.compile`` does, compiled when one of its methods is first asked for.

    >>> lazily("[0-9]+").findall("4 of 12")
    ['4', '12']
    """
    return cast("re.Pattern[str]", _Later(pattern, flags))
