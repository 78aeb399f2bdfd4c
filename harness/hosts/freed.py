"""Memory that one batch gave back is kept for the next: the C library would return it to the system in between.

A thread that is not the first has an arena of its own, which glibc trims as soon as a batch is done: hundreds of pages
a question are then asked for anew and filled with zeros. See `docs/decisions/122-freed-memory-is-kept.md`.
"""

import ctypes
import os
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of ``mallopt``, as `malloc.h` of glibc numbers them."""
_KEPT: Final = 64 << 20
"""Free bytes at the end of an arena that may stay there, 64 MiB: what glibc itself comes to at most."""
_LARGE: Final = 32 << 20
"""Bytes from which a block comes from the system and goes back to it at once, 32 MiB: the most that glibc takes."""
_SAID: Final = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""Where a user says otherwise."""


def keep_freed(most: int = _KEPT) -> bool:
    """Let this process keep what it freed; return whether it does: under glibc, where the environment says nothing.

    Args:
        most: free bytes at the end of an arena that may stay there.
    """
    if any(name in os.environ for name in _SAID):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library: musl, macOS, Windows
        return False
    return all([mallopt(_MMAP_THRESHOLD, _LARGE), mallopt(_TRIM_THRESHOLD, most)])
