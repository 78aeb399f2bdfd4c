"""Every registered metric keeps the laws; and each law catches a metric that breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import AnswerMetric, CorpusMetric, SampleMetric, Score, Status, get
from harness.registry import registry
from harness.testing import strategies
from harness.testing.metrics import CORPUS_LAWS, SAMPLE_LAWS, Case, check_corpus_metric, check_metric, check_twins

YES_NO = st.builds(
    Case,
    st.one_of(strategies.answers(), st.sampled_from(["Yes", "no.", "I know", "Yes and no", "not here"])),
    st.sampled_from([("yes",), ("no",), ("Yes", "yes")]),
)
BOXES = st.builds(
    Case,
    st.one_of(strategies.box_texts(), strategies.answers()),
    st.lists(strategies.box_texts(), min_size=1, max_size=3).map(tuple),
)
JSON = st.builds(
    Case,
    st.one_of(strategies.json_texts(), strategies.answers()),
    st.lists(strategies.json_texts(), min_size=1, max_size=3).map(tuple),
)
SCHEMAS = st.builds(
    Case,
    st.one_of(strategies.json_texts(), strategies.hostile_text()),
    st.lists(
        st.sampled_from(["true", '{"type": "object"}', '{"type": ["array", "null"]}']), min_size=1, max_size=2
    ).map(tuple),
)
MOMENTS = st.builds(
    Case,
    st.one_of(
        strategies.window_texts(),
        strategies.answers(),
        st.sampled_from(["[]", "[[5, 2]]", '{"spans": []}', "[[1, 1]]"]),
    ),
    st.lists(strategies.window_texts(), min_size=1, max_size=3).map(tuple),
)
GROUNDED = st.builds(
    Case,
    st.one_of(strategies.window_texts(), strategies.answers()),
    st.lists(st.sampled_from(["A", "Red", "7", "[[1, 2]]"]), min_size=1, max_size=2).map(tuple),
    st.one_of(
        st.just({}), strategies.windows().map(lambda spans: {"evidence": json.dumps({"spans": spans}), "tags": {}})
    ),
)
NAMED = st.builds(
    Case,
    st.one_of(strategies.box_texts(), strategies.answers(), st.sampled_from(["none", "[]", "two", "There is no cup."])),
    st.sampled_from([("none",), ("[0, 0, 9, 9]",)]),
    st.sampled_from([{"boxes": []}, {"boxes": [[0, 0, 9, 9]]}, {"boxes": [[0, 0, 9, 9], [20, 0, 29, 9]]}]),
)
ABOUT_WHAT_IS_THERE = ("count_accuracy", "false_boxes", "no_target_accuracy", "target_accuracy")
ANNOTATED = st.builds(Case, strategies.phrases(), st.lists(strategies.phrases(), min_size=4, max_size=10).map(tuple))

CASES: dict[str, Any] = {
    "pope": YES_NO,
    "pope_fn": YES_NO,
    "pope_fp": YES_NO,
    "pope_tn": YES_NO,
    "pope_tp": YES_NO,
    "mme": YES_NO,
    "iou": BOXES,
    "giou": BOXES,
    "acc_at_iou": BOXES,
    "pointing_accuracy": BOXES,
    "field_accuracy": JSON,
    "schema_compliance": SCHEMAS,
    "vqa_accuracy": ANNOTATED,
    "hit_at_1": MOMENTS,
    "iog": MOMENTS,
    "iop": MOMENTS,
    "miou": MOMENTS,
    "moment_map": MOMENTS,
    "recall_at_1_iou": MOMENTS,
    "tiou": MOMENTS,
    "temporal_pointing": MOMENTS,
    "acc_at_gqa": GROUNDED,
    "temporal_faithfulness": GROUNDED,
    **dict.fromkeys(ABOUT_WHAT_IS_THERE, NAMED),
}
"""Metrics whose references have a form of their own."""

EXEMPT: dict[str, dict[str, str]] = {
    "grounding_score": {"identity": "it looks at the evidence and not at the references"},
    "faithfulness": {"identity": "its grounding part looks at the evidence"},
    "numeric_precision": {"extra references": "the reference with the best recall counts, whatever its precision"},
    "rms_precision": {"extra references": "the reference with the best F1 counts"},
    "rms_recall": {"extra references": "the reference with the best F1 counts"},
    "schema_compliance": {"identity": "a schema need not fit itself"},
    "vqa_accuracy": {"identity": "one annotator is not enough", "extra references": "annotators are votes"},
    "pope": {},
    **{f"pope_{cell}": {"identity": "a right answer is one of two cells"} for cell in ("fn", "fp", "tn", "tp")},
    "rouge_l": {"identity": "text without words overlaps with nothing, as published"},
    "moment_map": {"identity": "the windows of a reference may overlap, and each needs one of its own to hit"},
    "temporal_pointing": {"identity": "a reference need not cite a time inside itself"},
    "temporal_faithfulness": {"identity": "a reference cites no frame"},
    "temporal_schema": {"identity": "a reference need not have the form"},
    **{name: {"identity": "it looks at what is there and not at the references"} for name in ABOUT_WHAT_IS_THERE},
    "ocrbench": {"identity": "a text without visible characters is contained in nothing"},
}
VARIANT_EXEMPT: dict[tuple[str, str], set[str]] = {
    ("relaxed_accuracy", "pix2struct"): {"identity"},
    ("relaxed_accuracy", "lmms-eval"): {"identity"},
    ("relaxed_accuracy", "vlmevalkit"): {"identity"},
    ("relaxed_accuracy", "chartqapro"): {"identity"},
    ("anls", "lmms-eval"): {"identity", "extra references"},
    ("rnss", "deplot"): {"identity"},
    ("rms_f1", "deplot"): {"identity"},
    ("rms_f1", "deplot-per-point"): {"identity", "extra references"},
    ("rms_precision", "deplot"): {"identity"},
    ("rms_precision", "deplot-per-point"): {"identity"},
    ("rms_recall", "deplot"): {"identity"},
    ("rms_recall", "deplot-per-point"): {"identity"},
    ("mme", "official"): {"identity"},
}
"""Laws that published implementations break, which is why there is a default."""


def sample_metrics() -> list[tuple[str, str]]:
    found = {name: registry("metrics").load(name) for name in registry("metrics").names()}
    return [
        (name, variant) for name, one in found.items() if not issubclass(one, CorpusMetric) for variant in one.variants
    ]


@pytest.mark.parametrize(("name", "variant"), sample_metrics())
def test_every_sample_metric_keeps_the_laws(name: str, variant: str) -> None:
    metric = get(name, variant)
    assert isinstance(metric, SampleMetric)
    exempt = {*EXEMPT.get(name, {}), *VARIANT_EXEMPT.get((name, variant), set())}
    check_metric(metric, without=exempt, cases=CASES.get(name), examples=10)


@pytest.mark.parametrize("name", ["exact_match", "relaxed_accuracy", "wer"])
def test_characters_that_nobody_sees_change_nothing(name: str) -> None:
    metric = get(name)
    assert isinstance(metric, SampleMetric)
    check_metric(metric, laws=["invisible characters"], examples=5)


@pytest.mark.parametrize("name", ["relaxed_accuracy", "exact_match", "anls", "grounding_score", "rms_f1", "rouge_l"])
def test_white_space_round_the_answer_does_not_count(name: str) -> None:
    metric = get(name)
    assert isinstance(metric, SampleMetric)
    check_metric(metric, laws=["white space"], examples=25)


@pytest.mark.parametrize("name", ["relaxed_accuracy", "exact_match", "anls", "rnss", "rms_f1", "rouge_l", "ocrbench"])
def test_case_does_not_count(name: str) -> None:
    metric = get(name)
    assert isinstance(metric, SampleMetric)
    check_metric(metric, laws=["case"], examples=25)


def columns(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    rows = st.lists(st.tuples(*parts.values()), max_size=12)
    return rows.map(lambda drawn: {name: [row[i] for row in drawn] for i, name in enumerate(parts)})


TEXT = st.one_of(st.none(), strategies.phrases(), strategies.hostile_text())
REFERENCES = st.lists(strategies.phrases(), min_size=1, max_size=2)
LABEL = st.sampled_from(["yes", "no"])
YES_NO_TEXT = st.one_of(st.none(), st.sampled_from(["Yes", "no.", "I know", "yes no", "", "not"]))
SHARE = st.sampled_from([0.0, 0.1, 1 / 15, 0.5, 2 / 3, 0.9, 1.0])
BIT = st.booleans()
CAPTIONS = columns(predictions=TEXT, references=REFERENCES)
PROBES = columns(predictions=YES_NO_TEXT, labels=LABEL)
OBJECTS = columns(
    predictions=st.one_of(st.none(), st.sampled_from(["two dogs", "a cat", "hot dogs and a dog", "", "buses"])),
    objects=st.lists(st.sampled_from(["dog", "cat", "bus"]), max_size=2),
)
RANKED = columns(scores=st.one_of(st.integers(-2, 2).map(float), st.floats(-1, 1)), labels=BIT)
CALIBRATION = columns(confidences=SHARE, correct=BIT)
PROBABILITIES = columns(probabilities=SHARE, labels=st.integers(0, 1))
DECISIONS = columns(decisions=st.sampled_from(["pass", "flag", "reject", None]), hallucinated=BIT)
VOCABULARY = {"dog": ["puppy"], "cat": [], "bus": [], "hot dog": []}


CLASSES = columns(
    predictions=st.sampled_from([None, "cat", "dog", "Cat ", "a bird", "", "bird", "tiger"]),
    references=st.sampled_from([["cat"], ["dog"], ["bird", "a bird"]]),
)


def _paired(drawn: dict[str, Any]) -> dict[str, Any]:
    doubled = {name: [value for value in column for _ in range(2)] for name, column in drawn.items()}
    return {**doubled, "images": [f"image {row // 2}" for row in range(len(doubled["labels"]))]}


CATEGORIES = columns(
    predictions=YES_NO_TEXT, labels=LABEL, categories=st.sampled_from(["count", "OCR", "code_reasoning"])
).map(_paired)

CORPUS: dict[str, tuple[st.SearchStrategy[dict[str, Any]], dict[str, Any], set[str]]] = {
    "aupr_in": (RANKED, {}, set()),
    "aupr_out": (RANKED, {}, set()),
    "auroc": (RANKED, {}, set()),
    "aurc": (CALIBRATION, {}, set()),
    "balanced_accuracy": (CLASSES, {}, set()),
    "bleu4": (CAPTIONS, {}, set()),
    "blind_gap": (columns(scores=SHARE, blind_scores=SHARE), {}, set()),
    "brier": (PROBABILITIES, {}, set()),
    "chair_i": (OBJECTS, {"vocabulary": VOCABULARY}, set()),
    "chair_s": (OBJECTS, {"vocabulary": VOCABULARY}, set()),
    "cider_d": (CAPTIONS, {}, {"duplication"}),  # a row's repetition changes the document frequencies of one row
    "class_f1": (CLASSES, {"label": "cat"}, set()),
    "class_precision": (CLASSES, {"label": "cat"}, set()),
    "class_recall": (CLASSES, {"label": "Cat"}, set()),
    "cohen_kappa": (CLASSES, {}, set()),
    "confusion": (CLASSES, {"wanted": "cat", "said": "dog"}, set()),
    "consistency": (columns(answers=st.lists(TEXT, max_size=4)), {}, set()),
    "corpus_cer": (CAPTIONS, {}, set()),
    "corpus_wer": (CAPTIONS, {}, set()),
    "ece": (CALIBRATION, {"resamples": 100}, set()),
    "fpr_at_95_tpr": (RANKED, {}, set()),
    "guard_precision": (DECISIONS, {}, set()),
    "guard_recall": (DECISIONS, {}, set()),
    "injection_success_rate": (columns(obeyed=st.sampled_from([True, False, None]), control=BIT), {}, set()),
    "line_cer": (CAPTIONS, {}, set()),
    "line_wer": (CAPTIONS, {}, set()),
    "macro_f1": (CLASSES, {}, set()),
    "mcc": (CLASSES, {}, set()),
    "mce": (CALIBRATION, {"resamples": 100}, set()),
    "micro_f1": (CLASSES, {}, set()),
    "mme_cognition": (CATEGORIES, {}, {"purity", "lengths"}),
    "mme_perception": (CATEGORIES, {}, {"purity", "lengths"}),
    "mme_plus": (columns(predictions=YES_NO_TEXT, labels=LABEL).map(_paired), {}, {"purity", "lengths"}),
    "mme_score": (CATEGORIES, {}, {"purity", "lengths"}),
    "nll": (PROBABILITIES, {}, set()),
    "pope_f1": (PROBES, {}, set()),
    "pope_precision": (PROBES, {}, set()),
    "pope_recall": (PROBES, {}, set()),
    "pope_yes_ratio": (PROBES, {}, set()),
    "reading_order": (CAPTIONS, {}, set()),
    "selective_risk": (CALIBRATION, {"coverage": 0.5}, set()),
    "words_invented": (CAPTIONS, {}, set()),
    "words_missed": (CAPTIONS, {}, set()),
}
"""Data and parameters for each metric that needs all rows; and laws that its form does not fit."""

CORPUS_EXEMPT = {("bleu4", "sacrebleu"): {"duplication"}, ("bleu4", "coco-caption"): {"duplication"}}
"""Their smoothing depends on the size of the corpus."""

COCO = {"map", "map_50", "map_75", "map_small", "map_medium", "map_large", "ar_1", "ar_10", "ar_100"}
OWN_TESTS = COCO | {"clip_score", "recall_at_k", "ref_clip_score", "top_k_accuracy"}
"""Metrics whose arguments are not columns: their laws are in the tests of their family."""


def corpus_metrics() -> list[tuple[str, str]]:
    names = [name for name in registry("metrics").names() if issubclass(registry("metrics").load(name), CorpusMetric)]
    return [
        (name, variant)
        for name in names
        if name not in OWN_TESTS
        for variant in registry("metrics").load(name).variants
    ]


@pytest.mark.parametrize(("name", "variant"), corpus_metrics())
def test_every_corpus_metric_keeps_the_laws(name: str, variant: str) -> None:
    data, params, exempt = CORPUS[name]
    metric = get(name, variant, **params)
    assert isinstance(metric, CorpusMetric)
    check_corpus_metric(metric, data, without={*exempt, *CORPUS_EXEMPT.get((name, variant), set())}, examples=10)


SUMMED: dict[str, tuple[Any, dict[str, Any]]] = {
    "corpus_cer": (None, {}),
    "corpus_wer": (None, {}),
    "bleu4": (None, {}),
    "line_cer": (None, {}),
    "line_wer": (None, {}),
    "reading_order": (None, {}),
    "words_invented": (None, {}),
    "words_missed": (None, {}),
    "pope_f1": (YES_NO, {}),
    "pope_precision": (YES_NO, {}),
    "pope_recall": (YES_NO, {}),
    "pope_yes_ratio": (YES_NO, {}),
    "chair_i": (
        st.builds(
            Case,
            st.sampled_from(["two dogs", "a cat", "hot dogs and a dog", ""]),
            st.just(("-",)),
            st.lists(st.sampled_from(["dog", "cat", "bus"]), max_size=2).map(lambda found: {"objects": found}),
        ),
        {"vocabulary": VOCABULARY},
    ),
}
"""Metrics that are made of totals: their data and parameters."""


@pytest.mark.parametrize("name", SUMMED)
def test_metrics_of_totals_can_be_added_up_in_parts(name: str) -> None:
    data, params = SUMMED[name]
    metric = get(name, **params)
    assert isinstance(metric, SampleMetric)
    laws = ["sums add", "purity", "rebuild", "row order", "chunks", "undefined by the sample"]
    check_metric(metric, laws=laws, cases=data, examples=10)


WIDTH = 100.0
LABELS = st.sampled_from(["dog", "cat"])


def mirrored(box: tuple[float, ...]) -> list[float]:
    x0, y0, x1, y1 = box
    return [WIDTH - x1, y0, WIDTH - x0, y1]


def _found(boxes: list[tuple[str, tuple[float, ...]]], turn: bool) -> list[dict[str, Any]]:
    return [{"label": label, "box": mirrored(box) if turn else list(box)} for label, box in boxes]


def _picture(drawn: tuple[list[Any], list[Any]], turn: bool) -> Case:
    found, true = (_found(boxes, turn) for boxes in drawn)
    return Case(json.dumps(found), ("-",), {"boxes": true, "size": [WIDTH, WIDTH]})


def _located(drawn: tuple[Any, Any], turn: bool) -> Case:
    answer, wanted = (json.dumps(mirrored(box) if turn else list(box)) for box in drawn)
    return Case(answer, (wanted,), {})


def both_ways(drawn: Any, of: Any) -> Any:
    return [of(one, False) for one in drawn], [of(one, True) for one in drawn]


PICTURES = st.lists(
    st.tuples(
        st.lists(st.tuples(LABELS, strategies.boxes(10)), max_size=5),
        st.lists(st.tuples(LABELS, strategies.boxes(10)), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=3,
).map(lambda drawn: both_ways(drawn, _picture))
"""Pictures, and the same in a mirror; all boxes are equally sure, as a language model's are."""
BOXES_BOTH_WAYS = st.lists(st.tuples(strategies.boxes(), strategies.boxes()), min_size=1, max_size=4).map(
    lambda drawn: both_ways(drawn, _located)
)


@pytest.mark.parametrize("name", ["iou", "giou", "acc_at_iou", "pointing_accuracy"])
def test_a_mirrored_picture_has_the_same_boxes(name: str) -> None:
    check_twins(get(name), BOXES_BOTH_WAYS, "mirroring the pictures", examples=25)


@pytest.mark.parametrize("name", ["map", "map_50"])
def test_a_mirrored_picture_has_the_same_detections(name: str) -> None:
    check_twins(get(name, resamples=0), PICTURES, "mirroring the pictures", examples=200)


class Counter(AnswerMetric):
    """Broken on purpose: counts its calls."""

    name = "counter"
    calls = 0

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        self.calls += 1
        return Score(float(self.calls % 2))


class Unbounded(AnswerMetric):
    """Broken on purpose: longer answers get more."""

    name = "unbounded"

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        return Score(float(len(prediction)))


class FirstReference(AnswerMetric):
    """Broken on purpose: looks at the first reference alone and raises on some text."""

    name = "first_reference"

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        return Score(float(prediction == references[0]))


class Judgemental(AnswerMetric):
    """Broken on purpose: does not judge answers that it does not like."""

    name = "judgemental"

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        return Score(float("nan"), Status.UNDEFINED) if not prediction else Score(1.0)


class Sighted(SampleMetric):
    """Broken on purpose: sees what nobody sees."""

    name = "sighted"

    def score(self, prediction: Any, references: Any, **context: Any) -> Score:
        return Score(float(len(prediction) > 3))


class Careless(SampleMetric):
    """Broken on purpose: takes whatever comes."""

    name = "careless"

    def score(self, prediction: Any, references: Any, **context: Any) -> Score:
        return Score(1.0)


@pytest.mark.parametrize(
    ("metric", "law"),
    [
        (Counter(), "purity"),
        (Unbounded(), "range"),
        (FirstReference(), "reference order"),
        (Careless(), "bad input"),
        (Judgemental(), "undefined by the sample"),
        (Sighted(), "invisible characters"),
        (Unbounded(), "identity"),
    ],
)
def test_a_law_catches_a_metric_that_breaks_it(metric: SampleMetric, law: str) -> None:
    with pytest.raises(AssertionError, match=f"breaks the law '{law}'"):
        check_metric(metric, laws=[law])


def test_a_metric_of_ones_own_is_checked_in_three_lines() -> None:
    from harness.metrics.exact_match import ExactMatch

    class Mine(ExactMatch):
        name = "mine"

    check_metric(Mine())


def test_an_unknown_law_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean 'purity'"):
        check_metric(Unbounded(), laws=["purty"])
    auroc = get("auroc")
    assert isinstance(auroc, CorpusMetric)
    with pytest.raises(UsageError, match="did you mean 'row order'"):
        check_corpus_metric(auroc, RANKED, without=["row ordr"])


def test_every_metric_is_under_a_law() -> None:
    covered = {name for name, _ in sample_metrics()} | set(CORPUS) | OWN_TESTS
    assert set(registry("metrics").names()) == covered
    assert {"identity", "purity", "counting"} < set(SAMPLE_LAWS)
    assert {"row order", "empty"} < set(CORPUS_LAWS)
    assert set(EXEMPT) <= {name for name, _ in sample_metrics()}
