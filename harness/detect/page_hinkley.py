"""Page and Hinkley's test: how far has the sum of deviations from the running mean risen?"""

from typing import Final, Literal, get_args

import numpy as np

from harness.detect._base import Floats, whole
from harness.detect._drift import ControlChart, Flags

ENTRIES: Final = {"page_hinkley": "PageHinkley"}

Mode = Literal["up", "down", "both"]


class PageHinkley(ControlChart):
    """Page–Hinkley: rise of Σ (x − running mean − delta) above its minimum, and the fall below its maximum.

    The running mean contains the present value and all before it, so that a drift is slowly taken for
    normal: what is high is the change. On batch means it runs on standardised values.

    Args:
        delta: a change this small is none; in the unit of the values.
        forgetting: factor on the sums at each step, up to 1 (river's ``alpha``).
        mode: ``up``, ``down`` or ``both``.
        warm_up: values before which nothing is alarmed (river's ``min_instances``).

    Source:
        Page 1954; Mouss et al. 2004. Alarms where river's ``PageHinkley`` does, configured alike.
    """

    name = "page_hinkley"
    behaviour = "onset"

    def __init__(self, delta: float = 0.1, forgetting: float = 0.9999, mode: Mode = "both", warm_up: int = 10) -> None:
        if not isinstance(delta, (int, float)) or not 0 <= delta < float("inf"):
            raise ValueError(f"delta is a number of 0 or more, not {delta!r}")
        if not isinstance(forgetting, (int, float)) or not 0 < forgetting <= 1:
            raise ValueError(f"forgetting lies above 0 and up to 1, not {forgetting!r}")
        if mode not in get_args(Mode):
            raise ValueError(f"mode is {', '.join(get_args(Mode))}, not {mode!r}")
        self.delta = float(delta)
        self.forgetting = float(forgetting)
        self.mode = mode
        self.warm_up = whole("warm_up", warm_up, 1)

    def begin(self, runs: int) -> None:
        """See :class:`ControlChart`."""
        self._seen, self._mean = np.zeros(runs), np.zeros(runs)
        self._rise, self._fall = np.zeros(runs), np.zeros(runs)
        self._lowest, self._highest = np.full(runs, np.inf), np.full(runs, -np.inf)

    def next(self, z: Floats) -> Floats:
        """See :class:`ControlChart`."""
        self._seen += 1
        self._mean += (z - self._mean) / self._seen
        off = z - self._mean
        self._rise = self.forgetting * self._rise + off - self.delta
        self._fall = self.forgetting * self._fall + off + self.delta
        self._lowest = np.minimum(self._lowest, self._rise)
        self._highest = np.maximum(self._highest, self._fall)
        up, down = self._rise - self._lowest, self._highest - self._fall
        found = {"up": up, "down": down, "both": np.maximum(up, down)}[self.mode]
        return np.where(self._seen >= self.warm_up, found, 0.0)

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""
        self._seen[alarmed] = self._mean[alarmed] = self._rise[alarmed] = self._fall[alarmed] = 0.0
        self._lowest[alarmed], self._highest[alarmed] = np.inf, -np.inf
