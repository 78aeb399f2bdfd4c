"""The identity of rows: a mark of each as a model sees it and an answer is judged by it, media by their content."""

import json
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.data._clips import PICTURES, FileClip
from harness.data._images import FileImage
from harness.digests import Digests
from harness.errors import SampleError
from harness.images import PLAINLY
from harness.record.marks import ASPECTS, Packed, RowMarks
from harness.types import Sample
from harness.waits import waiting

_NOTHING: Final = bytes(8)
_JSON: Final = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def row_marks(samples: Iterable[Sample]) -> RowMarks:
    """Return the marks of rows, which tell each from the same row with other content.

    Whoever reads files calls this from ``marks``, and returns ``marks().content`` from ``content_hash``. Values count
    and not their spelling: neither bytes, nor line ends, nor the order of keys. Images and clips that are files count
    by their bytes and by how they are read, and one that is missing counts as missing. Of other sources of images, what
    their ``mark()`` says counts, a text, where they have one.

    Args:
        samples: all that are asked, in their order.
    """
    ids = Packed()
    packed = bytearray()
    with Digests() as known:
        media = _Media(known)
        for sample in samples:
            ids.append(sample.id)
            packed += b"".join(_aspects(sample, media))
    return RowMarks(ids, np.frombuffer(packed, "<u8").reshape(len(ids), len(ASPECTS)))


class Marked:
    """A data set of rows that a file holds: its identity is theirs. ``__iter__`` gives the samples that are asked."""

    def __iter__(self) -> Any:
        raise NotImplementedError

    @cached_property
    def _marks(self) -> RowMarks:
        return row_marks(self)

    def marks(self) -> RowMarks:
        """Return what tells each row from the same row with other content, as it stood when it was first asked for."""
        return self._marks

    def content_hash(self) -> str:
        """Return a hash of the rows as values, media by content; neither their order nor the file's bytes count."""
        return self._marks.content


def _aspects(sample: Sample, media: "_Media") -> tuple[bytes, ...]:
    """Return eight bytes for each of ``ASPECTS``."""
    if sample.problem is not None:  # the place is no part of what the row is
        said = sample.problem.removeprefix(f"{sample.origin}: ")
        return (_hash(f"a row that cannot be read: {said}"), *[_NOTHING] * (len(ASPECTS) - 1))
    # Texts and numbers as `ascii` writes them: as unambiguous as JSON, and several times as fast.
    return (
        _hash(sample.question) if sample.question else _NOTHING,
        _hash(ascii((sample.references, sample.spans))) if sample.references or sample.spans else _NOTHING,
        _NOTHING if sample.evidence is None else _hash(sample.evidence),
        _hash(_JSON(sample.facts)) if sample.facts else _NOTHING,
        media.mark(sample) if sample.images or sample.clip is not None else _NOTHING,
        _hash(ascii((sample.cluster, sorted(sample.tags.items())))) if sample.tags or sample.cluster else _NOTHING,
    )


def _hash(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()


class _Media:
    """What is to be said of images and clips, with each folder resolved once."""

    def __init__(self, known: Digests) -> None:
        self._known = known
        self._folders: dict[tuple[str, tuple[Path, ...]], str | None] = {}
        self._marks: dict[str, bytes] = {}
        self._files: dict[str, str] = {}
        self._within_roots: tuple[Path, ...] = ()
        self._roots: dict[tuple[Path, ...], tuple[str, ...]] = {}

    def mark(self, sample: Sample) -> bytes:
        """Return eight bytes for all that a sample shows."""
        told = [self.of(source) for source in sample.images]
        if sample.clip is not None:
            told.append(["clip", self.of(sample.clip)])
        if len(told) == 1 and isinstance(told[0], str):  # as most are: one picture under many questions
            found = self._marks.get(told[0])
            if found is None:
                found = self._marks[told[0]] = _hash(ascii(told))
            return found
        return _hash(ascii(told))

    def of(self, source: Any) -> Any:
        """Return what makes an image or a clip what it is, as JSON."""
        if isinstance(source, FileImage):
            found = self._digest(source.path, source.roots)
            return found if source.reading == PLAINLY else [found, asdict(source.reading)]
        if isinstance(source, FileClip):
            return [self._clip(source), source.rate]
        mark: Callable[[], str] | None = getattr(source, "mark", None)
        try:
            return [type(source).__name__, mark() if callable(mark) else ""]
        except (SampleError, OSError):
            return [type(source).__name__, "missing"]

    def _clip(self, clip: FileClip) -> Any:
        if not clip.path.is_dir():
            return self._digest(clip.path, clip.roots)
        frames = sorted(file for file in clip.path.iterdir() if file.suffix.lower() in PICTURES)
        return [self._digest(frame, clip.roots) for frame in frames]

    def _digest(self, path: Path, roots: tuple[Path, ...]) -> str:
        """Return a file's digest; of one that is missing or confined, that it is: it may be there another time."""
        if roots is not self._within_roots:  # those of one data set are one object
            self._within_roots, self._files = roots, {}
        name = os.fspath(path)
        found = self._files.get(name)
        if found is None:
            try:
                found = self._read(name, roots)
            except (OSError, ValueError):
                found = "missing"
            self._files[name] = found
        return found

    def _read(self, name: str, roots: tuple[Path, ...]) -> str:
        with waiting(name):
            return self._digested(name, roots)

    def _digested(self, name: str, roots: tuple[Path, ...]) -> str:
        found = os.lstat(name)
        folder, last = os.path.split(name)
        if last in ("", ".", "..") or stat.S_ISLNK(found.st_mode):
            real = self._within(os.path.realpath(name), roots)
            return "outside" if real is None else self._known.of(real)
        key = (folder, roots)
        if key not in self._folders:
            self._folders[key] = self._within(os.path.realpath(folder), roots)
        place = self._folders[key]
        return "outside" if place is None else self._known.of(f"{place}{os.sep}{last}", found)

    def _within(self, real: str, roots: tuple[Path, ...]) -> str | None:
        if roots not in self._roots:
            self._roots[roots] = tuple(os.path.realpath(root) for root in roots)
        return real if any(Path(real).is_relative_to(root) for root in self._roots[roots]) else None
