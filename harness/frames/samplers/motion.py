"""More frames where more moves."""

from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.frames._change import motion
from harness.frames._clip import Clip
from harness.frames._sampler import filled
from harness.spec.models import Model

ENTRIES: Final = {"motion": "MotionSampler"}


class MotionConfig(Model):
    """Keys of the sampler `motion`."""

    still: float = Field(default=0.3, ge=0, le=1)
    """The share of the budget that is spread evenly over time, whatever moves."""


class MotionSampler:
    """Frames at equal steps of the clip's accumulated change instead of its time."""

    Config: ClassVar[type[BaseModel]] = MotionConfig

    def __init__(self, config: MotionConfig) -> None:
        self._config = config

    @classmethod
    def from_config(cls, config: MotionConfig) -> Self:
        return cls(config)

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        change = motion(clip)
        count, total = len(change), float(change.sum())
        shares = np.full(count, 1 / count)
        if total > 0:
            shares = self._config.still * shares + (1 - self._config.still) * change / total
        travelled = np.cumsum(shares)
        wanted = (np.arange(budget) + 0.5) / budget
        return filled(np.searchsorted(travelled, wanted * travelled[-1]), count, budget)
