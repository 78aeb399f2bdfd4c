"""Drift detectors on streams with a known onset, of a model's features of real images or of a scalar process."""

from typing import Final

from harness.tasks.drift.task import DriftTask

__all__ = ["DriftTask"]

ENTRIES: Final = {"drift": "DriftTask"}
