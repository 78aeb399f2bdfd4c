"""What stands in a cell of somebody's table: pictures of many kinds, lists written as text, options and answers."""

import ast
import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from PIL import Image

from harness.data._images import FileImage
from harness.data._rows import as_text
from harness.images import PLAINLY, Reading, decode, further_pages
from harness.reading.lazily import lazily
from harness.types import ImageSource

_DATA: Final = lazily(r"data:(?P<kind>[\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.IGNORECASE)
_ENCODED: Final = ("/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR", "Qk", "SUkq", "TU0A", "AAAADGpQ")
"""How base64 of JPEG, PNG, GIF, WebP, BMP, TIFF (both orders) and JPEG 2000 begins."""
_SHORTEST: Final = 65
"""Characters of base64: up to 64, VLMEvalKit's tables mean the row of that index."""
_REMOTE: Final = lazily(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LONGEST: Final = 1_000_000
"""Characters of a list that is written as text."""


@dataclass(frozen=True, slots=True)
class HeldImage:
    """An image whose file stands inside a table or a shard; decoded when it is loaded."""

    content: bytes = field(repr=False)
    name: str
    """What messages call it."""
    reading: Reading = PLAINLY

    def load(self) -> Image.Image:
        """Decode it to 8-bit L, RGB or RGBA, as :func:`harness.images.decode` does.

        Raises:
            SampleError: if it is no image of a format that is read, corrupt or too large.
        """
        return decode(self.content, self.name, self.reading)

    def mark(self) -> str:
        """Return what tells it from another image: its bytes, and how they are read."""
        return f"{hashlib.sha256(self.content).hexdigest()} {self.reading}"

    def remark(self) -> str:
        """Return what a reader must know of it before a model is asked; nothing where there is nothing.

        Raises:
            SampleError: as :meth:`load`.
        """
        if self.reading.page is not None:
            return ""
        more = further_pages(self.content, self.name)
        return f"{self.name} has {more + 1} pages, and the first is shown" if more else ""


@dataclass(frozen=True, slots=True)
class Home:
    """Where paths in a file start, and how its pictures are read."""

    folders: tuple[Path, ...]
    """Tried in this order; the first is named where a file is in none."""
    roots: tuple[Path, ...]
    reading: Reading = PLAINLY

    def file(self, *names: str) -> FileImage:
        """Return the first of several files that is there; where none is, the first name in the first folder."""
        if len(names) > 1 or len(self.folders) > 1:
            for folder in self.folders:
                for name in names:
                    if (folder / name).is_file():
                        return FileImage(folder / name, self.roots, self.reading)
        return FileImage(self.folders[0] / names[0], self.roots, self.reading)


def pictures(value: Any, home: Home, name: str) -> tuple[ImageSource, ...]:
    """Return the images of a cell: a path, bytes, `{bytes, path}`, base64, a `data:` address, or a list of these.

    Args:
        value: the cell; None is no image.
        home: where paths start.
        name: what messages call an image that has no file.

    Raises:
        TypeError: if it is something else.
        ValueError: if base64 is broken, or an address of the network stands there.
    """
    if value is None:
        return ()
    if type(value) is dict and type(content := value.get("bytes")) is bytes:  # as nearly all Parquet has it
        return (HeldImage(content, value.get("path") or name, home.reading),)
    if isinstance(value, str | dict):
        return (_picture(value, home, name),)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview):
        several = len(value) > 1
        return tuple(
            one
            for place, cell in enumerate(value, start=1)
            for one in pictures(cell, home, f"{name}, image {place}" if several else name)
        )
    return (_picture(value, home, name),)


def _picture(value: Any, home: Home, name: str) -> ImageSource:
    if isinstance(value, bytes | bytearray | memoryview):
        return HeldImage(bytes(value), name, home.reading)
    if isinstance(value, Mapping) and value.keys() & {"bytes", "path"}:
        content, path = value.get("bytes"), value.get("path")
        if content is not None:
            return HeldImage(bytes(content), path or name, home.reading)
        if path:
            return _picture(path, home, name)
        raise TypeError("an image has neither `bytes` nor `path`")
    if not isinstance(value, str) or not value:
        raise TypeError(f"an image is neither a path nor the bytes of a file: {type(value).__name__}")
    if match := _DATA.match(value[:200]):
        return HeldImage(_decoded(value[match.end() :]), name, home.reading)
    if value[:5].lower() == "data:":
        raise ValueError("a `data:` address without base64; write it as `data:image/png;base64,…`")
    if is_base64(value):
        return HeldImage(_decoded(value), name, home.reading)
    if _REMOTE.match(value[:40]):
        said = "nothing is fetched over the network; download it and name the file"
        raise ValueError(f"the image {value[:80]!r} is an address: {said}")
    return home.file(value)


def is_base64(text: str) -> bool:
    """Return whether a text is an image file as base64 rather than a path.

    >>> is_base64("/9j/" + "A" * 96), is_base64("/9j/a.jpg")
    (True, False)
    """
    return len(text) >= _SHORTEST and text.startswith(_ENCODED) and "." not in text[:2000]


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()) if re.search(r"\s", text) else text, validate=True)
    except binascii.Error as cause:
        raise ValueError(f"an image is no whole base64: {cause}") from cause


def listed(value: Any, key: str) -> list[Any]:
    r"""Return a list, or one that is written as text: as JSON, or as Python writes it. Nothing is run.

    Raises:
        TypeError: if it is something else.
        ValueError: if the text is no list.

    >>> listed('["a", "b"]', "options"), listed("['a', 'it\\'s']", "options"), listed(None, "options")
    (['a', 'b'], ['a', "it's"], [])
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    if isinstance(value, str):
        found = literal(value)
        if not isinstance(found, list | tuple):
            raise ValueError(f"{key!r} is no list: {value!r:.80}")
        return list(found)
    if isinstance(value, Mapping) or not isinstance(value, Sequence):
        raise TypeError(f"{key!r} is no list")
    return list(value)


def literal(text: str) -> Any:
    """Return a value that is written as JSON or as Python writes it, without running anything; else the text itself.

    >>> literal("[1, 2]"), literal("('a',)"), literal("[1, 2"), literal("__import__('os')")
    ([1, 2], ('a',), '[1, 2', "__import__('os')")
    """
    if len(text) > _LONGEST:
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text


def answers_in(value: Any, key: str) -> list[str]:
    """Return right answers as texts: of one text or number, of a list, or of objects that each have an `answer`.

    Raises:
        TypeError: if one is none of these.

    >>> answers_in([{"answer": "red"}, {"answer": "blue"}], "answers"), answers_in(None, "answers")
    (['red', 'blue'], [])
    """
    if value is None:
        return []
    if not isinstance(value, list | tuple):
        value = [value]
    return [as_text(one["answer"] if isinstance(one, Mapping) else one, key) for one in value]


def letter(place: int) -> str:
    """Return the letter of an option, from 0.

    >>> letter(0), letter(3)
    ('A', 'D')
    """
    return chr(ord("A") + place)


def right_option(choices: Sequence[str], place: int) -> tuple[str, ...]:
    """Return the references of a multiple-choice question: the letter, and the option's words unless they mislead.

    Raises:
        ValueError: if there is no such option.

    >>> right_option(["red", "blue"], 1), right_option(["B", "A"], 0)
    (('B', 'blue'), ('A',))
    """
    if not 0 <= place < len(choices):
        raise ValueError(f"the answer is option {place}, from 0, of {len(choices)}")
    words = choices[place]
    letters = {letter(i) for i in range(len(choices))}
    misleading = not words.strip() or words.strip().upper() in letters or choices.count(words) > 1
    return (letter(place),) if misleading else (letter(place), words)


def place_of(answer: str, choices: Sequence[str]) -> int:
    """Return which option an answer names, by letter or else by its words, from 0.

    Raises:
        ValueError: if none, or several.

    >>> place_of("B", ["red", "blue"]), place_of("red", ["red", "blue"])
    (1, 0)
    """
    said = answer.strip()
    if len(said) == 1 and said.isascii() and said.upper() <= letter(len(choices) - 1) and said.upper() >= "A":
        return ord(said.upper()) - ord("A")
    return place_by_words(answer, choices)


def place_by_words(answer: str, choices: Sequence[str]) -> int:
    """Return which option has an answer's words, from 0.

    Raises:
        ValueError: if none, or several.
    """
    same = [place for place, choice in enumerate(choices) if choice == answer] or [
        place for place, choice in enumerate(choices) if choice.strip() == answer.strip()
    ]
    if len(same) != 1:
        raise ValueError(f"the answer {answer!r:.80} is {'none' if not same else 'several'} of the options")
    return same[0]
