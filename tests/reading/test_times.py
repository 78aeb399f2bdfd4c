"""Times and windows as models write them, in ten languages."""

import json
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.metrics import sample_metric
from harness.reading.timed import read_answer, read_spans
from harness.reading.times import find_times, read_windows, seconds_of
from harness.types import Span, Status

WINDOWS = st.tuples(st.integers(0, 4000), st.integers(1, 400)).map(lambda pair: (float(pair[0]), float(sum(pair))))


def clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def spoken(seconds: float) -> str:
    return f"{int(seconds) // 60} minutes {int(seconds) % 60} seconds"


WRITTEN: dict[str, Callable[[Span], str]] = {
    "list": json.dumps,
    "lists": lambda span: json.dumps([span]),
    "start_time": lambda span: json.dumps({"start_time": span[0], "end_time": span[1]}),
    "start and end as texts": lambda span: json.dumps([{"start": f"{span[0]:g}s", "end": clock(span[1])}]),
    "timestamp": lambda span: json.dumps({"event": "a", "timestamp": [clock(span[0]), clock(span[1])]}),
    "segment": lambda span: f"```json\n{json.dumps({'segment': {'start': span[0], 'end': span[1]}})}\n```",
    "text in JSON": lambda span: json.dumps({"time": f"{span[0]:g} - {span[1]:g} s"}),
    "seconds": lambda span: f"from {span[0]:g} to {span[1]:g} seconds",
    "after a count": lambda span: f"2-3 people walk in from {span[0]:g} to {span[1]:g} s.",
    "spoken": lambda span: f"{spoken(span[0])} to {spoken(span[1])}",
    "clock": lambda span: f"It happens at {clock(span[0])},000 --> {clock(span[1])},000",
    "dash": lambda span: f"{span[0]:g}s–{span[1]:g}s",
    "bracket": lambda span: f"The window is ({span[0]:g}, {span[1]:g}).",
    "minutes": lambda span: f"{span[0] / 60:.9f} to {span[1] / 60:.9f} minutes",
    "milliseconds": lambda span: f"{span[0] * 1000:.0f} ms to {span[1] * 1000:.0f} ms",
    "start and end": lambda span: f"Start: {clock(span[0])}, end: {clock(span[1])}",
    "ordinals": lambda span: f"between the {span[0]:g}th and {span[1]:g}th second",
    "German": lambda span: f"von {span[0]:g} bis {span[1]:g} Sekunden",
    "French": lambda span: f"de {span[0]:g} à {span[1]:g} secondes",
    "Spanish": lambda span: f"de {span[0]:g} a {span[1]:g} segundos",
    "Italian": lambda span: f"da {span[0]:g} a {span[1]:g} secondi",
    "Portuguese": lambda span: f"entre {span[0]:g} e {span[1]:g} segundos",
    "Russian": lambda span: f"с {span[0]:g} до {span[1]:g} секунд",
    "Chinese": lambda span: f"从第{span[0]:g}秒到第{span[1]:g}秒",
    "Japanese": lambda span: f"{span[0]:g}秒から{span[1]:g}秒まで",
    "Korean": lambda span: f"{span[0]:g}초부터 {span[1]:g}초까지",
}


@pytest.mark.parametrize("form", WRITTEN)
@settings(max_examples=20)
@given(span=WINDOWS)
def test_what_is_written_is_read(form: str, span: Span) -> None:
    (read,) = read_spans(WRITTEN[form](span)).value or ((),)
    assert read == pytest.approx(span, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("5 to 10 minutes", ((300, 600),)),
        ("2 minutes 5 seconds to 2 minutes 10 seconds", ((125, 130),)),
        ("12,5 - 20,3", ((12.5, 20.3),)),
        ("00:01:02,500 - 00:01:03", ((62.5, 63),)),
        ("1h 2m 3s until 1h 2m 4s", ((3723, 3724),)),
        ("3, 7", ((3, 7),)),
        ("9-10 or 2-6", ((9, 10), (2, 6))),
        ('[{"start": 1, "end": 2, "score": 0.1}, {"start": 3, "end": 4, "score": 0.9}]', ((3, 4), (1, 2))),
        ('{"result": {"windows": [[1, 2]]}}', ((1, 2),)),
        ('{"answer": "from 5 to 10 s"}', ((5, 10),)),
        ("1min05s – 1h02min03s", ((65, 3723),)),
        ("from minute 2 to minute 3", ((120, 180),)),
        ("from the 5-second mark to the 10-second mark", ((5, 10),)),
        ("{5.0, 10.0}", ((5, 10),)),
        ("dos 5 aos 10 segundos", ((5, 10),)),
        ("dalle 0:05 alle 0:10", ((5, 10),)),
        ("The event happens in 3 - 7.", ((3, 7),)),
        ("From 3 to 7 someone cooks", ((3, 7),)),
        ("They lost 2-3", None),
        ("pages 3-7 of the book", None),
        ("2019-2021", None),
        ("from 3 to 7 kg", None),
        ("de 3 a 7 personas", None),
        ("frames 10 to 20", None),
        ("10-20 frames", None),
        ("2-3 people", None),
        ("1,200 to 1,500 seconds", None),
        ("2024-01-05", None),
        ("at 3 and 7 seconds", None),
        ("[1, 2, 3, 4]", None),
        ('{"answer": "2-3"}', None),
        ('{"start_frame": 5, "end_frame": 10}', None),
        ("No such moment exists.", ()),
        ("The event does not occur in the video.", ()),
        ("Das passiert im Video nie.", ()),
        ("没有这样的片段", ()),
        ("none", ()),
        ("I cannot say.", None),
    ],
)
def test_windows_are_times_and_nothing_else(text: str, windows: tuple[Span, ...] | None) -> None:
    assert read_answer(text).windows == windows
    assert read_spans(text).why


def test_times_that_say_so_go_before_other_numbers() -> None:
    def times(text: str) -> list[float]:
        return [found.value for found in find_times(text)]

    assert times("2 people enter at 3.5") == [3.5]
    assert times("from 5 to 10 minutes") == [300.0, 600.0]
    assert times("frame 12 of 40, at 0:08") == [8.0]
    assert times("3 or 4") == [3.0, 4.0]
    assert times("3 dogs") == []
    assert times("1m5s, minute 2, 90-second mark") == [65.0, 120.0, 90.0]
    assert seconds_of("1 min 5 s") == 65.0
    assert seconds_of(True) is None


def test_saying_that_there_is_no_moment_is_an_answer() -> None:
    score = sample_metric("miou").score("No such event happens.", ["[[1, 2]]"])
    assert (score.status, score.value) == (Status.OK, 0.0)
    assert sample_metric("recall_at_1_iou", "official").score("None.", ["[[1, 2]]"]).status is Status.UNPARSED


@pytest.mark.parametrize(
    "piece", ["1 - 2 s, ", "1 m 2 s ", "start 1 ", "(1, ", "1, ", "not in the ", "从5秒", "1:", "[1, 2], "]
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.process_time()
    read_answer(text)
    read_windows(text)
    assert time.process_time() - start < 10
