"""The JSON Schemas that editors check suite and adapter files with."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import harness
from harness.locate import available
from harness.spec.document import read_document
from harness.suite.schema import adapter_schema, answer_schema, suite_schema

FOLDER = Path(harness.__file__).resolve().parents[1] / "docs" / "schema"
MADE = {"suite": suite_schema, "adapter": adapter_schema, "temporal-answer-1": answer_schema}


def errors(kind: str, value: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(MADE[kind]()).iter_errors(value)]


@pytest.mark.parametrize("kind", MADE)
def test_the_committed_schema_is_current(kind: str) -> None:
    stored = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    assert stored == MADE[kind](), "run `harness schema --write docs/schema`"


@pytest.mark.parametrize("kind", MADE)
def test_a_schema_is_a_valid_schema(kind: str) -> None:
    Draft202012Validator.check_schema(MADE[kind]())


@pytest.mark.parametrize("name", sorted(available("suites")))
def test_the_built_in_suites_validate(name: str) -> None:
    assert errors("suite", read_document(available("suites")[name]).value) == []


@pytest.mark.parametrize("name", sorted(available("adapters")))
def test_the_built_in_adapter_files_validate(name: str) -> None:
    assert errors("adapter", read_document(available("adapters")[name]).value) == []


SUITE: dict[str, Any] = {
    "suite": "small",
    "version": 1,
    "datasets": {"charts": {"type": "charts", "limit": 4}},
    "tasks": {"qa": {"kind": "qa", "dataset": "charts", "metrics": ["exact_match"]}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"versoin": 1},
        {"version": "one"},
        {"tier": "nightly"},
        {"datasets": {"charts": {"type": "chart"}}},
        {"datasets": {"charts": {"type": "charts", "limt": 4}}},
        {"datasets": {"charts": {"limit": 4}}},
        {"tasks": {"qa": {"kind": "qa", "dataset": "charts"}}},
        {"gates": [{"min": 0.5}]},
        {"gates": [{"metric": "qa/exact_match", "mni": 0.5}]},
    ],
    ids=str,
)
def test_a_mistake_does_not_validate(change: dict[str, Any]) -> None:
    assert errors("suite", SUITE) == []
    assert errors("suite", SUITE | change)


def test_a_missing_key_does_not_validate() -> None:
    assert errors("suite", {key: value for key, value in SUITE.items() if key != "tasks"})


@pytest.mark.parametrize(
    "change",
    [{"version": "${VERSION:-1}"}, {"tier": "${TIER:-core}"}, {"datasets": {"c": {"type": "charts", "limit": "${N}"}}}],
    ids=str,
)
def test_a_variable_may_stand_for_a_number_or_a_choice(change: dict[str, Any]) -> None:
    assert errors("suite", SUITE | change) == []


@pytest.mark.parametrize(
    "child",
    [
        {"extends": "robustness"},
        {"extends": ["a.yaml", "b"], "seed": 3},
        {"extends": "robustness", "datasets": {"charts": {"limit": 5}}},
        {"extends": "robustness", "tasks": {"severity-sweep": None}},
        {"extends": "robustness", "tasks": {"severity-sweep": {"severities": [0, 5]}}},
    ],
    ids=str,
)
def test_a_suite_that_extends_another_may_say_only_what_differs(child: dict[str, Any]) -> None:
    assert errors("suite", child) == []


def test_a_suite_that_extends_another_is_still_checked_key_by_key() -> None:
    assert errors("suite", {"extends": "robustness", "datasets": {"charts": {"limt": 5}}})
    assert errors("suite", {"extends": "robustness", "sede": 3})


def test_an_adapter_of_another_types_key_does_not_validate() -> None:
    assert errors("adapter", {"adapter": "mine", "type": "mock", "error_rate": 0.5}) == []
    assert errors("adapter", {"adapter": "mine", "type": "onnx", "error_rate": 0.5})
    assert errors("adapter", {"type": "mock"})


def test_the_schema_of_answers_takes_what_the_metric_takes() -> None:
    from harness.metrics import sample_metric

    metric = sample_metric("temporal_schema")
    for text in (
        '{"answer": "B", "spans": [[0, 4]], "frame_references": [1.5], "confidence": 1}',
        '{"schema": "temporal-answer/1", "spans": [[0, 4, 0.5]]}',
        '{"schema": "temporal-answer/2"}',
        '{"spans": [[0]]}',
        '{"spans": [[0, 1, 2, 3]]}',
        '{"confidence": 1.5}',
        '{"why": "so"}',
    ):
        fits = not errors("temporal-answer-1", json.loads(text))
        assert fits == (metric.score(text, ["B"]).value == 1.0), text
