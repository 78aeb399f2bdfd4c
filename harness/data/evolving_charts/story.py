"""What happens in a clip: which values change when, what is asked, and when it is true."""

from dataclasses import dataclass
from typing import Final

from harness.data.charts.model import COLORS, LETTERS, Chart
from harness.seeds import Stream
from harness.types import Span

EVENT_TYPES: Final = ("when_higher", "when_highest", "overtakes", "shown")

_GAP: Final = 12
"""The two values that the question is about stand at least this far apart while they hold."""
_CHANGE: Final = 0.5
"""Seconds that two values take to change places."""
_MARGIN: Final = 0.75
"""Seconds at either end of a clip in which nothing begins or ends."""


@dataclass(frozen=True, slots=True)
class Swap:
    """The first two values change places, at a steady pace; in the middle they are equal."""

    middle: float


@dataclass(frozen=True, slots=True)
class Story:
    """A chart, and when the values of its first two marks change places."""

    chart: Chart
    """At the start; the marks that the question is about come first."""
    swaps: tuple[Swap, ...]
    question: str
    answer: str | None
    """None where the span is the answer."""
    span: Span
    type: str

    def chart_at(self, time: float, order: tuple[int, ...]) -> Chart:
        """Return the chart at a time, its marks in another order."""
        values = list(self.chart.values)
        done = sum(min(1.0, max(0.0, (time - swap.middle) / _CHANGE + 0.5)) for swap in self.swaps)
        share = done if done <= 1 else 2 - done
        low, high = values[0], values[1]
        values[0], values[1] = round(low + share * (high - low)), round(high - share * (high - low))
        chart = self.chart
        return Chart(
            tuple(chart.letters[i] for i in order),
            tuple(chart.colors[i] for i in order),
            tuple(values[i] for i in order),
            chart.style,
        )


def draw_story(stream: Stream, type_: str, style: str, seconds: float, lengths: tuple[float, float]) -> Story:
    """Draw a clip's story.

    ``when_higher``: for a while the first mark is higher than the second. ``when_highest``: the same, with a
    third mark below both. ``overtakes``: the first overtakes the second and stays ahead. ``shown``: as
    ``when_higher``, asked with a picture of the chart as it is meanwhile.

    Raises:
        ValueError: if the type is unknown.
    """
    if type_ not in EVENT_TYPES:
        raise ValueError(f"unknown event {type_!r}; there are: {', '.join(EVENT_TYPES)}")
    letters = tuple(stream.sample(LETTERS, 3))
    colors = tuple(stream.sample(COLORS, 3))
    third = stream.integer(10, 20) if type_ == "when_highest" else stream.integer(10, 99)
    floor = third + _GAP if type_ == "when_highest" else 12
    low = stream.integer(floor, 85 - _GAP)
    high = stream.integer(low + _GAP, min(97, low + 50))
    chart = Chart(letters, colors, (low, high, third), style)
    if type_ == "overtakes":
        turn = round(stream.uniform(0.25, 0.75) * seconds, 2)
        question = f"Which of {' and '.join(sorted(letters[:2]))} overtakes the other?"
        return Story(chart, (Swap(turn),), question, letters[0], (turn, seconds), type_)
    length = stream.uniform(*lengths)
    start = stream.uniform(_MARGIN, seconds - _MARGIN - length)
    span = (round(start, 2), round(start + length, 2))
    question = {
        "when_higher": f"When is {letters[0]} higher than {letters[1]}?",
        "when_highest": f"When is {letters[0]} the highest?",
        "shown": "When does the chart look like this picture?",
    }[type_]
    return Story(chart, (Swap(span[0]), Swap(span[1])), question, None, span, type_)
