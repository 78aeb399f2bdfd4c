"""Metrics over parts of a task's samples."""

from collections.abc import Callable

import pytest

from harness.errors import SpecError
from harness.record import Run
from harness.suite.bind import Suite

ROWS = """\
{"id": "a", "image": "10.png", "question": "level", "answer": "10", "tags": {"kind": "low", "odd": "x"}}
{"id": "b", "image": "20.png", "question": "level", "answer": "10", "tags": {"kind": "low"}}
{"id": "c", "image": "30.png", "question": "level", "answer": "30", "tags": {"kind": "high"}}
{"id": "d", "image": "none.png", "question": "level", "answer": "30", "tags": {"kind": "high"}}
{"id": "e", "image": "30.png", "question": "level", "answer": "30"}
"""
DATA = "  t: {type: jsonl, path: tagged.jsonl}\n"
QA = "  qa: {kind: qa, dataset: t, metrics: [exact_match], slices: [kind, odd]}"


@pytest.fixture
def tagged(levels) -> None:
    (levels / "tagged.jsonl").write_text(ROWS)


@pytest.mark.usefixtures("tagged")
def test_each_value_of_a_tag_has_its_metric_and_its_own_coverage(run_levels: Callable[..., Run]) -> None:
    found = run_levels(QA, DATA).record.tasks["qa"].metrics
    assert {name: (metric.value, metric.n) for name, metric in found.items()} == {
        "exact_match": (0.6, 5),
        "exact_match[kind=low]": (0.5, 2),
        "exact_match[kind=high]": (0.5, 2),
        "exact_match[odd=x]": (1.0, 1),
    }
    assert found["exact_match[kind=high]"].statuses == {"ok": 1, "error": 1}


@pytest.mark.usefixtures("tagged")
def test_a_limit_cuts_the_slices_too(run_levels: Callable[..., Run]) -> None:
    found = run_levels(QA, DATA, limit=2).record.tasks["qa"].metrics
    assert (found["exact_match[kind=low]"].n, found["exact_match[kind=high]"].n) == (2, 0)


@pytest.mark.usefixtures("tagged")
def test_a_gate_may_name_a_slice_that_is_there(bind: Callable[[str], Suite]) -> None:
    gates = "gates:\n  - {metric: 'qa/exact_match[kind=low]', min: 0.5}\n"
    text = f"suite: s\nversion: 1\ndatasets:\n{DATA}tasks:\n{QA}\n{gates}"
    assert bind(text).spec.gates
    with pytest.raises(SpecError, match="has no metric"):
        bind(text.replace("kind=low", "kind=middle"))


@pytest.mark.usefixtures("tagged")
def test_slices_change_no_number_and_so_not_the_description(bind: Callable[[str], Suite]) -> None:
    text = f"suite: s\nversion: 1\ndatasets:\n{DATA}tasks:\n{QA}\n"
    assert bind(text).tasks["qa"].describe() == bind(text.replace(", slices: [kind, odd]", "")).tasks["qa"].describe()
