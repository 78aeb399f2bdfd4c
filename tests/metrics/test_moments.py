"""Windows in answers, beside small independent renderings of what the official evaluations do."""

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.metrics import SampleMetric, sample_metric
from harness.metrics.spans import MAP_THRESHOLDS, average_precisions, best_tiou, merged, shared_length, tiou_pairs
from harness.reading.timed import read_answer
from harness.testing.strategies import windows
from harness.types import Status

Window = tuple[float, float]


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """IoU from its definition."""
    shared = max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
    union = (a[1] - a[0]) + (b[1] - b[0]) - shared
    return shared / union if shared else 0.0


def area_of_ranks(hits: Sequence[bool], positives: int) -> float:
    """The area under the interpolated precision-recall curve, point by point."""
    precisions = [sum(hits[: rank + 1]) / (rank + 1) for rank in range(len(hits))]
    return sum(max(precisions[rank:]) / positives for rank, hit in enumerate(hits) if hit)


def one_query(ranked: Sequence[Sequence[float]], true: Sequence[Window], threshold: float) -> float:
    """Average precision of one query, window by window; of equal overlaps the later true window is tried first."""
    free, hits = set(range(len(true))), []
    for window in ranked:
        order = sorted(free, key=lambda g: (-overlap(window, true[g]), -g))
        taken = next((g for g in order if overlap(window, true[g]) >= threshold), None)
        hits.append(taken is not None)
        free -= {taken} if taken is not None else set()
    return area_of_ranks(hits, len(true))


def official_map(predicted: dict[str, list[list[float]]], true: dict[str, list[Window]]) -> float:
    """QVHighlights' mAP: ten windows as listed, ranked by score; queries without any are not in the mean."""
    values = []
    for query, listed in predicted.items():
        if listed:
            ranked = sorted(listed[:10], key=lambda window: -window[2])
            values.append(np.mean([one_query(ranked, true[query], threshold) for threshold in MAP_THRESHOLDS]))
    return float(np.mean(values))


def official_r1(predicted: dict[str, list[list[float]]], true: dict[str, list[Window]], threshold: float) -> float:
    """QVHighlights' R1: the window that is listed first, whatever its score; an empty list is an IndexError."""
    best = [max(overlap(listed[0], window) for window in true[query]) for query, listed in predicted.items()]
    return float(np.mean(np.array(best) >= threshold))


def official_gqa(
    predicted: dict[str, Window], right: dict[str, bool], true: dict[str, list[Window]]
) -> dict[str, float]:
    """NExT-GQA's Acc@GQA, mIoP and mIoU over the questions that have a predicted window."""
    rows = []
    for question, (start, end) in predicted.items():
        iou = max(overlap((start, end), window) for window in true[question]) if end > start else 0.0
        if start == end:
            iop = float(any(low <= start <= high for low, high in true[question]))
        else:
            shared = max(max(0.0, min(end, high) - max(start, low)) for low, high in true[question])
            iop = shared / (end - start)
        rows.append((right[question] and iop >= 0.5, iop, iou))
    names = ("acc_at_gqa", "iop", "miou")
    return dict(zip(names, np.mean(np.array(rows, float), axis=0).tolist(), strict=True))


def some_queries(count: int = 150) -> tuple[dict[str, list[list[float]]], dict[str, list[Window]]]:
    rng = np.random.default_rng(5)
    true: dict[str, list[Window]] = {}
    predicted: dict[str, list[list[float]]] = {}
    for i in range(count):
        starts = rng.integers(0, 60, rng.integers(1, 4)) * 2.0
        true[f"q{i}"] = [(float(start), float(start + 2 * rng.integers(1, 20))) for start in starts]
        listed = []
        for _ in range(rng.integers(0, 14)):
            near = true[f"q{i}"][rng.integers(len(true[f"q{i}"]))]
            start = max(0.0, near[0] + float(rng.integers(-3, 4)))
            listed.append([start, start + float(rng.integers(1, 40)), float(rng.integers(0, 5)) / 4])
        predicted[f"q{i}"] = listed
    return predicted, true


def mean(metric: SampleMetric, rows: Sequence[tuple[str | None, Sequence[str], dict[str, Any]]]) -> float:
    return metric.aggregate(metric.score(text, wanted, **more) for text, wanted, more in rows).value  # type: ignore[arg-type]


def test_the_official_variants_reproduce_qvhighlights_and_the_defaults_count_what_they_drop() -> None:
    predicted, true = some_queries()
    rows: list[tuple[str | None, list[str], dict[str, Any]]] = [
        (json.dumps(predicted[query]), [json.dumps(true[query])], {}) for query in true
    ]
    assert mean(sample_metric("moment_map", "official"), rows) == pytest.approx(official_map(predicted, true))
    kept = {query: listed for query, listed in predicted.items() if listed}
    full = [row for row in rows if row[0] != "[]"]
    for threshold in (0.3, 0.5, 0.7):
        metric = sample_metric("recall_at_1_iou", "official", threshold=threshold)
        assert mean(metric, full) == pytest.approx(official_r1(kept, true, threshold))
    assert sample_metric("recall_at_1_iou", "official").score("[]", ["[[1, 2]]"]).status is Status.UNPARSED
    with pytest.raises(IndexError):
        official_r1(predicted, true, 0.5)
    default = sample_metric("moment_map")
    assert 0 < mean(default, rows) < mean(default, full)
    assert default.score("[]", ["[[1, 2]]"]).value == 0.0
    assert default.aggregate([default.score("[]", ["[[1, 2]]"]), default.score("?", ["[[1, 2]]"])]).value == 0.0


def test_average_precision_by_length_looks_at_the_true_windows_of_that_length_alone() -> None:
    predicted, true = some_queries()
    for length, (low, high) in {"short": (0, 10), "middle": (10, 30), "long": (30, 150)}.items():
        kept = {q: [w for w in spans if low < w[1] - w[0] <= high] for q, spans in true.items()}
        kept = {q: spans for q, spans in kept.items() if spans}
        rows: list[Any] = [(json.dumps(predicted[query]), [json.dumps(true[query])], {}) for query in true]
        metric = sample_metric("moment_map", "official", length=length)
        assert mean(metric, rows) == pytest.approx(official_map({q: predicted[q] for q in kept}, kept))
        others = [metric.score(*row[:2]).status for row, query in zip(rows, true, strict=True) if query not in kept]
        assert set(others) == {Status.UNDEFINED}


def test_the_official_variants_reproduce_next_gqa() -> None:
    rng = np.random.default_rng(2)
    predicted: dict[str, Window] = {}
    right: dict[str, bool] = {}
    true: dict[str, list[Window]] = {}
    rows: list[tuple[str | None, list[str], dict[str, Any]]] = []
    for i in range(120):
        start = float(rng.integers(0, 30))
        true[f"q{i}"] = [(start, start + float(rng.integers(1, 10))), (start + 20, start + 21)]
        evidence = {"evidence": json.dumps({"spans": true[f"q{i}"]}), "tags": {}}
        if rng.random() < 0.2:
            rows.append((rng.choice(["", "I cannot say", '{"answer": "A", "spans": []}']), ["A"], evidence))
            continue
        begin = start + float(rng.integers(-4, 5))
        predicted[f"q{i}"] = (begin, begin + float(rng.integers(0, 6)))
        right[f"q{i}"] = bool(rng.random() < 0.6)
        said = {"answer": "A" if right[f"q{i}"] else "B", "spans": [predicted[f"q{i}"]]}
        rows.append((json.dumps(said), ["A"], evidence))
    for name, value in official_gqa(predicted, right, true).items():
        assert mean(sample_metric(name, "official"), rows) == pytest.approx(value), name
        assert mean(sample_metric(name), rows) <= value


def test_a_model_that_answers_only_what_it_knows_gains_in_the_official_variants_alone() -> None:
    rows: list[Any] = [("[[0, 4]]", ["[[0, 4]]"], {}), ("[]", ["[[5, 9]]"], {}), ("", ["[[5, 9]]"], {})]
    assert mean(sample_metric("miou", "official"), rows) == 1.0
    assert mean(sample_metric("miou"), rows) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answer": "B", "spans": [[1, 2.5]], "frame_references": [1.5]}', ((1.0, 2.5),)),
        ("```json\n[[3, 4], [5, 6]]\n```", ((3.0, 4.0), (5.0, 6.0))),
        ("[3, 4]", ((3.0, 4.0),)),
        ('{"pred_relevant_windows": [[0, 2, 0.1], [4, 6, 0.9]]}', ((4.0, 6.0), (0.0, 2.0))),
        ("It happens from 1:02 to 1:05.5.", ((62.0, 65.5),)),
        ("between 3 and 7 seconds", ((3.0, 7.0),)),
        ("3.5s - 4s, then 0:10–0:12", ((3.5, 4.0), (10.0, 12.0))),
        ("1:00:00 until 1:00:01", ((3600.0, 3601.0),)),
        ("[[5, 2]]", ((5.0, 2.0),)),
        ("[]", ()),
        ('{"spans": []}', ()),
        ("at 3 s", None),
        ('{"spans": [[1, true]]}', None),
        ('{"spans": [[1, 1e400]]}', None),
        ("", None),
    ],
)
def test_windows_are_read_in_the_forms_that_models_use(text: str, expected: tuple[Window, ...] | None) -> None:
    assert read_answer(text).windows == expected


def test_a_window_that_ends_before_it_starts_is_worth_nothing_and_keeps_its_rank() -> None:
    assert sample_metric("tiou").score("[[5, 2]]", ["[[2, 5]]"]).value == 0.0
    assert sample_metric("hit_at_1").score("[[5, 2]]", ["[[2, 5]]"]).value == 0.0
    assert sample_metric("moment_map").score("[[5, 2], [2, 5]]", ["[[2, 5]]"]).value == 0.5


def test_the_edge_of_a_threshold_is_a_hit_and_the_end_of_a_window_is_not_in_it() -> None:
    for threshold, end in ((0.3, 3), (0.5, 5), (0.7, 7)):
        metric = sample_metric("recall_at_1_iou", threshold=threshold)
        assert metric.score(f"[[0, {end}]]", ["[[0, 10]]"]).value == 1.0
    pointing = sample_metric("temporal_pointing")
    assert [pointing.score(f"at {time} s", ["[[2, 6]]"]).value for time in (2, 5.9, 6)] == [1.0, 1.0, 0.0]


def test_true_windows_in_the_evidence_go_before_the_references() -> None:
    metric = sample_metric("miou")
    assert metric.score("[[0, 4]]", ["yes"], evidence='{"spans": [[0, 4]], "duration": 9}').value == 1.0
    assert metric.score("[[0, 4]]", ["yes"], evidence='{"spans": []}').status is Status.UNDEFINED


def test_a_reference_that_is_no_window_is_undefined_and_named_whatever_the_answer() -> None:
    for name in ("miou", "tiou", "hit_at_1", "moment_map", "recall_at_1_iou", "iop", "iog", "temporal_pointing"):
        for reference, evidence in (("yes", "a table"), ("[[4, 4]]", None), ("[[0, 4]]", '{"spans": [[4, 2]]}')):
            for answer in ("[[0, 4]]", "", "at 3 s"):
                score = sample_metric(name).score(answer, [reference], evidence=evidence)
                assert score.status is Status.UNDEFINED
                assert "references must be windows" in str(score.complaint)
    for name in ("acc_at_gqa", "temporal_faithfulness"):
        score = sample_metric(name).score('{"answer": "B", "spans": [[0, 4]]}', ["B"], evidence='{"spans": [[4, 2]]}')
        assert score.status is Status.UNDEFINED
        assert "[4.0, 2.0]" in str(score.complaint)


def test_faithfulness_asks_for_a_right_answer_and_for_frames_that_show_it() -> None:
    metric, evidence = sample_metric("temporal_faithfulness"), '{"spans": [[1, 4]]}'

    def score(answer: str, cited: list[float]) -> float:
        said = json.dumps({"answer": answer, "frame_references": cited})
        return metric.score(said, ["B"], evidence=evidence, tags={}).value

    assert score("B", [1.5, 2.0]) == 1.0
    assert score("B", [1.5, 9.0]) == 0.5
    assert score("B", []) == 0.0
    assert score("A", [1.5]) == 0.0
    timed = '{"spans": [[1, 4]], "frame_references": [2, 5]}'
    assert metric.score(timed, ["[[1, 4]]"], evidence=evidence).value == 0.5
    assert sample_metric("acc_at_gqa").score(timed, ["[[1, 4]]"], evidence=evidence).status is Status.UNDEFINED


def test_the_schema_is_kept_to_the_letter() -> None:
    metric = sample_metric("temporal_schema")
    good = '{"schema": "temporal-answer/1", "answer": "B", "spans": [[1, 2, 0.5]], "frame_references": [1]}'
    assert metric.score(good, ["B"]).value == 1.0
    for bad in (
        "B",
        f"```json\n{good}\n```",
        '{"answer": "B", "why": "so"}',
        '{"answer": "B", "answer": "C"}',
        '{"spans": [[1]]}',
        '{"confidence": 2}',
        '{"schema": "temporal-answer/2"}',
        '{"answer": 3}',
    ):
        assert metric.score(bad, ["B"]).value == 0.0, bad


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("recall_at_1_iou", {"threshold": 0}),
        ("moment_map", {"length": "longish"}),
        ("moment_map", {"windows": 0}),
        ("acc_at_gqa", {"answer": "tiou"}),
        ("acc_at_gqa", {"answer": "cer"}),
        ("acc_at_gqa", {"threshold": 2}),
    ],
)
def test_an_impossible_parameter_is_refused(name: str, params: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        sample_metric(name, **params)


@given(windows(), windows())
def test_arrays_and_single_windows_say_the_same(predicted: list[Window], true: list[Window]) -> None:
    text, wanted = json.dumps(predicted), [json.dumps(true)]
    grid = tiou_pairs(np.array(predicted)[:, None], np.array(true)[None])
    assert grid == pytest.approx(np.array([[overlap(a, b) for b in true] for a in predicted]))
    assert sample_metric("miou").score(text, wanted).value == best_tiou([predicted[0]], [true])[0]
    assert sample_metric("moment_map").score(text, wanted).value == average_precisions([predicted], [true]).mean()


@given(st.lists(st.tuples(windows(), windows()), min_size=1, max_size=6), st.sampled_from([0.3, 0.5, 0.75]))
def test_queries_side_by_side_keep_apart(pairs: list[tuple[list[Window], list[Window]]], edge: float) -> None:
    width = 3

    def padded(spans: list[Window]) -> list[Window]:
        return [*spans, *[(math.nan, math.nan)] * (width - len(spans))]

    together = average_precisions([padded(a) for a, _ in pairs], [padded(b) for _, b in pairs], [edge], ties="last")
    alone = [[one_query(a, b, edge)] for a, b in pairs]
    assert together == pytest.approx(np.array(alone))


@given(windows(), windows())
def test_joined_windows_have_the_length_of_their_grid_cells(a: list[Window], b: list[Window]) -> None:
    def cells(spans: list[Window]) -> set[int]:
        return {tick for start, end in spans for tick in range(int(start * 4), int(end * 4))}

    assert shared_length(a, b) * 4 == len(cells(a) & cells(b))
    assert sum(end - start for start, end in merged(a)) * 4 == len(cells(a))
