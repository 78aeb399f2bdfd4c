"""What this machine's processor is capable of, and what decides how fast it runs."""

import os
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

_DOT: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
"""Instructions that add four products of bytes into 32 bits without saturating."""
_TOLD: Final = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "amx_bf16",
    "avx512_bf16",
    "asimddp",
    "i8mm",
    "sve",
)
_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ORT_NUM_THREADS")
_CPU0: Final = Path("/sys/devices/system/cpu/cpu0/cpufreq")


@cache
def cpu_flags() -> frozenset[str]:
    """Return the features that the CPU names; empty where the system does not tell."""
    for line in _read(Path("/proc/cpuinfo")).splitlines():
        if line.startswith(("flags", "Features")):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def has_vnni() -> bool:
    """Return whether the CPU multiplies bytes into 32 bits in one instruction."""
    return bool(_DOT & cpu_flags())


def saturates() -> bool:
    """Return whether uint8 × int8 products may saturate here: x86 without VNNI adds pairs of them in 16 bits."""
    return platform.machine().lower() in ("x86_64", "amd64") and not has_vnni()


def speed_facts() -> Mapping[str, str]:
    """Return what decides how fast this machine is, as far as it tells."""
    facts = {
        "architecture": platform.machine(),
        "features": " ".join(flag for flag in _TOLD if flag in cpu_flags()),
        "governor": _read(_CPU0 / "scaling_governor"),
        "highest kHz": _read(_CPU0 / "cpuinfo_max_freq"),
        "memory": next((line.split()[1] + " kB" for line in _read(Path("/proc/meminfo")).splitlines()[:1]), ""),
        "usable cores": str(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else "",
    }
    facts |= {name: os.environ.get(name, "") for name in _VARIABLES}
    return {name: value for name, value in facts.items() if value}


def usable_cores() -> int:
    """Return how many cores this process may use: those that it is let on, or fewer by its container's quota."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _read(Path("/sys/fs/cgroup/cpu.max")).split()
        return max(1, min(count, int(quota) // int(period)))
    except ValueError:
        return count


def idle_seconds() -> float | None:
    """Return for how long the cores that this process is let on have had nothing to do, together, since they started.

    None where the system does not tell.
    """
    if not hasattr(os, "sched_getaffinity"):
        return None
    ours = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    lines = [line.split() for line in _read(Path("/proc/stat")).splitlines()]
    ticks = [int(fields[4]) for fields in lines if fields[0] in ours]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
