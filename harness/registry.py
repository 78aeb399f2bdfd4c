"""Everything pluggable, by name: built-ins found by scanning, others by entry point, imported when used."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from typing import Any, Final

from harness.errors import HarnessError, UsageError, did_you_mean

_ENTRIES: Final = re.compile(r"^ENTRIES: Final = (\{.*?\})$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One name, what it stands for, and who says so."""

    name: str
    target: str
    """``module:attribute``."""
    origin: str
    """``file:line`` for a built-in, the distribution's name for an entry point."""
    summary: str
    """The first line of the module's docstring; empty for an entry point that is not yet loaded."""

    def load(self) -> Any:
        """Import and return the target.

        Raises:
            UsageError: if the module or the attribute is not there, naming the origin and the cause.
        """
        module, _, attribute = self.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except Exception as cause:  # a plug-in's module may raise anything
            raise UsageError(
                f"cannot load {self.name!r} ({self.target}, from {self.origin}): {_said(cause)}"
            ) from cause


def _said(cause: Exception) -> str:
    return str(cause) if isinstance(cause, (ImportError, AttributeError)) else f"{type(cause).__name__}: {cause}"


class Registry:
    """The names of one kind.

    A built-in is a module in ``package`` with a line ``ENTRIES: Final = {"name": "Attribute"}``:
    a new one is one new file. The line is read without importing the module. A plug-in
    declares an entry point ``name = "module:attribute"`` in the group ``harness.<kind>``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._found: dict[str, Entry] | None = None

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries().values(), key=lambda entry: entry.name))

    def __contains__(self, name: object) -> bool:
        return name in self._entries()

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._entries())

    def entry(self, name: str) -> Entry:
        """Return the entry called ``name``.

        Raises:
            UsageError: if there is none, with the nearest name.
        """
        entries = self._entries()
        if name not in entries:
            raise UsageError(f"unknown {self.singular} {name!r}; {did_you_mean(name, entries)}")
        return entries[name]

    def load(self, name: str) -> Any:
        """Import and return what ``name`` stands for.

        Raises:
            UsageError: if the name is unknown or its target cannot be imported.
        """
        return self.entry(name).load()

    def add(self, name: str, target: str, origin: str = "added at run time") -> None:
        """Register a name by hand, as tests and notebooks do.

        Raises:
            UsageError: if the name is taken.
        """
        _insert(self._entries(), Entry(name, target, origin, ""), self.kind)

    @property
    def singular(self) -> str:
        """The kind as one thing: "metric" for "metrics"."""
        return self.kind.removesuffix("s")

    def _entries(self) -> dict[str, Entry]:
        if self._found is None:
            found: dict[str, Entry] = {}
            for entry in (*_scan(self._package), *_plugins(f"harness.{self.kind}")):
                _insert(found, entry, self.kind)
            self._found = found
        return self._found


def _insert(entries: dict[str, Entry], entry: Entry, kind: str) -> None:
    if entry.name in entries:
        first = entries[entry.name]
        raise UsageError(
            f"two {kind} are called {entry.name!r}: {first.target} ({first.origin}) and "
            f"{entry.target} ({entry.origin}); rename one or uninstall its package"
        )
    entries[entry.name] = entry


def _scan(package: str) -> Iterator[Entry]:
    for item in sorted(files(package).iterdir(), key=lambda item: item.name):
        if item.is_dir():
            if not item.name.startswith("_") and item.joinpath("__init__.py").is_file():
                yield from _read(item.joinpath("__init__.py"), f"{package}.{item.name}")
        elif item.name.endswith(".py") and not item.name.startswith("_"):
            yield from _read(item, f"{package}.{item.name.removesuffix('.py')}")


def _read(source: Any, module: str) -> Iterator[Entry]:
    text = source.read_text(encoding="utf-8")
    declared = _ENTRIES.search(text)
    if not declared:
        return
    try:
        names = ast.literal_eval(declared.group(1))
    except (SyntaxError, ValueError) as cause:
        raise HarnessError(f"{source}: ENTRIES is not a plain dictionary of strings") from cause
    origin = f"{source}:{text.count(chr(10), 0, declared.start()) + 1}"
    summary = text.lstrip('"').split("\n", 1)[0].rstrip('"').strip()
    for name, attribute in names.items():
        yield Entry(name, f"{module}:{attribute}", origin, summary)


def declared(group: str) -> Sequence[EntryPoint]:
    """Return the entry points of a group that installed packages declare.

    All groups are read at once: asking for one reads the metadata of every package anew, 7 ms with two hundred of them.
    """
    return _declared(tuple(sys.path)).get(group, ())


@cache
def _declared(path: tuple[str, ...]) -> Mapping[str, Sequence[EntryPoint]]:
    everything = entry_points()
    return {group: tuple(everything.select(group=group)) for group in everything.groups if group.startswith("harness.")}


def _plugins(group: str) -> Iterator[Entry]:
    for point in declared(group):
        yield Entry(point.name, point.value, point.dist.name if point.dist else "an entry point", "")


_PACKAGES: Final = {
    "adapters": "harness.adapters",
    "asks": "harness.asks",
    "cards": "harness.report",
    "corruptions": "harness.perturb",
    "datasets": "harness.data",
    "detectors": "harness.detect",
    "exporters": "harness.exports",
    "importers": "harness.imports",
    "metrics": "harness.metrics",
    "samplers": "harness.frames.samplers",
    "tasks": "harness.tasks",
}


@cache
def registry(kind: str) -> Registry:
    """Return the registry of ``kind``: adapters, asks, cards, corruptions, datasets, detectors, exporters, …."""
    return Registry(kind, _PACKAGES[kind])
