"""Published implementations, case by case: what they say is what our variants say, mistakes included."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from harness.metrics import Status, disagreements, sample_metric
from harness.metrics._table_text import parse_table
from harness.metrics.vqa import _CONTRACTED, _RESTORED, leave_one_out, normalize, official_punctuation, official_words
from harness.testing import strategies


def value(name: str, variant: str, prediction: str, *references: str, **context: object) -> float:
    return sample_metric(name, variant).score(prediction, references, **context).value


@pytest.mark.parametrize(
    ("variant", "prediction", "reference", "expected"),
    [
        ("default", "abcd", "abxy", 0.5),  # exactly one half counts
        ("default", "abcd", "axyz", 0.0),
        ("default", "STRASSE", "straße", 1.0),
        ("default", "a  b", "a b", 1.0),
        ("pix2struct", "abcd", "abxy", 0.0),  # its main branch has a distance below one half
        ("pix2struct", "a  b", "a b", 0.75),
        ("lmms-eval", "a  b", "a b", 1.0),
        ("lmms-eval", "ab      ", "ax", 0.875),  # one edit over the eight raw characters
        ("vlmevalkit", "ab      ", "ax", 0.875),
        ("vlmevalkit", "        ", "ab", 0.75),  # white space is an answer, three quarters right
        ("vlmevalkit", "abcd", "abxy", 0.5),
        ("anls-star", "abcd", "abxy", 0.5),
    ],
)
def test_anls_variants_differ_where_they_are_known_to(
    variant: str, prediction: str, reference: str, expected: float
) -> None:
    assert value("anls", variant, prediction, reference) == pytest.approx(expected)


def test_anls_of_an_empty_answer_is_right_only_where_nothing_is_asked_for() -> None:
    assert value("anls", "default", "", "") == 1.0
    assert sample_metric("anls").score("", ["x"]).status is Status.UNPARSED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("well-done", "well done"),
        ("well-done, sir", "well done sir"),
        ("1,000-2", "10002"),
        ("3.5.", "3.5"),
        ("U.S.A.", "USA"),
        ("." * 33, "."),
        ("a - b", "a  b"),
    ],
)
def test_official_punctuation_is_reproduced(text: str, expected: str) -> None:
    assert official_punctuation(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Dog", "dog"),
        ("a an the", ""),
        ("dont", "don't"),
        ("couldntve", "couldntve"),
        ("none", "0"),
        ("ten", "10"),
        ("somebody'd", "somebodyd"),
    ],
)
def test_official_words_are_reproduced(text: str, expected: str) -> None:
    assert official_words(text) == expected


def test_every_contraction_lacks_exactly_one_apostrophe() -> None:
    odd = {key: full for key, full in _RESTORED.items() if len(full) != len(key) + 1}
    assert odd == {"somebody'd": "somebodyd"}  # the official table has this one the wrong way round
    assert len(_CONTRACTED.split()) == len(set(_CONTRACTED.split()))


@pytest.mark.parametrize("annotators", [1, 3, 4, 10])
def test_the_closed_form_equals_leaving_each_annotator_out(annotators: int) -> None:
    for matches in range(annotators + 1):
        answers = [True] * matches + [False] * (annotators - matches)
        slow = sum(min(1, (sum(answers) - mine) / 3) for mine in answers) / annotators
        assert leave_one_out(matches, annotators) == pytest.approx(slow)


def test_the_official_vqa_accuracy_normalises_only_where_annotators_disagree() -> None:
    agree, disagree = ["two"] * 10, ["two"] * 9 + ["three"]
    assert value("vqa_accuracy", "official", "2", *agree) == 0.0
    assert value("vqa_accuracy", "official", "2", *disagree) == 1.0
    assert value("vqa_accuracy", "default", "2", *agree) == 1.0
    assert value("vqa_accuracy", "vlmevalkit", "2", *agree) == 1.0
    assert value("vqa_accuracy", "lmms-eval", "2", *agree) == 1.0
    assert value("vqa_accuracy", "lmms-eval", "two", *agree) == 1.0


def test_initials_equal_the_word_in_the_default_and_in_all_published_implementations() -> None:
    for variant in ("default", "official", "lmms-eval", "vlmevalkit"):
        assert value("vqa_accuracy", variant, "U.S.A.", *["usa"] * 9, "america") == 1.0


def test_a_full_stop_after_a_digit_stays_in_vlmevalkit_alone() -> None:
    wanted = ["5"] * 9 + ["6"]
    said = {
        one: value("vqa_accuracy", one, "5.", *wanted) for one in ("default", "official", "lmms-eval", "vlmevalkit")
    }
    assert said == {"default": 1.0, "official": 1.0, "lmms-eval": 1.0, "vlmevalkit": 0.0}


def test_vqa_accuracy_needs_annotators() -> None:
    assert sample_metric("vqa_accuracy").score("red", ["red"]).status is Status.UNDEFINED
    assert value("vqa_accuracy", "official", "red", "red") == 0.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("U.S.A.", "usa"),
        ("J.R. Smith, 3 p.m", "jr smith 3 pm"),
        ("Dont", "dont"),
        ("don't", "dont"),
        ("1,000", "1000"),
        ("1,2", "1 2"),
        ("-3", "-3"),
        ("2020-2021", "2020 2021"),
        ("The", "the"),
    ],
)
def test_the_default_normaliser_has_no_unreachable_rules(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize(
    ("variant", "prediction", "label", "expected"),
    [
        ("default", "Yes, not a doubt", "yes", 1.0),
        ("official", "Yes, not a doubt", "yes", 0.0),
        ("official", "I am sorry", "yes", 1.0),
        ("official", "There is a dog. No cat", "yes", 1.0),
        ("official", "NO", "no", 0.0),
        ("lmms-eval", "Yes", "yes", 1.0),
        ("vlmevalkit", "(yes)", "yes", 1.0),
    ],
)
def test_pope_variants_read_answers_as_published(variant: str, prediction: str, label: str, expected: float) -> None:
    assert value("pope", variant, prediction, label) == expected


@pytest.mark.parametrize(
    ("variant", "prediction"),
    [
        ("default", ""),
        ("default", "I am not sure"),
        ("default", "it is no, or yes"),
        ("lmms-eval", "Yes."),
        ("vlmevalkit", "yes and no"),
    ],
)
def test_refusals_and_muddles_are_unparsed_and_never_yes(variant: str, prediction: str) -> None:
    assert sample_metric("pope", variant).score(prediction, ["yes"]).status is Status.UNPARSED


def test_a_label_that_is_neither_yes_nor_no_is_an_error() -> None:
    with pytest.raises(ValueError, match="references must be 'yes' or 'no'"):
        sample_metric("pope").score("yes", ["maybe"])


@pytest.mark.parametrize(
    ("variant", "prediction", "label", "expected"),
    [
        ("official", "know", "no", 1.0),
        ("lmms-eval", " Y. ", "yes", 1.0),
        ("lmms-eval", "I do not", "no", 0.0),
        ("default", "No doubt", "no", 1.0),
        ("vlmevalkit", "well, no", "no", 1.0),
    ],
)
def test_mme_variants_read_answers_as_published(variant: str, prediction: str, label: str, expected: float) -> None:
    score = sample_metric("mme", variant).score(prediction, [label])
    assert (score.value if score.status is Status.OK else 0.0) == expected


@pytest.mark.parametrize(
    ("variant", "prediction", "reference", "dataset", "expected"),
    [
        ("default", "312", "12", "", 0.0),
        ("default", "12.5", "12", "", 0.0),
        ("default", "1,012", "12", "", 0.0),
        ("default", "It is 12.", "12", "", 1.0),
        ("default", "Stopover", "stop", "", 0.0),
        ("default", "在北京市", "北京", "", 1.0),
        ("default", "x ^ 2 + Y", "x^2+Y", "HME100k", 1.0),
        ("default", "x ^ 2 + y", "x^2+Y", "HME100k", 0.0),
        ("default", "anything", " ", "", 0.0),
        ("lmms-eval", "312", "12", "", 1.0),
        ("lmms-eval", "x ^ 2 + Y", "x^2+Y", "HME100k", 1.0),
        ("lmms-eval", "x ^ 2 + y", "x^2+Y", "HME100k", 0.0),
        ("lmms-eval", "ＡＢ１２", "ab12", "", 1.0),
        ("lmms-eval", "ｘ^2", "x^2", "HME100k", 0.0),  # in formulas full-width letters stay
        ("lmms-eval", "", " ", "", 1.0),
    ],
)
def test_ocrbench_finds_whole_words_and_its_variant_any_place(
    variant: str, prediction: str, reference: str, dataset: str, expected: float
) -> None:
    assert value("ocrbench", variant, prediction, reference, tags={"dataset": dataset}) == expected


@pytest.mark.parametrize("name", ["chair_i", "chair_s"])
@pytest.mark.parametrize("variant", ["default", "official"])
def test_an_object_that_the_vocabulary_lacks_is_not_the_fault_of_any_caption(name: str, variant: str) -> None:
    metric = sample_metric(name, variant, vocabulary={"dog": ["puppy"], "cat": []})
    for caption in ("a puppy", "a unicorn", "", "a cat"):
        score = metric.score(caption, (), objects=["dog", "unicorn"])
        assert score.status is Status.UNDEFINED
        assert "'unicorn'" in str(score.complaint)
    assert metric.score("a puppy", (), objects=["puppy"]).value == 0.0


def test_a_caption_that_names_nothing_is_never_undefined() -> None:
    for variant in ("default", "official"):
        score = sample_metric("chair_i", variant, vocabulary={"dog": []}).score("a tree", (), objects=["dog"])
        assert (score.status, score.sums) == (Status.OK, {"hallucinated": 0.0, "mentioned": 0.0})


@pytest.mark.parametrize(
    ("caption", "default", "official"),
    [
        ("two hot dogs", ["hot dog"], ["hot dog"]),
        ("a baby dog", ["person", "dog"], ["dog"]),
        ("a remote control", ["remote control"], []),  # two words, and none of the published pairs
        ("some cookies", ["cake"], []),  # their own singular, as published
        ("the dog's bow tie", ["tie"], ["dog", "tie"]),
        ("a toilet, a seat", ["toilet", "chair"], ["toilet"]),
    ],
)
def test_official_chair_reads_captions_as_published(caption: str, default: list[str], official: list[str]) -> None:
    words = {"dog": [], "hot dog": [], "person": ["baby"], "remote control": [], "cake": ["cookie"], "tie": []}
    words |= {"toilet": [], "chair": ["seat"]}
    for variant, wanted in (("default", default), ("official", official)):
        score = sample_metric("chair_i", variant, vocabulary=words).score(caption, (), objects=[])
        assert score.detail["hallucinated"] == wanted


@pytest.mark.parametrize(
    ("variant", "prediction", "reference", "expected"),
    [
        ("default", "1", "1 | 2 | 3 | 4", 0.25),
        ("deplot", "1", "1 | 2 | 3 | 4", 1.0),  # what is missing costs nothing
        ("default", "0", "0", 1.0),
        ("deplot", "0", "0", 0.0),  # a zero that is met is wrong
        ("deplot", "5", "0", 1.0),
        ("default", "$1,000", "1000", 1.0),
        ("deplot", "1_000", "1000", 1.0),
        ("deplot", "no numbers", "none", 1.0),
        ("deplot", "3", "none", 0.0),
        ("default", "9", "10", 0.9),
        ("default", "-10", "10", 0.0),
    ],
)
def test_rnss_variants(variant: str, prediction: str, reference: str, expected: float) -> None:
    assert value("rnss", variant, prediction, reference) == pytest.approx(expected)


TABLE = "title | sales\nyear | A | B\n2001 | 10 | 0\n2002 | 30 | 40"


def test_rms_is_one_for_the_table_and_its_transpose() -> None:
    plain = "year | A | B\n2001 | 10 | 20\n2002 | 30 | 40"
    turned = "year | 2001 | 2002\nA | 10 | 30\nB | 20 | 40"
    assert value("rms_f1", "default", plain, plain) == 1.0
    assert value("rms_f1", "default", turned, plain) > 0.3
    assert value("rms_f1", "default", f"| {plain.replace(chr(10), ' |' + chr(10) + '| ')} |", plain) == 1.0


@pytest.mark.parametrize(
    ("text", "rows"),
    [("a | b\n- | -", 2), ("a | b\n---|---\n1 | 2", 2), ("|a|b|\n|-|:-:|\n|1|2|", 2), ("a | b\n | \n\n", 1)],
)
def test_a_row_of_missing_values_is_no_rule_of_markdown(text: str, rows: int) -> None:
    assert len(parse_table(text).lines) == rows


def test_a_text_that_is_no_table_is_no_perfect_table() -> None:
    assert value("rms_f1", "deplot", "hello", "x") == 1.0
    for name in ("rms_f1", "rms_precision", "rms_recall"):
        metric = sample_metric(name)
        assert metric.score("hello", ["x"]).status is Status.UNDEFINED
        assert metric.score(TABLE, ["x"]).status is Status.UNDEFINED
        assert metric.score("hello", [TABLE]).status is Status.UNPARSED
        assert metric.score("hello\nx | y", ["x", TABLE]).value == 0.0


def test_rnss_of_a_table_of_words_is_undefined_whatever_the_answer() -> None:
    metric = sample_metric("rnss")
    for answer in ("garbage", "5", "", "y | A\n1 | red"):
        assert metric.score(answer, ["name | colour\nbar | red"]).status is Status.UNDEFINED
    assert metric.score("garbage", ["y | A\n1 | 5"]).value == 0.0
    assert metric.score("y | A\n1 | € 5.000,50", ["y | A\n1 | 5000.5"]).value == 1.0


def test_rms_counts_a_zero_only_where_it_is_met() -> None:
    assert value("rms_f1", "default", TABLE, TABLE) == 1.0
    wrong = TABLE.replace("| 10 | 0", "| 10 | 7")
    assert value("rms_f1", "default", wrong, TABLE) == pytest.approx(4 / 5)


def test_rms_keeps_repeated_keys_and_deplot_overwrites_them() -> None:
    twice = "y | A\n1 | 5\n1 | 6"
    assert value("rms_f1", "default", "y | A\n1 | 6", twice) == pytest.approx(2 / 3)
    assert value("rms_f1", "deplot", "y | A\n1 | 6", twice) == 1.0


def test_the_old_revision_of_deplot_returns_recall_as_f1() -> None:
    extra = "y | A | B\n1 | 5 | 6"
    assert value("rms_f1", "deplot", extra, "y | A\n1 | 5") == pytest.approx(2 / 3)
    assert value("rms_f1", "deplot-per-point", extra, "y | A\n1 | 5") == 1.0


@given(strategies.tables(), strategies.tables())
@settings(max_examples=40, deadline=None)
def test_turning_the_answered_table_changes_nothing(answer: str, reference: str) -> None:
    table = parse_table(answer)
    title = "" if table.title is None else f"title | {table.title}\n"
    turned = title + "\n".join(" | ".join(cell or "-" for cell in line) for line in table.transposed().lines)
    plain = title + "\n".join(" | ".join(cell or "-" for cell in line) for line in _padded(table.lines))
    assert value("rms_f1", "default", turned, reference) == pytest.approx(
        value("rms_f1", "default", plain, reference), nan_ok=True
    )


def _padded(lines: Any) -> Any:
    width = max(map(len, lines), default=0)
    return [(*line, *[""] * (width - len(line))) for line in lines]


def test_the_rows_on_which_two_variants_differ_are_listed() -> None:
    rows = [("62%", ["62"], {}), ("62", ["62"], {}), ("", ["62"], {}), ("0.0", ["0"], {})]
    found = disagreements(sample_metric("relaxed_accuracy"), sample_metric("relaxed_accuracy", "pix2struct"), rows)
    assert [(place, one.value, other.value) for place, one, other in found] == [(0, 1.0, 0.0), (3, 1.0, 0.0)]
