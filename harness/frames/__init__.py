"""Clips as frames: opened, sampled and decoded at exact times, with memory that does not grow with their length."""

from harness.frames._change import histogram as colour_histogram
from harness.frames._clip import Clip, Timeline
from harness.frames._open import open_clip
from harness.frames._sampler import Sampler, get

__all__ = ["Clip", "Sampler", "Timeline", "colour_histogram", "get", "open_clip"]
