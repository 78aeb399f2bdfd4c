"""Structured extraction: whole documents and single fields, wrong ones and broken ones."""

import json
from collections.abc import Callable

import pytest

from harness.engine.options import Silent
from harness.engine.run import RunOptions, run_suite
from harness.errors import SpecError
from harness.record import Run
from harness.suite.adapters import read_adapter
from harness.suite.bind import Suite
from harness.types import Response, Sample, Status

DATA = "  docs: {type: jsonl, path: docs.jsonl}\n"
SCHEMA = "{type: object, additionalProperties: {type: integer, maximum: 100}}"
FIELDS = f"  x: {{kind: extraction, dataset: docs, fields: '{{{{ field }}}}', json_schema: {SCHEMA}}}\n"


@pytest.fixture
def run(run_levels: Callable[..., Run], levels) -> Callable[..., Run]:
    def make(rows: list[dict[str, object]], task: str = FIELDS) -> Run:
        lines = [json.dumps({"image": "10.png", "question": "level", **row}) for row in rows]
        (levels / "docs.jsonl").write_text("\n".join(lines))
        return run_levels(task, DATA)

    return make


def row(**fields: object) -> dict[str, object]:
    return {"answer": json.dumps(fields)}


def values(run: Run) -> dict[str, float | None]:
    return {name: metric.value for name, metric in run.record.tasks["x"].metrics.items()}


def test_a_document_is_put_together_from_its_fields(run) -> None:
    done = run([row(level=10, double=25)])
    (kept,) = done.table().to_pylist()
    assert json.loads(kept["response"]) == {"level": 10, "double": 20}
    assert values(done) == pytest.approx(
        {
            "mape": 0.1, "number_coverage": 1.0, "field_accuracy": 0.5, "schema_compliance": 1.0,
            "schema_compliance_lenient": 1.0,
        }
    )  # fmt: skip
    (finding,) = done.record.tasks["x"].findings
    assert "one question a field" in finding.text


def test_the_error_is_averaged_within_a_document_first(run) -> None:
    done = run([row(level=10), row(level=20, double=40, **{"level 2": 10})])
    assert values(done)["mape"] == pytest.approx((0 + (0.5 + 0.5 + 0) / 3) / 2)
    assert done.record.tasks["x"].metrics["mape"].n == 2


def test_a_document_that_fails_counts_as_wrong_but_has_no_error(run) -> None:
    done = run([row(level=10), row(fail=10)])
    found = done.record.tasks["x"].metrics
    shares = ("number_coverage", "field_accuracy", "schema_compliance", "schema_compliance_lenient")
    assert values(done) == {"mape": 0.0, **dict.fromkeys(shares, 0.5)}
    assert found["mape"].n == 1
    assert found["mape"].statuses == {"error": 1, "ok": 1}
    assert "it broke" in done.table().to_pylist()[1]["error"]


@pytest.mark.parametrize("answer", ["no json", "[1]", "{"])
def test_a_right_answer_that_is_no_object_costs_its_document(run, answer: str) -> None:
    done = run([row(level=10), {"answer": answer}])
    assert [kept["status"] for kept in done.table().to_pylist()] == ["ok", "error"]


def test_a_tag_that_a_document_lacks_costs_that_document(run) -> None:
    task = "  x: {kind: extraction, dataset: docs, prompt: '{{ tags.kind }} {{ question }}'}\n"
    done = run([{**row(level=10), "tags": {"kind": "bill"}}, row(level=10)], task)
    kept = done.table().to_pylist()
    assert [one["status"] for one in kept] == ["ok", "error"]
    assert "UndefinedError: " in kept[1]["error"]
    assert "kind" in kept[1]["error"]


def test_text_fields_have_no_percentage_error(run) -> None:
    done = run([{"answer": '{"level": "ten"}'}], "  x: {kind: extraction, dataset: docs, fields: '{{ field }}'}\n")
    assert done.record.tasks["x"].metrics["mape"].value is None
    assert done.record.tasks["x"].metrics["number_coverage"].n == 0
    assert values(done)["field_accuracy"] == 0.0


def test_a_document_that_breaks_the_schema_of_its_answers_is_undefined(run) -> None:
    done = run([row(level=10), {"answer": '{"level": "ten"}'}])
    assert values(done)["field_accuracy"] == 1.0
    assert done.record.tasks["x"].metrics["field_accuracy"].statuses == {"ok": 1, "undefined": 1}
    said = "docs.jsonl:2: the right answer breaks json_schema: /level"
    assert said in done.table().to_pylist()[1]["error"]
    assert any(said in finding.text for finding in done.record.tasks["x"].findings)


def test_a_whole_document_is_read_from_one_answer(run) -> None:
    task = "  x: {kind: extraction, dataset: docs, json_schema: {type: object}}\n"
    done = run([row(level=10)], task)  # the model answers 10, which is JSON but no object
    shares = ("number_coverage", "field_accuracy", "schema_compliance", "schema_compliance_lenient")
    assert values(done) == {"mape": None, **dict.fromkeys(shares, 0.0)}
    assert done.record.tasks["x"].metrics["field_accuracy"].statuses == {"unparsed": 1}
    assert not done.record.tasks["x"].findings


@pytest.mark.parametrize(
    "answer",
    [
        '```json\n{"total": 12.5, "name": "A"}\n```',
        'The document says: {"total": 12.5, "name": "A"}. Anything else?',
        "{'total': 12.5, 'name': 'A',}",
    ],
)
def test_json_in_a_fence_or_prose_or_with_slips_is_read_and_only_the_strict_rate_minds(bind, answer: str) -> None:
    text = (
        "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 1, questions: [record]}}\n"
        "tasks:\n  x: {kind: extraction, dataset: d, extract: [strip_thinking], json_schema: {type: object}}\n"
    )
    task = bind(text).tasks["x"]
    sample = Sample("a", "q", ('{"total": 12.5, "name": "A"}',))
    scores = task.score(sample, [Response(f"<think>{{}}</think>{answer}")])
    found = {name: (score.value, score.status) for name, score in scores.items()}
    assert found.pop("schema_compliance") == (0.0, Status.OK)
    assert found.pop("mape") == (0.0, Status.OK)
    assert set(found.values()) == {(1.0, Status.OK)}


def test_a_perfect_simulated_model_is_perfect_and_is_never_asked_more_than_its_batch(bind, tmp_path) -> None:
    text = (
        "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 9, questions: [record]}}\n"
        "tasks:\n  x: {kind: extraction, dataset: d, json_schema: {type: object}}\n"
    )
    mock = read_adapter("mock").vary(error_rate=0.0, batch_size=4)
    for tasks in (text, text.replace("dataset: d,", "dataset: d, fields: 'value of {{ field }}',")):
        run = Run(run_suite(bind(tasks), mock, RunOptions(out=tmp_path), Silent())[0])
        shares = ("number_coverage", "field_accuracy", "schema_compliance", "schema_compliance_lenient")
        assert values(run) == {"mape": 0.0, **dict.fromkeys(shares, 1.0)}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("fields: '{{ question }}'", "the prompt knows field"),
        ("json_schema: {type: 5}", "JSON Schema"),
        ("extract: [guess]", "guess"),
        ("prompt: '{{ x }}'", "the prompt knows"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_run(bind: Callable[[str], Suite], keys: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        bind(
            "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 9, questions: [record]}}\n"
            f"tasks:\n  x: {{kind: extraction, dataset: d, {keys}}}\n"
        )
