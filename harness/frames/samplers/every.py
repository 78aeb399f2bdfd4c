"""All frames, up to the budget: the ceiling for clips that are short enough."""

from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from harness.errors import SampleError
from harness.frames._clip import Clip
from harness.spec.models import Model

ENTRIES: Final = {"all": "AllSampler"}


class AllConfig(Model):
    """The sampler `all` has no keys."""


class AllSampler:
    """Every frame; a clip with more frames than the budget is refused."""

    Config: ClassVar[type[BaseModel]] = AllConfig

    @classmethod
    def from_config(cls, config: AllConfig) -> Self:
        return cls()

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        count = len(clip.timeline)
        if count > budget:
            raise SampleError(f"{clip.name}: {count} frames are more than the budget of {budget}; raise `frames`")
        return np.arange(count)
