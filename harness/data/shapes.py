"""Pictures of coloured shapes that are drawn here, so that their boxes are known to the pixel."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from PIL import Image, ImageDraw
from pydantic import BaseModel, Field

from harness.data._drawn import DrawnDataset
from harness.data.charts.draw import THEMES
from harness.data.charts.model import COLORS, Split, split_of
from harness.errors import ConfigError, Issue
from harness.seeds import Stream
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"shapes": "ShapesDataset"}

FORMS: Final = ("circle", "square", "triangle")
WIDTH: Final = 252
HEIGHT: Final = 168
PALETTE: Final[Mapping[str, tuple[int, int, int]]] = dict(zip(COLORS, THEMES["light"].palette, strict=True))
"""The colours of the shapes, by name."""

Names = Literal["color", "form", "both"]

_VERSION: Final = 1
"""Raise it when the same configuration starts to give other samples or other pixels."""
_SIDES: Final = {"small": ((18, 31), (18, 31)), "medium": ((36, 90), (36, 90)), "large": ((100, 150), (96, 126))}
"""Width and height in pixels; by their areas these are COCO's sizes."""
_APART: Final = 6
"""Pixels between two shapes, and between a shape and the border."""
_TRIES: Final = 40
_INK: Final = (40, 40, 48)
_GROUNDS: Final = ((255, 255, 255), (236, 240, 244), (246, 240, 226), (228, 236, 226))


class ShapesConfig(Model):
    """Keys of a dataset of ``type: shapes``."""

    split: Split = "test"
    """`test` holds a tenth of all arrangements, which training never draws."""
    limit: int = Field(default=200, ge=1, le=1_000_000)
    """How many pictures."""
    seed: int = Field(default=0, ge=0)
    """Another seed, other pictures."""
    most: int = Field(default=3, ge=1, le=6)
    """At most so many shapes a picture; fewer are as frequent."""
    names: Names = "both"
    """What a shape is called by: its `color`, its `form`, or `both`: `red circle`."""
    repeats: bool = False
    """Whether a picture may have several shapes of one name; else it has one of each color, or of each form."""
    empty: float = Field(default=0.0, ge=0, le=1)
    """The share of pictures without any shape."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a picture."""

    form: str
    color: str
    box: tuple[int, int, int, int]
    """Left, top, right, bottom in pixels: the first column and row that it covers, and the first behind it."""

    def name(self, by: Names) -> str:
        """Return what it is called."""
        return {"color": self.color, "form": self.form}.get(by, f"{self.color} {self.form}")


@dataclass(frozen=True, slots=True)
class ShapesImage:
    """A picture that is drawn when it is loaded: shapes on a plain ground, with a thin frame round it."""

    shapes: tuple[Shape, ...]
    ground: tuple[int, int, int]
    key: tuple[str | int, ...] = ()

    def blank(self) -> "ShapesImage":
        """Return the ground alone."""
        return replace(self, shapes=())

    def mismatched(self) -> "ShapesImage":
        """Return the same shapes at other places."""
        stream = Stream(*self.key, "mismatch")
        things = [(shape.form, shape.color) for shape in self.shapes]
        return replace(self, shapes=_placed(things, stream))

    def load(self) -> Image.Image:
        """Return a new RGB image of 252 × 168 px."""
        image = Image.new("RGB", (WIDTH, HEIGHT), self.ground)
        pen = ImageDraw.Draw(image)
        pen.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=_INK, width=3)
        for shape in self.shapes:
            x0, y0, x1, y1 = shape.box
            within, fill = (x0, y0, x1 - 1, y1 - 1), PALETTE[shape.color]
            if shape.form == "circle":
                pen.ellipse(within, fill=fill)
            elif shape.form == "square":
                pen.rectangle(within, fill=fill)
            else:
                pen.polygon(((x0, y1 - 1), (x1 - 1, y1 - 1), ((x0 + x1 - 1) // 2, y0)), fill=fill)
        return image


class ShapesDataset(DrawnDataset[ShapesConfig]):
    """Circles, squares and triangles in six colours, at most six a picture: any number, the same every time.

    One sample a picture of 252 × 168 px. The fact `boxes` holds what it shows with its names, `objects` the names.
    """

    Config: ClassVar[type[BaseModel]] = ShapesConfig
    gives: ClassVar[frozenset[str]] = frozenset({"boxes", "objects", "size"})

    @classmethod
    def from_config(cls, config: ShapesConfig, folder: Path, roots: Sequence[Path]) -> Self:
        kinds = {"color": len(COLORS), "form": len(FORMS)}.get(config.names, len(COLORS))
        if not config.repeats and config.most > kinds:
            said = f"there are {kinds} names by `names: {config.names}`, and each stands once in a picture"
            raise ConfigError(Issue(("most",), said, f"take at most {kinds}, or `repeats: true`"))
        return cls(config)

    def version(self) -> str:
        return str(_VERSION)

    def sample(self, index: int) -> Sample:
        config = self.config
        key = ("shapes", config.seed, config.split, index)
        stream = Stream(*key, "data")
        shapes = draw_shapes(stream, config)
        boxes: list[Any] = [{"box": list(one.box), "label": one.name(config.names)} for one in shapes]
        ground = Stream(*key, "ground").choice(_GROUNDS)
        return Sample(
            id=f"shapes-{config.split}-{config.seed}-{index:06d}",
            question="What is in the picture?",
            references=(json.dumps(boxes),),
            images=(ShapesImage(shapes, ground, key),),
            evidence="\n".join(f"{one['label']} {' '.join(map(str, one['box']))}" for one in boxes),
            cluster=f"shapes-{config.split}-{config.seed}-{index:06d}",
            tags={"shapes": str(len(shapes))},
            facts={"boxes": boxes, "objects": [one["label"] for one in boxes], "size": [WIDTH, HEIGHT]},
        )


def draw_shapes(stream: Stream, config: ShapesConfig) -> tuple[Shape, ...]:
    """Draw what one picture shows, rejecting arrangements of the other split; nothing for an empty picture."""
    if stream.uniform() < config.empty:
        return ()
    while True:
        count = stream.integer(1, config.most)
        shapes = _placed(_things(stream, config, count), stream)
        if split_of(tuple(side for shape in shapes for side in shape.box)) == config.split:
            return shapes


def _things(stream: Stream, config: ShapesConfig, count: int) -> list[tuple[str, str]]:
    """Draw forms and colours; where names may repeat, two shapes of three have the name of the first."""
    if config.repeats:
        form, color = stream.choice(FORMS), stream.choice(COLORS)
        alike = [True, *(stream.uniform() < 2 / 3 for _ in range(count - 1))]
        return [(form, color) if one else (stream.choice(FORMS), stream.choice(COLORS)) for one in alike]
    if config.names == "form":
        return [(form, stream.choice(COLORS)) for form in stream.sample(FORMS, count)]
    return [(stream.choice(FORMS), color) for color in stream.sample(COLORS, count)]


def _placed(things: Sequence[tuple[str, str]], stream: Stream) -> tuple[Shape, ...]:
    """Give shapes boxes that keep apart; one that finds no room is drawn smaller, and at last all are placed anew."""
    while True:
        done: list[Shape] = []
        for form, color in things:
            sizes = list(_SIDES)[: stream.integer(1, 2 if done else 3)]
            found = next((box for size in reversed(sizes) if (box := _room(size, done, stream))), None)
            if found is None:
                break
            done.append(Shape(form, color, found))
        if len(done) == len(things):
            return tuple(done)


def _room(size: str, done: Sequence[Shape], stream: Stream) -> tuple[int, int, int, int] | None:
    for _ in range(_TRIES):
        width, height = (stream.integer(*limits) for limits in _SIDES[size])
        x, y = stream.integer(_APART, WIDTH - width - _APART), stream.integer(_APART, HEIGHT - height - _APART)
        box = (x, y, x + width, y + height)
        if all(_clear(box, other.box) for other in done):
            return box
    return None


def _clear(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    across = box[0] - other[2] >= _APART or other[0] - box[2] >= _APART
    return across or box[1] - other[3] >= _APART or other[1] - box[3] >= _APART
