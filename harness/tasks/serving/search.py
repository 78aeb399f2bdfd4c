"""The highest rate that meets the latency objective, from the probes of a search."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.tasks._cells import CellResult
from harness.tasks.serving.load import Sent
from harness.tasks.serving.saturated import KEPT_UP
from harness.types import MetricValue, Status


def achieved(sent: Sequence[Sent]) -> float:
    """Return the answers a second of a probe, from its start to the last answer.

    A few requests can be offered faster than any model answers and still all be in time: the queue has
    no time to grow. What was answered can't exceed what the model does, however short the probe.

    >>> late = Sent(0, arrival=0.1, late=0.0, latency=0.4, queued=0.0, computed=0.4, batch=1)
    >>> achieved([late])
    2.0
    """
    ends = [one.arrival + one.latency for one in sent if one.error is None]
    return len(ends) / max(ends) if ends else 0.0


def slowest(sent: Sequence[Sent], limits: Mapping[str, float], share: float) -> float:
    """Return the milliseconds within which a share of requests were answered, on the scale of the first limit.

    Each request counts the worst share of a limit that it took: 1 is just in time, and no answer is never.

    >>> sent = [Sent(i, 0.0, 0.0, 0.25 * i, 0.0, 0.0, 1, None, 0.125 * i) for i in range(1, 10)]
    >>> slowest(sent, {"ttft_ms": 500.0, "latency_ms": 2000.0}, 0.5), slowest(sent, {"latency_ms": 2000.0}, 0.75)
    (625.0, 1750.0)
    """
    worst = [_share(one, limits) for one in sent]
    return next(iter(limits.values())) * float(np.quantile(worst, share, method="higher"))


def _share(one: Sent, limits: Mapping[str, float]) -> float:
    took = {"latency_ms": one.latency, "ttft_ms": one.first, "inter_token_ms": one.between}
    shares = [1000 * took[name] / limit for name, limit in limits.items()
              if name != "inter_token_ms" or math.isfinite(one.between)]  # fmt: skip
    return math.inf if one.error is not None or not all(map(math.isfinite, shares)) else max(shares, default=0.0)


def highest(result: CellResult) -> MetricValue:
    """Return the rate achieved by the best probe that met the objective; the interval ends where it was missed."""
    offered, reached, met = _probes(result)
    n = len(offered)
    if not met.any():
        return MetricValue(math.nan, math.nan, math.nan, 0, n, "higher", "1/s", {}, "no rate met it")
    best = int(np.argmax(np.where(met, offered, -math.inf)))
    above = offered[~met & (offered > offered[best])]
    high = float(above.min()) if above.size else math.inf
    value = float(reached[best])
    return MetricValue(value, value, high, n, n, "higher", "1/s", {str(Status.OK): n}, "search: met, and next not met")


def unsettled(result: CellResult) -> bool:
    """Tell whether the best probe that met the objective was answered more slowly than it was asked."""
    offered, reached, met = _probes(result)
    if not met.any():
        return False
    best = int(np.argmax(np.where(met, offered, -math.inf)))
    return bool(reached[best] < KEPT_UP * offered[best])


def _probes(result: CellResult) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    names = ("offered", "achieved", "latency_ms", "slo_ms")
    offered, reached, latency, slo = (result.columns[name].worths for name in names)
    known = np.isfinite(offered)
    return offered[known], reached[known], (latency <= slo)[known]
