"""``harness explain``: every key, and where it comes from."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

PARENT = """\
suite: parent
version: 1
datasets:
  charts: {type: charts, limit: "${LIMIT:-20}"}
  others: {type: charts, limit: 7}
tasks:
  qa: {kind: qa, dataset: charts, metrics: [exact_match]}
  sweep: {kind: sweep, of: qa, corruptions: [brightness]}
  apart: {kind: qa, dataset: others, metrics: [{metric: anls, variant: lmms-eval}]}
"""
CHILD = """\
extends: parent.yaml
suite: child
tasks:
  qa: {max_new_tokens: 4}
"""


@pytest.fixture
def explained(write: Callable[..., Path], run_here, tmp_path: Path, monkeypatch) -> Callable[..., dict[str, tuple]]:
    write("parent.yaml", PARENT)
    write("child.yaml", CHILD)
    monkeypatch.chdir(tmp_path)

    def explain(*arguments: str) -> dict[str, tuple]:
        done = run_here("explain", "child.yaml", *arguments, "--json")
        assert done.code == 0, done.err
        return {row["key"]: (row["value"], row["from"]) for row in json.loads(done.out)}

    return explain


def test_each_key_names_the_file_and_line_where_it_stands(explained) -> None:
    keys = explained()
    assert keys["suite"] == ("child", "child.yaml:2:8")
    assert keys["version"] == (1, "parent.yaml:2:10")
    assert keys["tasks.qa.max_new_tokens"] == (4, "child.yaml:4:24")
    assert keys["tasks.qa.dataset"][1].startswith("parent.yaml:7:")
    assert keys["tasks.apart.metrics[0].variant"] == ("lmms-eval@75571cf", "parent.yaml:9:72")


def test_variables_are_filled_in_and_defaults_are_named_as_such(explained, monkeypatch) -> None:
    assert explained()["datasets.charts.limit"][0] == 20
    monkeypatch.setenv("LIMIT", "5")
    keys = explained()
    assert keys["datasets.charts.limit"][0] == 5
    assert keys["tasks.qa.prompt"] == ("{{ question }}", "default")
    assert keys["tier"] == ("core", "default")


def test_a_task_comes_with_what_it_is_made_from_and_nothing_else(explained) -> None:
    keys = explained("sweep")
    assert {key.split(".")[1] for key in keys} == {"sweep", "qa", "charts"}


def test_a_task_that_is_not_there_is_a_mistake_with_the_nearest_name(explained, run_here) -> None:
    done = run_here("explain", "child.yaml", "sweap")
    assert done.code == 2
    assert "no task is called 'sweap'; did you mean 'sweep'?" in done.err


def test_the_text_has_a_line_a_key_with_its_origin(explained, run_here) -> None:
    lines = run_here("explain", "child.yaml", "qa").out.splitlines()
    assert any(line.startswith("tasks.qa.max_new_tokens: 4 ") and line.endswith("# child.yaml:4:24") for line in lines)


@pytest.mark.parametrize("task", [(), ("qa",)])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "datasets: [a]\ntasks: {qa: {kind: qa, dataset: a}}\n",
            "odd.yaml:1:11: datasets: expected a mapping, got a list",
        ),
        ("datasets: {}\ntasks: qa\n", "odd.yaml:2:8: tasks: expected a mapping, got the text 'qa'"),
        ("- a\n", "odd.yaml:1:1: expected a mapping, got a list"),
    ],
)
def test_names_that_are_none_are_a_mistake_at_their_place(
    write, run_here, text: str, said: str, task: tuple[str, ...]
) -> None:
    done = run_here("explain", write("odd.yaml", text), *task)
    assert done.code == 2
    assert said in done.err


def test_a_kind_that_nobody_knows_is_printed_as_it_stands(write, run_here, tmp_path: Path) -> None:
    file = write("odd.yaml", "suite: odd\nversion: 1\ntasks:\n  x: {kind: nothing, key: 1}\n")
    assert "tasks.x.key: 1" in run_here("explain", file).out


def test_what_a_suite_says_for_its_tasks_is_shown_in_each_that_does_not_say_it_itself(explained, write) -> None:
    write("child.yaml", f"{CHILD}  apart: {{on_truncated: count}}\non_truncated: fail\n")
    keys = explained()
    assert keys["tasks.qa.on_truncated"] == ("fail", "child.yaml:6:15")
    assert keys["tasks.apart.on_truncated"] == ("count", "child.yaml:5:25")
