"""A load test: requests that come as a Poisson process, dynamic batching against one at a time."""

from typing import Final

from harness.tasks.serving.task import ServingTask

__all__ = ["ServingTask"]

ENTRIES: Final = {"serving": "ServingTask"}
