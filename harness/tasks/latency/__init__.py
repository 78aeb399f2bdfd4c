"""One model against another on the same inputs: time, memory, size, and what accuracy is left."""

from typing import Final

from harness.tasks.latency.task import LatencyTask

__all__ = ["LatencyTask"]

ENTRIES: Final = {"latency": "LatencyTask"}
