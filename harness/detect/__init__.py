"""Detectors that a task puts on trial: of samples out of distribution, of drift in a stream, of scene changes."""

from harness.detect._base import Fitted, OodDetector, Views, ood_detector, params_of
from harness.detect._drift import BatchDetector, ControlChart, DriftDetector, drift_detector
from harness.detect._scene import SceneDetector, scene_detector
from harness.detect._scene_drift import WindowedDrift

__all__ = [
    "BatchDetector",
    "ControlChart",
    "DriftDetector",
    "Fitted",
    "OodDetector",
    "SceneDetector",
    "Views",
    "WindowedDrift",
    "drift_detector",
    "ood_detector",
    "params_of",
    "scene_detector",
]
