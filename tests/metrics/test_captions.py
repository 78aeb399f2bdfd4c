"""Captions are cut into words and scored as documented, and under ``coco-caption`` as the public evaluation does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.metrics import CorpusMetric, get, sample_metric
from harness.metrics._ptb import ptb_tokens
from harness.metrics.captions import tokens

PEER: dict[str, Any] = json.loads((Path(__file__).parent / "peers" / "coco_caption.json").read_text(encoding="utf-8"))
BY_JAVA = [
    ("A man's t-shirt isn't red; he can't swim (well).",
     "a man 's t-shirt is n't red he ca n't swim -lrb- well -rrb-"),
    ("It costs $3.50, i.e. 5% off 1,000 items & more.", "it costs $ 3.50 i.e. 5 % off 1,000 items & more"),
    ("the U.S. team and Mr. Smith at 10:30 a.m.", "the u.s. team and mr. smith at 10:30 a.m."),
    ("I'm gonna wanna cannot 'tis", "i 'm gon na wan na can not 't is"),
    ("they're we've you'll he'd dogs'", "they 're we 've you 'll he 'd dogs"),
    ("and/or 1/2 3-4 -5 +3 5-year-old", "and/or 1/2 3-4 -5 +3 5-year-old"),
    ("rock 'n' roll o'clock ma'am y'all", "rock 'n' roll o'clock ma'am y' all"),
    ("a man , . ! ? ?! !!! ....", "a man ?! !!!"),
    ("hello.there No.5 nos. 6 no. a.k.a.", "hello.there no. 5 nos. 6 no a.k.a."),
    ("AT&T a&b me@x.com #tag @user http://a.b/c", "at&t a & b me@x.com #tag @user http://a.b/c"),
    ("5€ £5 ½ 50¢ “so” ‘it’ goes – on", "5 $ # 5 1/2 50 cents so it goes on"),
]  # fmt: skip


def corpus(name: str, variant: str = "default") -> Any:
    found = get(name, variant)
    assert isinstance(found, CorpusMetric)
    return found


@pytest.mark.parametrize(("text", "wanted"), BY_JAVA)
def test_a_caption_has_the_words_of_the_penn_treebank(text: str, wanted: str) -> None:
    assert " ".join(ptb_tokens(text)) == wanted


def test_made_up_captions_have_the_words_that_the_java_program_finds() -> None:
    different = [(text, wanted) for text, wanted in PEER["tokens"] if ptb_tokens(text) != wanted.split()]
    assert len(different) <= len(PEER["tokens"]) // 100, different


@pytest.mark.parametrize("place", range(len(PEER["corpora"])))
@pytest.mark.parametrize("name", ["bleu4", "cider_d"])
def test_a_corpus_has_the_number_of_the_public_evaluation(name: str, place: int) -> None:
    peer = PEER["corpora"][place]
    predictions, references = [row[0] for row in peer["rows"]], [row[1] for row in peer["rows"]]
    assert corpus(name, "coco-caption").compute(predictions, references).value == pytest.approx(peer[name], rel=1e-9)


@pytest.mark.parametrize("place", range(len(PEER["corpora"])))
def test_a_caption_has_the_rouge_of_the_public_evaluation(place: int) -> None:
    peer = PEER["corpora"][place]
    ours = sample_metric("rouge_l", "coco-caption")
    for (text, references), wanted in zip(peer["rows"], peer["rouge_l"], strict=True):
        assert ours.score(text, references).value == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other"), [("3.5", "3 5"), ("-5", "5"), ("1,000", "1 000"), ("0.5", "05"), ("−3.5", "3.5")]
)
def test_a_number_keeps_its_sign_and_its_points(one: str, other: str) -> None:
    assert tokens(one) != tokens(other)
    assert sample_metric("rouge_l").score(f"it rose by {one}", [f"it rose by {other}"]).value < 1
    for name in ("bleu4", "cider_d"):
        rows = [f"the bar rose by {one}", "two blue lines cross"]
        wanted = [[f"the bar rose by {other}"], ["two blue lines cross"]]
        best = corpus(name).compute(rows, [[text] for text in rows]).value
        assert corpus(name).compute(rows, wanted).value < best


def test_what_only_looks_like_a_number_is_cut_as_before() -> None:
    assert tokens("2020-2021, well-known (v2), 5 - 3. Done.") == [
        "2020",
        "2021",
        "well",
        "known",
        "v2",
        "5",
        "3",
        "done",
    ]
    assert tokens("−3.5 and –3.5 and -3.5") == ["-3.5", "and", "-3.5", "and", "-3.5"]
