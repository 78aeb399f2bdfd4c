"""What a suite says once everything is resolved, and where each of its keys comes from."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from harness.errors import SpecError, UsageError, did_you_mean
from harness.metrics import find_variant, variant_at
from harness.registry import registry
from harness.spec.check import check, describe
from harness.spec.document import Document, KeyPath
from harness.spec.models import LabelsSpec, SuiteSpec
from harness.suite.bind import INHERITED, OF_ANY, load_document

_PLUGINS: Final = {"datasets": "type", "tasks": "kind"}


@dataclass(frozen=True, slots=True)
class Resolved:
    """One key of the resolved suite."""

    path: KeyPath
    value: Any
    """A scalar, or a list or mapping that holds nothing."""
    origin: str
    """``file:line:column``, or ``default``."""

    @property
    def name(self) -> str:
        """The path as it is written: ``tasks.qa.metrics[0]``."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.removeprefix(".")

    def __str__(self) -> str:
        return f"{self.name}: {json.dumps(self.value, ensure_ascii=False, default=str)}"


def explain(name: str, task: str | None = None, environment: Mapping[str, str] = os.environ) -> list[Resolved]:
    """Return every key of a suite, defaults included, with its origin.

    Args:
        name: a path, or the name of an available suite.
        task: only this task, and the datasets and tasks that it is made from.
        environment: where ``${VARIABLES}`` come from.

    Raises:
        SpecError: if a file cannot be read, or holds something else where datasets and tasks stand by name.
        UsageError: if there is no such suite or task.
    """
    document = load_document(name, environment)
    _check_groups(document)
    keys = [_at_revision(document.value, key) for key in _keys(document)]
    if task is None:
        return keys
    known = document.value.get("tasks") or {}
    if task not in known:
        raise UsageError(f"{document.file}: no task is called {task!r}; {did_you_mean(task, known)}")
    wanted = _needed(document.value, task)
    return [key for key in keys if key.path[:2] in wanted]


def _check_groups(document: Document) -> None:
    """Raise a SpecError where datasets, tasks or labels have no form to explain; all else is shown as it stands."""
    if not isinstance(document.value, dict):
        raise SpecError([document.problem((), f"expected a mapping, got {describe(document.value)}")])
    groups = {group: document.value.get(group) for group in _PLUGINS}
    problems = [
        document.problem((group,), f"{group}: expected a mapping, got {describe(body)}")
        for group, body in groups.items()
        if body is not None and not isinstance(body, dict)
    ]
    if document.value.get("labels") is not None:
        labels = check(LabelsSpec, document, ("labels",))
        problems += labels if isinstance(labels, list) else []
    if problems:
        raise SpecError(problems)


def _needed(suite: Mapping[str, Any], task: str) -> set[KeyPath]:
    """Return a task and every task and dataset that its keys name, directly or through others."""
    found: set[KeyPath] = set()
    waiting: list[KeyPath] = [("tasks", task)]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        named = set(_texts(suite[str(path[0])][path[1]]))
        for group in _PLUGINS:
            waiting += [(group, name) for name in suite.get(group) or {} if name in named and (group, name) != path]
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _keys(document: Document) -> Iterator[Resolved]:
    suite = document.value
    yield from _model(document, (), suite, SuiteSpec, leave_out=_PLUGINS)
    for group, tag in _PLUGINS.items():
        for name, body in (suite.get(group) or {}).items():
            path = (group, name)
            config = _config(group, body.get(tag)) if isinstance(body, dict) else None
            if config is None:
                yield from _written(document, path, body)
            else:
                yield Resolved((*path, tag), body[tag], _origin(document, (*path, tag)))
                handed = [key for key in INHERITED if group == "tasks" and key in suite and key not in body]
                own = [key for key in handed if key in config.model_fields]
                shared = [key for key in OF_ANY.get(group, ()) if key in body]
                yield from _model(document, path, body, config, leave_out=[tag, *own, *shared])
                for key in shared:
                    yield from _written(document, (*path, key), body[key])
                yield from (Resolved((*path, key), suite[key], _origin(document, (key,))) for key in own)


def _at_revision(suite: Mapping[str, Any], key: Resolved) -> Resolved:
    """Return a metric's variant with the revision of the code that it follows, as the record will have it."""
    if key.path[:1] != ("tasks",) or len(key.path) != 5 or (key.path[2], key.path[4]) != ("metrics", "variant"):
        return key
    name = suite["tasks"][key.path[1]]["metrics"][key.path[3]].get("metric")
    if name not in registry("metrics"):
        return key
    variants = registry("metrics").load(name).variants
    try:
        return replace(key, value=variant_at(find_variant(name, key.value, variants), variants))
    except UsageError:
        return key  # `harness validate` says what is wrong with it


def _config(group: str, name: Any) -> type[BaseModel] | None:
    plugins = registry(group)
    if not isinstance(name, str) or name not in plugins:
        return None
    config: type[BaseModel] = plugins.load(name).Config
    return config


def _model(
    document: Document, path: KeyPath, body: Mapping[str, Any], model: type[BaseModel], leave_out: Any = ()
) -> Iterator[Resolved]:
    """Yield what is written, then the defaults of what is not."""
    for key, value in body.items():
        if key not in leave_out:
            yield from _written(document, (*path, key), value)
    for key, field in model.model_fields.items():
        name = field.alias or key
        if name not in body and name not in leave_out and not field.is_required():
            default = field.get_default(call_default_factory=True)
            plain = default.model_dump(mode="json") if isinstance(default, BaseModel) else default
            yield Resolved((*path, name), plain, "default")


def _written(document: Document, path: KeyPath, value: Any) -> Iterator[Resolved]:
    if value and isinstance(value, dict):
        for key, item in value.items():
            yield from _written(document, (*path, key), item)
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for i, item in enumerate(value):
            yield from _written(document, (*path, i), item)
    else:
        yield Resolved(path, value, _origin(document, path))


def _origin(document: Document, path: KeyPath) -> str:
    mark = document.place(path).value
    try:
        file = mark.file.resolve().relative_to(Path.cwd())
    except ValueError:
        file = mark.file
    return f"{file}:{mark.line}:{mark.column}"
