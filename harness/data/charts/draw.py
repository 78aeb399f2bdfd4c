"""Render a chart to pixels: 140 x 112, drawn at twice the size and reduced."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from harness.data.charts.lettering import typeface
from harness.data.charts.model import COLORS, Chart
from harness.seeds import Stream

WIDTH: Final = 140
HEIGHT: Final = 112
_SCALE: Final = 2
_W: Final = WIDTH * _SCALE
_H: Final = HEIGHT * _SCALE

Color = tuple[int, int, int]
Font = ImageFont.FreeTypeFont


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours and lettering of a family of styles."""

    background: Color
    ink: Color
    grid: Color
    palette: tuple[Color, ...]
    label_font: str
    tick_font: str


_VIVID: Final = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
)
_PASTEL: Final = (
    (128, 177, 211),
    (253, 180, 98),
    (179, 222, 105),
    (251, 128, 114),
    (188, 128, 189),
    (170, 130, 100),
)
_SANS: Final = ("ChartSans-Bold.ttf", "ChartSans.ttf")
_SERIF: Final = ("ChartSerif-Bold.ttf", "ChartSerif.ttf")
THEMES: Final = {
    "light": Theme((255, 255, 255), (0, 0, 0), (150, 150, 150), _VIVID, *_SANS),
    "dark": Theme((24, 26, 40), (235, 235, 235), (110, 110, 130), _VIVID, *_SANS),
    "pastel": Theme((250, 246, 236), (40, 30, 30), (150, 150, 150), _PASTEL, *_SERIF),
    "dusk": Theme((66, 44, 72), (244, 226, 190), (130, 110, 130), _PASTEL, *_SERIF),
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A rendered chart and where its marks stand.

    ``centers`` holds, for each mark, its centre in pixels along ``axis`` ("x" or "y").
    Training uses it to tell the vision tower which mark a patch belongs to.
    """

    image: Image.Image
    centers: tuple[float, ...]
    axis: str


@dataclass(frozen=True, slots=True)
class _Canvas:
    """What every painter needs: the pen, the theme, the chart, and this drawing's jitter."""

    pen: ImageDraw.ImageDraw
    theme: Theme
    chart: Chart
    stream: Stream
    dx: int
    dy: int

    @property
    def colors(self) -> list[Color]:
        return [self.theme.palette[COLORS.index(name)] for name in self.chart.colors]

    def label(self, x: float, y: float, text: str, anchor: str = "mm") -> None:
        self.pen.text((x, y), text, fill=self.theme.ink, font=typeface(self.theme.label_font, 40), anchor=anchor)

    def tick(self, x: float, y: float, text: str, anchor: str) -> None:
        self.pen.text((x, y), text, fill=self.theme.ink, font=typeface(self.theme.tick_font, 16), anchor=anchor)


def render(chart: Chart, stream: Stream) -> Drawing:
    """Draw ``chart``; ``stream`` decides its jitter (up to 1.5 px) and the width of its bars.

    Raises:
        KeyError: if the chart's style names an unknown kind or theme.
    """
    kind, theme_name = chart.style.split("-")
    theme = THEMES[theme_name]
    image = Image.new("RGB", (_W, _H), theme.background)
    dx, dy = stream.integer(-3, 3), stream.integer(-3, 3)
    canvas = _Canvas(ImageDraw.Draw(image), theme, chart, stream, dx, dy)
    axis = "y" if kind in ("hbar", "table") else "x"
    centers = tuple(center / _SCALE for center in _PAINTERS[kind](canvas))
    return Drawing(image.reduce(_SCALE), centers, axis)


def _table(c: _Canvas) -> list[float]:
    """Letter, colour swatch, printed number: reading digits, with no length to lean on."""
    top, bottom = 4 + c.dy, _H - 4 + c.dy
    row = (bottom - top) / len(c.chart.values)
    centers = [top + row * (i + 0.5) for i in range(len(c.chart.values))]
    for i, (y, color) in enumerate(zip(centers, c.colors, strict=True)):
        c.label(36 + c.dx, y, c.chart.letters[i])
        c.pen.rectangle((84 + c.dx, y - 16, 136 + c.dx, y + 16), fill=color)
        c.label(240 + c.dx, y, str(c.chart.values[i]), anchor="rm")
        if i:
            c.pen.line((8, top + row * i, _W - 8, top + row * i), fill=c.theme.grid, width=2)
    return centers


def _horizontal_bars(c: _Canvas) -> list[float]:
    left, right = 54 + c.dx, _W - 18 + c.dx
    top, bottom = 4 + c.dy, 194 + c.dy
    unit = (right - left) / 100
    for tick in (0, 50, 100):
        x = left + tick * unit
        c.pen.line((x, bottom, x, bottom + 5), fill=c.theme.ink, width=2)
        c.tick(x, bottom + 14, str(tick), "mm")
    c.pen.line((left, bottom, right, bottom), fill=c.theme.ink, width=2)
    row = (bottom - top) / len(c.chart.values)
    bar = row * c.stream.uniform(0.5, 0.8)
    centers = [top + row * (i + 0.5) for i in range(len(c.chart.values))]
    for i, (y, color) in enumerate(zip(centers, c.colors, strict=True)):
        c.pen.rectangle((left, y - bar / 2, left + c.chart.values[i] * unit, y + bar / 2), fill=color)
        c.label(28 + c.dx, y, c.chart.letters[i])
    c.pen.line((left, top, left, bottom), fill=c.theme.ink, width=2)
    return centers


def _hanging_bars(c: _Canvas) -> list[float]:
    """Everything upside down: the axis and the letters at the top, the bars below it."""
    left, right = 56 + c.dx, _W - 2 + min(c.dx, 0)
    base, bottom = 52 + c.dy, 210 + c.dy
    unit = (bottom - base) / 100
    for tick in (0, 50, 100):
        y = base + tick * unit
        c.pen.line((left - 5, y, left, y), fill=c.theme.ink, width=2)
        c.tick(left - 7, y, str(tick), "rm")
    c.pen.line((left, base, left, bottom), fill=c.theme.ink, width=2)
    column = (right - left) / len(c.chart.values)
    bar = column * c.stream.uniform(0.5, 0.8)
    centers = [left + column * (i + 0.5) for i in range(len(c.chart.values))]
    for i, (x, color) in enumerate(zip(centers, c.colors, strict=True)):
        c.pen.rectangle((x - bar / 2, base, x + bar / 2, base + c.chart.values[i] * unit), fill=color)
        c.label(x, 24 + c.dy, c.chart.letters[i])
    c.pen.line((left, base, right, base), fill=c.theme.ink, width=2)
    return centers


def _upright(
    paint: Callable[[_Canvas, list[float], list[float], float, float], None],
) -> Callable[[_Canvas], list[float]]:
    """Wrap a painter of upright marks in what they share: axis, ticks, letters, base line."""

    def painter(c: _Canvas) -> list[float]:
        left, right = 56 + c.dx, _W - 2 + min(c.dx, 0)
        top, base = 10 + c.dy, 168 + c.dy
        unit = (base - top) / 100
        for tick in (0, 50, 100):
            y = base - tick * unit
            c.pen.line((left - 5, y, left, y), fill=c.theme.ink, width=2)
            c.tick(left - 7, y, str(tick), "rm")
        c.pen.line((left, top, left, base), fill=c.theme.ink, width=2)
        column = (right - left) / len(c.chart.values)
        xs = [left + column * (i + 0.5) for i in range(len(c.chart.values))]
        ys = [base - value * unit for value in c.chart.values]
        bar = column * c.stream.uniform(0.5, 0.8)
        paint(c, xs, ys, base, bar)
        for x, letter in zip(xs, c.chart.letters, strict=True):
            c.label(x, 196 + c.dy, letter)
        c.pen.line((left, base, right, base), fill=c.theme.ink, width=2)
        return xs

    return painter


def _bars(c: _Canvas, xs: list[float], ys: list[float], base: float, bar: float) -> None:
    for x, y, color in zip(xs, ys, c.colors, strict=True):
        c.pen.rectangle((x - bar / 2, y, x + bar / 2, base), fill=color)


def _line(c: _Canvas, xs: list[float], ys: list[float], base: float, bar: float) -> None:
    c.pen.line(list(zip(xs, ys, strict=True)), fill=c.theme.grid, width=3)
    for x, y, color in zip(xs, ys, c.colors, strict=True):
        c.pen.ellipse((x - 13, y - 13, x + 13, y + 13), fill=color)


def _lollipops(c: _Canvas, xs: list[float], ys: list[float], base: float, bar: float) -> None:
    for x, y, color in zip(xs, ys, c.colors, strict=True):
        c.pen.line((x, y, x, base), fill=color, width=6)
        c.pen.ellipse((x - 13, y - 13, x + 13, y + 13), fill=color)


_PAINTERS: Final[dict[str, Callable[[_Canvas], list[float]]]] = {
    "table": _table,
    "hbar": _horizontal_bars,
    "vbar": _upright(_bars),
    "line": _upright(_line),
    "lollipop": _upright(_lollipops),
    "hanging": _hanging_bars,
}
