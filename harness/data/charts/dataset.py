"""The ``charts`` dataset: samples that are rendered when they are needed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from PIL import Image
from pydantic import BaseModel, Field

from harness.data._choices import unknown_names
from harness.data._drawn import DrawnDataset
from harness.data.charts.draw import THEMES, render
from harness.data.charts.model import ALL_STYLES, STYLES, Chart, Split, draw_chart, draw_values, split_of
from harness.data.charts.questions import ALL_QUESTION_TYPES, QUESTION_TYPES, ask
from harness.errors import ConfigError
from harness.seeds import Stream
from harness.spec.models import Model
from harness.types import Sample

Shown = Literal["matched", "mismatched", "blank"]

_VERSION: Final = 1
"""Raise it when the same configuration starts to give other samples or other pixels."""


class ChartsConfig(Model):
    """Keys of a dataset of ``type: charts``."""

    split: Split = "test"
    """`test` holds a tenth of all data tuples, which training never draws."""
    limit: int = Field(default=400, ge=1, le=1_000_000)
    """How many questions."""
    seed: int = Field(default=0, ge=0)
    """Another seed, other charts."""
    styles: tuple[str, ...] = Field(default=STYLES, min_length=1)
    """Chart styles, drawn from in turn."""
    questions: tuple[str, ...] = Field(default=QUESTION_TYPES, min_length=1)
    """Question types, drawn from in turn; all but `record` by default, which asks for all values as JSON."""
    questions_per_chart: int = Field(default=1, ge=1, le=20)
    """Questions that share one chart; they form a cluster."""
    image: Shown = "matched"
    """`mismatched` shows a chart with the same letters and colours but other data, `blank` its bare background:
    controls that a model which looks at the image must fail."""


@dataclass(frozen=True, slots=True)
class ChartImage:
    """A chart that is drawn when it is loaded."""

    chart: Chart
    key: tuple[str | int, ...]
    shown: Shown

    def blank(self) -> "ChartImage":
        """Return the bare background of this chart."""
        return replace(self, shown="blank")

    def mismatched(self) -> "ChartImage":
        """Return a chart with the same letters and colours, and other data."""
        return replace(self, shown="mismatched")

    def load(self) -> Image.Image:
        """Return a new RGB image of 140 × 112 px."""
        stream = Stream(*self.key, "draw")
        if self.shown == "matched":
            return render(self.chart, stream).image
        if self.shown == "blank":
            background = THEMES[self.chart.style.split("-")[1]].background
            return Image.new("RGB", render(self.chart, stream).image.size, background)
        split = split_of(self.chart.values)
        return render(_other_data(self.chart, split, Stream(*self.key, "mismatch")), stream).image


def _other_data(chart: Chart, split: Split, stream: Stream) -> Chart:
    letters, colors = tuple(stream.shuffled(chart.letters)), tuple(stream.shuffled(chart.colors))
    return Chart(letters, colors, draw_values(stream, split, len(chart.values)), chart.style)


class ChartsDataset(DrawnDataset[ChartsConfig]):
    """Bar, line and pie charts that are rendered here, with questions about them: any number, the same every time."""

    Config: ClassVar[type[BaseModel]] = ChartsConfig

    @classmethod
    def from_config(cls, config: ChartsConfig, folder: Path, roots: Sequence[Path]) -> Self:
        issues = unknown_names(config, {"styles": ALL_STYLES, "questions": ALL_QUESTION_TYPES})
        if issues:
            raise ConfigError(*issues)
        return cls(config)

    def version(self) -> str:
        return f"{_VERSION} {_font_hash()}"

    def sample(self, index: int) -> Sample:
        config = self.config
        chart_index = index // config.questions_per_chart
        style = config.styles[chart_index % len(config.styles)]
        turn = chart_index // len(config.styles) + index % config.questions_per_chart
        type_ = config.questions[turn % len(config.questions)]
        key = ("charts", config.seed, config.split, style, chart_index)
        chart = draw_chart(Stream(*key, "data"), config.split, style)
        question = ask(chart, type_, Stream(*key, "question", index))
        identity = f"{config.split}-{config.seed}-{style}-{chart_index:06d}"
        return Sample(
            id=f"{identity}-{index:06d}",
            question=question.text,
            references=(question.answer,),
            images=(ChartImage(chart, key, config.image),),
            evidence=chart.table(),
            cluster=identity,
            tags={"question_type": type_, "style": style, "marks": str(len(chart.values))},
        )


@cache
def _font_hash() -> str:
    digest = hashlib.sha256()
    for font in sorted((files("harness.data.charts") / "fonts").iterdir(), key=lambda font: font.name):
        digest.update(font.read_bytes())
    return digest.hexdigest()
