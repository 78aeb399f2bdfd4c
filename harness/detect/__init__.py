"""Detectors that a task puts on trial: of samples out of distribution, and of drift in a stream of batches."""

from harness.detect._base import Fitted, OodDetector, Views, ood_detector
from harness.detect._drift import BatchDetector, ControlChart, DriftDetector, drift_detector

__all__ = [
    "BatchDetector",
    "ControlChart",
    "DriftDetector",
    "Fitted",
    "OodDetector",
    "Views",
    "drift_detector",
    "ood_detector",
]
