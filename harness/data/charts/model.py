"""What a chart says: its series, its style, and on which side of the train/test split it falls."""

import zlib
from dataclasses import dataclass
from typing import Final, Literal, get_args

from harness.seeds import Stream

Split = Literal["train", "test"]

LETTERS: Final = ("A", "B", "C", "D", "E", "F")
COLORS: Final = ("blue", "orange", "green", "red", "purple", "brown")
STYLES: Final = (
    "vbar-light",
    "vbar-dark",
    "hbar-light",
    "hbar-dark",
    "line-light",
    "line-dark",
    "table-light",
    "table-dark",
)
"""The styles that the tiny fixture model is trained on."""
SHIFTED_STYLES: Final = ("lollipop-pastel", "hbar-pastel")
"""Styles that it never sees: other marks, a pastel palette, serif letters."""
SEVERE_STYLES: Final = ("hanging-dusk",)
"""A style that it never sees and cannot read: bars that hang from an axis at the top, longer for more."""
ALL_STYLES: Final = STYLES + SHIFTED_STYLES + SEVERE_STYLES

MIN_GAP: Final = 4
"""The highest and the lowest value stand at least this far from the next, so that questions have one answer."""

_TEST_ONE_IN: Final = 10


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's data: one letter, one colour and one value from 10 to 99 for each mark."""

    letters: tuple[str, ...]
    colors: tuple[str, ...]
    values: tuple[int, ...]
    style: str

    def table(self) -> str:
        """Return the data as text, one mark a line: the evidence that an answer can be checked against.

        >>> print(Chart(("C", "A"), ("red", "blue"), (41, 83), "vbar-light").table())
        C red 41
        A blue 83
        """
        rows = zip(self.letters, self.colors, self.values, strict=True)
        return "\n".join(f"{letter} {color} {value}" for letter, color, value in rows)


def split_of(values: tuple[int, ...]) -> Split:
    """Return the side of the split on which a tuple of values falls.

    The values decide, not a seed, so that the same data can never stand on both sides:
    a tenth of all tuples is held out.

    >>> split_of((41, 83)) == split_of((41, 83))
    True
    """
    held_out = zlib.crc32(repr(tuple(values)).encode()) % _TEST_ONE_IN == 0
    return "test" if held_out else "train"


def draw_chart(stream: Stream, split: Split, style: str, marks: tuple[int, ...] = (2, 3, 4)) -> Chart:
    """Draw a chart's data from ``stream``, rejecting tuples of the other split.

    Raises:
        ValueError: if there is no such split.
    """
    count = stream.choice(marks)
    letters = tuple(stream.sample(LETTERS, count))
    colors = tuple(stream.sample(COLORS, count))
    return Chart(letters, colors, draw_values(stream, split, count), style)


def draw_values(stream: Stream, split: Split, count: int) -> tuple[int, ...]:
    """Draw ``count`` values of one split whose highest and lowest stand out by ``MIN_GAP``.

    Raises:
        ValueError: if there is no such split: no values would ever be drawn.

    >>> draw_values(Stream(0), "dev", 3)
    Traceback (most recent call last):
    ValueError: there is no split 'dev' of the charts; there are 'train' and 'test'
    """
    if split not in get_args(Split):
        known = " and ".join(map(repr, get_args(Split)))
        raise ValueError(f"there is no split {split!r} of the charts; there are {known}")
    while True:
        values = tuple(stream.integer(10, 99) for _ in range(count))
        ranked = sorted(values)
        apart = ranked[-1] - ranked[-2] >= MIN_GAP and ranked[1] - ranked[0] >= MIN_GAP
        if apart and split_of(values) == split:
            return values
