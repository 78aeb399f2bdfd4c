"""Energy of the processor's package, where Linux shows the counters of RAPL."""

import math
from pathlib import Path
from typing import Final

_ROOT: Final = Path("/sys/class/powercap")


class Meter:
    """Adds up the counters of all packages."""

    def __init__(self, root: Path | None = _ROOT) -> None:
        self._packages = [] if root is None else [path for path in sorted(root.glob("*-rapl:*")) if _is_package(path)]
        self._wraps = [_number(path / "max_energy_range_uj") for path in self._packages]
        self.available = bool(self._packages)
        """Whether there is a counter that may be read."""

    def read(self) -> list[int]:
        """Return the counters, in microjoules."""
        return [_number(path / "energy_uj") or 0 for path in self._packages]

    def since(self, before: list[int]) -> float:
        """Return the millijoules since a reading; NaN where there is no counter."""
        if not self._packages:
            return math.nan
        total = 0
        for old, new, wrap in zip(before, self.read(), self._wraps, strict=True):
            total += new - old if new >= old else new - old + (wrap or 0)
        return total / 1000


def _is_package(path: Path) -> bool:
    # A package is called intel-rapl:0; its parts, intel-rapl:0:1, are in its count already.
    return path.name.count(":") == 1 and _number(path / "energy_uj") is not None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
