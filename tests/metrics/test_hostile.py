"""Long and strange answers cost a status, never the run."""

from __future__ import annotations

import time

import pytest

from harness.metrics import Fitted, SampleMetric, Status, get
from harness.metrics.boxes import find_boxes
from harness.metrics.extract import chain, steps
from harness.reading.numbers import find_numbers
from harness.registry import registry

SIZE = 40_000
SECONDS = 5
"""Of CPU. Linear work of this size takes at most one, on a slow and busy machine; quadratic work minutes."""
LONG = {
    "spaces": "1" + " " * SIZE + "_",
    "digits": "9" * SIZE + "_",
    "thousands": "1" + ",000" * (SIZE // 4) + "_",
    "points": "1." * (SIZE // 2),
    "brackets": "[" * SIZE,
    "braces": '{"a":' * (SIZE // 5),
    "thoughts": "<think>" * (SIZE // 7),
    "fences": "```" + " " * SIZE,
    "answers": "the final answer " * (SIZE // 17),
    "wide and high": " | 1" * (SIZE // 8) + "\n1" * (SIZE // 4),
    "letters": "a" * SIZE,
    "quotes": "'" * SIZE,
    "surrogates": "\ud800" * 1000,
    "times": "1:" * (SIZE // 2),
    "windows": "1 - 2 s, " * (SIZE // 9),
    "listed windows": "[" + "[1, 2, 0.5], " * (SIZE // 13) + "[1, 2, 0.5]]",
}
REFERENCE = {
    "iou": "[0, 0, 1, 1]",
    "giou": "[0, 0, 1, 1]",
    "acc_at_iou": "[0, 0, 1, 1]",
    "pointing_accuracy": "[0, 0, 1, 1]",
    **dict.fromkeys((name for name in registry("metrics").names() if name.startswith("pope")), "yes"),
    **dict.fromkeys((name for name in registry("metrics").names() if name.startswith("mme")), "no"),
    "schema_compliance": "{}",
    "field_accuracy": "{}",
    **dict.fromkeys(
        ("hit_at_1", "iog", "iop", "miou", "moment_map", "recall_at_1_iou", "temporal_pointing", "tiou"), "[[1, 2]]"
    ),
}

PARAMS = {
    **{name: {"vocabulary": {"bar": [], "dog": []}} for name in ("chair_i", "chair_s")},
    **{name: {"label": "1 red bar"} for name in ("class_f1", "class_precision", "class_recall")},
    "confusion": {"wanted": "1 red bar", "said": "dog"},
}
FACTS = {
    "boxes": [[0, 0, 1, 1]],
    "category": "existence",
    "embedding": [1.0, 0.5],
    "group": "1",
    "injected": "red bar",
    "objects": ["bar"],
    "reference_embeddings": [[0.5, 1.0]],
}


def sample_names() -> list[str]:
    return [name for name in registry("metrics").names() if issubclass(registry("metrics").load(name), SampleMetric)]


@pytest.mark.parametrize("name", sample_names())
def test_a_long_answer_is_judged_in_linear_time(name: str) -> None:
    references = [REFERENCE.get(name, "1 red bar")] * (4 if name == "vqa_accuracy" else 1)
    for variant in registry("metrics").load(name).variants:
        metric = get(name, variant, **PARAMS.get(name, {}))
        assert isinstance(metric, SampleMetric)
        if isinstance(metric, Fitted):
            metric.fit([references, ["a dog"]])
        for kind, text in LONG.items():
            start = time.process_time()
            score = metric.score(text, references, evidence="1 red bar", **{need: FACTS[need] for need in metric.needs})
            assert isinstance(score.status, Status)
            assert time.process_time() - start < SECONDS, f"{variant}: {kind}"


@pytest.mark.parametrize("step", steps())
def test_a_long_answer_is_extracted_in_linear_time(step: str) -> None:
    for kind, text in LONG.items():
        start = time.process_time()
        chain([step])(text)
        assert time.process_time() - start < SECONDS, kind


@pytest.mark.parametrize("kind", LONG)
def test_numbers_and_boxes_are_searched_in_linear_time(kind: str) -> None:
    start = time.process_time()
    find_numbers(LONG[kind])
    find_boxes(LONG[kind])
    assert time.process_time() - start < SECONDS


def test_a_table_too_large_to_turn_is_unparsed() -> None:
    metric = get("rms_f1")
    assert isinstance(metric, SampleMetric)
    assert metric.score(LONG["wide and high"], ["y | A\n1 | 2"]).status is Status.UNPARSED
