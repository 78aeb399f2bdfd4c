"""One frame from the middle of each scene."""

from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from harness.frames._change import recolouring
from harness.frames._clip import Clip
from harness.frames._sampler import filled
from harness.spec.models import Model

ENTRIES: Final = {"keyframe": "KeyframeSampler"}


class KeyframeConfig(Model):
    """Keys of the sampler `keyframe`."""

    least: float = Field(default=0.02, ge=0, le=1)
    """The smallest change that begins a scene: the share of pixels that take on another colour."""


class KeyframeSampler:
    """The middle of each part, where the clip is cut where its colours change most.

    Neighbouring frames that change are one change, at its greatest. Where there are fewer scenes than
    frames to spend, the widest gaps are halved.
    """

    Config: ClassVar[type[BaseModel]] = KeyframeConfig

    def __init__(self, config: KeyframeConfig) -> None:
        self._config = config

    @classmethod
    def from_config(cls, config: KeyframeConfig) -> Self:
        return cls(config)

    def pick(self, clip: Clip, budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
        change = recolouring(clip)
        peak = (change >= self._config.least) & (change >= np.r_[0.0, change[:-1]]) & (change > np.r_[change[1:], 0.0])
        places = np.flatnonzero(peak)
        cuts = np.sort(places[np.argsort(-change[places], kind="stable")][: budget - 1])
        edges = np.r_[0, cuts, len(change)]
        return filled((edges[:-1] + edges[1:] - 1) // 2, len(change), budget)
