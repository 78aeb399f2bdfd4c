"""Prompt templates: sandboxed Jinja that knows the sample and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harness.facts import carried, described, known
from harness.types import Sample

_KNOWN: Final = ("question", "tags", "facts")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A template that is ready to be filled in."""

    needs: tuple[str, ...]
    """The facts without which it cannot be; those that it asks for with `default` or `is defined` are left out."""
    _fill: Callable[..., str]
    _facts: tuple[str, ...]

    def __call__(self, sample: Sample) -> str:
        """Return the prompt of a sample.

        Raises:
            ValueError: if the sample does not carry a fact that it needs.
        """
        if not self._facts:
            return self._fill(question=sample.question, tags=sample.tags)
        told = carried(sample)
        for name in self.needs:
            if name not in told:
                raise ValueError(f"the prompt needs {described(name)}, which this sample does not carry")
        values: dict[str, Any] = {name: told[name] for name in self._facts if name in told}
        return self._fill(question=sample.question, tags=sample.tags, facts=told, **values)


def compile_template(template: str, known: Sequence[str]) -> Callable[..., str]:
    """Return a function of keyword arguments that fills in ``template``.

    Raises:
        ValueError: if the template is malformed or names a variable that is not in ``known``.

    >>> compile_template("What is {{ field }}?", ["field"])(field="the total")
    'What is the total?'
    """
    from harness.tasks._sandbox import compile_safely

    return compile_safely(template, known)[0]


def compile_prompt(template: str) -> Prompt:
    """Return ``template``, ready to be filled in.

    It knows ``question``, ``tags``, every fact by its name, and as ``facts`` those that have no form of their own.

    Raises:
        ValueError: if the template is malformed or names another variable.

    >>> compile_prompt("{{ question }} One word.")(Sample("1", "Why?", ()))
    'Why? One word.'
    >>> compile_prompt("{{ question }} {{ choices | join(' or ') }}?").needs
    ('choices',)
    """
    if template == "{{ question }}":
        return Prompt((), _question, ())
    from harness.tasks._sandbox import compile_safely

    fill, used = compile_safely(template, [*_KNOWN, *known()])
    named = tuple(name for name in sorted(used) if name not in ("question", "tags"))
    return Prompt(tuple(name for name in named if used[name] and name != "facts"), fill, named)


def _question(question: str, tags: object) -> str:
    return question
