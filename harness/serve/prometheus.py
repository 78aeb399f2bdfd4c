"""Counts and histograms of a server, in Prometheus' text format."""

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from harness.serve.batcher import Batcher

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Histogram:
    """Cumulative buckets.

    >>> h = Histogram("x_seconds", "Time.", (0.1, 1.0))
    >>> h.observe(0.05); h.observe(5.0)
    >>> list(h.lines())[2:5]
    ['x_seconds_bucket{le="0.1"} 1', 'x_seconds_bucket{le="1"} 1', 'x_seconds_bucket{le="+Inf"} 2']
    """

    def __init__(self, name: str, said: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._said = said
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[str]:
        """Yield the lines of the text format."""
        yield f"# HELP {self._name} {self._said}"
        yield f"# TYPE {self._name} histogram"
        total = 0
        for bound, found in zip((*self._bounds, None), self._counts, strict=True):
            total += found
            yield f'{self._name}_bucket{{le="{"+Inf" if bound is None else f"{bound:g}"}"}} {total}'
        yield f"{self._name}_sum {self._sum:.9g}"
        yield f"{self._name}_count {total}"


class Book:
    """What a server writes down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._codes: Counter[int] = Counter()
        self._latency = Histogram("harness_request_seconds", "Time from request to reply.", _SECONDS)
        self._queued = Histogram("harness_queue_seconds", "Time that a request waited.", _SECONDS)
        self._computed = Histogram("harness_compute_seconds", "Time of a request's batch in the model.", _SECONDS)
        self._sizes = Histogram("harness_batch_size", "Requests in the batch of each request.", _SIZES)

    def request(self, code: int, seconds: float) -> None:
        """Count a reply."""
        with self._lock:
            self._codes[code] += 1
            self._latency.observe(seconds)

    def answer(self, batch: int, queued: float, computed: float) -> None:
        """Count an answer of the model."""
        with self._lock:
            self._sizes.observe(batch)
            self._queued.observe(queued)
            self._computed.observe(computed)

    def render(self, batcher: Batcher) -> str:
        """Return all of it."""
        with self._lock:
            lines = ["# HELP harness_requests_total Replies by status.", "# TYPE harness_requests_total counter"]
            lines += [f'harness_requests_total{{code="{code}"}} {n}' for code, n in sorted(self._codes.items())]
            for name, said, value in (
                ("harness_queue_depth", "Requests that wait.", batcher.depth),
                ("harness_in_flight", "Requests that the model works on.", batcher.busy),
            ):
                lines += [f"# HELP {name} {said}", f"# TYPE {name} gauge", f"{name} {value}"]
            for histogram in (self._latency, self._queued, self._computed, self._sizes):
                lines += histogram.lines()
        return "\n".join(lines) + "\n"
