"""A run's configuration as it can be run again, with some of its keys as another run had them."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import ValidationError

from harness.causes.environments import Environment
from harness.causes.folders import composed
from harness.errors import HarnessError, UsageError
from harness.locate import find
from harness.record.schema import RunRecord
from harness.registry import registry
from harness.spec.document import made_document
from harness.spec.models import AdapterSpec
from harness.suite.adapters import AdapterChoice, read_adapter
from harness.suite.bind import Suite, bind_suite

Where = Literal["suite", "adapter", "type", "files", "block", "environment"]
_ADAPTER_OPTIONS: Final = ("-a", "--adapter")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a configuration a value stands."""

    where: Where
    """``suite`` and ``adapter``: in those files. ``type``: the whole adapter. ``files``: in the folder that a
    key of the adapter's file names. ``block``: in a graph of the model. ``environment``: which interpreter runs it."""
    path: tuple[str, ...] = ()
    """Keys; of ``files`` the key and the kind of files, of ``block`` the graph and the names of its operators."""


@dataclass(frozen=True, slots=True)
class Setup:
    """All that decides a run's answers, as far as its record tells."""

    suite: Mapping[str, Any]
    """The expanded file."""
    suite_file: Path
    """Where its relative paths start: in this file's folder."""
    roots: tuple[Path, ...]
    name: str
    type: str
    """Of the adapter."""
    config: Mapping[str, Any]
    """The keys of its file."""
    adapter_file: Path
    environment: Environment | None = None
    """Whose libraries run it; None for those of this process."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """Return what :meth:`plain` gave to another process."""
        files = {name: Path(told[name]) for name in ("suite_file", "adapter_file")}
        return cls(**{**told, **files, "roots": tuple(map(Path, told["roots"]))})

    def plain(self) -> dict[str, Any]:
        """Return it as JSON values for another process, whose environment is its own."""
        files = {name: str(getattr(self, name).absolute()) for name in ("suite_file", "adapter_file")}
        roots = [str(root.absolute()) for root in self.roots]
        return {
            "suite": self.suite,
            **files,
            "roots": roots,
            "name": self.name,
            "type": self.type,
            "config": self.config,
        }

    def fingerprint(self) -> str:
        """Load the model where it runs, and return its fingerprint.

        Raises:
            HarnessError: if it cannot be loaded.
        """
        if self.environment:
            return self.environment.fingerprint(self)
        adapter = self.choice().load()
        try:
            return adapter.fingerprint()
        finally:
            adapter.close()

    def bound(self, task: str) -> Suite:
        """Return the suite with one task, and those that it is made of.

        Raises:
            SpecError: if it does not fit together, or its data is not where it was.
        """
        return bind_suite(made_document(copy.deepcopy(_only(self.suite, task)), self.suite_file), self.roots)

    def choice(self) -> AdapterChoice:
        """Return the adapter, not loaded.

        Raises:
            UsageError: if its type is not installed, or its keys do not fit together.
        """
        factory = registry("adapters").load(self.type)
        try:
            config = factory.Config.model_validate_json(json.dumps(self.config))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "its keys"
            raise UsageError(
                f"adapter {self.name!r} cannot have these keys together: {where}: {first['msg']}"
            ) from error
        return AdapterChoice(self.adapter_file, AdapterSpec(adapter=self.name, type=self.type), config, factory)

    def with_back(self, places: Sequence[Place], other: "Setup") -> "Setup":
        """Return this setup with the values of another one at some places."""
        made = self
        if blocks := [place.path for place in places if place.where == "block"]:
            from harness.causes.graphs import in_float

            made = in_float(made, other, blocks)
        for place in places:
            match place.where:
                case "suite":
                    made = replace(made, suite=_with(made.suite, place.path, _at(other.suite, place.path)))
                case "adapter":
                    value = self._rooted(_at(other.config, place.path), other)
                    made = replace(made, config=_with(made.config, place.path, value))
                case "type":
                    made = replace(
                        made, name=other.name, type=other.type, config=other.config, adapter_file=other.adapter_file
                    )
                case "environment":
                    made = replace(made, environment=other.environment)
                case "files":
                    key, kind = place.path
                    folders = made.folder(key), other.folder(key)
                    if folders[0] and folders[1]:
                        value = str(composed(key, folders[0], folders[1], kind))
                        made = replace(made, config=_with(made.config, (key,), value))
        return made

    def folder(self, key: str) -> Path | None:
        """Return the folder that a key of the adapter's file names; None where it is none here."""
        value = self.config.get(key)
        if not isinstance(value, str):
            return None
        found = self.adapter_file.absolute().parent / value
        return found.resolve() if found.is_dir() else None

    def _rooted(self, value: Any, other: "Setup") -> Any:
        """Return another setup's value for this folder: a path that starts elsewhere becomes absolute."""
        theirs, ours = (one.adapter_file.absolute().parent for one in (other, self))
        if not isinstance(value, str) or not value or theirs == ours:
            return value
        with suppress(OSError):
            if (theirs / value).exists():
                return str((theirs / value).resolve())
        return value


def _only(suite: Mapping[str, Any], task: str) -> dict[str, Any]:
    """Return a suite with what one of its tasks names, directly or through others: nothing else has to be there."""
    tasks, datasets = suite.get("tasks", {}), suite.get("datasets", {})
    kept, waiting = {}, [task]
    while waiting:
        name = waiting.pop()
        if name in tasks and name not in kept:
            kept[name] = tasks[name]
            waiting += _texts(tasks[name])
    named = set(_texts(kept))
    own = {
        "tasks": {name: body for name, body in tasks.items() if name in kept},
        "datasets": {name: body for name, body in datasets.items() if name in named},
        "gates": [],
    }
    return {**suite, **own}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


_ABSENT: Final = object()


def _at(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return _ABSENT
        value = value[step]
    return value


def _with(value: Mapping[str, Any], path: Sequence[str], new: Any) -> dict[str, Any]:
    step, *rest = path
    made = dict(value)
    if rest:
        inner = made.get(step)
        made[step] = _with(inner if isinstance(inner, Mapping) else {}, rest, new)
    elif new is _ABSENT:
        made.pop(step, None)
    else:
        made[step] = new
    return made


def setup_of(
    record: RunRecord, suite: Path | None = None, adapter: str | None = None, roots: Sequence[Path] = ()
) -> Setup:
    """Return a run's configuration.

    A record says what its files said, not where they lie: that is looked for in the command that made the run, and
    among the files that have such names here.

    Args:
        record: of the run.
        suite: its suite's file, where it is not found.
        adapter: its adapter's file, where it is not found.
        roots: folders outside the suite's own that its data may lie in; by default those of its command.

    Raises:
        UsageError: if a file is not found.
    """
    words = [word for session in record.sessions for word in session.command]
    return Setup(
        record.suite.content,
        _suite_file(record, suite, words),
        tuple(roots) or tuple(Path(root).absolute() for root in _given(words, ("--root",)) if Path(root).is_dir()),
        record.adapter.name,
        record.adapter.type,
        record.adapter.config,
        _adapter_file(record, adapter, words),
    )


def _suite_file(record: RunRecord, given: Path | None, words: Sequence[str]) -> Path:
    if given is not None:
        return Path(find("suites", str(given))).absolute()
    for word in words:
        with suppress(OSError):
            if Path(word).name == record.suite.file and Path(word).exists():
                return Path(word).absolute()
    if (beside := Path(record.suite.file)).is_file():
        return beside.absolute()
    with suppress(UsageError):
        return find("suites", Path(record.suite.file).stem).absolute()
    said = f"the suite of {record.run_id}, {record.suite.file}, is not found from here"
    raise UsageError(f"{said}, and its data lies beside it; name it: --suite FILE")


def _adapter_file(record: RunRecord, given: str | None, words: Sequence[str]) -> Path:
    name = record.adapter.name
    if given is not None:
        return read_adapter(given).file
    for word in dict.fromkeys([*_given(words, _ADAPTER_OPTIONS), name]):
        with suppress(HarnessError):
            choice = read_adapter(word)
            if choice.name == name:
                return choice.file
    raise UsageError(f"the adapter of {record.run_id}, {name!r}, is not found from here; name its file: --adapter FILE")


def _given(words: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield the values of an option on a command line."""
    for i, word in enumerate(words):
        name, equals, value = word.partition("=")
        if word in names and i + 1 < len(words):
            yield words[i + 1]
        elif equals and name in names:
            yield value
