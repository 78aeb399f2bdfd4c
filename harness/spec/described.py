"""What the fields of a model mean: the docstrings below them, read from the source when somebody asks.

pydantic reads them too (``use_attribute_docstrings``), whenever a module of models is imported, which is a tenth of the
time until a run asks its first sample; only the JSON Schema and the message of a wrong key want them.
"""

import ast
import inspect
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any


@cache
def descriptions(model: type[Any]) -> Mapping[str, str]:
    """Return what each field of a class and its bases says of itself; fields without a docstring are left out.

    A field that is declared anew, without a docstring, has none: its base's may no longer be true. A class whose source
    cannot be read, as one that was typed at a prompt, has none either.

    >>> from harness.spec.models import ImagePolicy
    >>> descriptions(ImagePolicy)["longest_side"]
    'The longest side, in pixels; likewise.'
    """
    found: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        own = _own(owner)
        for name in inspect.get_annotations(owner):
            found.pop(name, None)
            if name in own:
                found[name] = own[name]
    return found


def _own(owner: type[Any]) -> dict[str, str]:
    node: ast.AST | None = _tree(owner.__module__)
    for name in owner.__qualname__.split("."):
        if node is not None and name != "<locals>":
            node = _named(node, name)
    if not isinstance(node, ast.ClassDef):
        return {}
    found: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    found[field.target.id] = inspect.cleandoc(text)
    return found


@cache
def _tree(module: str) -> ast.Module | None:
    try:
        return ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError):
        return None


def _named(node: ast.AST, name: str) -> ast.AST | None:
    """Return the class or function of that name: of several the last, which is the one that a module ends with."""
    found: ast.AST | None = None
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if inner.name == name:
                found = inner
        elif isinstance(inner, ast.If | ast.Try | ast.With):
            found = _named(inner, name) or found
    return found
