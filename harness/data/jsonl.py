"""A user's own questions, answers and images: one JSON object a line."""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, field_validator

from harness.data._cells import HeldImage, Home, pictures
from harness.data._facts import fact_keys, facts_of
from harness.data._images import confine
from harness.data._marks import Marked
from harness.data._rows import (
    Extra,
    OnBroken,
    Unanswered,
    as_text,
    no_answer,
    one_or_many,
    optional_text,
    parsed,
    refuse_array,
    refuse_pointer,
    required_text,
    tags,
    texts,
    two_levels,
    unknown,
)
from harness.errors import ConfigError, Issue, SampleError
from harness.facts import known
from harness.images import Reading
from harness.locate import nearest_file
from harness.spec.models import Model
from harness.types import ImageSource, Sample

ENTRIES: Final = {"jsonl": "JsonlDataset"}

_CHECKED: Final = 20_000
"""Rows whose ids are compared before a run begins."""
_NEAR: Final = 256
"""Images that are remembered by name."""
_ASKED: Final = 1000
"""Rows that are asked which facts they carry, where a metric or a prompt needs one."""


class JsonlConfig(Model):
    """Keys of a dataset of ``type: jsonl``."""

    path: str
    """The file, relative to the suite. Each line: `question`, `answer` or `answers`, and optionally `id`, `image` or
    `images` (paths relative to the file, base64, or `data:` addresses), `evidence`, `cluster`, `tags`, and facts:
    `choices`, `size`, `boxes` and the others of docs/facts.md as keys of their own, or any name under `facts`."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first lines."""
    fields: dict[str, str] = Field(default_factory=dict)
    """Other names for the keys: `{question: query, answer: label, choices: options}`."""
    range: tuple[float, float] | None = Field(default=None, strict=False)
    """What is black and what is white in images of more than 8 bits: `[0, 4095]` for 12-bit ones, which are refused
    without it, as floating-point ones are. 16-bit images need none: they go from 0 to 65535."""
    exif: Literal["turn", "keep"] = "turn"
    """Images are turned upright as their EXIF orientation says, or keep the order of their pixels: for boxes that were
    drawn on those."""
    page: int | None = Field(default=None, ge=1)
    """Which page of TIFFs and other images of several is shown; the first by default, with a warning."""

    _two_levels = field_validator("range")(two_levels)

    extra: Extra = "forbid"
    """What becomes of a key that is none of these: an error of its row, a fact by its own name (`allow`), or nothing
    (`ignore`)."""
    unanswered: Unanswered = "refuse"
    """What becomes of a row without a right answer: it is broken, for nothing can be scored, or asked all the same
    (`ask`), as of a pool that is to be labelled; its answer is then recorded, and no metric counts it."""
    on_broken: OnBroken = "refuse"
    """What becomes of rows that cannot be read: the suite isn't run, or it is run without them (`skip`), which is
    counted and told."""


class JsonlDataset(Marked):
    """Your own rows, a JSON object a line: id, image, question, answer, and tags. Read anew on each pass."""

    Config: ClassVar[type[BaseModel]] = JsonlConfig

    def __init__(self, config: JsonlConfig, path: Path, roots: tuple[Path, ...]) -> None:
        self._config = config
        self._path = path
        self._home = Home((path.parent,), roots, Reading(config.range, config.exif, config.page))
        self._names = {name: config.fields.get(name, name) for name in _FIELDS}
        self._id_key = self._names["id"].encode()
        self._fact_keys = fact_keys(config.fields, _FIELDS)
        self._known = {*self._fact_keys, *(config.fields.get(name, name) for name in _FIELDS)}
        self.on_broken = config.on_broken
        self.skipped: tuple[int, str] | None = None
        """How many rows were left out because they are broken, and what is wrong with the first."""
        self._rows, repeated = self._survey()
        if repeated:
            self._refuse(repeated)

    @classmethod
    def from_config(cls, config: JsonlConfig, folder: Path, roots: Sequence[Path]) -> Self:
        named = folder / config.path
        fields = {*_FIELDS, *known()}
        if unknown := sorted(set(config.fields) - fields):
            hint = f"known: {', '.join((*_FIELDS, *sorted(fields.difference(_FIELDS))))}"
            raise ConfigError(Issue(("fields", unknown[0]), f"unknown field {unknown[0]!r}", hint))
        try:
            path = confine(named, tuple(roots))
            if not path.is_file():
                hint = nearest_file(path) or "paths start at the suite's folder"
                raise ConfigError(Issue(("path",), f"there is no file {named}", hint))
            refuse_pointer(path)
            refuse_array(path)
            dataset = cls(config, path, (*roots, path.parent))
        except ConfigError:
            raise
        except (SampleError, OSError, ValueError) as cause:
            raise ConfigError(Issue(("path",), str(cause))) from cause
        if not len(dataset):
            said = f"{named} has no rows" + (f" that can be read: {dataset.skipped[1]}" if dataset.skipped else "")
            raise ConfigError(Issue(("path",), said))
        return dataset

    @cached_property
    def gives(self) -> frozenset[str]:
        """The facts that one of the first thousand rows carries."""
        return frozenset(name for sample in islice(self, _ASKED) for name in sample.facts)

    def __len__(self) -> int:
        return self._rows

    def __iter__(self) -> Iterator[Sample]:
        return (sample for _, sample in self._numbered())

    def row_files(self) -> Sequence[Path]:
        return (self._path,)

    def _numbered(self) -> Iterator[tuple[int, Sample]]:
        """Yield the samples with the numbers of their lines."""
        count = 0
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                if count == self._rows:
                    return
                sample = self._sample(number, line)
                if sample.problem is None or self.on_broken == "refuse":
                    count += 1
                    yield number, sample

    def _survey(self) -> tuple[int, set[int]]:
        """Return how many rows there are (blank lines are none), and hashes of ids seen twice.

        Ids of the first ``_CHECKED`` rows are looked at: to parse a million rows would take seconds before the first
        answer, and their memory is not all given back. Further on, a repeated id is found when it is read. Where broken
        rows are to be skipped all are read here: how many there are decides what is asked.
        """
        rows, codes, skipping = 0, array("q"), self.on_broken == "skip"
        with self._path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and (self._config.limit is None or rows < self._config.limit):
                    if skipping and (problem := self._sample(number, line).problem) is not None:
                        count, first = self.skipped or (0, problem)
                        self.skipped = (count + 1, first)
                        continue
                    rows += 1
                    if rows <= _CHECKED:
                        codes.append(hash(self._given_id(line) or _by_number(number)))
        ordered = np.sort(np.frombuffer(codes, np.int64))
        return rows, set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())

    def _refuse(self, repeated: set[int]) -> None:
        """Find the first id that stands on two lines.

        Raises:
            ConfigError: with both; answers are stored by id, so that a run would fail at the second.
        """
        first: dict[str, int] = {}
        for number, sample in self._numbered():
            if hash(sample.id) in repeated:
                if sample.id in first:
                    said = f"{self._path.name}:{number}: the id {sample.id!r} stands in line {first[sample.id]} already"
                    raise ConfigError(Issue(("path",), said, "ids must be unique; without one a line has its number"))
                first[sample.id] = number

    def _given_id(self, line: bytes) -> str:
        """Return the id that a line gives itself; empty where there is none, or the line is malformed."""
        if self._id_key not in line and b"\\" not in line:
            return ""
        try:
            return optional_text(parsed(line), self._names["id"])
        except (ValueError, TypeError, RecursionError):
            return ""

    def _sample(self, number: int, line: bytes) -> Sample:
        identity, origin = _by_number(number), f"{self._path.name}:{number}"
        try:
            return self._read(parsed(line), identity, origin)
        except (ValueError, TypeError, RecursionError) as cause:
            return Sample(identity, "", (), problem=f"{origin}: {cause}", origin=origin)

    def _read(self, row: dict[str, Any], identity: str, origin: str) -> Sample:
        names = self._names
        others = unknown(row, self._known, self._config.extra)
        question = required_text(row, names["question"])
        key, answers = one_or_many(row, names["answer"], names["answers"])
        if not answers and self._config.unanswered == "refuse":
            raise TypeError(no_answer(key))
        references = texts(answers, key)
        key, images = one_or_many(row, names["image"], names["images"])
        if images and not all(isinstance(path, str) and path for path in images):
            raise TypeError(f"{key!r} is neither a path nor a list of paths; leave it out where there is no image")
        shown = pictures(images, self._home, origin) if images else ()
        evidence = row.get(names["evidence"])
        return Sample(
            id=optional_text(row, names["id"]) or identity,
            question=question,
            references=references,
            images=shown,
            evidence=None if evidence is None else as_text(evidence, names["evidence"]),
            cluster=optional_text(row, names["cluster"]) or ("|".join(_shared(images, shown)) if images else ""),
            tags=tags(row, names["tags"]),
            facts=facts_of(row, self._fact_keys, names["facts"], others),
            origin=origin,
        )


_FIELDS: Final = ("id", "question", "answer", "answers", "image", "images", "evidence", "cluster", "tags", "facts")


def _shared(paths: Sequence[str], images: Sequence[ImageSource]) -> Iterator[str]:
    """Yield what images are known by: their paths, or what their bytes hash to."""
    for path, image in zip(paths, images, strict=True):
        yield hashlib.sha256(image.content).hexdigest()[:16] if isinstance(image, HeldImage) else path


def _by_number(number: int) -> str:
    """Return what a line is called that gives itself no id."""
    return f"line-{number:07d}"
