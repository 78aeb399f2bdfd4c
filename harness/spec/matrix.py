"""One task for each combination of values: ``matrix:`` in a task, expanded so that errors point at the value's line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Final

from harness.errors import Problem, SpecError
from harness.spec.document import Document, KeyPath, Place

_LABEL: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_MOST: Final = 1000
"""Tasks from one matrix."""
_KEY: Final = "matrix"


def expand_matrix(document: Document) -> Document:
    """Return the document with every task that has a ``matrix`` replaced by one for each combination.

    ``matrix: {max_new_tokens: [8, 16], prompt: {short: "…", long: "…"}}`` in the task ``qa`` makes the task
    ``qa.max_new_tokens-8.prompt-short`` and three more. A value that cannot be part of a name gets a label: a mapping
    instead of a list.

    Raises:
        SpecError: for every matrix that is none, at its place.
    """
    tasks = document.value.get("tasks") if isinstance(document.value, dict) else None
    if not isinstance(tasks, dict) or not any(isinstance(task, dict) and _KEY in task for task in tasks.values()):
        return document
    problems: list[Problem] = []
    made: dict[str, Any] = {}
    places = {path: place for path, place in document.places.items() if path[:1] != ("tasks",) or len(path) == 1}
    for name, task in tasks.items():
        path: KeyPath = ("tasks", name)
        if not isinstance(task, dict) or _KEY not in task:
            made[name] = task
            places |= _moved(document, path, path)
            continue
        axes = _axes(document, (*path, _KEY), task[_KEY], problems)
        plain = {key: value for key, value in task.items() if key != _KEY}
        for combination in product(*axes.values()) if axes else ():
            chosen = dict(zip(axes, combination, strict=True))
            new = ".".join([name, *(f"{key}-{label}" for key, (label, _, _) in chosen.items())])
            if new in made or new in tasks:
                problems.append(document.problem((*path, _KEY), f"two tasks would be called {new!r}"))
            made[new] = plain | {key: value for key, (_, value, _) in chosen.items()}
            places |= _moved(document, path, ("tasks", new), leave_out=(_KEY, *chosen))
            for key, (_, _, source) in chosen.items():
                places |= _moved(document, source, ("tasks", new, key))
                named = document.places[*path, _KEY, key].key
                places["tasks", new, key] = replace(places["tasks", new, key], key=named)
    if problems:
        raise SpecError(problems)
    return replace(document, value={**document.value, "tasks": made}, places=places)


_Choice = tuple[str, Any, KeyPath]
"""Label, value, and where it stands."""


def _axes(document: Document, path: KeyPath, matrix: Any, problems: list[Problem]) -> dict[str, list[_Choice]]:
    if not isinstance(matrix, dict) or not matrix:
        said = "'matrix' takes keys of the task, each with a list of values, or with a mapping of labels to values"
        problems.append(document.problem(path, said, "matrix: {max_new_tokens: [8, 16]}"))
        return {}
    axes = {key: list(_choices(document, (*path, key), values, problems)) for key, values in matrix.items()}
    total = 1
    for choices in axes.values():
        total *= len(choices)
    if total > _MOST:
        problems.append(document.problem(path, f"this matrix makes {total:,} tasks; at most {_MOST:,} are allowed"))
        return {}
    return axes


def _choices(document: Document, path: KeyPath, values: Any, problems: list[Problem]) -> Iterator[_Choice]:
    if not isinstance(values, (list, dict)) or not values:
        said = f"{path[-1]!r} in a matrix takes a list of values, or a mapping of labels to values"
        problems.append(document.problem(path, said))
        return
    steps = values.items() if isinstance(values, dict) else enumerate(values)
    seen: set[str] = set()
    for step, value in steps:
        label = str(step) if isinstance(values, dict) else _label(value)
        if not _LABEL.fullmatch(label):
            hint = "give it a label: {short: …, long: …} instead of a list"
            problems.append(document.problem((*path, step), f"{label[:40]!r} cannot be part of a task's name", hint))
        elif label in seen:
            problems.append(document.problem((*path, step), f"{label!r} stands twice in the matrix"))
        seen.add(label)
        yield label, value, (*path, step)


def _label(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return str(value) if isinstance(value, (str, int, float)) else "a list or mapping"


def _moved(
    document: Document, source: KeyPath, target: KeyPath, leave_out: tuple[str, ...] = ()
) -> Mapping[KeyPath, Place]:
    """Return the places under ``source`` as those of ``target``."""
    size = len(source)
    return {
        (*target, *path[size:]): place
        for path, place in document.places.items()
        if path[:size] == source and path[size : size + 1] not in [(key,) for key in leave_out]
    }
