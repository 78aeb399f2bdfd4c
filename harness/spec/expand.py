"""Expand a suite file: fill in ``${VARIABLE:-default}`` and merge what it ``extends``, keeping every value's place."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from harness.errors import Problem, SpecError
from harness.spec.document import Document, KeyPath, Place, is_unicode, read_document, resolve_plain
from harness.spec.secrets import SECRET, secret_literals

_VARIABLE: Final = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")
_MAX_CHAIN: Final = 10


def fill_variables(document: Document, environment: Mapping[str, str]) -> Document:
    """Return the document with its variables filled in.

    ``$$`` stands for one dollar. A value that is nothing but one variable takes the type that
    its text has in YAML (``limit: ${LIMIT:-400}`` is a number). Names that sound like secrets
    are refused, because a suite is written into every run record.

    Raises:
        SpecError: for every variable that is not set and has no default, or sounds like a secret, and for every value
            that looks like one.
    """
    problems: list[Problem] = []
    used: dict[str, str] = {}

    def fill(value: Any, path: KeyPath) -> Any:
        if isinstance(value, dict):
            return {key: fill(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item, (*path, i)) for i, item in enumerate(value)]
        if not isinstance(value, str) or "$" not in value:
            return value
        if "${" in _VARIABLE.sub("", value):
            said = f"{value[:80]!r} has a ${{ that is no variable"
            problems.append(document.problem(path, said, "write ${NAME} or ${NAME:-default}; $$ stands for one dollar"))
            return None
        text = _VARIABLE.sub(lambda match: _variable(match, environment, problems, document, path), value)
        found = (match["name"] for match in _VARIABLE.finditer(value))
        used.update({name: environment[name] for name in found if name and name in environment})
        whole = _VARIABLE.fullmatch(value)
        try:
            if not is_unicode(text):
                raise ValueError(text)
            return resolve_plain(text) if whole and whole["name"] else text
        except ValueError:
            problems.append(document.problem(path, f"{value[:80]} stands for {text[:40]!r}, which is no value"))
            return None

    problems += secret_literals(document)
    filled = fill(document.value, ())
    if problems:
        raise SpecError(problems)
    return Document(document.file, filled, document.places, used)


def _variable(
    match: re.Match[str], environment: Mapping[str, str], problems: list[Problem], document: Document, path: KeyPath
) -> str:
    name, default = match["name"], match["default"]
    if name is None:
        return "$"
    if SECRET.search(name):
        hint = "adapters read secrets from the environment themselves; name the variable in the adapter file"
        problems.append(
            document.problem(path, f"${{{name}}} sounds like a secret and would be written to the record", hint)
        )
        return ""
    if name in environment:
        return environment[name]
    if default is None:
        hint = f"set it, or give a default: ${{{name}:-value}}"
        problems.append(document.problem(path, f"environment variable {name!r} is not set", hint))
        return ""
    return str(default)


def load_expanded(file: Path, environment: Mapping[str, str], find: Callable[[str, Path], Path]) -> Document:
    """Read ``file`` and everything that it extends.

    A child's mapping is merged into its parent's key by key, any other value replaces the
    parent's, and ``null`` removes a key. ``find(name, folder)`` turns a name in ``extends``
    into a file.

    Raises:
        SpecError: for any problem in any of the files, each at its own place.
    """
    return _load(file, environment, find, ())


def _load(
    file: Path, environment: Mapping[str, str], find: Callable[[str, Path], Path], chain: tuple[Path, ...]
) -> Document:
    document = fill_variables(read_document(file), environment)
    if not isinstance(document.value, dict) or "extends" not in document.value:
        return document
    chain = (*chain, file.resolve())
    listed = document.value["extends"]
    names = listed if isinstance(listed, list) else [listed]
    merged: Document | None = None
    for i, name in enumerate(names):
        path: KeyPath = ("extends", i) if isinstance(listed, list) else ("extends",)
        if not isinstance(name, str) or not name:
            raise SpecError([document.problem(path, "'extends' takes the path or the name of a suite")])
        try:
            parent_file = find(name, file.parent)
        except ValueError as cause:
            raise SpecError([document.problem(path, str(cause))]) from cause
        if parent_file.resolve() in chain or len(chain) >= _MAX_CHAIN:
            raise SpecError([document.problem(path, f"{name!r} extends itself, directly or through others")])
        parent = _load(parent_file, environment, find, chain)
        merged = parent if merged is None else _merge(merged, parent)
    child = replace(document, value={k: v for k, v in document.value.items() if k != "extends"})
    return child if merged is None else _merge(merged, child)


def _merge(parent: Document, child: Document) -> Document:
    if not isinstance(parent.value, dict) or not isinstance(child.value, dict):
        return child
    places: dict[KeyPath, Place] = {}

    def take(document: Document, path: KeyPath) -> None:
        places.update({p: place for p, place in document.places.items() if p[: len(path)] == path})

    def merge(below: Any, above: Any, path: KeyPath) -> Any:
        if not (isinstance(below, dict) and isinstance(above, dict)):
            take(child, path)
            return above
        places[path] = child.places[path]
        out: dict[str, Any] = {}
        for key in {**below, **above}:
            here = (*path, key)
            if key not in above:
                take(parent, here)
                out[key] = below[key]
            elif key not in below:
                take(child, here)
                out[key] = above[key]
            elif above[key] is not None:
                out[key] = merge(below[key], above[key], here)
        return out

    variables = {**parent.variables, **child.variables}
    return Document(child.file, merge(parent.value, child.value, ()), places, variables)
