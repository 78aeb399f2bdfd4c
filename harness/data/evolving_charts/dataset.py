"""The ``evolving_charts`` dataset: clips that are drawn and encoded when they are needed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final, Self

from PIL import Image
from pydantic import BaseModel, Field

from harness.data._choices import unknown_names
from harness.data._clips import encode, evidence_text
from harness.data._drawn import DrawnDataset
from harness.data.charts.draw import render
from harness.data.charts.model import ALL_STYLES, STYLES
from harness.data.evolving_charts.story import EVENT_TYPES, Story, draw_story
from harness.errors import ConfigError, Issue
from harness.seeds import Stream
from harness.spec.models import Model
from harness.types import ClipData, Sample

_VERSION: Final = 1
"""Raise it when the same configuration starts to give other samples or other charts."""
_KEPT: Final = 512
"""Encoded clips that stay in memory, about 10 KB each: a run asks for each once a cell."""


class EvolvingChartsConfig(Model):
    """Keys of a dataset of ``type: evolving_charts``."""

    limit: int = Field(default=60, ge=1, le=100_000)
    """How many clips, each with one question."""
    seed: int = Field(default=0, ge=0)
    """Another seed, other clips."""
    events: tuple[str, ...] = Field(default=("when_higher", "when_highest", "overtakes"), min_length=1)
    """What happens, drawn from in turn: `when_higher`, `when_highest`, `overtakes`, `shown` (a picture)."""
    styles: tuple[str, ...] = Field(default=tuple(s for s in STYLES if not s.startswith("table")), min_length=1)
    """Chart styles, drawn from in turn."""
    seconds: float = Field(default=12.0, ge=2, le=600)
    """Length of a clip."""
    rate: int = Field(default=4, ge=1, le=60)
    """Frames a second."""
    event_seconds: tuple[float, float] = Field(default=(2.0, 6.0), strict=False)
    """How long an event lasts, from the shortest to the longest."""


@dataclass(frozen=True, slots=True)
class ChartClip:
    """A clip that is drawn and encoded when it is fetched; the last few hundred are kept."""

    story: Story
    key: tuple[str | int, ...]
    frames: int
    rate: int

    def fetch(self) -> ClipData:
        """Return an MP4 of 140 × 112 px, H.264.

        Raises:
            HarnessError: if PyAV is not installed.
        """
        return ClipData(f"clip {self.key[-1]}", _encoded(self))

    def draw(self, time: float) -> Image.Image:
        """Return the chart at a time, as it is before it is encoded."""
        order = tuple(Stream(*self.key, "order").shuffled(range(len(self.story.chart.values))))
        # One stream a frame with the same key: the jitter and the width of the bars hold still.
        return render(self.story.chart_at(time, order), Stream(*self.key, "draw")).image


@dataclass(frozen=True, slots=True)
class Still:
    """The chart of a clip in the middle of its event."""

    clip: ChartClip

    def load(self) -> Image.Image:
        """Return a new RGB image of 140 × 112 px."""
        start, end = self.clip.story.span
        return self.clip.draw((start + end) / 2)


@lru_cache(maxsize=_KEPT)
def _encoded(clip: ChartClip) -> bytes:
    return encode((clip.draw(number / clip.rate) for number in range(clip.frames)), Fraction(clip.rate))


class EvolvingChartsDataset(DrawnDataset[EvolvingChartsConfig]):
    """Clips of charts that change, rendered here, with questions about when."""

    Config: ClassVar[type[BaseModel]] = EvolvingChartsConfig
    gives = frozenset({"spans"})

    @classmethod
    def from_config(cls, config: EvolvingChartsConfig, folder: Path, roots: Sequence[Path]) -> Self:
        issues = unknown_names(config, {"styles": ALL_STYLES, "events": EVENT_TYPES})
        shortest, longest = config.event_seconds
        if not 0 < shortest <= longest <= config.seconds - 2:
            said = f"an event lasts above 0 and up to {config.seconds - 2:g} s: the clip less a second at each end"
            issues.append(Issue(("event_seconds",), said))
        if issues:
            raise ConfigError(*issues)
        return cls(config)

    def version(self) -> str:
        return str(_VERSION)

    def sample(self, index: int) -> Sample:
        config = self.config
        event = config.events[index % len(config.events)]
        style = config.styles[index // len(config.events) % len(config.styles)]
        key = ("evolving_charts", config.seed, event, style, index)
        story = draw_story(Stream(*key, "story"), event, style, config.seconds, config.event_seconds)
        frames = round(config.seconds * config.rate)
        clip = ChartClip(story, key, frames, config.rate)
        return Sample(
            id=f"clip-{config.seed}-{event}-{index:06d}",
            question=story.question,
            references=(json.dumps([story.span]) if story.answer is None else story.answer,),
            evidence=evidence_text([story.span], frames / config.rate),
            tags={"event": event, "style": style},
            images=(Still(clip),) if event == "shown" else (),
            clip=clip,
            spans=(story.span,),
        )
