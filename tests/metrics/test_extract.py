"""Steps by name and version: what they take, what the old ones took, and what a metric then sees."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import AnswerMetric, Score, Status, extract, sample_metric
from harness.metrics._base import truth
from harness.tasks.scoring import score_all
from harness.types import Sample


class Seen(AnswerMetric):
    """1 where the answer is the first reference, to the character."""

    name = "seen"

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        return truth(prediction == references[0])


class SeenWhole(Seen):
    name = "seen_whole"
    whole = True


def judged(text: str, wanted: str, steps: list[str], **facts: Any) -> dict[str, Score]:
    sample = Sample("1", "?", (wanted,), facts=facts)
    return score_all({"taken": Seen(), "whole": SeenWhole()}, sample, text, extract.reading(steps))


@pytest.mark.parametrize(
    ("step", "text", "first", "second"),
    [
        ("final_answer", "The answer is: 42", ": 42", "42"),
        ("choice_letter", "B is correct. (See option A)", "A", "B"),
        ("strip_thinking", "[THINK]41[/THINK]42", "[THINK]41[/THINK]42", "42"),
        ("strip_thinking", "<think>41</think>", None, ""),
        ("code_fence", "```json [1]```", "json [1]", "[1]"),
        ("code_fence", "```json\n[1]", "```json\n[1]", "[1]"),
        ("json_in_prose", '[1] {"a": 1}', "[1]", '{"a": 1}'),
        ("json_in_prose", "{'a': 1}", None, '{"a": 1}'),
        ("yes_no", "Nein.", None, "no"),
        ("yes_no", "yes or no", "yes", None),
    ],
)
def test_the_first_version_goes_on_giving_what_it_gave(
    step: str, text: str, first: str | None, second: str | None
) -> None:
    assert extract.chain([f"{step}@1"])(text) == first
    assert extract.chain([step])(text) == second
    assert extract.resolve(step) == f"{step}@2"


@pytest.mark.parametrize("step", ["boxes", "temporal_answer"])
def test_a_first_version_that_is_no_longer_here_says_what_the_next_one_does(step: str) -> None:
    with pytest.raises(UsageError, match=rf"{step}@1 is no longer here; {step}@2 reads .* --extract {step}@2"):
        extract.chain([f"{step}@1"])


def test_a_step_sees_the_options_of_the_sample() -> None:
    letter = extract.chain(["final_answer", "choice_letter"])
    assert letter("The answer is red.", {"choices": ["blue", "red"]}) == "B"
    assert letter("The answer is red.") is None
    assert judged("It is red", "B", ["choice_letter"], choices=["blue", "red"])["taken"].value == 1.0
    assert extract.chain(["yes_no"])("True", {"choices": ["True", "False"]}) == "yes"


def test_thinking_is_gone_for_metrics_that_want_the_whole_answer_too() -> None:
    found = judged("\ufeff<think>41</think>The answer is 42.<|im_end|>", "42", ["final_answer"])
    assert found["taken"].value == 1.0
    assert judged("<think>41</think> 42<|im_end|>", "42", ["first_line"])["whole"].value == 1.0


def test_thinking_that_never_ends_is_unparsed_under_every_metric() -> None:
    found = judged("<think>41", "42", [])
    assert {score.status for score in found.values()} == {Status.UNPARSED}


def test_a_step_of_ones_own_may_look_at_the_text_alone() -> None:
    sample = Sample("1", "?", ("42",))
    found = score_all({"taken": Seen(), "whole": SeenWhole()}, sample, "is 42", lambda text: text.removeprefix("is "))
    assert (found["taken"].value, found["whole"].value) == (1.0, 0.0)


def test_a_record_from_before_is_read_as_it_was() -> None:
    before = extract.chain(["final_answer@1"])
    assert before.cleaned("<think>41</think>42") == "<think>41</think>42"
    assert extract.reading(["final_answer@1"]).cleaned("<think>41</think>42") == "42"


UNSEEN = st.sampled_from("\ufeff\u200b\u200d\u200e\u202c\u2060\u00ad")
TEXTS = ["exact_match", "relaxed_accuracy", "anls", "anls_star", "vqa_accuracy"]
"""Metrics that hold an answer against the references as text."""


@given(st.sampled_from([*TEXTS, "ocrbench", "wer", "cer", "rouge_l"]), UNSEEN, st.integers(0, 5))
def test_no_metric_sees_what_nobody_sees(name: str, unseen: str, place: int) -> None:
    metric, answer = sample_metric(name), "1é 42"
    written = answer[:place] + unseen + answer[place:]
    rows = [(answer, written), (written, answer), (written, written)]
    plain = metric.score(answer, [answer] * 4)
    assert all(metric.score(said, [right] * 4) == plain for said, right in rows)
    columns = metric.score_batch([said for said, _ in rows], [[right] * 4 for _, right in rows])
    assert columns.values.tolist() == [plain.value] * 3


@pytest.mark.parametrize("name", TEXTS)
def test_an_empty_answer_is_right_where_a_reference_is_empty_and_else_unparsed(name: str) -> None:
    for variant in type(sample_metric(name)).variants:
        metric = sample_metric(name, variant)
        for silence in ("", " ", "\ufeff", "\u3000"):
            assert metric.score(silence, ["x"] * 4).status is Status.UNPARSED
            assert metric.score("", [""] * 4).value == 1.0
            columns = metric.score_batch([silence, ""], [["x"] * 4, [""] * 4])
            single = [metric.score(silence, ["x"] * 4), metric.score("", [""] * 4)]
            assert repr(columns.values.tolist()) == repr([score.value for score in single])
            assert columns.decoded() == [score.status for score in single]


def test_an_empty_answer_counts_as_the_variant_says_where_text_is_not_compared() -> None:
    assert sample_metric("wer").score("", ["x"]).value == 1.0
    assert math.isnan(sample_metric("pope").score("", ["yes"]).value)
    assert sample_metric("pope", "official").score("", ["yes"]).value == 1.0
