"""Run lengths of control charts on independent normal values, from their integral equations.

A run length counts the values up to the alarm, the alarming one included: at least 1. *Zero-state*: the
change is there from the first value. *Steady-state*: it comes after a long time without an alarm.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from harness.detect._base import Floats
from harness.detect._drift import DriftDetector
from harness.detect.cusum import Cusum
from harness.detect.ewma import Ewma
from harness.detect.shewhart import Shewhart

_NODES: Final = 80
"""Gauss–Legendre nodes: the kernels are smooth, and 80 give ten digits of every value in the tests."""
_SETTLED: Final = 1e-12


def arl(chart: DriftDetector, limit: float, shift: float = 0.0) -> float:
    """Return the zero-state average run length.

    Args:
        chart: a ``shewhart``, ``ewma`` or ``cusum``; parameters known, not estimated.
        limit: on its statistic, above 0.
        shift: mean of the values, in their standard deviations.

    Raises:
        ValueError: if the chart has no analytic run length or the limit is not above 0.

    Source:
        Crowder 1987 for EWMA's integral equation; Page 1954 for CUSUM's; 1 / (1/ARL⁺ + 1/ARL⁻) for the
        two-sided CUSUM (Kemp 1961).

    >>> round(arl(Shewhart(), 3.0), 1), round(arl(Cusum(0.5), 5.0), 1)
    (370.4, 465.4)
    """
    if not limit > 0:
        raise ValueError(f"limit: must be above 0, got {limit!r}")
    if isinstance(chart, Shewhart):
        return 1 / float(ndtr(shift - limit) + ndtr(-shift - limit))
    if isinstance(chart, Cusum):
        up = _cusum(chart.allowance, limit, shift).from_zero
        return up if chart.sides == 1 else 1 / (1 / up + 1 / _cusum(chart.allowance, limit, -shift).from_zero)
    if isinstance(chart, Ewma):
        return _ewma(chart.weight, limit, shift) if chart.limits == "fixed" else _time_varying(chart, limit, shift)
    raise ValueError(f"{chart.name}: its run length is known by simulation only")


def steady_state_arl(chart: DriftDetector, limit: float, shift: float) -> float:
    """Return the average run length from a change that comes after a long time without an alarm.

    Args:
        chart: a ``shewhart``, an ``ewma``, or a ``cusum`` of one side.
        limit: as for :func:`arl`.
        shift: as for :func:`arl`.

    Raises:
        ValueError: if it is known by simulation only.

    Source:
        The chain's quasi-stationary distribution; Lucas and Saccucci 1990 for EWMA.

    >>> round(steady_state_arl(Ewma(0.2), 2.962, 1.0), 1)
    10.3
    """
    if isinstance(chart, Shewhart):
        return arl(chart, limit, shift)
    if isinstance(chart, Cusum) and chart.sides == 1:
        return _cusum(chart.allowance, limit, 0.0).then(_cusum(chart.allowance, limit, shift))
    if isinstance(chart, Ewma):
        quiet, moved = _ewma_chain(chart.weight, limit, 0.0), _ewma_chain(chart.weight, limit, shift)
        return float(_quasi_stationary(quiet) @ _lengths(moved))
    raise ValueError(f"{chart.name}: its steady-state run length is known by simulation only")


def has_theory(chart: DriftDetector) -> bool:
    """Return whether :func:`arl` knows the chart."""
    return isinstance(chart, (Shewhart, Ewma, Cusum))


def limit_for(chart: DriftDetector, target: float) -> float:
    """Return the limit at which the zero-state average run length without a change is ``target``.

    Raises:
        ValueError: if there is none, or the chart has no analytic run length.

    >>> round(limit_for(Ewma(0.2), 500.0), 3)
    2.962
    """
    if not 1 < target < 1e9:
        raise ValueError(f"target: a run length above 1, got {target!r}")
    low, high = 1e-3, 1.0
    if arl(chart, low) > target:
        raise ValueError(f"{chart.name}: its run length is above {target:g} under every limit")
    while arl(chart, high) < target:
        low, high = high, 1.5 * high
    root: Callable[[float], float] = lambda limit: math.log(arl(chart, limit)) - math.log(target)  # noqa: E731
    return float(brentq(root, low, high, xtol=1e-10))


@lru_cache(maxsize=4)
def _legendre(nodes: int) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(nodes)
    return points.astype(np.float64), weights.astype(np.float64)


def _density(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * np.square(x)) / math.sqrt(2 * math.pi), np.float64)


def _lengths(chain: Floats) -> Floats:
    """Return the expected steps to absorption from each state of a substochastic chain."""
    return np.asarray(np.linalg.solve(np.eye(len(chain)) - chain, np.ones(len(chain))), np.float64)


def _quasi_stationary(chain: Floats) -> Floats:
    """Return the distribution over the states, given a long time without absorption."""
    state = np.full(len(chain), 1 / len(chain))
    for _ in range(100_000):
        moved = state @ chain
        moved /= moved.sum()
        if np.abs(moved - state).max() < _SETTLED:
            return moved
        state = moved
    return state


def _ewma_chain(weight: float, limit: float, shift: float, nodes: int = _NODES) -> Floats:
    """Return the average's transitions between the nodes within its limits, [nodes, nodes]."""
    edge = limit * math.sqrt(weight / (2 - weight))
    points, weights = _legendre(nodes)
    u = edge * points
    return _density((u[None, :] - (1 - weight) * u[:, None]) / weight - shift) * (edge * weights / weight)


def _ewma(weight: float, limit: float, shift: float) -> float:
    edge = limit * math.sqrt(weight / (2 - weight))
    if weight == 1:
        return arl(Shewhart(), limit, shift)
    # Narrow kernels (small weights between wide limits) need more nodes to be seen at all.
    nodes = max(_NODES, math.ceil(12 * edge / weight))
    lengths = _lengths(_ewma_chain(weight, limit, shift, nodes))
    points, weights = _legendre(nodes)
    first = _density(edge * points / weight - shift) * (edge * weights / weight)
    return 1 + float(first @ lengths)


def _time_varying(chart: Ewma, limit: float, shift: float) -> float:
    """Follow the distribution step by step while the limits widen, then go on with the settled ones."""
    weight = chart.weight
    settled = limit * math.sqrt(weight / (2 - weight))
    if weight == 1:
        return arl(Shewhart(), limit, shift)
    nodes = max(_NODES, math.ceil(12 * settled / weight))
    points, weights = _legendre(nodes)
    total, age = 1.0, 1
    edge = settled * math.sqrt(1 - (1 - weight) ** 2)
    mass = _density(edge * points / weight - shift) * (edge * weights / weight)
    while 1 - edge / settled > _SETTLED and mass.sum() > _SETTLED:
        total += float(mass.sum())
        age += 1
        wider = settled * math.sqrt(1 - (1 - weight) ** (2 * age))
        steps = (wider * points[None, :] - (1 - weight) * edge * points[:, None]) / weight - shift
        mass = mass @ (_density(steps) * (wider * weights / weight))
        edge = wider
    return total + float(mass @ _lengths(_ewma_chain(weight, limit, shift, nodes)))


class _CusumChain:
    """The upper sum: at nought, or at a node up to the limit."""

    def __init__(self, allowance: float, limit: float, shift: float) -> None:
        points, weights = _legendre(max(_NODES, math.ceil(12 * limit / 2)))
        nodes = limit * (points + 1) / 2
        states = np.concatenate([[0.0], nodes])
        to_zero = ndtr(allowance - states - shift)
        inside = _density(nodes[None, :] - states[:, None] + allowance - shift) * (limit / 2 * weights)
        self.chain: NDArray[np.float64] = np.column_stack([to_zero, inside])
        self.lengths = _lengths(self.chain)

    @property
    def from_zero(self) -> float:
        return float(self.lengths[0])

    def then(self, moved: "_CusumChain") -> float:
        """Return the expected steps of ``moved`` from this chain's quasi-stationary distribution."""
        return float(_quasi_stationary(self.chain) @ moved.lengths)


@lru_cache(maxsize=64)
def _cusum(allowance: float, limit: float, shift: float) -> _CusumChain:
    return _CusumChain(allowance, limit, shift)
