"""Detectors of out-of-distribution images, on a model's features or logits of real images."""

from typing import Final

from harness.tasks.ood.task import OodTask

__all__ = ["OodTask"]

ENTRIES: Final = {"ood": "OodTask"}
