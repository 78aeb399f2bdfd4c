"""The base of every dataset that is read as it lies on disk: which files are meant, rows, samples, ids, identity."""

import hashlib
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, field_validator

from harness.data._cells import HeldImage, Home, pictures
from harness.data._images import FileImage, confine
from harness.data._marks import Marked
from harness.data._official import Official
from harness.data._parts import Part, chosen, refuse_pickle
from harness.data._rows import OnBroken, refuse_pointer, two_levels
from harness.data._tables import Table
from harness.errors import ConfigError, Issue, SampleError
from harness.facts import wrong
from harness.images import Reading
from harness.locate import nearest_file
from harness.spec.models import Model
from harness.types import ImageSource, Sample

Row = Mapping[str, Any]

_CHECKED: Final = 20_000
"""Rows whose ids are compared before a run begins."""
_ASKED: Final = 1000
"""Rows that are asked which facts they carry."""
_FIRST: Final = 20
"""Samples whose files are looked for before a run begins."""


class FilesConfig(Model):
    """Keys that all datasets share which are read as they lie on disk."""

    path: str
    """The file or folder, relative to the suite."""
    split: str | None = None
    """Which of its splits; needed where several are there."""
    config: str | None = None
    """Which of its configurations (a language, a subject), where there are several."""
    images: str | None = None
    """The folder that paths of images start at, relative to `path`, where it is not the usual one."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first questions."""
    range: tuple[float, float] | None = Field(default=None, strict=False)
    """What is black and what is white in images of more than 8 bits."""
    exif: Literal["turn", "keep"] = "turn"
    """Images are turned upright as their EXIF orientation says, or keep the order of their pixels."""
    page: int | None = Field(default=None, ge=1)
    """Which page of images with several is shown; the first by default."""
    on_broken: OnBroken = "refuse"
    """What becomes of rows that cannot be read: the suite isn't run, or it is run without them (`skip`), which is
    counted and told."""

    _two_levels = field_validator("range")(two_levels)


class LayoutConfig(FilesConfig):
    """Keys of a public data set in its own layout."""

    exif: Literal["turn", "keep"] = "keep"
    """The pixels stay as they lie, as the published numbers and boxes have them, or images are turned upright."""
    unanswered: Literal["refuse", "ask"] = "refuse"
    """What becomes of a split whose answers are withheld: it is refused, for nothing can be scored, or asked all the
    same (`ask`); its answers then stand in the run's record, and metrics are undefined."""


class FilesDataset(Marked, ABC):
    """Samples of files. A subclass finds its files, opens them as a table, and makes samples of rows."""

    Config: ClassVar[type[BaseModel]] = LayoutConfig
    title: ClassVar[str]
    """What people call the layout."""
    expects: ClassVar[str] = ""
    """Which files there must be, for messages."""
    official: ClassVar[Official | None] = None
    pooled: ClassVar[bool] = True
    """Whether configurations make one data set where none is named."""
    one_each: ClassVar[bool] = True
    """Whether each row is one sample, so that they can be counted without making them."""
    subsets: ClassVar[frozenset[str]] = frozenset()
    """Splits that are part of others."""

    def __init__(self, config: Any, path: Path, parts: Sequence[Part], roots: tuple[Path, ...]) -> None:
        self.config = config
        self.path = path
        self.parts = tuple(parts)
        self.on_broken: OnBroken = config.on_broken
        self.skipped: tuple[int, str] | None = None
        """How many rows were left out because they are broken, and what is wrong with the first."""
        folder = path if path.is_dir() else path.parent
        own = dict.fromkeys(file.parent for part in parts for file in part.files)
        given = (folder / config.images,) if getattr(config, "images", None) else ()
        folders = given or tuple(dict.fromkeys((*own, *(up for one in own for up in _up_to(one, folder)), folder)))
        self.home = Home(folders, (*roots, folder), Reading(config.range, config.exif, config.page))
        self.roots = self.home.roots
        self.table = self.open(parts)
        self._count = self._survey()

    # What a layout says.

    @classmethod
    @abstractmethod
    def find(cls, path: Path) -> list[Part]:
        """Return the parts of this layout that lie under a path; none where it is another layout."""

    @abstractmethod
    def open(self, parts: Sequence[Part]) -> Table:
        """Return the rows of the parts that are meant.

        Raises:
            ValueError: if a file is not what its name says.
        """

    @abstractmethod
    def samples(self, row: Row, origin: str) -> Iterable[Sample]:
        """Return the samples of a row; whatever it raises is a problem of the row.

        A sample without ``id`` gets one from its place.
        """

    # What follows from it.

    @classmethod
    def opened(cls, config: Any, folder: Path, roots: Sequence[Path]) -> Self:
        """Open the data, without asking whether it can be scored.

        Raises:
            ConfigError: as :meth:`from_config`.
        """
        named = folder / config.path
        try:
            path = confine(named, tuple(roots))
            if not path.exists():
                hint = nearest_file(path) or "paths start at the suite's folder"
                raise ConfigError(Issue(("path",), f"there is no file or folder {named}", hint))
            refuse_pickle(path)
            if path.is_file():
                refuse_pointer(path)
            parts = cls.find(path)
            if not parts:
                raise ConfigError(Issue(("path",), f"{named} is not in the layout of {cls.title}", cls.expects))
            meant = chosen(parts, config.split, config.config, pooled=cls.pooled, where=str(named))
            for file in (file for part in meant for file in part.files):
                confine(file, (*roots, path if path.is_dir() else path.parent))
            dataset = cls(config, path, meant, tuple(roots))
        except ConfigError:
            raise
        except (SampleError, OSError, ValueError, TypeError, KeyError, RecursionError) as cause:
            said = f"no key {cause}" if isinstance(cause, KeyError) else str(cause)
            raise ConfigError(Issue(("path",), f"{named} cannot be read as {cls.title}: {said}")) from cause
        if not len(dataset):
            said = f"{named} has no rows" + (f" that can be read: {dataset.skipped[1]}" if dataset.skipped else "")
            raise ConfigError(Issue(("path",), said))
        return dataset

    @classmethod
    def from_config(cls, config: Any, folder: Path, roots: Sequence[Path]) -> Self:
        dataset = cls.opened(config, folder, roots)
        dataset.scorable()
        dataset.at_hand()
        return dataset

    def scorable(self) -> None:
        """See that there are answers.

        Raises:
            ConfigError: if the split has none.
        """
        if getattr(self.config, "unanswered", "ask") == "ask":
            return
        first = [one for one in islice(self._made(light=True), _FIRST) if one.problem is None]
        if first and not any(one.references for one in first):
            split = self.parts[0].split
            said = f"the split {split!r} of {self.title} has no answers, so that nothing can be scored"
            raise ConfigError(Issue(("split",), said, "name another, or `unanswered: ask` to collect answers only"))

    def at_hand(self) -> None:
        """See that the pictures are where they are looked for.

        Raises:
            ConfigError: if none of the first samples' files is there.
        """
        files = [one for sample in islice(self, _FIRST) for one in sample.images if isinstance(one, FileImage)]
        if files and not any(one.path.is_file() for one in files):
            hint = "`images:` says where they lie, relative to `path`"
            raise ConfigError(Issue(("path",), f"the pictures are not there: no {files[0].path}", hint))

    @cached_property
    def gives(self) -> frozenset[str]:
        """The facts that one of the first thousand samples carries."""
        found = islice(self._made(light=True), _ASKED)
        return frozenset(name for sample in found for name in (*sample.facts, *(["spans"] if sample.spans else [])))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Sample]:
        return islice(self._made(), self._count)

    def _made(self, *, light: bool = False) -> Iterator[Sample]:
        """Yield the samples, broken rows as problems unless they are to be left out."""
        for number, placed in enumerate(self.table.rows(light=light)):
            if not placed.problem:
                try:
                    for sample in self.samples(placed.row, placed.origin):
                        yield sample if sample.id and sample.origin else _named(sample, placed.origin, number)
                    continue
                except Exception as cause:  # noqa: BLE001 - a stranger's row may be anything
                    said = f"there is no {cause}" if isinstance(cause, KeyError) else str(cause) or type(cause).__name__
            else:
                said = placed.problem
            if self.on_broken == "refuse":
                yield _broken(number, placed.origin, said)

    def _survey(self) -> int:
        """Return how many samples there are; where that takes reading them, count what is left out as well."""
        limit = self.config.limit
        if self.one_each and self.on_broken == "refuse":
            count = len(self.table)
            self._unique(self._made(light=True), count if limit is None else min(count, limit))
            return count if limit is None else min(count, limit)
        self.skipped = self._left_out() if self.on_broken == "skip" else None
        return self._unique(self._made(light=True), limit)

    def _left_out(self) -> tuple[int, str] | None:
        count, first = 0, ""
        self.on_broken = "refuse"
        for sample in self._made(light=True):
            if sample.problem is not None:
                count, first = count + 1, first or sample.problem
        self.on_broken = "skip"
        return (count, first) if count else None

    def _unique(self, samples: Iterator[Sample], most: int | None) -> int:
        """Count samples and see that no id of the first ones stands twice.

        Raises:
            ConfigError: naming the id and both places.
        """
        codes, count = array("q"), 0
        for sample in islice(samples, most):
            count += 1
            if count <= _CHECKED:
                codes.append(hash(sample.id))
            elif self.one_each and self.on_broken == "refuse":
                break
        ordered = np.sort(np.frombuffer(codes, np.int64))
        repeated = set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
        first: dict[str, str] = {}
        for sample in islice(self._made(light=True), most) if repeated else ():
            if hash(sample.id) in repeated:
                if sample.id in first:
                    said = f"{sample.origin}: the id {sample.id!r} stands at {first[sample.id]} already"
                    raise ConfigError(Issue(("path",), said, "ids must be unique"))
                first[sample.id] = sample.origin
        return count

    # What layouts share.

    def pictures(self, cell: Any, origin: str) -> tuple[ImageSource, ...]:
        """Return the images of a cell, as :func:`harness.data._cells.pictures`."""
        return pictures(cell, self.home, origin)

    def shared(self, images: Sequence[ImageSource]) -> str:
        """Return what questions about the same images have in common: their paths, or their bytes."""
        if len(images) == 1:
            return self._identity(images[0])
        return "|".join(self._identity(image) for image in images)

    def _identity(self, image: ImageSource) -> str:
        if isinstance(image, HeldImage):
            return hashlib.sha256(image.content).hexdigest()[:16]
        path = getattr(image, "path", None)
        if path is None:
            return ""
        folder = self.home.folders[-1]
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def sample_of(
    identity: object,
    question: object,
    references: Iterable[str],
    images: tuple[ImageSource, ...] = (),
    *,
    cluster: object = "",
    tags: Mapping[str, object] | None = None,
    facts: Mapping[str, Any] | None = None,
    origin: str = "",
    **more: Any,
) -> Sample:
    """Return a sample, with what is empty among its tags and facts left out.

    Raises:
        TypeError: if the question is no text, or a fact does not have its form.
    """
    if not isinstance(question, str):
        raise TypeError(f"the question is {type(question).__name__}, not text")
    # No options make no question of several choices; no boxes say that nothing is there.
    known: dict[str, Any] = {}
    if facts:
        known = {name: value for name, value in facts.items() if value is not None and (value or name != "choices")}
        if known and (said := wrong(known)):
            raise TypeError(said)
    told = {name: str(value) for name, value in tags.items() if value is not None and value != ""} if tags else {}
    return Sample(
        "" if identity is None else str(identity),
        question,
        tuple(references),
        images,
        cluster="" if cluster is None else str(cluster),
        tags=told,
        facts=known,
        origin=origin,
        **more,
    )


def _named(sample: Sample, origin: str, number: int) -> Sample:
    return replace(sample, id=sample.id or f"row-{number:07d}", origin=sample.origin or origin)


def _broken(number: int, origin: str, said: str) -> Sample:
    return Sample(f"row-{number:07d}", "", (), problem=f"{origin}: {said}", origin=origin)


def _up_to(inner: Path, outer: Path) -> Iterator[Path]:
    """Yield the folders between two, from the inner one up."""
    if inner.is_relative_to(outer):
        while inner != outer:
            inner = inner.parent
            yield inner
