"""References and tags are checked when data is read: a mistake in a row is named with its line, and costs no model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from harness.metrics import AnswerMetric, Score, sample_metric, unfit
from harness.suite.bind import Suite
from harness.suite.data import check_data
from harness.tasks.scoring import score_all
from harness.testing import strategies
from harness.types import Sample, Status


def suite(metrics: str, rows: list[dict[str, Any]], write: Callable[..., Path], bind: Callable[..., Suite]) -> Suite:
    """A suite of one task over some rows; the first line of the file is blank."""
    write("rows.jsonl", "\n" + "".join(json.dumps({"question": "?", **row}) + "\n" for row in rows))
    return bind(
        "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        f"tasks: {{qa: {{kind: qa, dataset: rows, metrics: {metrics}}}}}\n"
    )


@pytest.mark.parametrize(
    ("metric", "row", "said"),
    [
        ("iou", {"answer": "[9, 9, 1, 1]"}, "with an area"),
        ("giou", {"answer": "[1, 1, 1, 9]"}, "with an area"),
        ("acc_at_iou", {"answers": ["[1, 1, 9, 9]", "over there"]}, "got 'over there'"),
        ("map_50", {"answer": "-", "boxes": [[9, 9, 1, 1]]}, "x1 ≤ x2"),
        ("miou", {"answer": "[[5, 2]]"}, "start < end"),
        ("tiou", {"answer": "soon"}, "start < end"),
        ("moment_map", {"answer": "[[5, 2]]"}, "start < end"),
        ("numeric_accuracy", {"answer": "1.2.3"}, "numbers that can be read"),
        ("mape", {"answer": "1.2.3"}, "numbers that can be read"),
        ("pope", {"answer": "Y"}, "'yes' or 'no'"),
        ("mme", {"answers": ["yes", "no"]}, "'yes' or 'no'"),
        ("relaxed_accuracy", {"answer": "2008", "tags": {"year": "Y"}}, "must be yes or no; got 'Y'"),
        ("relaxed_accuracy", {"answer": "2008", "tags": {"year": "YES,NO"}}, "must be yes or no; got 'YES,NO'"),
        ("{metric: relaxed_accuracy, variant: chartqapro}", {"answer": "1", "tags": {"year": "YES,MAYBE"}}, "commas"),
        ("{metric: chair_i, vocabulary: {dog: []}}", {"answer": "-", "objects": ["dog", "zebra"]}, "lacks: 'zebra'"),
        ("field_accuracy", {"answer": "{'a': 1}"}, "must be JSON"),
        ("schema_compliance", {"answer": '{"type": "text"}'}, "must be JSON Schemas"),
    ],
)
def test_a_bad_row_is_named_with_its_line(
    metric: str, row: dict[str, Any], said: str, write: Callable[..., Path], bind: Callable[..., Suite]
) -> None:
    (warning,) = check_data(suite(f"[{metric}]", [row], write, bind)).warnings()
    assert warning.startswith("qa: 1 row cannot be judged by ")
    assert "rows.jsonl:2: " in warning
    assert said in warning


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        ("iou", {"answer": "[1, 1, 9, 9]"}),
        ("miou", {"answer": "[[2, 5]]"}),
        ("numeric_accuracy", {"answer": "1,200.5"}),
        ("pope", {"answer": "Yes."}),
        ("relaxed_accuracy", {"answer": "2008", "tags": {"year": "YES"}}),
        ("relaxed_accuracy", {"answer": "2008"}),
        ("{metric: relaxed_accuracy, years: tolerant}", {"answer": "2008", "tags": {"year": "Y"}}),
        ("{metric: relaxed_accuracy, variant: chartqapro}", {"answer": "1", "tags": {"year": "YES,NO"}}),
        ("{metric: chair_i, vocabulary: {dog: [puppy]}}", {"answer": "-", "objects": ["Puppies"]}),
    ],
)
def test_a_good_row_is_not(
    metric: str, row: dict[str, Any], write: Callable[..., Path], bind: Callable[..., Suite]
) -> None:
    found = check_data(suite(f"[{metric}]", [row], write, bind))
    assert (found.warnings(), found.notes()) == ([], [])


def test_rows_are_counted_under_each_metric(write: Callable[..., Path], bind: Callable[..., Suite]) -> None:
    rows = [{"answer": "[9, 9, 1, 1]"}, {"answer": "[1, 1, 9, 9]"}, {"answer": "[3, 3, 1, 1]"}, {"question": 3}]
    read = suite("[iou, exact_match]", rows, write, bind)
    found = check_data(read)
    assert [(one.metric, one.count) for one in found.bad] == [("iou", 2)]
    (refusal,) = found.refusals()
    assert refusal.startswith("1 row of the dataset 'rows' cannot be read; mend the file, or leave")
    assert "rows.jsonl:5: 'question' is missing" in refusal
    assert check_data(read, 1).notes() == ["qa: 3 rows more were not read; `--data` reads all"]


def test_a_question_that_a_metric_has_no_meaning_for_is_no_mistake(
    write: Callable[..., Path], bind: Callable[..., Suite]
) -> None:
    found = check_data(suite("[numeric_accuracy]", [{"answer": "5"}, {"answer": "red"}], write, bind))
    assert found.warnings() == []
    assert found.notes() == ["qa: numeric_accuracy has no meaning for 1 row, which count nowhere; first rows.jsonl:3"]


def test_a_task_that_asks_again_says_nothing_twice(write: Callable[..., Path], bind: Callable[..., Suite]) -> None:
    write("rows.jsonl", '{"question": "?", "answer": "1.2.3"}\n')
    read = bind(
        "suite: s\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\ntasks:\n"
        "  qa: {kind: qa, dataset: rows, metrics: [numeric_accuracy]}\n"
        "  sweep: {kind: sweep, of: qa, corruptions: [brightness]}\n"
        "  other: {kind: qa, dataset: rows, metrics: [numeric_accuracy]}\n"
    )
    assert [one.task for one in check_data(read).bad] == ["qa", "other"]


def test_a_document_that_breaks_its_own_schema_is_named(write: Callable[..., Path], bind: Callable[..., Suite]) -> None:
    write(
        "docs.jsonl",
        '{"question": "?", "answer": "{\\"total\\": 12}"}\n{"question": "?", "answer": "{\\"total\\": \\"12\\"}"}\n',
    )
    read = bind(
        "suite: s\nversion: 1\ndatasets: {docs: {type: jsonl, path: docs.jsonl}}\n"
        "tasks: {it: {kind: extraction, dataset: docs, "
        "json_schema: {type: object, properties: {total: {type: number}}}}}\n"
    )
    found = check_data(read)
    assert {one.metric for one in found.bad} == {
        "mape", "number_coverage", "field_accuracy", "schema_compliance", "schema_compliance_lenient"
    }  # fmt: skip
    assert all("docs.jsonl:2: the right answer breaks json_schema: /total" in text for text in found.warnings())


SAMPLE = Sample("1", "?", ("[9, 9, 1, 1]",), origin="rows.jsonl:7")


def scored(metric: Any, sample: Sample, text: str) -> Score:
    return score_all({"m": metric}, sample, text, lambda answer: answer)["m"]


@pytest.mark.parametrize("answer", ["[1, 1, 9, 9]", "[9, 9, 1, 1]", "no idea", ""])
def test_a_sample_with_a_bad_reference_is_undefined_whatever_the_answer(answer: str) -> None:
    score = scored(sample_metric("iou"), SAMPLE, answer)
    assert score.status is Status.UNDEFINED
    assert math.isnan(score.value)
    assert "is undefined here: rows.jsonl:7: references must each be one box" in str(score.complaint)


@given(strategies.answers())
def test_a_tag_that_is_neither_yes_nor_no_is_undefined_whatever_the_answer(answer: str) -> None:
    sample = Sample("1", "?", ("2008",), tags={"year": "Y"})
    assert scored(sample_metric("relaxed_accuracy"), sample, answer).status is Status.UNDEFINED


class Buggy(AnswerMetric):
    """Refuses answers, and not references."""

    name = "buggy"

    def judge(self, prediction: str, references: tuple[str, ...], context: Any) -> Score:
        if prediction == "no":
            raise ValueError("I cannot read this")
        return Score(1.0)


def test_a_metric_that_trips_over_an_answer_is_an_error_and_not_the_datas_fault() -> None:
    score = scored(Buggy(), Sample("1", "?", ("yes",)), "no")
    assert score.status is Status.ERROR
    assert unfit(Buggy(), ["yes"], {}) is None


def test_a_metric_whose_facts_are_not_there_yet_is_not_asked_for_a_score() -> None:
    metric = sample_metric("iou", frame="unit")
    assert metric.needs
    assert unfit(metric, ["[9, 9, 1, 1]"], {}) is None


@given(st.lists(strategies.phrases(), min_size=1, max_size=2))
def test_plain_words_are_good_references_of_metrics_on_words(references: list[str]) -> None:
    assert all(unfit(sample_metric(name), references, {}) is None for name in ("exact_match", "anls", "wer"))


YEARS = """\
suite: years
version: 1
datasets: {rows: {type: jsonl, path: rows.jsonl}}
tasks: {qa: {kind: qa, dataset: rows, metrics: [relaxed_accuracy]}}
"""
ROWS = '{"question": "when?", "answer": "2008", "tags": {"year": "%s"}}\n{"question": "what?", "answer": "red"}\n'


def test_validate_warns_and_a_run_says_so_in_its_record(
    tmp_path: Path, write: Callable[..., Path], run_apart: Callable[..., Any]
) -> None:
    write("years.yaml", YEARS)
    write("rows.jsonl", ROWS % "Y")
    warning = "qa: 1 row cannot be judged by relaxed_accuracy and will be undefined; first rows.jsonl:1: the tag 'year'"
    done = run_apart("validate", "years.yaml", "--data", cwd=tmp_path)
    assert done.code == 0
    assert f"warning: {warning}" in done.err
    told = json.loads(run_apart("validate", "years.yaml", "--json", cwd=tmp_path).out)
    assert told["valid"]
    assert told["warnings"][0].startswith(warning)
    done = run_apart("run", "years.yaml", "-a", "mock", "--no-report", "--json", cwd=tmp_path)
    assert f"warning: {warning}" in done.err
    (file,) = tmp_path.glob("results/runs/*/run.json")
    task = json.loads(file.read_text(encoding="utf-8"))["tasks"]["qa"]
    assert task["findings"][0]["level"] == "warning"
    assert "rows.jsonl:1" in task["findings"][0]["text"]
    metric = task["metrics"]["relaxed_accuracy"]
    assert (metric["n"], metric["total"], metric["statuses"]["undefined"]) == (1, 1, 1)


def test_good_data_is_not_spoken_of(tmp_path: Path, write: Callable[..., Path], run_apart: Callable[..., Any]) -> None:
    write("years.yaml", YEARS)
    write("rows.jsonl", ROWS % "yes")
    done = run_apart("validate", "years.yaml", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")


SKIP = YEARS.replace("path: rows.jsonl", "path: rows.jsonl, on_broken: skip")


def test_a_broken_row_refuses_the_run_before_the_model_is_asked_and_is_left_out_where_that_is_said(
    tmp_path: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("years.yaml", YEARS)
    write("skip.yaml", SKIP)
    write("rows.jsonl", '{"question": "q", "answer": "42"},\n{"question": "q", "answer": 42.0}\n')
    for verb in (["run", "-a", "mock"], ["run", "-a", "mock", "--dry-run"], ["validate"]):
        done = run_here(verb[0], "years.yaml", *verb[1:])
        assert done.code == 2
        assert "rows.jsonl:1: not JSON, at column 34: there is a comma after the object" in done.err
    assert not (tmp_path / "results").exists()
    done = run_here("run", "skip.yaml", "-a", "mock", "--no-report")
    assert done.code == 0, done.err
    (file,) = tmp_path.glob("results/runs/*/run.json")
    task = json.loads(file.read_text(encoding="utf-8"))["tasks"]["qa"]
    assert task["metrics"]["relaxed_accuracy"]["total"] == 1
    assert task["findings"][0]["text"].startswith("1 broken row was left out (`on_broken: skip`); first rows.jsonl:1: ")


def test_a_row_that_is_found_broken_late_is_undefined_and_no_wrong_answer(
    tmp_path: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.suite.data._FIRST", 2)
    write("years.yaml", YEARS)
    write("rows.jsonl", '{"question": "q", "answer": "red"}\n' * 3 + "no\n")
    done = run_here("run", "years.yaml", "-a", "mock", "--no-report")
    assert done.code == 3, done.err  # one of four is more than max_failures allows
    (file,) = tmp_path.glob("results/runs/*/run.json")
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["responses"] == {"ok": 3, "undefined": 1}
    assert record["tasks"]["qa"]["metrics"]["relaxed_accuracy"]["total"] == 3


def test_all_media_are_opened_where_they_are_asked_for(
    tmp_path: Path, write: Callable[..., Path], bind: Callable[..., Suite]
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "good.png")
    write("bad.png", b"no picture")
    rows = [{"answer": "red", "image": name} for name in ("good.png", "bad.png", "bad.png", "gone.png")]
    read = suite("[exact_match]", rows, write, bind)
    assert check_data(read).warnings() == []
    (warning,) = check_data(read, media=True).warnings()
    head, *named = warning.split("\n")
    assert head == "3 rows of the dataset 'rows' have media that cannot be opened, and will be errors:"
    assert [line.split()[0] for line in named] == ["rows.jsonl:3:", "rows.jsonl:4:", "rows.jsonl:5:"]


def test_a_file_is_checked_row_by_row_and_image_by_image(
    tmp_path: Path, write: Callable[..., Path], run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good = '{"question": "q", "answer": "red"}\n'
    write("rows.jsonl", "".join(f'{{"question": "q{number}", "answer": "a{number}"}}\n' for number in range(30)))
    write("years.yaml", YEARS)
    for name in ("rows.jsonl", "years.yaml"):
        done = run_here("data", "check", name)
        assert (done.code, done.out) == (0, f"{name}: 30 rows, each can be read and its media opened\n")
    write("rows.jsonl", good + "no\n" * 30 + '{"question": "q", "answer": "red", "image": "gone.png"}\n')
    for name in ("rows.jsonl", "years.yaml"):
        done = run_here("data", "check", name)
        assert done.code == 2
        assert all(f"rows.jsonl:{number}: not JSON" in done.out for number in range(2, 32)), "all are named"
        assert "rows.jsonl:32: " in done.out
        assert "gone.png: there is no such file" in done.out
