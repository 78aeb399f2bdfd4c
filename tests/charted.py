"""Questions about charts that were drawn for a test, with their right answers."""

from harness.data.charts.draw import render
from harness.data.charts.model import STYLES, draw_chart
from harness.data.charts.questions import QUESTION_TYPES, ask
from harness.seeds import Stream
from harness.types import Generation, Request


def charted(seed: str, count: int, generation: Generation | None = None) -> list[tuple[Request, str]]:
    """Return so many questions, one about each chart."""
    stream, made = Stream(seed), []
    for number in range(count):
        chart = draw_chart(stream, "test", stream.choice(STYLES))
        asked = ask(chart, stream.choice(QUESTION_TYPES), stream)
        image = render(chart, stream).image
        made.append((Request(str(number), asked.text, (image,), generation=generation or Generation()), asked.answer))
    return made
