"""Jinja for prompts from strangers: it fills in what it is given and can do little else, in little time and memory."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import jinja2
from jinja2 import meta, nodes, sandbox

MAX_CHARACTERS: Final = 1_000_000
"""Of a filled-in template."""

_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem, nodes.If,
    nodes.CondExpr, nodes.For, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not,
    nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Neg, nodes.Call, nodes.Tuple, nodes.List,
    nodes.Slice, nodes.Keyword,
)  # fmt: skip
"""What a prompt may be made of. Nothing here can name a value, so nothing grows by being doubled again and again."""
_METHODS: Final = (
    "capitalize", "endswith", "get", "items", "keys", "lower", "lstrip", "rstrip", "split", "splitlines", "startswith",
    "strip", "title", "upper", "values",
)  # fmt: skip
"""Methods whose result is not longer than what they are called on."""
_FILTERS: Final = (
    "abs", "capitalize", "count", "d", "default", "first", "float", "int", "items", "join", "last", "length", "list",
    "lower", "replace", "reverse", "round", "sort", "string", "title", "trim", "unique", "upper", "wordcount",
)  # fmt: skip


def compile_safely(template: str, known: Sequence[str]) -> tuple[Callable[..., str], dict[str, bool]]:
    """Return a function of keyword arguments that fills in ``template``, and the variables that it names.

    Each stands beside whether it must be there: one that is asked for as ``x | default(…)`` or ``x is defined`` need
    not.

    Raises:
        ValueError: if it is malformed, names a variable that is not in ``known``, or uses what a prompt may not.
    """
    environment = _Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, optimized=False)
    environment.globals.clear()
    environment.filters = {
        **{name: environment.filters[name] for name in _FILTERS}, "join": _join, "replace": _replace
    }  # fmt: skip
    try:
        parsed = environment.parse(template)
        _check(parsed)  # first of all: what follows works out what is constant
        named = meta.find_undeclared_variables(parsed)
        unknown = sorted(named - set(known))
        if unknown:
            raise ValueError(f"the prompt knows {', '.join(known)}, not {', '.join(unknown)}")
        compiled = environment.from_string(template)
    except RecursionError as cause:
        raise ValueError("the prompt is nested too deeply") from cause
    except jinja2.TemplateError as cause:
        raise ValueError(f"the prompt is no Jinja template: {cause}") from cause

    def fill(**values: Any) -> str:
        parts, length = [], 0
        for part in compiled.generate(**values):
            length += len(part)
            if length > MAX_CHARACTERS:
                raise ValueError(f"the prompt is longer than {MAX_CHARACTERS:,} characters")
            parts.append(part)
        return "".join(parts)

    return fill, {name: name not in _guarded(parsed) for name in named}


def _guarded(parsed: nodes.Template) -> set[str]:
    """Return the variables that the template can do without, by its own words."""
    return {
        node.node.name
        for node in parsed.find_all((nodes.Filter, nodes.Test))
        if isinstance(node.node, nodes.Name) and node.name in ("d", "default", "defined", "undefined")
    }


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    """Multiplies numbers only: a text times a billion is a billion texts."""

    intercepted_binops = frozenset("*")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
            raise jinja2.exceptions.SecurityError("the prompt may multiply numbers only")
        return left * right


def _check(parsed: nodes.Template) -> None:
    """Refuse what is not on the lists, by the name that its author knows."""
    for node in _walk(parsed):
        if not isinstance(node, _NODES):
            raise ValueError(f"the prompt may not use {type(node).__name__.lower()!r} (line {node.lineno})")
        if isinstance(node, nodes.For):
            if node.recursive or any(isinstance(inner, nodes.For) for part in node.body for inner in _walk(part)):
                raise ValueError(f"the prompt may not loop within a loop (line {node.lineno})")
        elif isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Getattr) and node.node.attr in _METHODS):
            said = f"the prompt may call nothing but {', '.join(_METHODS)} (line {node.lineno})"
            raise ValueError(said)


def _walk(node: nodes.Node) -> Iterable[nodes.Node]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += found.iter_child_nodes()


def _join(values: Iterable[Any], between: str = "") -> str:
    listed = [str(value) for value in values]
    _bounded(sum(map(len, listed)) + len(between) * len(listed))
    return between.join(listed)


def _replace(text: str, old: str, new: str) -> str:
    _bounded(len(text) + (str(text).count(old) if old else len(text) + 1) * len(new))
    return str(text).replace(old, new)


def _bounded(length: int) -> None:
    if length > MAX_CHARACTERS:
        raise jinja2.exceptions.SecurityError(f"the prompt may not be longer than {MAX_CHARACTERS:,} characters")
