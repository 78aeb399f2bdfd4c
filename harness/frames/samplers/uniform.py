"""Frames at equal distances in time."""

from typing import ClassVar, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from harness.frames._clip import Clip
from harness.frames._sampler import filled
from harness.spec.models import Model

ENTRIES: Final = {"uniform": "UniformSampler"}


class UniformConfig(Model):
    """Keys of the sampler `uniform`."""

    place: Literal["centres", "endpoints"] = "centres"
    """`centres`: the middle of each of as many equal parts as the budget has frames. `endpoints`: from the first frame
    to the last. Toolkits differ in this, and their numbers with it."""


class UniformSampler:
    """Frames at equal distances in time; where a part has fewer than asked for, others fill the budget."""

    Config: ClassVar[type[BaseModel]] = UniformConfig

    def __init__(self, config: UniformConfig) -> None:
        self._config = config

    @classmethod
    def from_config(cls, config: UniformConfig) -> Self:
        return cls(config)

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        times, duration = clip.timeline.times, clip.timeline.duration
        if self._config.place == "endpoints" and budget > 1:
            wanted = np.linspace(0.0, float(times[-1]), budget)
        else:
            wanted = (np.arange(budget) + 0.5) * duration / budget
        return filled(clip.timeline.at(wanted), len(times), budget)
