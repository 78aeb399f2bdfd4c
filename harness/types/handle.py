"""A model whose file was read and that is not loaded yet: what it takes, and how long it may be waited for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from harness.types.adapter import Adapter
from harness.types.exchange import Request


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes in a process of its own."""

    load_seconds: float
    """Wall-clock time from the file to ready, imports included."""
    first_seconds: float
    """Wall-clock time of the first answer."""
    start_mib: float
    """Resident memory before the model was loaded."""
    peak_mib: float
    """The most resident memory, after one answer."""
    device_mib: float | None = None
    """The most memory that torch took on a device; None where it used none."""
    wall_ms: float = math.nan
    """Median wall-clock time of the further calls that were asked for; NaN where none were."""
    cpu_ms: float = math.nan
    """The same in CPU time of all threads."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long may be waited for a model."""

    load: float = 600.0
    """Seconds that loading it may take."""
    call: float = 120.0
    """Seconds that one call may take."""


PATIENT: Final = Patience()
"""As long as a suite allows that says nothing of it."""


class AdapterHandle(Protocol):
    """An adapter that was read and checked and is not loaded yet: what a task gets that brings a second model."""

    @property
    def name(self) -> str: ...

    @property
    def simulated(self) -> bool: ...

    def vary(self, **keys: Any) -> "AdapterHandle":
        """Return the same adapter with other values for keys of its file.

        Raises:
            ConfigError: if its type does not know a key, or a value does not fit.
        """
        ...

    def load(self) -> Adapter:
        """Load the model; the caller closes it.

        Raises:
            AdapterError: if it cannot be loaded.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return its name, type and configuration as plain JSON values, for a task's own description."""
        ...

    def footprint(self, request: Request, calls: int = 0, patience: Patience = PATIENT) -> Footprint:
        """Load it in a process of its own, answer one request there, and return what that took.

        Args:
            request: with at most one image.
            calls: how often the same request is timed after that, once it is warm.
            patience: how long loading and each call may take.

        Raises:
            AdapterError: if it does not work there.
            LateError: if it takes longer.
        """
        ...
