"""Jinja of a model's folder: in the sandbox of `transformers`, and with a budget of steps, characters and seconds."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final, NoReturn, cast

from jinja2 import nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS: Final = 100_000
"""Rounds of loops and calls, together: a conversation of a hundred messages takes some thousands."""
CHARACTERS: Final = 4_000_000
"""Of any text on the way."""
SECONDS: Final = 10.0
_NUMBER: Final = 100_000
"""The largest number that may be passed to a call, or stand in a text that is formatted: widths are such."""
_WIDE: Final = re.compile(r"%[^a-zA-Z%]*(\d{6}|\*)|:[^}]*\d{6}")


class _Budget(threading.local):
    """What a thread has left for the template that it fills in."""

    steps = STEPS
    until = float("inf")

    def take(self) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise SecurityError(f"more than {STEPS:,} rounds of loops and calls")
        if not self.steps % 64 and time.monotonic() > self.until:
            raise SecurityError(f"more than {SECONDS:g} seconds")


_BUDGET: Final = _Budget()


@contextmanager
def budget() -> Iterator[None]:
    """Let templates of :class:`ChatEnvironment` be filled in, by this thread, as far as is usual."""
    _BUDGET.steps, _BUDGET.until = STEPS, time.monotonic() + SECONDS
    try:
        yield
    finally:
        _BUDGET.steps, _BUDGET.until = STEPS, float("inf")


class Generation(Extension):
    """``{% generation %}``, with which templates mark what the model says: it leaves no trace in a prompt."""

    tags = {"generation"}  # noqa: RUF012 - as Jinja declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return what stands inside."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatEnvironment(ImmutableSandboxedEnvironment):
    """Counts what a template does. What goes beyond a budget is a ``SecurityError``, a kind of ``TemplateError``."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", Generation], optimized=False
        )
        self.filters = {name: _counted(one) for name, one in self.filters.items()}
        self.filters |= {"tojson": _counted(_to_json), "replace": _replaced, "join": _joined}
        self.filters |= {_EACH: _each, _TOGETHER: _together}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        parsed = super()._parse(source, name, filename)
        for loop in [*parsed.find_all(nodes.For)]:
            loop.iter = _filtered(_EACH, cast("nodes.Expr", loop.iter))
        _guard(parsed)
        parsed.set_environment(self)
        return parsed

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as in Jinja
        _BUDGET.take()
        _small((*args, *kwargs.values()))
        if isinstance(__obj, LoopContext):  # a recursive loop goes on with what it is given
            args = (_each(args[0]), *args[1:])
        method = getattr(__obj, "__wrapped__", __obj)  # the sandbox wraps `format`
        own = getattr(method, "__self__", None)
        if isinstance(own, str):
            name = getattr(method, "__name__", "")
            if name == "replace" and len(args) >= 2:
                _bounded(_replaced_length(own, str(args[0]), str(args[1])))
            elif name == "join" and args:
                return _joined(args[0], own)
            elif name in ("format", "format_map") and _WIDE.search(own):
                raise SecurityError("a width of six digits")
        return super().call(__context, __obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        _BUDGET.take()
        if operator == "*" and (hasattr(left, "__len__") or hasattr(right, "__len__")):
            many, times = (left, right) if hasattr(left, "__len__") else (right, left)
            _bounded(len(many) * times if isinstance(times, int) else 0)
        elif operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
            _bounded(len(left) + len(right))
        elif operator == "**" and not (isinstance(left, float) or (abs(left) < _NUMBER and abs(right) < 64)):
            raise SecurityError("a power of a large number")
        elif operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise SecurityError("a width of six digits")
        return super().call_binop(context, operator, left, right)


_EACH: Final = "harness_each"
_TOGETHER: Final = "harness_together"


def _guard(node: nodes.Template) -> None:
    """Put texts together by a filter that counts: nothing else grows by being doubled again and again."""
    waiting: list[nodes.Node] = [node]
    while waiting:
        one = waiting.pop()
        for name, value in one.iter_fields():
            if isinstance(value, nodes.Concat):
                setattr(one, name, _put_together(value))
            elif isinstance(value, list):
                setattr(one, name, [_put_together(item) if isinstance(item, nodes.Concat) else item for item in value])
        waiting += one.iter_child_nodes()


def _put_together(node: nodes.Concat) -> nodes.Filter:
    return _filtered(_TOGETHER, nodes.List(node.nodes, lineno=node.lineno))


def _filtered(name: str, node: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _each(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        _BUDGET.take()
        yield value


def _together(values: Iterable[Any]) -> str:
    listed = [str(value) for value in values]
    _bounded(sum(map(len, listed)))
    return "".join(listed)


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that takes a step and no large numbers."""
    own = 2 if hasattr(function, "jinja_pass_arg") else 1  # the environment, say, and the value

    @wraps(function)
    def counted(*args: Any, **kwargs: Any) -> Any:
        _BUDGET.take()
        _small((*args[own:], *kwargs.values()))
        return function(*args, **kwargs)

    return counted


def _replaced(text: Any, old: str, new: str, count: int | None = None) -> str:
    _BUDGET.take()
    _bounded(_replaced_length(str(text), str(old), str(new)))
    return str(text).replace(str(old), str(new), -1 if count is None else count)


def _replaced_length(text: str, old: str, new: str) -> int:
    return len(text) + (text.count(old) if old else len(text) + 1) * len(new)


def _joined(values: Iterable[Any], d: str = "", attribute: str | int | None = None) -> str:
    _BUDGET.take()
    listed = [str(value if attribute is None else value[attribute]) for value in values]
    _bounded(sum(map(len, listed)) + len(d) * len(listed))
    return str(d).join(listed)


def _small(values: Iterable[Any]) -> None:
    if any(isinstance(value, int) and abs(value) > _NUMBER for value in values):
        raise SecurityError(f"a number larger than {_NUMBER:,} in a call")


def _bounded(length: int) -> None:
    if length > CHARACTERS:
        raise SecurityError(f"a text of more than {CHARACTERS:,} characters")


def _to_json(value: object, indent: int | None = None) -> str:
    """Return JSON; unlike Jinja's own filter it leaves ``<`` and ``>`` alone."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def trial(template: Any, tokens: Mapping[str, Any]) -> Callable[[list[dict[str, Any]]], None]:
    """Return what fills a template in on a budget before somebody else does it without one.

    Args:
        template: of a processor: its text, or several by name, of which one is for general use.
        tokens: special tokens that it may name.

    Returns:
        A function of the messages; it raises ``SecurityError`` where the budget does not do, and nothing else.
    """
    text = template.get("default") if isinstance(template, Mapping) else template
    environment = ChatEnvironment()
    environment.globals |= {"raise_exception": _refuse, "strftime_now": lambda _: ""}
    try:
        compiled = environment.from_string(text or "")
    except TemplateError:  # whoever uses it says so
        return lambda _: None

    def check(messages: list[dict[str, Any]]) -> None:
        try:
            with budget():
                compiled.render(messages=messages, add_generation_prompt=True, **tokens)
        except SecurityError:
            raise
        except Exception:  # noqa: BLE001 - whoever fills it in next meets the same, in words of its own
            return

    return check


def _refuse(message: str) -> NoReturn:
    raise ValueError(message)
