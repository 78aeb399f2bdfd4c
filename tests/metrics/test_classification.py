"""Answers that are classes, beside scikit-learn; POPE's cells, MME's points, SQuAD, top k and RefCLIPScore."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import CorpusMetric, Status, get, sample_metric
from harness.seeds import generator

LABELS = ["bird", "cat", "dog", "fish"]


def corpus(name: str, **params: Any) -> Any:
    found = get(name, **params)
    assert isinstance(found, CorpusMetric)
    return found


def drawn(seed: int, *, strange: bool = False) -> tuple[list[str], list[str]]:
    """Answers that are right more often than not, and what is right."""
    rng = generator("classes", seed)
    wanted = rng.choice(LABELS, 120, p=[0.6, 0.2, 0.15, 0.05]).tolist()
    others = [*LABELS, "tiger", "a dogg"] if strange else LABELS
    said = [label if rng.random() < 0.6 else str(rng.choice(others)) for label in wanted]
    return said, wanted


@pytest.mark.parametrize("strange", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_classes_equal_scikit_learn(seed: int, strange: bool) -> None:
    sk = pytest.importorskip("sklearn.metrics")
    said, wanted = drawn(seed, strange=strange)
    classes = sorted(set(wanted))
    theirs = {
        "balanced_accuracy": sk.recall_score(wanted, said, labels=classes, average="macro"),
        "macro_f1": sk.f1_score(wanted, said, labels=classes, average="macro"),
        "micro_f1": sk.f1_score(wanted, said, labels=classes, average="micro"),
        "mcc": sk.matthews_corrcoef(wanted, said),
        "cohen_kappa": sk.cohen_kappa_score(wanted, said),
    }
    if not strange:
        assert theirs["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(wanted, said))
    for name, value in theirs.items():
        ours = corpus(name).compute(said, [[label] for label in wanted])
        assert ours.value == pytest.approx(value), name
        assert ours.low <= ours.value <= ours.high


def test_cells_and_classes_equal_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    said, wanted = drawn(9)
    rows = said, [[label] for label in wanted]
    matrix = sk.confusion_matrix(wanted, said, labels=LABELS, normalize="true")
    for i, true in enumerate(LABELS):
        for name, peer in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
            theirs = peer(wanted, said, labels=[true], average="macro")
            assert corpus(f"class_{name}", label=true).compute(*rows).value == pytest.approx(theirs)
        for j, answer in enumerate(LABELS):
            ours = corpus("confusion", wanted=true, said=answer).compute(*rows)
            assert ours.value == pytest.approx(matrix[i, j])


def test_top_k_accuracy_equals_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    rng = generator("top k")
    scores, labels = rng.normal(size=(200, 8)), rng.integers(0, 8, 200)
    for k in (1, 3, 5):
        theirs = sk.top_k_accuracy_score(labels, scores, k=k, labels=np.arange(8))
        assert corpus("top_k_accuracy", k=k).compute(scores, labels).value == pytest.approx(theirs)
    with pytest.raises(ValueError, match="places of classes"):
        corpus("top_k_accuracy").compute([[0.5, 0.5]], [2])


def test_top_k_reads_a_list_and_counts_a_name_once() -> None:
    metric = sample_metric("top_k_accuracy", k=2)
    assert metric.score('["Cat", "cat", "Dog"]', ["dog"]).value == 1.0
    assert metric.score("1. cat\n2. bird\n3. dog", ["dog"]).value == 0.0
    assert metric.score("", ["dog"]).status == Status.UNPARSED


NUMBERS = ("balanced_accuracy", "macro_f1", "micro_f1", "mcc", "cohen_kappa")


@given(st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "c", "z"]), st.sampled_from("abc")), max_size=15))
@settings(max_examples=40, deadline=None)
def test_numbers_of_classes_have_bounds_and_no_order_and_are_best_for_right_answers(
    rows: list[tuple[str | None, str]],
) -> None:
    said, wanted = [row[0] for row in rows], [[row[1]] for row in rows]
    several = len({row[1] for row in rows}) > 1
    for name in NUMBERS:
        metric = corpus(name)
        metric.resamples = 5
        value = metric.compute(said, wanted).value
        low, high = metric.bounds
        assert math.isnan(value) or low <= value <= high + 1e-12
        assert repr(metric.compute(said[::-1], wanted[::-1]).value) == repr(value)
        defined = bool(rows) and (several or name not in ("mcc", "cohen_kappa"))
        assert math.isnan(value) != defined, "whether it is defined depends on the references alone"
        if defined:
            assert metric.compute([row[1] for row in rows], wanted).value == pytest.approx(1.0)


def test_further_references_are_names_of_one_class() -> None:
    rows = ["kitten", "Cat ", "dog"], [["cat", "kitten"], ["cat"], ["dog"]]
    assert corpus("macro_f1").compute(*rows).value == 1.0


def test_what_needs_a_class_says_so() -> None:
    for name in ("class_recall", "confusion"):
        with pytest.raises(UsageError, match="needs"):
            get(name)


def test_the_four_cells_of_pope_make_its_numbers() -> None:
    answers = ["yes", "yes", "no", "no", "no", "hm", None]
    labels = ["yes", "no", "no", "yes", "yes", "yes", "no"]
    cells = {}
    for cell in ("tp", "fp", "tn", "fn"):
        metric = sample_metric(f"pope_{cell}")
        scores = [metric.score(text, [label]) for text, label in zip(answers, labels, strict=True)]  # type: ignore[arg-type]
        cells[cell] = metric.aggregate(scores).value * len(answers)
    assert cells == {"tp": pytest.approx(1), "fp": pytest.approx(1), "tn": pytest.approx(1), "fn": pytest.approx(2)}
    assert corpus("pope_precision").compute(answers, labels).value == cells["tp"] / (cells["tp"] + cells["fp"])
    official = sample_metric("pope_tp", "official")
    assert official.score("I cannot tell", ["yes"]).value == 1.0


def test_mme_sums_up_its_categories() -> None:
    rng = generator("mme")
    rows = []
    for category in ("existence", "count", "OCR", "code_reasoning", "text_translation"):
        for image in range(6):
            rows += [
                (category, f"{category} {image}", label, str(rng.choice(["yes", "no"]))) for label in ("yes", "no")
            ]
    categories, images, labels, answers = zip(*rows, strict=True)
    theirs = {"mme_perception": 0.0, "mme_cognition": 0.0}
    for category in dict.fromkeys(categories):
        here = [row for row in rows if row[0] == category]
        right = [row[2] == row[3] for row in here]
        pairs = [all(right[i : i + 2]) for i in range(0, len(right), 2)]
        part = "mme_cognition" if category in ("code_reasoning", "text_translation") else "mme_perception"
        theirs[part] += 100 * float(np.mean(right)) + 100 * float(np.mean(pairs))
    theirs["mme_score"] = sum(theirs.values())
    for name, value in theirs.items():
        assert corpus(name).compute(answers, labels, images=images, categories=categories).value == pytest.approx(value)
    assert math.isnan(corpus("mme_score").compute([], [], images=[], categories=[]).value)
    with pytest.raises(ValueError, match=r"category must be one of MME's.*did you mean 'count'"):
        corpus("mme_score").score("yes", ["yes"], group="a", category="counts")


@pytest.mark.parametrize(
    ("text", "reference", "em", "f1"),
    [
        ("The 3.5 km", "3.5 km.", 1.0, 1.0),
        ("3.5", "35", 0.0, 0.0),
        ("-5", "5", 0.0, 0.0),
        ("a red bar", "the red bus", 0.0, 0.5),
        ("red red bar", "red bar", 0.0, 0.8),
        ("", "", 1.0, 1.0),
        ("?", "!", 0.0, 0.0),
    ],
)
def test_squad_compares_words(text: str, reference: str, em: float, f1: float) -> None:
    assert sample_metric("squad_em").score(text, [reference]).value == em
    assert sample_metric("squad_f1").score(text, [reference]).value == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "reference", "em", "f1"),
    [("3.5", "35", 1.0, 1.0), ("well-known", "wellknown", 1.0, 1.0), ("The cat", "a cat!", 1.0, 1.0),
     ("the", "a", 1.0, 1.0), ("the", "cat", 0.0, 0.0), ("red bar of 2020", "red bar", 0.0, 2 / 3)],
)  # fmt: skip
def test_squad_official_is_the_published_script(text: str, reference: str, em: float, f1: float) -> None:
    assert sample_metric("squad_em", "official").score(text, [reference]).value == em
    assert sample_metric("squad_f1", "official").score(text, [reference]).value == pytest.approx(f1)


def test_an_empty_answer_is_right_only_where_there_is_none() -> None:
    for name in ("squad_em", "squad_f1", "hf_exact_match"):
        assert sample_metric(name).score("", ["red"]).status == Status.UNPARSED
        assert sample_metric(name).score(" ", ["red", " "]).value == 1.0


def test_hugging_faces_options_take_out_what_they_name() -> None:
    options = {"regexes_to_ignore": ["^the ", "yell"], "ignore_case": True, "ignore_punctuation": True}
    # The example of its page.
    rows = [("the cat", "cat?"), ("theater", "theater"), ("YELLING", "yelling"), ("agent007", "agent")]
    for text, reference in rows[:3]:
        assert sample_metric("hf_exact_match", **options).score(text, [reference]).value == float(text != "YELLING")
    numbers = sample_metric("hf_exact_match", ignore_numbers=True)
    assert [numbers.score(text, [reference]).value for text, reference in rows] == [0.0, 1.0, 0.0, 1.0]
    with pytest.raises(UsageError, match="no regular expression"):
        get("hf_exact_match", regexes_to_ignore=["("])


def test_ref_clip_score_is_the_harmonic_mean() -> None:
    rng = generator("ref clip")
    images, texts, references = rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), rng.normal(size=(5, 3, 4))
    wanted = []
    for image, text, others in zip(images, texts, references, strict=True):
        cosine = [float(text @ one / np.linalg.norm(text) / np.linalg.norm(one)) for one in (image, *others)]
        clip, best = 2.5 * max(cosine[0], 0), max(*cosine[1:], 0)
        wanted.append(2 * clip * best / (clip + best) if clip and best else 0.0)
    assert corpus("ref_clip_score").compute(images, texts, references).value == pytest.approx(np.mean(wanted))
    metric = sample_metric("ref_clip_score")
    facts = {"embedding": [1.0, 0.0], "reference_embeddings": [[1.0, 0.0], [0.0, 0.0]]}
    assert metric.score("[3, 0]", ["-"], **facts).value == pytest.approx(5 / 3.5)
    assert metric.score("a dog", ["-"], **facts).status == Status.UNPARSED
    assert metric.score("[3, 0]", ["-"], embedding=[1.0], reference_embeddings=[]).status == Status.UNDEFINED
    with pytest.raises(ValueError, match="as long as the embedding"):
        metric.score("[3, 0]", ["-"], embedding=[1.0], reference_embeddings=[[1.0, 2.0]])
