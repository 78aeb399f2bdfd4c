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
    import jinja2
    from jinja2 import meta, sandbox

    environment = sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        unknown = sorted(meta.find_undeclared_variables(environment.parse(template)) - set(known))
        compiled = environment.from_string(template)
    except jinja2.TemplateError as cause:
        raise ValueError(f"the prompt is no Jinja template: {cause}") from cause
    if unknown:
        raise ValueError(f"the prompt knows {' and '.join(known)}, not {', '.join(unknown)}")
    return compiled.render


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
