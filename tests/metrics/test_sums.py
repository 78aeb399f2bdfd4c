"""Sums of answers in tables of two runs: differences, draws and failures of what is no mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from harness.estimate import CellRows, Column, Comparer, Estimator, Rows
from harness.metrics import SampleMetric, SummedMetric, get
from harness.types import Score, Status

BOX = [0, 0, 10, 10]
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str, dict[str, Any]]]]] = {
    "corpus_wer": ({}, [("a red bar", "the red bar", {}), ("x", "y", {})]),
    "bleu4": ({}, [("a red bar on it", "a red bar on it", {}), ("x", "y", {})]),
    "pope_f1": ({}, [("yes", "yes", {}), ("no", "yes", {})]),
    "mme_plus": ({}, [("yes", "yes", {"group": "a"}), ("no", "yes", {"group": "a"})]),
    "consistency": ({}, [("red", "-", {"group": "a"}), ("blue", "-", {"group": "a"})]),
    "ece": ({}, [("red (90 %)", "red", {}), ("red (80 %)", "blue", {})]),
    "aurc": ({}, [("red (90 %)", "red", {}), ("red (80 %)", "blue", {})]),
    "map": (
        {},
        [
            (json.dumps([{"label": "dog", "box": BOX, "score": 0.5}]), "-", {"boxes": [{"box": BOX, "label": "dog"}]}),
            ("[]", "-", {"boxes": [{"box": BOX, "label": "dog"}]}),
        ],
    ),
    "chair_i": (
        {"vocabulary": {"dog": [], "cat": []}},
        [("a dog", "-", {"objects": ["dog"]}), ("a cat", "-", {"objects": []})],
    ),
}


def table(metric: SampleMetric, scores: Sequence[Score]) -> Rows:
    n = len(scores)
    kinds = np.array([list(Status).index(score.status) for score in scores], np.int8)
    details = [score.rows for score in scores]
    sums = {f"m.{name}": [score.sums.get(name, np.nan) for score in scores] for name in metric.sums}
    columns = {
        name: Column(np.array(values), kinds, details if metric.keeps_rows else None) for name, values in sums.items()
    }
    return Rows({"clean": CellRows(np.arange(n), np.arange(n), columns)})


def scored(name: str, failures: str | None, lost: Sequence[int] = ()) -> tuple[SummedMetric, list[Score]]:
    params, rows = CASES[name]
    metric = get(name, **params, **({"failures": failures} if failures else {}))
    assert isinstance(metric, SummedMetric)
    rows = [
        (text, wanted, {**context, **({"group": f"{context['group']}{i}"} if "group" in context else {})})
        for i in range(10)
        for text, wanted, context in rows
    ]
    answers = [None if i in lost else text for i, (text, _, _) in enumerate(rows)]
    return metric, [metric.score(text, [row[1]], **row[2]) for text, row in zip(answers, rows, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_a_run_does_not_differ_from_itself(name: str) -> None:
    metric, scores = scored(name, None)
    rows = table(metric, scores)
    statistic = metric.statistic("m", ["clean"])
    found = Comparer(rows, rows, resamples=200).difference(statistic)
    value = Estimator(rows, resamples=200).value(statistic)
    assert found.before == found.after == pytest.approx(value.value)
    assert found.comparison is not None
    assert found.comparison.estimate == 0.0
    assert value.low <= value.value <= value.high


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("ece", "aurc", "chair_i")])
def test_failures_count_as_an_empty_answer_or_not_at_all(name: str) -> None:
    """A whole group is lost, too: both sides of a comparison must still have the same groups."""
    whole = table(*scored(name, None))
    metric, scores = scored(name, "wrong", lost=(0, 2, 3))
    statistic = metric.statistic("m", ["clean"])
    before = Estimator(whole).value(statistic).value
    after = Estimator(table(metric, scores)).value(statistic)
    worse = before - after.value if metric.direction == "higher" else after.value - before
    assert worse > 0 or before == 0.0
    left_out, kept = scored(name, "exclude", lost=(0, 2, 3))
    rows = table(left_out, kept)
    value = Estimator(rows).value(statistic)
    assert value.n < after.n
    difference = Comparer(whole, rows, resamples=200).difference(statistic)
    assert difference.comparison is not None
    assert difference.lost > 0


def test_a_metric_of_sums_refuses_columns_without_them() -> None:
    metric, scores = scored("corpus_wer", None)
    assert metric.aggregate(scores).value == pytest.approx(2 / 4)
    with pytest.raises(Exception, match=r"use aggregate\(\)"):
        metric.aggregate_columns(metric.score_batch(["a"], [["a"]]))
