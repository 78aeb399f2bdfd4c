"""Which loads asked for more than the server does: what their answers say, not what was declared."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.tasks._cells import CellResult
from harness.types import Status

KEPT_UP: Final = 0.95
"""Share of what was asked below which a load was not kept up with."""
_EDGE: Final = 0.1
"""Share of requests at each end that is left out: a queue fills first and empties last."""
_FEW: Final = 20


def kept_up(result: CellResult) -> float:
    """Return the rate of answers as a share of the rate of requests, both between their first and last tenth.

    Of a server that keeps up the two are the same however long an answer takes; of one that does not, answers come as
    fast as it can. 1 where there are too few to tell.
    """
    arrival, latency = (result.columns[name].worths for name in ("arrival_s", "latency_ms"))
    came = np.isfinite(latency)
    sent = np.count_nonzero(~result.columns["latency_ms"].among(Status.MISSING))
    if np.count_nonzero(came) < _FEW:
        return 1.0
    asked, answered = (_span(one[came]) for one in (arrival, arrival + latency / 1000))
    return np.count_nonzero(came) / sent * asked / answered if answered > 0 else 1.0


def rate_of(result: CellResult) -> float:
    """Return the answers a second between the first and the last tenth of them; 0 of too few."""
    arrival, latency = (result.columns[name].worths for name in ("arrival_s", "latency_ms"))
    ends = (arrival + latency / 1000)[np.isfinite(latency)]
    if len(ends) < _FEW:
        return 0.0
    span = _span(ends)
    return (1 - 2 * _EDGE) * len(ends) / span if span > 0 else 0.0


def _span(moments: NDArray[np.float64]) -> float:
    return float(np.diff(np.quantile(moments, (_EDGE, 1 - _EDGE)))[0])


def saturated(opened: Sequence[CellResult], closed: Mapping[int, CellResult]) -> set[str]:
    """Return the cells whose load was more than the server does.

    Args:
        opened: loads with a rate of their own.
        closed: loads by their number of clients. Where several numbers are answered as fast as the fastest, up to what
            keeping up allows for, all of them saturate: more clients only wait longer.
    """
    found = {result.cell.id for result in opened if kept_up(result) < KEPT_UP}
    rates = {clients: rate_of(result) for clients, result in closed.items()}
    top = max(rates.values(), default=0.0)
    flat = [clients for clients, rate in rates.items() if rate > 0 and rate >= KEPT_UP * top]
    return found | ({closed[clients].cell.id for clients in flat} if len(flat) > 1 else set())
