"""Read a YAML file into plain values that remember where they stand."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from harness.errors import Mark, Problem, SpecError

KeyPath = tuple[str | int, ...]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 50
MAX_NODES: Final = 50_000
MAX_CHARACTERS: Final = 10 * MAX_BYTES
"""Aliases count each time that they are used, so that a few lines cannot grow into gigabytes."""

_CORE_TAGS: Final = {
    "tag:yaml.org,2002:bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    "tag:yaml.org,2002:int": (re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"), "-+0123456789"),
    "tag:yaml.org,2002:float": (
        re.compile(
            r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
        ),
        "-+.0123456789",
    ),
    "tag:yaml.org,2002:null": (re.compile(r"^(?:~|null|Null|NULL|)$"), "~nN\0"),
    "tag:yaml.org,2002:merge": (re.compile(r"^<<$"), "<"),
}

_ALIAS: Final = re.compile(r"undefined alias '(.+)'")
_BRACKETED: Final = re.compile(r"\w\[")


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's core schema: ``no`` is text, ``12:30`` is text, ``1e3`` is a number."""


_Loader.yaml_implicit_resolvers = {}


for _tag, (_pattern, _first) in _CORE_TAGS.items():
    _Loader.add_implicit_resolver(_tag, _pattern, [c if c != "\0" else "" for c in _first])


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and where its key does."""

    key: Mark
    value: Mark


@dataclass(frozen=True, slots=True)
class Document:
    """A file's content as dicts, lists and scalars, with the place of every path in it."""

    file: Path
    value: Any
    places: Mapping[KeyPath, Place]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that were filled in, by name."""

    def place(self, path: Sequence[str | int]) -> Place:
        """Return the place of ``path``, or of its longest part that exists.

        Steps that are not in the document (names that a validator adds to a path) are passed over.
        """
        return self.places[self.known(path)]

    def known(self, path: Sequence[str | int]) -> KeyPath:
        """Return ``path`` without the steps that are not in the document."""
        known: KeyPath = ()
        for step in path:
            if (*known, step) in self.places:
                known = (*known, step)
        return known

    def problem(self, path: Sequence[str | int], message: str, hint: str = "", *, at_key: bool = False) -> Problem:
        """Return a problem at ``path``: at the value, or at its key."""
        place = self.place(path)
        return Problem(place.key if at_key else place.value, message, hint)


def read_document(file: Path) -> Document:
    """Read and check one YAML file.

    Raises:
        SpecError: if it cannot be read, is no YAML, has a duplicate key, a key that is not text,
            a tag other than YAML's own, or is too large or too deep.
    """
    start = Mark(file, 1, 1)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise SpecError([Problem(start, f"the file has {size:,} bytes; at most {MAX_BYTES:,} are read")])
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as cause:
        raise SpecError([Problem(start, f"cannot read the file: {cause.strerror or cause}")]) from cause
    except UnicodeDecodeError as cause:
        line = file.read_bytes()[: cause.start].count(b"\n") + 1
        raise SpecError([Problem(Mark(file, line, 1), "the file is not UTF-8 text", "save it as UTF-8")]) from cause
    return parse_document(text, file)


def parse_document(text: str, file: Path) -> Document:
    """As :func:`read_document`, from text that is already in memory."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Mark(file, mark.line + 1, mark.column + 1) if mark else Mark(file, 1, 1)
        said = error.problem or error.context or "cannot be parsed"
        raise SpecError([Problem(where, f"not valid YAML: {said}", error.note or _hint(error, text))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SpecError([Problem(Mark(file, line, 1), f"not valid YAML: {error.reason}")]) from error
    except (RecursionError, ValueError, OverflowError) as error:
        # PyYAML lets these escape: deep nesting, a number or an escape sequence out of range.
        line = loader.get_mark().line + 1 if loader else 1
        raise SpecError([Problem(Mark(file, line, 1), "not valid YAML: nested too deeply or malformed")]) from error
    if node is None:
        return made_document(None, file)
    builder = _Builder(loader, file)
    value = builder.build(node, (), builder.mark(node))
    if builder.problems:
        raise SpecError(list(dict.fromkeys(builder.problems)))  # an alias repeats what is wrong with its anchor
    return Document(file, value, builder.places)


def _hint(error: yaml.MarkedYAMLError, text: str) -> str:
    """Return what to do: about tabs, aliases, and brackets, which names of metrics have, as in ``auroc[knn]``."""
    said = error.problem or ""
    if "'\\t'" in said:
        return "indent with spaces; YAML takes no tabs there"
    if alias := _ALIAS.search(said):
        return f"write &{alias[1]} before the value that *{alias[1]} is to repeat, further up"
    mark = error.problem_mark
    line = text.split("\n")[mark.line] if mark and mark.line <= text.count("\n") else ""
    return "put names that contain [ or ] in quotes" if _BRACKETED.search(line) else ""


def made_document(value: Any, file: Path) -> Document:
    """Return values that stand in no file any more as a document: all of them at the start of ``file``."""
    start = Mark(file, 1, 1)
    return Document(file, value, dict.fromkeys(_paths(value, ()), Place(start, start)))


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, item in steps:
        yield from _paths(item, (*path, step))


class _Builder:
    """Turns nodes into values, collecting places and problems on the way."""

    def __init__(self, loader: _Loader, file: Path) -> None:
        self._loader = loader
        self._file = file
        self._count = 0
        self._characters = 0
        self._open: set[int] = set()
        self.places: dict[KeyPath, Place] = {}
        self.problems: list[Problem] = []

    def mark(self, node: yaml.Node) -> Mark:
        return Mark(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def complain(self, node: yaml.Node, message: str, hint: str = "") -> None:
        self.problems.append(Problem(self.mark(node), message, hint))

    def build(self, node: yaml.Node, path: KeyPath, key: Mark) -> Any:
        self.places[path] = Place(key, self.mark(node))
        self._use(node, 1)
        if len(path) > MAX_DEPTH:
            raise SpecError([Problem(self.mark(node), f"more than {MAX_DEPTH} levels", "are aliases nested?")])
        if id(node) in self._open:
            raise SpecError([Problem(self.mark(node), "an anchor that contains itself")])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                if node.tag != "tag:yaml.org,2002:seq":
                    self.complain(node, f"tag {node.tag!r} is not allowed")
                return [self.build(item, (*path, i), self.mark(item)) for i, item in enumerate(node.value)]
            if node.tag != "tag:yaml.org,2002:map":
                self.complain(node, f"tag {node.tag!r} is not allowed")
            assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has no fourth kind of node
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _use(self, node: yaml.Node, values: int) -> None:
        """Count what a node adds to the document.

        Raises:
            SpecError: if that is more than any file needs.
        """
        self._count += values
        if isinstance(node, yaml.ScalarNode):
            self._characters += len(node.value)
        if self._count > MAX_NODES or self._characters > MAX_CHARACTERS:
            said = f"more than {MAX_NODES:,} values or {MAX_CHARACTERS:,} characters"
            raise SpecError([Problem(self.mark(node), said, "are aliases nested?")])

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        out: dict[str, Any] = {}
        own: dict[str, Mark] = {}
        for key_node, value_node in self._merged(node):
            out_key = self._key(key_node)
            if out_key is not None and out_key not in out:
                out[out_key] = self.build(value_node, (*path, out_key), self.mark(key_node))
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            name = self._key(key_node)
            if name is None:
                continue
            if name in own:
                self.complain(key_node, f"duplicate key {name!r}", f"it stands first at {own[name]}; remove one")
                continue
            own[name] = self.mark(key_node)
            if name in out:
                self._forget((*path, name))
            out[name] = self.build(value_node, (*path, name), self.mark(key_node))
        return out

    def _forget(self, path: KeyPath) -> None:
        for known in [p for p in self.places if p[: len(path)] == path]:
            del self.places[known]

    def _merged(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
        for key_node, value_node in node.value:
            if key_node.tag != "tag:yaml.org,2002:merge":
                continue
            sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for source in sources:
                if not isinstance(source, yaml.MappingNode):
                    self.complain(
                        source, "'<<' merges mappings only", "write <<: *anchor, with the anchor on a mapping"
                    )
                    continue
                if id(source) in self._open:
                    self.complain(source, "an anchor that merges itself")
                    continue
                self._use(source, len(source.value))
                self._open.add(id(source))
                yield from [pair for pair in source.value if pair[0].tag != "tag:yaml.org,2002:merge"]
                yield from self._merged(source)
                self._open.discard(id(source))

    def _key(self, node: yaml.Node) -> str | None:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
            if said := _no_text(node.value):
                self.complain(node, said)
                return None
            return str(node.value)
        shown = repr(node.value) if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        self.complain(node, f"a key must be text, not {shown}", "put it in quotes")
        return None

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        tag = node.tag.removeprefix("tag:yaml.org,2002:")
        if said := _no_text(node.value):
            self.complain(node, said)
            return None
        try:
            return parse_scalar(tag, node.value)
        except KeyError:
            self.complain(node, f"tag {node.tag!r} is not allowed", "only YAML's own plain values are")
        except ValueError:
            self.complain(node, f"{node.value[:40]!r} is not {_KINDS[tag]}")
        return None


_KINDS: Final = {"int": "a whole number", "float": "a finite number", "bool": "true or false"}


def _no_text(text: str) -> str:
    """Return why ``text`` can be neither written nor be a path or a module's name; nothing where it can."""
    if not is_unicode(text):
        return "half of a UTF-16 pair is no character"
    return "a null byte can be part of no name and no path" if "\0" in text else ""


def is_unicode(text: str) -> bool:
    r"""Return whether ``text`` can be written as UTF-8.

    >>> is_unicode("é"), is_unicode("\ud800")
    (True, False)
    """
    return not any("\ud800" <= character <= "\udfff" for character in text)


def parse_scalar(tag: str, text: str) -> str | int | float | bool | None:
    """Return the value of a scalar under YAML 1.2's core schema.

    Raises:
        KeyError: if the tag is not one of str, int, float, bool, null.
        ValueError: if the text does not fit the tag, or is no finite number: a record is strict JSON.
    """
    match tag:
        case "str":
            return text
        case "null":
            return None
        case "bool":
            if text.lower() not in ("true", "false"):
                raise ValueError(text)
            return text.lower() == "true"
        case "int":
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        case "float":
            number = float(text)
            if not math.isfinite(number):
                raise ValueError(text)
            return number
    raise KeyError(tag)


def resolve_plain(text: str) -> str | int | float | bool | None:
    """Return the value that an unquoted ``text`` has in YAML.

    Raises:
        ValueError: if it is a number that is infinite, none, or has thousands of digits.

    >>> resolve_plain("400"), resolve_plain("0.5"), resolve_plain("no"), resolve_plain("")
    (400, 0.5, 'no', None)
    """
    for tag, (pattern, _) in _CORE_TAGS.items():
        if tag != "tag:yaml.org,2002:merge" and pattern.match(text):
            return parse_scalar(tag.rsplit(":", 1)[-1], text)
    return text
