"""Annotations of clips in files of several layouts: read once, each bad row a problem of its own."""

import json
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.data._clips import FileClip, evidence_text
from harness.data._images import confine
from harness.data._marks import Marked
from harness.data._rows import OnBroken, refuse_pointer
from harness.errors import ConfigError, Issue, SampleError
from harness.facts import carried
from harness.spec.models import Model
from harness.types import Sample, Span

_MOST_BYTES: Final = 200_000_000
"""Of an annotation file; QVHighlights' is 15 MB."""


class AnnotationsConfig(Model):
    """Keys that all datasets of annotated clips share."""

    path: str
    """The annotations, relative to the suite."""
    clips: str = ""
    """The folder of the clips, relative to the annotations."""
    suffix: str = ".mp4"
    """What follows a clip's name in the annotations to make its file's."""
    limit: int | None = Field(default=None, ge=1)
    """Use only the first questions."""
    on_broken: OnBroken = "refuse"
    """What becomes of rows that cannot be read: the suite isn't run, or it is run without them (`skip`), which is
    counted and told."""


class AnnotatedClips(Marked, ABC):
    """A dataset whose questions and windows stand in one file, beside a folder of clips.

    A subclass states ``Config`` (``AnnotationsConfig`` or one that extends it) and reads its layout.
    """

    Config: ClassVar[type[BaseModel]] = AnnotationsConfig

    def __init__(self, config: Any, files: Sequence[Path], roots: tuple[Path, ...]) -> None:
        self._config = config
        self._files = tuple(files)
        self._roots = roots
        self.on_broken: OnBroken = config.on_broken
        self.skipped: tuple[int, str] | None = None
        """How many rows were left out because they are broken, and what is wrong with the first."""
        self._samples = tuple(islice(self._used(), config.limit))

    @classmethod
    def from_config(cls, config: Any, folder: Path, roots: Sequence[Path]) -> Self:
        files = []
        for key, name in cls._named(config):
            try:
                path = confine(folder / name, tuple(roots))
                if not path.is_file():
                    raise ConfigError(
                        Issue((key,), f"there is no file {folder / name}", "paths start at the suite's folder")
                    )
                if path.stat().st_size > _MOST_BYTES:
                    raise ConfigError(Issue((key,), f"{folder / name} is larger than {_MOST_BYTES:,} bytes"))
                refuse_pointer(path)
            except (SampleError, OSError) as cause:
                raise ConfigError(Issue((key,), str(cause))) from cause
            files.append(path)
        try:
            dataset = cls(config, files, (*roots, files[0].parent))
        except (OSError, ValueError, RecursionError) as cause:
            raise ConfigError(Issue(("path",), f"{folder / config.path} is not in this layout: {cause}")) from cause
        if not len(dataset):
            raise ConfigError(Issue(("path",), f"{folder / config.path} has no questions"))
        ids = Counter(sample.id for sample in dataset)
        if twice := [identity for identity, count in ids.items() if count > 1]:
            said = f"{folder / config.path}: the id {twice[0]!r} stands at more than one question"
            raise ConfigError(Issue(("path",), said, "ids must be unique"))
        return dataset

    @classmethod
    def _named(cls, config: Any) -> Iterable[tuple[str, str]]:
        """Return the annotation files by key; ``path`` comes first."""
        return [("path", config.path)]

    @abstractmethod
    def _read(self) -> Iterator[Sample]:
        """Yield all questions.

        Raises:
            ValueError: if a file is not in this layout at all.
        """

    @property
    def gives(self) -> frozenset[str]:
        """The facts that a sample carries."""
        return frozenset(name for sample in self._samples for name in carried(sample))

    def __len__(self) -> int:
        return len(self._samples)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples)

    def _used(self) -> Iterator[Sample]:
        """Yield the questions, without those that are broken where these are to be skipped."""
        for sample in self._read():
            if sample.problem is None or self.on_broken == "refuse":
                yield sample
            else:
                count, first = self.skipped or (0, sample.problem)
                self.skipped = (count + 1, first)

    def _lines(self) -> Iterator[tuple[int, str]]:
        """Yield the lines of the first file that hold something, with their numbers."""
        # Not splitlines(): it also breaks at characters such as U+2028, which stand within a string of JSON.
        for number, line in enumerate(self._files[0].read_text(encoding="utf-8").split("\n"), start=1):
            if line.strip():
                yield number, line

    def _clip(self, name: str, rate: float | None = None) -> FileClip:
        return FileClip(self._files[0].parent / self._config.clips / f"{name}{self._config.suffix}", self._roots, rate)

    def _bad(self, number: int, cause: Exception | str) -> Sample:
        origin = f"{self._files[0].name}:{number}"
        return Sample(f"line-{number:07d}", "", (), problem=f"{origin}: {cause}", origin=origin)


def windows(value: Any) -> tuple[Span, ...]:
    """Return a list of windows, checked.

    Raises:
        TypeError: if it is no list of pairs of numbers.
        ValueError: if a window does not end after it starts, or starts before the clip.
    """
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise TypeError("the windows are no list of [start, end]")
    spans = tuple((number(start), number(end)) for start, end in value)
    for start, end in spans:
        if not 0 <= start < end:
            raise ValueError(f"the window [{start:g}, {end:g}] does not end after it starts, from 0 on")
    return spans


def number(value: Any) -> float:
    """Return a finite number.

    Raises:
        TypeError: if it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} is not a number")
    return float(value)


def timed_references(answers: Sequence[str], spans: Sequence[Span]) -> tuple[str, ...]:
    """Return the right answers; where there are none, the windows are the answer."""
    return tuple(answers) if answers else (json.dumps([list(span) for span in spans]),)


def annotated(
    identity: str,
    question: str,
    answers: Sequence[str],
    spans: tuple[Span, ...],
    clip: FileClip,
    duration: float | None = None,
    **tags: str,
) -> Sample:
    """Return a sample of an annotated clip; questions about one clip form a cluster."""
    return Sample(
        id=identity,
        question=question,
        references=timed_references(answers, spans),
        evidence=evidence_text(spans, duration),
        cluster=str(clip.path.name),
        tags=tags,
        clip=clip,
        spans=spans,
    )
