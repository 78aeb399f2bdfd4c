"""The identity of rows: a mark of each as a model sees it and an answer is judged by it, media by their content."""

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from harness.data._cells import HeldImage
from harness.data._clips import PICTURES, FileClip
from harness.data._images import FileImage
from harness.digests import Digests
from harness.errors import SampleError
from harness.images import PLAINLY
from harness.record.marks import ASPECTS, Packed, RowMarks
from harness.types import Sample
from harness.waits import waiting

_NOTHING: Final = bytes(8)
_REMEMBERED: Final = 50_000
"""Media files of a data set whose digests are kept in memory: a dozen megabytes."""
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
    with Digests() as known:
        notes = _Notes(known)
        for sample in samples:
            notes.take(sample)
    return notes.marks()


class Marked:
    """A data set of rows that files hold: its identity is theirs. ``__iter__`` gives the samples that are asked."""

    _seen: "_Seen | None" = None

    def __iter__(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        raise NotImplementedError

    def row_files(self) -> Sequence[Path]:
        """Return the files that rows are made of, media apart; none where only reading all again shows a change."""
        return ()

    def noting(self) -> Iterator[Sample]:
        """Yield the samples that are asked, and mark them on the way: whoever reads all anyway spares a second pass."""
        total, files = len(self), self.row_files()
        with Digests() as known:
            before = _digests(files, known)
            notes = _Notes(known)
            for sample in self:
                notes.take(sample)
                if len(notes.ids) == total and "_marks" not in vars(self):
                    self._seen = notes.media.seen(files, before)
                    self._marks = notes.marks()
                yield sample

    @cached_property
    def _marks(self) -> RowMarks:
        for _ in self.noting():
            pass
        return self._marks if "_marks" in vars(self) else row_marks(self)

    def marks(self) -> RowMarks:
        """Return what tells each row from the same row with other content, as it stood when it was first asked for."""
        return self._marks

    def content_hash(self) -> str:
        """Return a hash of the rows as values, media by content; neither their order nor the file's bytes count."""
        return self._marks.content

    def untouched(self) -> bool:
        """Return whether all files that the marks were made of are, byte for byte, what they were then.

        Where this is not known, as with very many images, it is False.
        """
        return self._seen is not None and self._seen.stands()


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


class _Notes:
    """The marks of samples that come one after the other."""

    def __init__(self, known: Digests) -> None:
        self.ids = Packed()
        self.media = _Media(known)
        self._packed = bytearray()

    def take(self, sample: Sample) -> None:
        self.ids.append(sample.id)
        self._packed += b"".join(_aspects(sample, self.media))

    def marks(self) -> RowMarks:
        numbers = np.frombuffer(self._packed, "<u8").reshape(len(self.ids), len(ASPECTS))
        return RowMarks(self.ids, numbers)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The files that marks were made of, and their digests before the first was read."""

    files: tuple[Path, ...]
    before: tuple[str, ...]
    media: Mapping[str, str]
    roots: tuple[Path, ...]

    def stands(self) -> bool:
        with Digests() as known:
            media = _Media(known)
            return _digests(self.files, known) == self.before and all(
                media.digest(name, self.roots) == found for name, found in self.media.items()
            )


def _digests(files: Iterable[Path], known: Digests) -> tuple[str, ...]:
    """Return the digests of files; of one that cannot be read, nothing."""
    found = []
    for file in files:
        try:
            found.append(known.of(os.path.realpath(file)))
        except OSError:
            found.append("")
    return tuple(found)


class _Media:
    """What is to be said of images and clips, with each folder resolved once."""

    def __init__(self, known: Digests) -> None:
        self._known = known
        self._folders: dict[tuple[str, tuple[Path, ...]], str | None] = {}
        self._marks: dict[str, bytes] = {}
        self._files: dict[str, str] = {}
        self._within_roots: tuple[Path, ...] = ()
        self.whole = True
        """Whether all media are files that are known by name, or stand in the rows themselves."""
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
            found = self.digest(os.fspath(source.path), source.roots)
            return found if source.reading == PLAINLY else [found, asdict(source.reading)]
        if isinstance(source, FileClip):
            return [self._clip(source), source.rate]
        self.whole &= isinstance(source, HeldImage)
        mark: Callable[[], str] | None = getattr(source, "mark", None)
        try:
            return [type(source).__name__, mark() if callable(mark) else ""]
        except (SampleError, OSError):
            return [type(source).__name__, "missing"]

    def _clip(self, clip: FileClip) -> Any:
        if not clip.path.is_dir():
            return self.digest(os.fspath(clip.path), clip.roots)
        self.whole = False  # frames may be added
        frames = sorted(file for file in clip.path.iterdir() if file.suffix.lower() in PICTURES)
        return [self.digest(os.fspath(frame), clip.roots) for frame in frames]

    def digest(self, name: str, roots: tuple[Path, ...]) -> str:
        """Return a file's digest; of one that is missing or confined, that it is: it may be there another time."""
        if roots is not self._within_roots:  # those of one data set are one object
            self.whole &= not self._files
            self._within_roots, self._files = roots, {}
        found = self._files.get(name)
        if found is None:
            try:
                found = self._read(name, roots)
            except (OSError, ValueError):
                found = "missing"
            self._files[name] = found
        return found

    def seen(self, files: Sequence[Path], before: tuple[str, ...]) -> _Seen | None:
        """Return what was read, with the files of the rows; None where that is not all that was, or too much."""
        if not files or not self.whole or len(self._files) > _REMEMBERED:
            return None
        return _Seen(tuple(files), before, self._files, self._within_roots)

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
