"""Clips composed of drawn scenes with cuts, fades and wipes at known frames."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
from PIL import Image
from pydantic import BaseModel, Field

from harness.data._clips import encode, evidence_text
from harness.data._drawn import DrawnDataset
from harness.data._scenes import Scene, Transition, blend, draw_scene
from harness.errors import ConfigError, Issue
from harness.seeds import Stream
from harness.spec.models import Model
from harness.types import ClipData, Sample, Span

ENTRIES: Final = {"composed_clips": "ComposedClipsDataset"}

_VERSION: Final = 1
_KEPT: Final = 128
"""Encoded clips that stay in memory, about 30 KB each."""


class ComposedClipsConfig(Model):
    """Keys of a dataset of ``type: composed_clips``."""

    limit: int = Field(default=20, ge=1, le=10_000)
    """How many clips."""
    seed: int = Field(default=0, ge=0)
    """Another seed, other clips."""
    transitions: tuple[Transition, ...] = Field(default=("cut", "fade", "wipe"), min_length=1)
    """What leads from one scene to the next, drawn at random."""
    scenes: tuple[int, int] = Field(default=(1, 5), strict=False)
    """How many scenes a clip has, from the fewest to the most; one scene is a clip without changes."""
    scene_seconds: tuple[float, float] = Field(default=(1.5, 3.0), strict=False)
    """How long a scene lasts between transitions."""
    transition_seconds: tuple[float, float] = Field(default=(0.3, 0.8), strict=False)
    """How long a fade or a wipe takes."""
    rate: int = Field(default=12, ge=2, le=60)
    """Frames a second."""


@dataclass(frozen=True, slots=True)
class Change:
    """A transition, in frames: from the first that is not all of the old scene to the first that is all of the new."""

    kind: Transition
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Composition:
    """The scenes of a clip and what stands between them."""

    scenes: tuple[Scene, ...]
    changes: tuple[Change, ...]
    frames: int
    rate: int

    def draw(self, frame: int) -> Image.Image:
        """Return one frame."""
        seconds = frame / self.rate
        done = sum(frame >= change.end for change in self.changes)
        picture = self.scenes[done].draw(seconds)
        if done < len(self.changes) and frame >= self.changes[done].start:
            change = self.changes[done]
            share = (frame - change.start + 1) / (change.end - change.start)
            picture = blend(picture, self.scenes[done + 1].draw(seconds), share, change.kind)
        return Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))


@dataclass(frozen=True, slots=True)
class ComposedClip:
    """A clip that is drawn and encoded when it is fetched."""

    name: str
    composition: Composition

    def fetch(self) -> ClipData:
        """Return an MP4 of 96 × 72 px, H.264.

        Raises:
            HarnessError: if PyAV is not installed.
        """
        return ClipData(self.name, _encoded(self.composition))


@lru_cache(maxsize=_KEPT)
def _encoded(composition: Composition) -> bytes:
    return encode(map(composition.draw, range(composition.frames)), Fraction(composition.rate))


def compose(stream: Stream, config: ComposedClipsConfig) -> Composition:
    """Draw a composition at random."""
    rate = config.rate
    count = stream.integer(*config.scenes)
    scenes = tuple(draw_scene(stream) for _ in range(count))
    changes: list[Change] = []
    now = round(stream.uniform(*config.scene_seconds) * rate)
    for _ in range(count - 1):
        kind = stream.choice(config.transitions)
        length = 1 if kind == "cut" else max(2, round(stream.uniform(*config.transition_seconds) * rate))
        changes.append(Change(kind, now, now + length))
        now += length + round(stream.uniform(*config.scene_seconds) * rate)
    return Composition(scenes, tuple(changes), now, rate)


class ComposedClipsDataset(DrawnDataset[ComposedClipsConfig]):
    """Clips that are composed here of scenes with known cuts, fades and wipes."""

    Config: ClassVar[type[BaseModel]] = ComposedClipsConfig
    gives = frozenset({"spans"})

    @classmethod
    def from_config(cls, config: ComposedClipsConfig, folder: Path, roots: Sequence[Path]) -> Self:
        issues = [
            Issue((key,), f"{key} goes from above 0 to as much or more")
            for key in ("scenes", "scene_seconds", "transition_seconds")
            if not 0 < getattr(config, key)[0] <= getattr(config, key)[1] <= 3600
        ]
        if issues:
            raise ConfigError(*issues)
        return cls(config)

    def version(self) -> str:
        return str(_VERSION)

    def sample(self, index: int) -> Sample:
        name = f"composed-{self.config.seed}-{index:06d}"
        found = compose(Stream("composed_clips", self.config.seed, index), self.config)
        spans: tuple[Span, ...] = tuple((c.start / found.rate, c.end / found.rate) for c in found.changes)
        kinds = [change.kind for change in found.changes]
        return Sample(
            id=name,
            question="When does the scene change?",
            references=(json.dumps([list(span) for span in spans]),),
            evidence=evidence_text(spans, found.frames / found.rate, kinds=kinds),
            tags={"transitions": ",".join(sorted(set(kinds))) or "none"},
            clip=ComposedClip(name, found),
            spans=spans,
        )
