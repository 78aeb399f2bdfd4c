"""Question answering: prompts, and how the answers to one cell are summed up."""

import pytest

from harness.data.jsonl import JsonlDataset
from harness.errors import SampleError
from harness.tasks._prompt import compile_prompt
from harness.types import Sample

SAMPLE = Sample("1", "Why <b>?", ("a",), tags={"style": "bar"})


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        ("{{ question }}", "Why <b>?"),
        ("{{question}}", "Why <b>?"),
        ("{{ question }}\nOne word.\n", "Why <b>?\nOne word.\n"),
        ("A {{ tags.style }} chart. {{ question }}", "A bar chart. Why <b>?"),
        ("{% if tags.style == 'bar' %}B{% endif %}", "B"),
        ("no question", "no question"),
    ],
)
def test_a_prompt_is_filled_in_without_escaping(template: str, prompt: str) -> None:
    assert compile_prompt(template)(SAMPLE) == prompt


@pytest.mark.parametrize("template", ["{{ question", "{% if %}", "{{ answer }}", "{{ references }}", "{{ q() }}"])
def test_a_template_that_is_malformed_or_asks_for_something_unknown_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="the prompt"):
        compile_prompt(template)


@pytest.mark.parametrize("template", ["{{ question.__class__.__mro__ }}", "{{ tags.none }}", "{% include 'x' %}"])
def test_a_template_cannot_reach_out_of_its_sandbox_or_pass_over_what_is_missing(template: str) -> None:
    with pytest.raises(Exception, match=r"unsafe|no attribute|may not use"):
        compile_prompt(template)(SAMPLE)


def test_a_sample_with_a_problem_is_never_asked(write, bind) -> None:
    write("rows.jsonl", "no json\n")
    task = bind(
        "suite: s\nversion: 1\ndatasets: {d: {type: jsonl, path: rows.jsonl}}\n"
        "tasks: {qa: {kind: qa, dataset: d, metrics: [exact_match]}}\n"
    ).tasks["qa"]
    (sample,) = task.samples(task.cells()[0])
    assert isinstance(task.dataset, JsonlDataset)
    with pytest.raises(SampleError, match=r"rows\.jsonl:1"):
        task.requests(task.cells()[0], sample, oracle=True)


def test_the_description_for_the_record_changes_with_what_changes_a_number(bind) -> None:
    text = (
        "suite: s\nversion: 1\ndatasets: {d: {type: charts, limit: 3}}\n"
        "tasks: {qa: {kind: qa, dataset: d, prompt: 'x', max_new_tokens: 5, metrics: [exact_match]}}\n"
    )
    changes = [
        ("", ""),
        ("'x'", "'y'"),
        ("limit: 3", "limit: 4"),
        (": 5", ": 6"),
        ("[exact_match]", "[relaxed_accuracy]"),
    ]
    described = [bind(text.replace(old, new, 1) if old else text).tasks["qa"].describe() for old, new in changes]
    assert len({str(item) for item in described}) == len(changes)
    assert bind(text).tasks["qa"].describe() == described[0]
