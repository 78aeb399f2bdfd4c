"""What this CPU does with bytes: whether products of unsigned and signed bytes saturate."""

import platform
from functools import cache
from pathlib import Path
from typing import Final

_DOT: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Instructions that add four products of bytes into 32 bits without saturating."""


@cache
def cpu_flags() -> frozenset[str]:
    """Return the features that the CPU names; empty where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return frozenset()
    for line in text.splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def has_vnni() -> bool:
    """Return whether the CPU multiplies bytes into 32 bits in one instruction."""
    return bool(_DOT & cpu_flags())


def saturates() -> bool:
    """Return whether uint8 × int8 products may saturate here: x86 without VNNI adds pairs of them in 16 bits."""
    return platform.machine().lower() in ("x86_64", "amd64") and not has_vnni()
