"""Adaptive windowing: does any cut of the window leave two halves with different means?"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.detect._base import Floats, positive, whole
from harness.detect._drift import ControlChart, Flags

ENTRIES: Final = {"adwin": "Adwin"}

_BUCKETS: Final = 5
_SHORTEST: Final = 5
"""Values on either side of a cut, at least."""
_GRACE: Final = 10
"""The window must be longer than this."""


class Adwin(ControlChart):
    """ADWIN: evidence, −log δ, for the best cut of a window that grows until something is found.

    The window is kept as an exponential histogram: at most ``_BUCKETS`` buckets of 1, 2, 4, … values. A cut with
    n₀ and n₁ values either side is evidence of level δ where the means differ by ε(δ) = √(2 m σ² d) + ⅔ d m, with
    d = log(2 log(n) / δ) and m the sum of the reciprocal sizes. Solved for δ, the statistic needs no limit;
    an alarm above the limit L is an alarm of ADWIN with δ = exp(−L).

    The bound holds for values in [0, 1]: standardised batch means are clipped to ±``span`` and scaled there.

    Args:
        span: standard deviations of the batch mean that 0 and 1 stand for; None: values are taken as they are.
        clock: cuts are looked for at every ``clock``-th value only.
        on_alarm: ``shrink`` drops the oldest buckets until no cut stands out any more, as the source does;
            ``restart`` empties the window, as river does.

    Source:
        Bifet and Gavaldà 2007, "Learning from Time-Changing Data with Adaptive Windowing". Alarms where river's
        ``ADWIN`` does, configured alike (``span=None``, ``on_alarm="restart"``, its ``clock``, limit −log(its δ)).
    """

    name = "adwin"
    behaviour = "onset"
    rearming = "drops the oldest part of its window, or all of it"

    def __init__(self, span: float | None = 4.0, clock: int = 1, on_alarm: str = "shrink") -> None:
        if on_alarm not in ("shrink", "restart"):
            raise ValueError(f"on_alarm is 'shrink' or 'restart', not {on_alarm!r}")
        self.span = None if span is None else positive("span", span)
        self.clock = whole("clock", clock, 1)
        self.on_alarm = on_alarm

    def begin(self, runs: int) -> None:
        """See :class:`ControlChart`."""
        shape = (1, _BUCKETS + 1, runs)
        self._sums, self._spreads = np.zeros(shape), np.zeros(shape)
        self._filled = np.zeros((1, runs), np.int64)
        self._width, self._total, self._spread = np.zeros(runs), np.zeros(runs), np.zeros(runs)
        self._ticks = np.zeros(runs, np.int64)

    def next(self, z: Floats) -> Floats:
        """See :class:`ControlChart`."""
        self._insert(z if self.span is None else np.clip(0.5 + z / (2 * self.span), 0, 1))
        self._ticks += 1
        due = np.flatnonzero((self._ticks % self.clock == 0) & (self._width > _GRACE))
        found = np.full(len(z), -np.inf)
        if due.size:
            found[due] = self._evidence(due)
        return found

    def rearm(self, alarmed: Flags, limit: float) -> None:
        """See :class:`DriftDetector`."""
        streams = np.flatnonzero(alarmed)
        if self.on_alarm == "restart":
            self._filled[:, streams] = 0
            for state in (self._width, self._total, self._spread, self._ticks):
                state[streams] = 0
            return
        while streams.size:
            self._drop_oldest(streams)
            streams = streams[self._evidence(streams) > limit]

    def _insert(self, x: Floats) -> None:
        streams = np.arange(len(x))
        place = self._filled[0]
        self._sums[0, place, streams], self._spreads[0, place, streams] = x, 0.0
        self._filled[0] += 1
        older = np.maximum(self._width, 1)
        gain = self._width * np.square(x - self._total / older) / (self._width + 1)
        self._spread += np.where(self._width > 0, gain, 0.0)
        self._width += 1
        self._total += x
        for level in range(len(self._filled)):
            full = np.flatnonzero(self._filled[level] > _BUCKETS)
            if not full.size:
                return
            self._merge(level, full)

    def _merge(self, level: int, full: NDArray[np.intp]) -> None:
        """Make one bucket of the next level of the two oldest of this one."""
        if level + 1 == len(self._filled):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums[:1])])
            self._spreads = np.concatenate([self._spreads, np.zeros_like(self._spreads[:1])])
            self._filled = np.concatenate([self._filled, np.zeros_like(self._filled[:1])])
        first, second = self._sums[level, 0, full], self._sums[level, 1, full]
        size = 2.0**level
        between = size * np.square((first - second) / size) / 2
        place = self._filled[level + 1, full]
        self._sums[level + 1, place, full] = first + second
        self._spreads[level + 1, place, full] = self._spreads[level, :2][:, full].sum(axis=0) + between
        self._filled[level + 1, full] += 1
        self._shift(level, full, 2)

    def _shift(self, level: int, streams: NDArray[np.intp], by: int) -> None:
        for table in (self._sums, self._spreads):
            table[level, :-by, streams] = table[level, by:, streams]
        self._filled[level, streams] -= by

    def _drop_oldest(self, streams: NDArray[np.intp]) -> None:
        """Forget the oldest bucket of each stream: the first one of its highest level."""
        top = len(self._filled) - 1 - (self._filled[::-1, streams] > 0).argmax(axis=0)
        for level in np.unique(top):
            mine = streams[top == level]
            size, gone, spread = 2.0**level, self._sums[level, 0, mine], self._spreads[level, 0, mine]
            self._width[mine] -= size
            self._total[mine] -= gone
            left = np.maximum(self._width[mine], 1)
            apart = np.square(gone / size - self._total[mine] / left)
            self._spread[mine] -= spread + size * self._width[mine] * apart / (size + self._width[mine])
            self._shift(int(level), mine, 1)

    def _evidence(self, streams: NDArray[np.intp]) -> Floats:
        """Return −log of the smallest δ at which some cut counts, [streams]; −inf where there is no cut."""
        pick = slice(None) if streams.size == self._width.size else streams  # a view, where all are looked at
        width, total, spread = self._width[pick], self._total[pick], self._spread[pick]
        level = np.log(2 * np.log(np.maximum(width, 2)))
        variance = np.maximum(spread / width, 0.0)
        # All cuts at once, oldest bucket first: [levels, buckets, streams] laid out as [cuts, streams].
        levels = np.arange(len(self._filled))[::-1]
        filled = self._filled[::-1, None, pick]
        if (filled == filled[..., :1]).all():
            filled, width = filled[..., :1], width[:1]  # as long as nothing was dropped, all windows are cut alike
        there = np.arange(_BUCKETS)[:, None] < filled
        sizes = np.where(there, 2.0 ** levels[:, None, None], 0.0).reshape(-1, filled.shape[-1])
        sums = self._sums[::-1, :_BUCKETS, pick].reshape(-1, streams.size)
        left = sizes.cumsum(axis=0)
        right = width - left
        usable = (sizes > 0) & (left >= _SHORTEST) & (right >= _SHORTEST)
        left_sum = np.where(sizes > 0, sums, 0.0).cumsum(axis=0)
        some = usable.any(axis=1)
        usable, left, right, left_sum = usable[some], left[some], right[some], left_sum[some]
        left, right = np.where(usable, left, _SHORTEST), np.where(usable, right, _SHORTEST)
        apart = np.abs(left_sum / left - (total - left_sum) / right)
        m = 1 / (left - _SHORTEST + 1) + 1 / (right - _SHORTEST + 1)
        # ε(d) = apart is a quadratic in √d.
        root = np.sqrt(2 * m * variance + 8 * m / 3 * apart) - np.sqrt(2 * m) * np.sqrt(variance)
        best = np.where(usable, root * (0.75 / m), -np.inf).max(axis=0, initial=-np.inf)
        return np.asarray(np.where(np.isfinite(best), np.square(best) - level, -np.inf), np.float64)


def limit_of(delta: float) -> float:
    """Return the limit on the statistic that stands for ADWIN's δ.

    >>> round(limit_of(0.002), 3)
    6.215
    """
    return -math.log(delta)
