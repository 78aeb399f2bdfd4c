"""Frames drawn at random, the same ones in every run."""

from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from harness.frames._clip import Clip
from harness.spec.models import Model

ENTRIES: Final = {"random": "RandomSampler"}


class RandomConfig(Model):
    """The sampler `random` has no keys; what it draws follows from the suite's seed and the sample's id."""


class RandomSampler:
    """Frames drawn at random: the floor that a cleverer sampler must beat."""

    Config: ClassVar[type[BaseModel]] = RandomConfig

    @classmethod
    def from_config(cls, config: RandomConfig) -> Self:
        return cls()

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        count = len(clip.timeline)
        return np.sort(rng.permutation(count)[:budget]).astype(np.int64)
