"""The baseline that reads text and sees nothing else."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.adapters._ocr_rules import Entry, Word, answer, read_entries
from harness.adapters.ocr import OcrAdapter, OcrConfig
from harness.data.charts import ChartsDataset
from harness.data.charts.dataset import ChartsConfig
from harness.errors import AdapterError
from harness.registry import registry
from harness.types import Adapter, Request, Status

INVOICE = [
    Word("ACME Ltd.", 10, 0, 90, 12),
    Word("Tea", 10, 20, 40, 32),
    Word("3.50", 200, 21, 230, 33),
    Word("Green coffee", 10, 40, 100, 52),
    Word("$12.00", 195, 40, 230, 52),
    Word("Total: 1,240.50", 10, 60, 230, 72),
]
UPRIGHT = [
    Word("A", 20, 90, 30, 100),
    Word("41", 18, 40, 32, 50),
    Word("B", 60, 90, 70, 100),
    Word("83", 58, 10, 72, 20),
    Word("100", 0, 0, 10, 8),
]
PAGE = [Entry("A", "41"), Entry("B", "83"), Entry("C", "-5")]


@pytest.mark.parametrize(
    ("words", "entries"),
    [
        (INVOICE, [Entry("Tea", "3.50"), Entry("Green coffee", "$12.00"), Entry("Total", "1,240.50")]),
        (UPRIGHT, [Entry("A", "41"), Entry("B", "83")]),
        ([Word("E", 0, 0, 10, 10), Word("50", 70, 99, 85, 109)], []),
        ([Word("7", 0, 0, 10, 10)], []),
        ([], []),
    ],
)
def test_labels_belong_to_the_numbers_beside_above_or_behind_them(words: list[Word], entries: list[Entry]) -> None:
    found = read_entries(words)
    assert found == entries
    assert read_entries(words[::-1]) == entries


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the value of A?", "41"),
        ("What is the value of B?\nAnswer with a single word or number.", "83"),
        ("Which is highest?", "B"),
        ("Which is lowest?", "C"),
        ("What is the highest value?", "83"),
        ("Is A higher than B?", "no"),
        ("Is B higher than A?", "yes"),
        ("Is C lower than A?", "yes"),
        ("Is A higher than Z?", ""),
        ("What color is Z?", ""),
        ("", ""),
    ],
)
def test_the_words_of_a_question_pick_and_compare_numbers(question: str, said: str) -> None:
    assert answer(question, PAGE) == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is the total?", "1,240.50"),
        ("How much was the green coffee?", "$12.00"),
        ("What does the green coffe cost?", "$12.00"),
        ("What is the tax?", ""),
    ],
)
def test_a_document_is_asked_by_its_labels_even_misspelt(question: str, said: str) -> None:
    assert answer(question, read_entries(INVOICE)) == said


@pytest.mark.parametrize(
    ("number", "value"), [("1,240.50", 1240.5), ("(30)", -30), ("-5", -5), ("$ 12", 12), ("7 %", 7), ("1.2.3", 1.23)]
)
def test_numbers_are_worth_what_they_say(number: str, value: float) -> None:
    assert Entry("x", number).value == value


@given(st.lists(st.tuples(st.text(max_size=8), *[st.floats(0, 500)] * 4), max_size=8), st.text(max_size=40))
def test_no_page_and_no_question_breaks_the_rules(
    boxes: list[tuple[str, float, float, float, float]], text: str
) -> None:
    entries = read_entries([Word(*box) for box in boxes])
    assert isinstance(answer(text, entries), str)
    assert all(math.isfinite(entry.value) for entry in entries)


@pytest.fixture(scope="module")
def adapter() -> OcrAdapter:
    return OcrAdapter.from_config(OcrConfig(), Path())


def charts(**keys: object) -> list[tuple[Request, str]]:
    samples = ChartsDataset(ChartsConfig(**keys))
    return [(Request(s.id, s.question, tuple(i.load() for i in s.images)), s.references[0]) for s in samples]


def test_it_is_registered_and_keeps_the_protocol(adapter: OcrAdapter) -> None:
    assert registry("adapters").load("ocr") is OcrAdapter
    assert isinstance(adapter, Adapter)
    assert not adapter.simulated


def test_it_reads_tables(adapter: OcrAdapter) -> None:
    types = ("value_by_letter", "highest", "lowest", "comparison")
    asked = charts(styles=("table-light", "table-dark"), questions=types, questions_per_chart=4, limit=16)
    said = [response.text for response in adapter.generate([request for request, _ in asked])]
    assert np.mean([text == right for text, (_, right) in zip(said, asked, strict=True)]) >= 0.9


def test_it_knows_nothing_of_bars_and_colours(adapter: OcrAdapter) -> None:
    bars = charts(styles=("vbar-light",), questions=("value_by_letter",), limit=3)
    colors = charts(styles=("table-light",), questions=("color_of_letter",), limit=2)
    responses = adapter.generate([request for request, _ in bars])
    assert all(response.status is Status.OK for response in responses)
    assert [response.text for response in responses] != [right for _, right in bars]
    assert all(
        response.text != right
        for response, (_, right) in zip(adapter.generate([r for r, _ in colors]), colors, strict=True)
    )


def test_a_page_is_read_once_for_all_questions_about_it(adapter: OcrAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    (request, _), *_ = charts(styles=("table-light",), limit=1, seed=9)
    adapter.generate([request])
    monkeypatch.setattr(adapter, "_words", None)
    assert adapter.generate([request])[0].status is Status.OK
    other = Request("other", "Which is highest?", (Image.new("RGB", (64, 64)),))
    assert adapter.generate([other])[0].status is Status.ERROR


def test_the_fingerprint_covers_models_and_settings(adapter: OcrAdapter) -> None:
    again = OcrAdapter(OcrConfig(threads=2), None, adapter._models)
    assert again.fingerprint() == adapter.fingerprint()
    assert OcrAdapter(OcrConfig(side=300), None, adapter._models).fingerprint() != adapter.fingerprint()
    assert OcrAdapter(OcrConfig(), None, adapter._models[1:]).fingerprint() != adapter.fingerprint()


def test_without_the_package_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(AdapterError, match=r"'rapidocr>="):
        OcrAdapter.from_config(OcrConfig(), Path())


def test_a_closed_adapter_says_so() -> None:
    closed = OcrAdapter(OcrConfig(), None, ())
    with pytest.raises(AdapterError, match="closed"):
        closed.generate([Request("r", "q")])
