"""Answers that were cut off: what becomes of them, how they are counted, and where that is kept."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.engine.options import Silent
from harness.engine.rescore import one_by_one, rescore
from harness.engine.run import RunOptions, run_suite
from harness.hosts.answers import checked
from harness.record import Run
from harness.suite.bind import Suite
from harness.tasks.qa import QaTask
from harness.types import Finish, Request, Response, Status
from tests.doubles import Double

ROWS = "".join(f'{{"id": "{n}", "question": "{n}", "answer": "12"}}\n' for n in range(6))
SUITE = """\
suite: cut
version: 1
{top}
datasets:
  rows: {{type: jsonl, path: rows.jsonl}}
tasks:
  qa: {{kind: qa, dataset: rows, metrics: [exact_match], {keys}}}
"""


class Cuts(Double):
    """Says "12" to everything: whole to the first two questions, all that there was room for to the others."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("12", finish=Finish.STOP if request.prompt in "01" else Finish.LENGTH) for request in requests]


class Unsure(Double):
    """Does not know how its answers end."""

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("12") for _ in requests]


Execute = Callable[..., Run]


@pytest.fixture
def execute(write: Callable[..., Path], bind: Callable[[str], Suite], tmp_path: Path) -> Execute:
    write("rows.jsonl", ROWS)

    def run(keys: str = "max_new_tokens: 16", top: str = "", model: type[Double] = Cuts, **options: Any) -> Run:
        suite = bind(SUITE.format(top=top, keys=keys))
        folder, _ = run_suite(suite, model.choice(tmp_path), RunOptions(out=tmp_path / "runs", **options), Silent())
        return Run(folder)

    return run


def columns(run: Run, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in run.table().to_pylist()]


def statuses(run: Run) -> Mapping[str, int]:
    return run.record.tasks["qa"].metrics["exact_match"].statuses


def test_they_are_counted_told_and_stand_in_every_row(execute: Execute) -> None:
    run = execute()
    task = run.record.tasks["qa"]
    assert task.finishes == {"length": 4, "stop": 2}
    assert str(task.cut_off) == "4 of 6"
    said = "4 of 6 answers reached max_new_tokens 16: raise `max_new_tokens`; such answers are scored as they stand"
    assert [(finding.level, finding.text) for finding in task.findings] == [("warning", said)]
    assert columns(run, "finish") == [("stop",)] * 2 + [("length",)] * 4
    assert run.samples()["finish"].tolist() == ["stop"] * 2 + ["length"] * 4
    assert task.metrics["exact_match"].value == 1.0


def test_fail_records_the_sample_as_failed_with_the_reason_and_keeps_what_was_said(execute: Execute) -> None:
    run = execute("max_new_tokens: 16, on_truncated: fail")
    assert statuses(run) == {"ok": 2, "error": 4}
    status, error, text = columns(run, "status", "error", "response")[-1]
    assert (status, text) == ("error", "12")
    assert error == "the answer was cut off at max_new_tokens 16, which `on_truncated: fail` takes for a failure"
    assert run.record.responses == {"error": 4, "ok": 2}
    assert run.record.tasks["qa"].metrics["exact_match"].value == pytest.approx(1 / 3)
    assert run.record.tasks["qa"].findings[0].text.startswith("4 of 6 answers")


def test_unparsed_makes_only_the_score_so_and_scoring_again_does_too(execute: Execute) -> None:
    run = execute("max_new_tokens: 16, on_truncated: unparsed")
    assert statuses(run) == {"ok": 2, "unparsed": 4}
    assert columns(run, "status", "status.exact_match")[-1] == ("ok", "unparsed")
    again = rescore(run, one_by_one("exact_match"))["qa/clean"]
    assert (again.value, dict(again.statuses)) == (pytest.approx(1 / 3), {"ok": 2, "unparsed": 4})
    plain = rescore(execute(), one_by_one("exact_match"))["qa/clean"]
    assert plain.value == 1.0


def test_a_suite_says_it_for_its_tasks_and_a_task_for_itself(execute: Execute) -> None:
    assert statuses(execute(top="on_truncated: unparsed")) == {"ok": 2, "unparsed": 4}
    own = execute("max_new_tokens: 16, on_truncated: count", top="on_truncated: unparsed")
    assert statuses(own) == {"ok": 6}


def test_the_key_is_part_of_what_a_task_is_and_its_default_changes_no_description(execute: Execute) -> None:
    plain, failing = execute(), execute("max_new_tokens: 16, on_truncated: fail")
    assert "on_truncated" not in plain.record.tasks["qa"].config
    assert failing.record.tasks["qa"].config["on_truncated"] == "fail"
    assert plain.record.tasks["qa"].config_hash != failing.record.tasks["qa"].config_hash
    stated = execute("max_new_tokens: 16, on_truncated: count")
    assert stated.record.tasks["qa"].config_hash == plain.record.tasks["qa"].config_hash


def test_a_sweep_of_a_task_does_as_the_task_does(
    write: Callable[..., Path], bind: Callable[[str], Suite], tmp_path: Path
) -> None:
    suite = bind(
        "suite: cut\nversion: 1\ndatasets: {charts: {type: charts, limit: 4}}\ntasks:\n"
        "  qa: {kind: qa, dataset: charts, metrics: [exact_match], on_truncated: unparsed}\n"
        "  sweep: {kind: sweep, of: qa, corruptions: [brightness], severities: [1]}\n"
    )
    _, record = run_suite(suite, Cuts.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
    assert record.tasks["sweep"].cells["brightness@1"].metrics["exact_match"].statuses == {"unparsed": 4}
    assert record.tasks["sweep"].findings[0].text.startswith("8 of 8 answers reached max_new_tokens 32")


def test_where_nobody_knows_nothing_is_said(execute: Execute) -> None:
    run = execute(model=Unsure)
    task = run.record.tasks["qa"]
    assert (task.finishes, task.findings, columns(run, "finish")[0]) == ({}, [], ("",))


def test_of_several_parts_the_worst_counts_and_each_says_its_own(
    write: Callable[..., Path], bind: Callable[[str], Suite], tmp_path: Path
) -> None:
    row = {"id": "a", "question": "?", "answer": json.dumps({"0": "12", "9": "12"})}
    write("rows.jsonl", json.dumps(row) + "\n")
    suite = bind(
        "suite: cut\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        "tasks: {doc: {kind: extraction, dataset: rows, fields: '{{ field }}', on_truncated: unparsed}}\n"
    )
    folder, record = run_suite(suite, Cuts.choice(tmp_path), RunOptions(out=tmp_path / "runs"), Silent())
    (only,) = Run(folder).table().to_pylist()
    assert only["finish"] == "length"
    assert [part["finish"] for part in json.loads(only["parts"])] == ["stop", "length"]
    assert only["status.field_accuracy"] == "unparsed"
    assert record.tasks["doc"].config["max_new_tokens"] == 64


def test_answers_from_the_cache_end_as_they_did(execute: Execute, tmp_path: Path) -> None:
    class Real(Cuts):
        simulated = False

    first, second = (execute(model=Real, cache=tmp_path / "cache", fresh=True) for _ in range(2))
    assert second.record.cached == 6
    assert second.record.tasks["qa"].finishes == first.record.tasks["qa"].finishes == {"length": 4, "stop": 2}


@pytest.mark.parametrize("finish", ["length", Finish.LENGTH])
def test_an_adapter_may_say_it_as_a_word(finish: Any) -> None:
    (found,) = checked([Response("x", finish=finish)], [Request("a", "?")])
    assert type(found.finish) is Finish
    assert found.finish is Finish.LENGTH


def test_a_word_of_an_adapters_own_is_an_error_that_lists_those_that_there_are() -> None:
    (found,) = checked([Response("x", finish="done")], [Request("a", "?")])  # type: ignore[arg-type]
    assert found.status is Status.ERROR
    assert "'done', which is none of stop, length, filter, error" in (found.error or "")


@pytest.mark.parametrize(
    ("keys", "tokens"),
    [
        ("metrics: [exact_match]", 32),
        ("metrics: [exact_match, cider_d]", 128),
        ("metrics: [rms_f1]", 512),
        ("metrics: [exact_match], extract: [strip_thinking]", 2048),
        ("metrics: [rms_f1], extract: [strip_thinking], max_new_tokens: 7", 7),
    ],
)
def test_an_answer_has_the_room_that_its_metrics_need(
    write: Callable[..., Path], bind: Callable[[str], Suite], keys: str, tokens: int
) -> None:
    write("rows.jsonl", ROWS)
    suite = bind(
        "suite: cut\nversion: 1\ndatasets: {rows: {type: jsonl, path: rows.jsonl}}\n"
        f"tasks: {{qa: {{kind: qa, dataset: rows, {keys}}}}}\n"
    )
    task = suite.tasks["qa"]
    assert isinstance(task, QaTask)
    (request,) = task.requests(task.cells()[0], next(iter(task.samples(task.cells()[0]))), oracle=False)
    assert request.generation.max_new_tokens == task.describe()["max_new_tokens"] == tokens
