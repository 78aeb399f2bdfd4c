"""Pages of printed text that are drawn here, so that every letter and the order of its lines are known."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from PIL import Image, ImageDraw
from pydantic import BaseModel, Field

from harness.data._drawn import DrawnDataset
from harness.data.charts.lettering import typeface
from harness.seeds import Stream
from harness.spec.models import Model
from harness.types import Sample

ENTRIES: Final = {"pages": "Pages"}

Layout = Literal["column", "columns", "receipt"]

_VERSION: Final = 1
"""Raise it when the same configuration starts to give other samples or other pixels."""
_FONTS: Final = ("ChartSans.ttf", "ChartSerif.ttf")
_MARGIN: Final = 16
_GUTTER: Final = 28
_GOODS: Final = (
    "Apples", "Black tea", "Bread rolls", "Butter", "Carrots", "Cheese", "Chocolate", "Coffee beans", "Eggs", "Flour",
    "Honey", "Lemons", "Milk", "Mushrooms", "Oats", "Olive oil", "Onions", "Oranges", "Pasta", "Potatoes", "Rice",
    "Salt", "Sugar", "Tomatoes", "Yoghurt",
)  # fmt: skip
_SHOPS: Final = ("CORNER SHOP", "GREEN MARKET", "OLD MILL STORES", "STATION KIOSK", "WEST SIDE GROCER")


class PagesConfig(Model):
    """Keys of a dataset of ``type: pages``."""

    limit: int = Field(default=60, ge=1, le=1_000_000)
    """How many pages."""
    seed: int = Field(default=0, ge=0)
    """Another seed, other pages."""
    layouts: tuple[Layout, ...] = Field(default=("column", "columns", "receipt"), min_length=1)
    """In turn: prose in one `column`, prose in two `columns` (the left one is read first), or a `receipt`."""
    size: int = Field(default=16, ge=8, le=64)
    """Height of the letters in pixels; the page grows with it."""
    lines: int = Field(default=6, ge=1, le=40)
    """Lines of a column, or goods of a receipt."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A piece of text and where it begins."""

    left: int
    top: int
    text: str


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page that is drawn when it is loaded."""

    pieces: tuple[Placed, ...]
    font: str
    size: int
    shape: tuple[int, int]

    def load(self) -> Image.Image:
        """Return a new RGB image, black on white."""
        image = Image.new("RGB", self.shape, (255, 255, 255))
        pen, font = ImageDraw.Draw(image), typeface(self.font, self.size)
        for piece in self.pieces:
            pen.text((piece.left, piece.top), piece.text, fill=(0, 0, 0), font=font)
        return image


class Pages(DrawnDataset[PagesConfig]):
    """Prose in one or two columns, and receipts, set in two typefaces; the reference is the text, line by line.

    The prose was written for this set, so that no model can know it by heart, and begins at a word that the page's
    number draws; goods and prices of receipts are drawn. The tag `layout` tells the pages apart.
    """

    Config: ClassVar[type[BaseModel]] = PagesConfig

    @classmethod
    def from_config(cls, config: PagesConfig, folder: Path, roots: Sequence[Path]) -> Self:
        return cls(config)

    def version(self) -> str:
        return f"pages {_VERSION} {_content_hash()}"

    def sample(self, index: int) -> Sample:
        config = self.config
        layout = config.layouts[index % len(config.layouts)]
        stream = Stream("pages", config.seed, layout, index)
        font = stream.choice(_FONTS)
        setting = _Setting(font, config.size, config.lines)
        lines, image = setting.receipt(stream) if layout == "receipt" else setting.prose(stream, layout)
        identity = f"{layout}-{config.seed}-{index:06d}"
        return Sample(
            id=identity,
            question="What does the page say?",
            references=("\n".join(lines),),
            images=(image,),
            cluster=identity,
            tags={"layout": layout, "typeface": "serif" if "Serif" in font else "sans"},
        )


@dataclass(frozen=True, slots=True)
class _Setting:
    """Sets text in one typeface and size."""

    font: str
    size: int
    lines: int

    @property
    def step(self) -> int:
        """Pixels from one line to the next."""
        return round(self.size * 1.5)

    def width(self, text: str) -> float:
        return typeface(self.font, self.size).getlength(text)

    def prose(self, stream: Stream, layout: Layout) -> tuple[list[str], PageImage]:
        count = 2 if layout == "columns" else 1
        across = self.size * (13 if count == 2 else 24)
        lines = self._wrapped(stream, across, count * self.lines)
        pieces = [
            Placed(_MARGIN + place // self.lines * (across + _GUTTER), _MARGIN + place % self.lines * self.step, line)
            for place, line in enumerate(lines)
        ]
        return lines, self._page(pieces, 2 * _MARGIN + count * across + (count - 1) * _GUTTER, self.lines)

    def _wrapped(self, stream: Stream, across: int, wanted: int) -> list[str]:
        words = stream.choice(_passages()).split()
        start = stream.integer(0, len(words) - 1)
        lines: list[str] = [""]
        place = start
        while len(lines) <= wanted:
            word = words[place % len(words)]
            longer = f"{lines[-1]} {word}".strip()
            if lines[-1] and self.width(longer) > across:
                lines.append(word)
            else:
                lines[-1] = longer
            place += 1
        return lines[:wanted]

    def receipt(self, stream: Stream) -> tuple[list[str], PageImage]:
        across = self.size * 14
        goods = [(name, stream.integer(45, 2499)) for name in stream.sample(_GOODS, min(self.lines, len(_GOODS)))]
        rows = [*((name, f"{cents / 100:.2f}") for name, cents in goods)]
        rows.append(("TOTAL", f"{sum(cents for _, cents in goods) / 100:.2f}"))
        shop = stream.choice(_SHOPS)
        pieces = [Placed(_MARGIN + round((across - self.width(shop)) / 2), _MARGIN, shop)]
        for place, (name, price) in enumerate(rows, start=1):
            top = _MARGIN + place * self.step
            pieces.append(Placed(_MARGIN, top, name))
            pieces.append(Placed(_MARGIN + round(across - self.width(price)), top, price))
        lines = [shop, *(f"{name} {price}" for name, price in rows)]
        return lines, self._page(pieces, 2 * _MARGIN + across, len(lines))

    def _page(self, pieces: Sequence[Placed], width: int, lines: int) -> PageImage:
        return PageImage(tuple(pieces), self.font, self.size, (width, 2 * _MARGIN + lines * self.step))


@cache
def _passages() -> tuple[str, ...]:
    return tuple(json.loads((files("harness.data") / "passages.json").read_text(encoding="utf-8")))


@cache
def _content_hash() -> str:
    content = json.dumps([_passages(), _GOODS, _SHOPS]).encode()
    fonts = b"".join((files("harness.data.charts") / "fonts" / name).read_bytes() for name in _FONTS)
    return hashlib.sha256(content + fonts).hexdigest()
