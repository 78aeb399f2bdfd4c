"""Questions about a chart, with the answers that its data give."""

import json
from dataclasses import dataclass
from typing import Final

from harness.data.charts.model import MIN_GAP, Chart
from harness.seeds import Stream

QUESTION_TYPES: Final = (
    "value_by_letter",
    "value_by_color",
    "highest",
    "lowest",
    "comparison",
    "color_of_letter",
    "letter_of_color",
)
"""What a model of a few million parameters can answer."""
ALL_QUESTION_TYPES: Final = (*QUESTION_TYPES, "record")
"""`record` asks for all values at once, as JSON by letter."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its only right answer, and its type."""

    text: str
    answer: str
    type: str


def ask(chart: Chart, type_: str, stream: Stream) -> Question:
    """Return a question of ``type_``; ``stream`` picks the mark that it is about.

    Raises:
        ValueError: if the type is unknown.

    >>> chart = Chart(("C", "A"), ("red", "blue"), (41, 83), "vbar-light")
    >>> ask(chart, "highest", Stream(0))
    Question(text='Which is highest?', answer='A', type='highest')
    """
    i = stream.integer(0, len(chart.values) - 1)
    letter, color, value = chart.letters[i], chart.colors[i], str(chart.values[i])
    match type_:
        case "value_by_letter":
            return Question(f"What is the value of {letter}?", value, type_)
        case "value_by_color":
            return Question(f"What is the value of {color}?", value, type_)
        case "highest":
            return Question("Which is highest?", chart.letters[chart.values.index(max(chart.values))], type_)
        case "lowest":
            return Question("Which is lowest?", chart.letters[chart.values.index(min(chart.values))], type_)
        case "comparison":
            return _comparison(chart, stream)
        case "color_of_letter":
            return Question(f"What color is {letter}?", color, type_)
        case "record":
            record = dict(zip(chart.letters, chart.values, strict=True))
            return Question("What are the values, as JSON?", json.dumps(record), type_)
        case "letter_of_color":
            return Question(f"Which letter is {color}?", letter, type_)
    raise ValueError(f"unknown question type {type_!r}; there are: {', '.join(ALL_QUESTION_TYPES)}")


def _comparison(chart: Chart, stream: Stream) -> Question:
    pairs = [
        (a, b)
        for a in range(len(chart.values))
        for b in range(len(chart.values))
        if abs(chart.values[a] - chart.values[b]) >= MIN_GAP
    ]
    a, b = stream.choice(pairs)
    answer = "yes" if chart.values[a] > chart.values[b] else "no"
    return Question(f"Is {chart.letters[a]} higher than {chart.letters[b]}?", answer, "comparison")
