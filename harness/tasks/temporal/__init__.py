"""Questions about clips: frames with their times in, an answer with its windows out, beside controls that must fail."""

from typing import Final

from harness.tasks.temporal.task import TemporalTask

__all__ = ["TemporalTask"]

ENTRIES: Final = {"temporal": "TemporalTask"}
