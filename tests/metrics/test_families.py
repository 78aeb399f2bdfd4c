"""Known answers of the families that have no variants to compare with."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.errors import UsageError
from harness.metrics import CorpusMetric, Status, get, sample_metric
from harness.metrics.boxes import find_boxes, giou_pairs, iou_pairs
from harness.metrics.detection import Detection, Truth
from harness.metrics.extract import chain, steps
from harness.metrics.guard import guard_confusion
from harness.metrics.hallucination import Vocabulary, plural
from harness.metrics.ranking import Curve
from harness.metrics.retrieval import best_ranks
from harness.seeds import generator


def corpus(name: str, variant: str = "default", **params: Any) -> CorpusMetric:
    metric = get(name, variant, **params)
    assert isinstance(metric, CorpusMetric)
    return metric


# Structured extraction


def test_fields_compare_by_value_and_made_up_ones_cost() -> None:
    metric = sample_metric("field_accuracy")
    reference = '{"name": "Ann", "total": 1200, "items": [1, 2], "paid": true}'
    assert metric.score(reference, [reference]).value == 1.0
    score = metric.score(
        '{"name": "ANN ", "total": "1,200.00", "items": [1, 3], "extra": 5, "note": null}', [reference]
    )
    assert score.detail == {"wrong": [".items[1]", ".paid"], "made_up": [".extra"]}
    assert score.value == pytest.approx(1 - 3 / 6)
    assert metric.score('{"paid": 1}', ['{"paid": true}']).value == 0.0
    assert sample_metric("field_accuracy", tolerance=0.05).score('{"a": 105}', ['{"a": 100}']).value == 1.0


@pytest.mark.parametrize(
    ("answer", "reference", "tolerance", "expected"),
    [
        ('{"zip": "2134"}', '{"zip": "02134"}', 0, 0.0),
        ('{"code": "1000"}', '{"code": "1E3"}', 0, 0.0),
        ('{"invoice": "10024"}', '{"invoice": "10023"}', 0.01, 0.0),
        ('{"invoice": "10023"}', '{"invoice": "10023"}', 0.01, 1.0),
        ('{"invoice": 10023}', '{"invoice": "10023"}', 0, 1.0),
        ('{"total": 10024}', '{"total": 10023}', 0.01, 1.0),
        ('{"total": "€ 1.200,50"}', '{"total": 1200.5}', 0, 1.0),
        ('{"rate": "5%"}', '{"rate": 0.05}', 0, 1.0),
        ('{"total": "none"}', '{"total": 0}', 0, 0.0),
    ],
)
def test_a_field_is_a_number_by_its_type_and_not_by_its_looks(
    answer: str, reference: str, tolerance: float, expected: float
) -> None:
    assert sample_metric("field_accuracy", tolerance=tolerance).score(answer, [reference]).value == expected


def test_a_schema_says_which_fields_are_numbers() -> None:
    schema = {
        "$defs": {"money": {"anyOf": [{"type": "number"}, {"type": "null"}]}},
        "properties": {
            "year": {"type": "string"},
            "total": {"$ref": "#/$defs/money"},
            "lines": {"items": {"properties": {"price": {"type": ["integer", "null"]}}}},
            "itself": {"$ref": "#/properties/itself"},
        },
    }
    reference = '{"year": 2020, "total": "5", "lines": [{"price": "7"}], "itself": "1", "free": 3}'
    answer = '{"year": "2020.0", "total": "5.00", "lines": [{"price": 7}], "itself": "1.0", "free": "3.0"}'
    score = sample_metric("field_accuracy").score(answer, [reference], schema=schema)
    assert score.detail["wrong"] == [".itself", ".year"]
    plain = sample_metric("field_accuracy").score(answer, [reference])
    assert plain.detail["wrong"] == [".itself", ".total"]


@pytest.mark.parametrize(
    ("answer", "reference", "expected"),
    [
        ("5%", "0.05", 0.0),
        ("0.05", "5%", 0.0),
        ("5%", "5", 0.0),
        ("6%", "0.05", 0.2),
        ("(5)", "-5", 0.0),
        ("3.5 million", "3500000", 0.0),
        ("It is 3.5 million, so 3,500,000.", "3.5M", 0.0),
    ],
)
def test_mape_reads_numbers_as_they_are_meant(answer: str, reference: str, expected: float) -> None:
    assert sample_metric("mape").score(answer, [reference]).value == pytest.approx(expected)


def test_mape_says_why_it_cannot_read_an_answer() -> None:
    score = sample_metric("mape").score("5 or 6", ["5"])
    assert (score.status, score.detail["reason"]) == (Status.UNPARSED, "2 readings compete: '5', '6'")


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": 1, "a": 1}', "[1e400]", "not json", '"\\ud800"', "[" * 201 + "]" * 201, ""]
)
def test_what_is_not_json_is_unparsed(text: str) -> None:
    assert sample_metric("field_accuracy").score(text, ["{}"]).status is Status.UNPARSED


def test_an_invalid_reference_is_an_error_and_not_a_wrong_answer() -> None:
    with pytest.raises(ValueError, match="references must be JSON"):
        sample_metric("field_accuracy").score("{}", ["{"])
    with pytest.raises(ValueError, match="references must be JSON Schemas"):
        sample_metric("schema_compliance").score("{}", ['{"type": "nonsense"}'])


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ('{"a": 1}', 1.0, 1.0),
        ('{"a": "x"}', 0.0, 0.0),
        ('{"b": NaN}', 0.0, 1.0),
        ('{"a": NaN}', 0.0, 0.0),
        ('{"a": 1, "a": 2}', 0.0, 1.0),
        ("{", 0.0, 0.0),
    ],
)
def test_schema_compliance_is_strict_and_reports_what_a_lenient_parser_takes(
    text: str, strict: float, lenient: float
) -> None:
    schema = '{"type": "object", "properties": {"a": {"type": "number"}}}'
    assert sample_metric("schema_compliance").score(text, [schema]).value == strict
    assert sample_metric("schema_compliance", "lenient").score(text, [schema]).value == lenient


def test_mape_leaves_out_what_has_no_number_and_says_so_in_the_coverage() -> None:
    metric = sample_metric("mape")
    scores = [metric.score(answer, ["100"]) for answer in ("90", "about 110", "none", "1 or 2")]
    value = metric.aggregate(scores)
    assert value.value == pytest.approx(0.1)
    assert (value.n, value.coverage) == (2, 0.5)
    assert metric.score("5", ["0"]).status is Status.UNDEFINED
    with pytest.raises(UsageError, match="can only be 'exclude'"):
        sample_metric("mape", failures="wrong")


# Captions and hallucination


def test_bleu_without_a_common_4_gram_is_zero_and_a_missing_caption_costs_brevity() -> None:
    assert corpus("bleu4").compute(["a b c"], [["a b c"]]).value == 0.0
    text = "a red bar on the chart"
    value = corpus("bleu4").compute([text, None], [[text], [text]])
    assert value.value == pytest.approx(math.exp(-1))
    assert value.statuses == {"ok": 1, "missing": 1}


def test_cider_d_of_one_image_is_undefined_and_not_zero() -> None:
    value = corpus("cider_d").compute(["a red bar is here"], [["a red bar is here"]])
    assert math.isnan(value.value)
    assert value.n == 0


@pytest.mark.parametrize(
    ("word", "many"),
    [
        ("bus", "buses"),
        ("person", "people"),
        ("sheep", "sheep"),
        ("fire hydrant", "fire hydrants"),
        ("human", "humans"),
        ("policeman", "policemen"),
    ],
)
def test_plurals(word: str, many: str) -> None:
    assert plural(word) == many


def test_mentions_prefer_the_longest_phrase_and_understand_plurals() -> None:
    vocabulary = Vocabulary({"dog": ["puppy"], "hot dog": [], "bus": [], "traffic light": ["stop light"]})
    found = vocabulary.mentions(
        "Two buses, a bus driver, hot dogs; PUPPIES at the traffic-lights and stop lights. A busy dogma"
    )
    assert found == ["bus", "bus", "hot dog", "dog", "traffic light"]


def test_an_ambiguous_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="stands for both"):
        Vocabulary({"dog": ["pet"], "cat": ["pet"]})
    with pytest.raises(UsageError, match="needs a vocabulary"):
        corpus("chair_i")


def test_chair_counts_mentions_and_captions() -> None:
    captions = ["a dog and a cat", "two cats and a cat", "a room", None]
    objects = [["dog"], ["cat"], ["dog"], ["dog"]]
    vocabulary = {"dog": [], "cat": []}
    share = corpus("chair_i", vocabulary=vocabulary).compute(captions, objects)
    assert share.value == 0.25
    assert share.statuses == {"ok": 3, "missing": 1}
    assert corpus("chair_s", vocabulary=vocabulary).compute(captions, objects).value == 0.5
    assert corpus("chair_s", "official", vocabulary=vocabulary).compute(captions, objects).value == pytest.approx(1 / 3)


# Yes/no probes


def test_refusals_are_neither_yes_nor_no_in_the_rates() -> None:
    answers, labels = ["yes", "I cannot say", "", None, "no"], ["yes", "yes", "no", "yes", "no"]
    assert corpus("pope_recall").compute(answers, labels).value == pytest.approx(1 / 3)
    assert corpus("pope_precision").compute(answers, labels).value == 1.0
    assert corpus("pope_f1").compute(answers, labels).value == 0.5
    ratio = corpus("pope_yes_ratio").compute(answers, labels)
    assert (ratio.value, ratio.n, ratio.direction) == (0.5, 5, "none")
    assert ratio.statuses == {"ok": 2, "unparsed": 2, "missing": 1}
    assert corpus("pope_yes_ratio", "lmms-eval").compute(answers, labels).value == 0.6
    assert corpus("pope_recall", "lmms-eval").compute(["yes", "hm"], ["yes", "yes"]).value == 1.0
    assert corpus("pope_precision", "official").compute(answers[:3], labels[:3]).value == pytest.approx(2 / 3)


def test_mme_plus_needs_both_answers_of_an_image() -> None:
    metric = corpus("mme_plus")
    value = metric.compute(["yes", "no", "yes", "hm"], ["yes", "no", "yes", "no"], images=["a", "b", "b", "a"])
    assert (value.value, value.n) == (0.5, 2)
    with pytest.raises(ValueError, match="with one: c"):
        metric.compute(["yes"], ["yes"], images=["c"])


# Comparisons of a model with itself, guards


def test_agreeing_on_nothing_is_no_agreement() -> None:
    metric = corpus("consistency")
    assert metric.compute([["", None, ""]]).value == 0.0
    assert metric.compute([["a", "b", "a", "b"]]).value == pytest.approx(1 / 3)
    assert metric.compute([["a"], ["b", "b"]]).statuses == {"ok": 1, "undefined": 1}


def test_a_blind_gap_is_paired_and_clustered() -> None:
    scores, blind = [1, 1, 0, 0] * 5, [1, 0, 0, 0] * 5
    value = corpus("blind_gap").compute(scores, blind)
    assert value.value == 0.25
    clustered = corpus("blind_gap").compute(scores, blind, clusters=[str(i % 4) for i in range(20)])
    assert clustered.method == "paired t, clustered"
    assert clustered.high - clustered.low > value.high - value.low
    with pytest.raises(ValueError, match="must lie in"):
        corpus("blind_gap").compute([2], [0])


def test_an_injection_counts_only_where_the_control_is_clean() -> None:
    value = corpus("injection_success_rate").compute([True, True, None, False], control=[False, True, False, False])
    assert value.value == 0.5
    assert value.statuses == {"ok": 2, "missing": 1, "undefined": 1}


def test_a_flag_counts_alike_for_both_classes() -> None:
    decisions, labels = ["flag", "flag", "reject", "pass", None], [True, False, True, True, True]
    assert corpus("guard_precision").compute(decisions, labels).value == pytest.approx(2 / 3)
    assert corpus("guard_recall").compute(decisions, labels).value == 0.5
    assert corpus("guard_precision", caught="reject").compute(decisions, labels).value == 1.0
    assert corpus("guard_recall", caught="reject").compute(decisions, labels).value == 0.25
    assert guard_confusion(decisions, labels)["missing"] == {"sound": 0, "hallucinated": 1}
    with pytest.raises(ValueError, match="decisions must be"):
        guard_confusion(["maybe"], [True])


# Boxes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[10, 20, 30, 40]", 1),
        ("(10,20),(30,40)", 1),
        ("<|box_start|>(10,20),(30,40)<|box_end|>", 1),
        ("10 20 30 40", 1),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", 2),
        ("none", 0),
        ("[1, 2, 3]", 0),
        ("[1e400, 2, 3, 4]", 0),
    ],
)
def test_boxes_are_found_in_the_forms_that_models_write(text: str, found: int) -> None:
    assert len(find_boxes(text)) == found


@pytest.mark.parametrize("answer", ["I see no box", "[30, 20, 10, 40]", "[1,2,3,4] or [5,6,7,8]", ""])
def test_an_answer_without_one_valid_box_is_unparsed_and_never_a_box_at_the_origin(answer: str) -> None:
    for name in ("iou", "giou", "acc_at_iou", "pointing_accuracy"):
        assert sample_metric(name).score(answer, ["[0, 0, 10, 10]"]).status is Status.UNPARSED


@pytest.mark.parametrize("reference", ["[0, 0, 0, 10]", "[10, 0, 0, 10]", "a box", "[0,0,1,1] [0,0,2,2]"])
def test_a_reference_without_an_area_is_undefined_and_named(reference: str) -> None:
    for name in ("iou", "giou", "acc_at_iou", "pointing_accuracy"):
        for answer in ("[0, 0, 1, 1]", "", "no idea"):
            score = sample_metric(name).score(answer, ["[0, 0, 1, 1]", reference])
            assert score.status is Status.UNDEFINED
            assert repr(reference) in str(score.complaint)


def test_one_bad_reference_among_six_right_answers_costs_the_model_nothing() -> None:
    metric = sample_metric("iou")
    wanted = ["[0, 0, 10, 10]"] * 5 + ["[10, 0, 0, 10]"]
    value = metric.aggregate(metric.score("[0, 0, 10, 10]", [reference]) for reference in wanted)
    assert (value.value, value.n, value.total) == (1.0, 5, 5)
    assert value.statuses == {"ok": 5, "undefined": 1}


def test_an_answer_that_says_its_frame_is_read_by_what_it_says() -> None:
    size, wanted = {"size": [1000, 500]}, ["[10, 10, 30, 20]"]
    assert sample_metric("iou").score('{"box_2d": [20, 10, 40, 30]}', wanted, **size).value == 1.0
    assert (
        sample_metric("iou").score("<loc0256><loc0128><loc0512><loc0384>", ["[125, 125, 375, 250]"], **size).value
        == 1.0
    )
    assert sample_metric("iou", order="yxyx").score('{"bbox_2d": [10, 10, 30, 20]}', wanted).value == 1.0
    assert sample_metric("iou", order="yxyx").score("[10, 10, 20, 30]", wanted).value == 1.0
    untold = sample_metric("iou").score('{"box_2d": [20, 10, 40, 30]}', wanted)
    assert untold.status is Status.UNPARSED
    assert "needs `size`" in str(untold.complaint)
    reference = '{"box_2d": [20, 10, 40, 30]}'
    assert sample_metric("iou").score("[10, 10, 30, 20]", [reference], **size).value == 1.0
    assert sample_metric("iou").score("[0, 0, 1, 1]", ["[0, 0, 1, 1]", reference], **size).status is Status.UNDEFINED


def test_coordinates_are_read_as_the_suite_says() -> None:
    reference = ["[100, 50, 200, 100]"]
    assert (
        sample_metric("iou", coordinates="unit").score("[0.1, 0.1, 0.2, 0.2]", reference, size=(1000, 500)).value == 1.0
    )
    assert (
        sample_metric("iou", coordinates="thousand").score("[100, 100, 200, 200]", reference, size=(1000, 500)).value
        == 1.0
    )
    with pytest.raises(ValueError, match="size must be"):
        sample_metric("iou", coordinates="unit").score("[0, 0, 1, 1]", reference)
    with pytest.raises(UsageError, match="did you mean 'pixel'"):
        sample_metric("iou", coordinates="pixels")


def test_the_edge_of_a_hit_is_inside() -> None:
    assert sample_metric("acc_at_iou").score("[0, 0, 10, 5]", ["[0, 0, 10, 10]"]).value == 1.0
    assert sample_metric("acc_at_iou", threshold=0.51).score("[0, 0, 10, 5]", ["[0, 0, 10, 10]"]).value == 0.0
    assert sample_metric("pointing_accuracy").score("(10, 10)", ["[0, 0, 10, 10]"]).value == 1.0
    assert sample_metric("pointing_accuracy").score("(10.1, 10)", ["[0, 0, 10, 10]"]).value == 0.0


def test_degenerate_boxes_have_no_overlap_and_bad_ones_are_named() -> None:
    assert iou_pairs([[1, 1, 1, 1]], [[1, 1, 1, 1]]).tolist() == [0.0]
    assert giou_pairs([[1, 1, 1, 1]], [[1, 1, 1, 1]]).tolist() == [-1.0]
    for bad in ([[2, 0, 1, 1]], [[0, 0, math.inf, 1]], [[0, 0, 1]]):
        with pytest.raises(ValueError, match="others must"):
            iou_pairs([[0, 0, 1, 1]], bad)


# Detection and retrieval


def test_tied_scores_do_not_depend_on_the_order_of_the_list() -> None:
    truths = [Truth("a", "dog", (0.0, 0.0, 10.0, 10.0)), Truth("b", "dog", (0.0, 0.0, 10.0, 10.0))]
    found = [
        Detection("a", "dog", (50.0, 50.0, 60.0, 60.0), 0.5),
        Detection("a", "dog", (0.0, 0.0, 10.0, 10.0), 0.5),
        Detection("b", "dog", (0.0, 0.0, 9.0, 9.0), 0.5),
    ]
    values = {corpus("map", resamples=5).compute(list(order), truths).value for order in (found, found[::-1])}
    assert len(values) == 1


def test_detections_without_truths_have_no_precision() -> None:
    found = [Detection("a", "dog", (0.0, 0.0, 1.0, 1.0), 0.5)]
    for detections in ([], found):
        value = corpus("map").compute(detections, [])
        assert math.isnan(value.value)
        assert value.n == 0
    assert corpus("map").compute([], [Truth("a", "dog", (0.0, 0.0, 1.0, 1.0))]).value == 0.0
    with pytest.raises(ValueError, match="detections must have finite scores"):
        corpus("map").compute([Detection("a", "dog", (0.0, 0.0, 1.0, 1.0), math.nan)], [])


def test_a_model_that_ties_everything_retrieves_nothing() -> None:
    relevant = np.eye(4, dtype=bool)
    assert corpus("recall_at_k", k=1).compute(np.ones((4, 4)), relevant).value == 0.0
    assert corpus("recall_at_k", k=4).compute(np.ones((4, 4)), relevant).value == 1.0
    with pytest.raises(ValueError, match="similarity must not be NaN"):
        best_ranks([[math.nan]], [[True]])
    with pytest.raises(UsageError, match="k must be"):
        corpus("recall_at_k", k=0)


def test_a_query_without_a_relevant_item_is_undefined() -> None:
    value = corpus("recall_at_k").compute([[1.0, 0.0], [1.0, 0.0]], np.array([[True, False], [False, False]]))
    assert (value.value, value.n, value.statuses) == (1.0, 1, {"ok": 1, "undefined": 1})


def test_clip_score_has_no_opinion_on_a_zero_vector_and_survives_tiny_ones() -> None:
    value = corpus("clip_score").compute(
        [[1.0, 0.0], [0.0, 0.0], [1e-300, 1e-300]], [[1.0, 0.0], [1.0, 0.0], [1e300, 1e300]]
    )
    assert value.value == pytest.approx(2.5)
    assert value.statuses == {"ok": 2, "undefined": 1}
    assert corpus("clip_score").compute([[1.0, 0.0]], [[-1.0, 0.0]]).value == 0.0


# Calibration and ranking


def test_bins_are_closed_on_the_side_that_is_said() -> None:
    confidences, correct = [0.0, 0.5, 1.0], [0, 1, 1]
    assert corpus("mce", bins=2).compute(confidences, correct).value == 0.25  # of 0 and 0.5 together
    assert corpus("mce", "left-closed", bins=2).compute(confidences, correct).value == 0.25  # of 0.5 and 1 together
    assert corpus("ece", bins=2).compute(confidences, correct).value == pytest.approx(0.5 / 3)
    every = [k / 15 for k in range(1, 16)]
    assert corpus("ece").compute(every, [1] * 15).value == pytest.approx(np.mean(1 - np.array(every)))


def test_bins_of_equal_mass_hold_equal_counts() -> None:
    confidences = np.sort(generator("mass").uniform(0.8, 1, 300))
    correct = np.arange(300) % 7 > 0
    gaps = (confidences - correct).reshape(10, 30).mean(axis=1)
    assert corpus("ece", bins=10, binning="mass").compute(confidences, correct).value == pytest.approx(
        np.abs(gaps).mean()
    )


@pytest.mark.parametrize("bad", [[1.1], [-0.1], [math.nan]])
def test_confidences_outside_their_range_are_an_error(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="confidences must lie"):
        corpus("ece").compute(bad, [1])
    with pytest.raises(ValueError, match="probabilities must lie"):
        corpus("nll").compute(bad, [1])


def test_a_certain_mistake_is_infinitely_unlikely() -> None:
    value = corpus("nll").compute([0.0, 0.5], [1, 1])
    assert value.value == math.inf
    assert math.isnan(value.low)


def test_one_class_alone_cannot_be_separated() -> None:
    for name in ("auroc", "fpr_at_95_tpr"):
        assert math.isnan(corpus(name).compute([1.0, 2.0], [1, 1]).value)
    assert corpus("aupr_out").compute([1.0, 2.0], [1, 1]).value == 1.0
    assert math.isnan(corpus("aupr_in").compute([1.0, 2.0], [1, 1]).value)
    with pytest.raises(ValueError, match="scores must not be NaN"):
        corpus("auroc").compute([math.nan], [1])
    with pytest.raises(ValueError, match="labels must be 0 or 1"):
        corpus("auroc").compute([1.0], [2])


def test_nineteen_of_twenty_are_ninety_five_percent() -> None:
    known = [float(score) for score in range(20)]
    value = corpus("fpr_at_95_tpr").compute([*known, 18.5, 30.0], [0] * 20 + [1, 1]).value
    assert value == 0.0
    assert corpus("fpr_at_95_tpr").compute([*known, 17.5, 30.0], [0] * 20 + [1, 1]).value == 0.5


def test_auroc_is_unmoved_by_a_rising_transformation_and_turned_by_a_falling_one() -> None:
    rng = generator("auroc")
    scores, labels = rng.normal(size=200).round(1), rng.random(200) < 0.4
    value = corpus("auroc").compute(scores, labels).value
    assert corpus("auroc").compute(np.exp(scores), labels).value == value
    assert corpus("auroc").compute(-scores, labels).value == pytest.approx(1 - value)


def test_delong_covers_about_as_often_as_it_says() -> None:
    rng = generator("coverage")
    hits = 0
    for _ in range(200):
        labels = np.arange(120) < 40
        value = corpus("auroc").compute(rng.normal(size=120) + labels, labels)
        hits += value.low <= 0.7602499 <= value.high
    assert 180 <= hits <= 199


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    rng = generator("thin")
    labels = rng.random(50_000) < 0.5
    curve = Curve.of(rng.normal(size=50_000) + labels, labels)
    thin = curve.thinned(1000)
    assert len(thin.thresholds) <= 1000
    assert (thin.n_positive, thin.n_negative) == (curve.n_positive, curve.n_negative)
    assert thin.auroc == pytest.approx(curve.auroc, abs=1e-4)


# Intervals


def test_a_perfect_rate_still_has_an_interval() -> None:
    value = corpus("pope_f1").compute(["yes"] * 5, ["yes"] * 5)
    assert value.value == 1.0
    assert value.low < 0.9


# Answer extraction


@pytest.mark.parametrize(
    ("names", "text", "answer"),
    [
        (["strip_thinking"], "<think>a</think>b", "b"),
        (["strip_thinking"], "a</think> b", "b"),
        (["strip_thinking"], "<think>a", None),
        (["final_answer"], "So it is 41.\n**Final Answer:** 42", "42"),
        (["final_answer"], r"thus \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (["final_answer"], "first answer: 1, then Answer: 2", "2"),
        (["final_answer"], "#### 7", "7"),
        (["final_answer"], "unanswered", "unanswered"),
        (["code_fence", "json_in_prose"], 'x\n```json\n{"a": 1}\n```', '{"a": 1}'),
        (["json_in_prose"], "{" * 5000, None),
        (["yes_no"], "Yes!", "yes"),
        (["strip_thinking", "choice_letter"], "<think>B</think>(C)", "C"),
        (["first_line"], "\n\n", None),
        (["boxes"], "at [1, 2, 3.5, 4]", "1, 2, 3.5, 4"),
    ],
)
def test_extraction_steps_compose_and_may_find_nothing(names: list[str], text: str, answer: str | None) -> None:
    assert chain(names)(text) == answer


def test_steps_carry_versions_and_unknown_ones_are_named() -> None:
    assert all(name.partition("@")[2] in ("1", "2") for name in steps())
    with pytest.raises(UsageError, match="did you mean 'final_answer'"):
        chain(["final_anser"])
