"""A guard that passes, flags or rejects answers by how well the evidence supports them, on labelled answers."""

from typing import Final

from harness.tasks.guard.task import GuardTask

__all__ = ["GuardTask"]

ENTRIES: Final = {"guard": "GuardTask"}
