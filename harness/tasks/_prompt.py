"""Prompt templates: sandboxed Jinja that knows the sample and nothing else."""

from collections.abc import Callable, Sequence
from typing import Final

from harness.types import Sample

_KNOWN: Final = ("question", "tags")


def compile_template(template: str, known: Sequence[str]) -> Callable[..., str]:
    """Return a function of keyword arguments that fills in ``template``.

    Raises:
        ValueError: if the template is malformed or names a variable that is not in ``known``.

    >>> compile_template("What is {{ field }}?", ["field"])(field="the total")
    'What is the total?'
    """
    from harness.tasks._sandbox import compile_safely

    return compile_safely(template, known)


def compile_prompt(template: str) -> Callable[[Sample], str]:
    """Return a function that fills in ``template``.

    Raises:
        ValueError: if the template is malformed or names a variable other than ``question`` and ``tags``.

    >>> compile_prompt("{{ question }} One word.")(Sample("1", "Why?", ()))
    'Why? One word.'
    """
    if template == "{{ question }}":
        return _question
    render = compile_template(template, _KNOWN)

    def fill(sample: Sample) -> str:
        return render(question=sample.question, tags=sample.tags)

    return fill


def _question(sample: Sample) -> str:
    return sample.question
