"""A matrix makes one task for each combination, and mistakes in it are said where they stand."""

from pathlib import Path

import pytest

from harness.errors import SpecError
from harness.suite.bind import Suite, load_suite

SUITE = """\
suite: grid
version: 1
datasets:
  charts: {type: charts, limit: 2}
tasks:
  qa:
    kind: qa
    dataset: charts
    metrics: [exact_match]
    matrix:
      max_new_tokens: [8, 16]
      prompt:
        short: "{{ question }}"
        long: "{{ question }} Think first."
  plain: {kind: qa, dataset: charts, metrics: [exact_match]}
  sweep:
    kind: sweep
    matrix: {of: [plain, qa.max_new_tokens-8.prompt-long]}
    corruptions: [brightness]
gates:
  - {metric: qa.max_new_tokens-8.prompt-short/exact_match, min: 0.5}
"""


def load(write, text: str) -> Suite:
    return load_suite(str(write("suite.yaml", text)))


def problems(write, text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(write, text)
    return [f"{p.mark.line}:{p.mark.column}: {p.message} | {p.hint}" for p in caught.value.problems]


def test_each_combination_is_a_task_in_the_order_of_the_file(write) -> None:
    suite = load(write, SUITE)
    assert [*suite.tasks] == [
        "qa.max_new_tokens-8.prompt-short",
        "qa.max_new_tokens-8.prompt-long",
        "qa.max_new_tokens-16.prompt-short",
        "qa.max_new_tokens-16.prompt-long",
        "plain",
        "sweep.of-plain",
        "sweep.of-qa.max_new_tokens-8.prompt-long",
    ]
    told = suite.tasks["qa.max_new_tokens-16.prompt-long"].describe()
    assert (told["max_new_tokens"], told["prompt"]) == (16, "{{ question }} Think first.")
    assert "matrix" not in str(suite.content)


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("[8, 16]", "[8, 0]", "11:27", "greater than or equal to 1"),
        ("[8, 16]", "[8, eight]", "11:27", "expected a whole number, got the text 'eight'"),
        ("[8, 16]", "[]", "11:23", "takes a list of values"),
        ("[8, 16]", "8", "11:23", "takes a list of values"),
        ("[8, 16]", "[8, 8]", "11:27", "'8' stands twice in the matrix"),
        ("[8, 16]", '["a b"]', "11:24", "'a b' cannot be part of a task's name"),
        ("Think first.", "{% set x = 1 %}", "14:15", "may not use"),
        ("max_new_tokens: [8", "max_tokens: [8", "11:7", "unknown key 'max_tokens'"),
        ("{of: [plain, qa", "{of: [plane, qa", "18:19", "plane"),
        ("matrix: {of: [plain, qa.max_new_tokens-8.prompt-long]}", "matrix: [of]", "18:13", "'matrix' takes keys"),
        ("tokens-8.prompt-short/", "tokens-9.prompt-short/", "21:14", "no task is called"),
    ],
)
def test_a_mistake_is_said_where_it_stands(write, old: str, new: str, place: str, said: str) -> None:
    assert old in SUITE
    found = problems(write, SUITE.replace(old, new, 1))
    assert any(text.startswith(f"{place}: ") and said in text for text in found), found


def test_a_matrix_of_too_many_tasks_is_refused(write) -> None:
    text = SUITE.replace("[8, 16]", str([*range(1, 502)]))
    assert "makes 1,002 tasks; at most 1,000" in problems(write, text)[0]


def test_a_matrix_is_run_and_resumed_like_any_suite(write, run_here, tmp_path: Path) -> None:
    done = run_here("run", write("suite.yaml", SUITE), "-a", "mock", "--out", tmp_path / "runs", "--no-report", "-q")
    assert done.code in (0, 1, 3), done.err
    assert "qa.max_new_tokens-16.prompt-long" in done.out
