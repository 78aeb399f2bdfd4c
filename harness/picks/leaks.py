"""What must not be trained on: samples that an evaluation asks too, by their pixels and their question."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from harness.errors import SampleError
from harness.images import pictures
from harness.reading.folded import folded
from harness.suite.checks.pictures import Seen, look
from harness.types import Dataset, ImageSource, Sample


@dataclass(frozen=True, slots=True)
class Shown:
    """The pictures of a sample, decoded."""

    pictures: tuple[Seen, ...]

    @property
    def digests(self) -> tuple[int, ...]:
        """Of their pixels, in order."""
        return tuple(one.digest for one in self.pictures)


@dataclass(frozen=True, slots=True)
class Leak:
    """A sample that an evaluation has too."""

    name: str
    """Of the sample that was to be picked."""
    where: str
    """The evaluation's data set and sample."""


def shown_of(sample: Sample) -> Shown | None:
    """Return the pictures of a sample; None where one cannot be read."""
    sources: Sequence[ImageSource] = sample.images
    try:
        return Shown(tuple(look(image) for image in pictures(sources)))
    except SampleError:
        return None


def asked(question: str) -> str:
    r"""Return a question as it is compared: without regard to case and white space.

    >>> asked("What is  A?\n") == asked("what is a?")
    True
    """
    return folded(question)


@dataclass(slots=True)
class Leaks:
    """The questions and pictures of evaluations."""

    questions: dict[tuple[str, tuple[int, ...]], str] = field(default_factory=dict)
    """Where a question about these pixels stands."""
    pixels: dict[int, str] = field(default_factory=dict)
    """Where a picture stands."""
    unreadable: int = 0
    """Samples of the evaluations whose pictures cannot be read: nothing is known of them."""

    @classmethod
    def of(cls, datasets: Mapping[str, Dataset]) -> Self:
        """Return what some data sets ask."""
        found = cls()
        for name, dataset in datasets.items():
            found.add(name, dataset)
        return found

    def add(self, name: str, samples: Iterable[Sample]) -> None:
        """Take a data set's samples to what must not be picked."""
        for sample in samples:
            shown = None if sample.problem is not None else shown_of(sample)
            if shown is None:
                self.unreadable += 1
                continue
            where = f"{name}/{sample.id}"
            self.questions.setdefault((asked(sample.question), shown.digests), where)
            for digest in shown.digests:
                self.pixels.setdefault(digest, where)

    def same(self, question: str, shown: Shown) -> str | None:
        """Return where the same question about the same pixels stands."""
        return self.questions.get((asked(question), shown.digests))

    def picture(self, shown: Shown) -> str | None:
        """Return where one of the pictures stands, whatever is asked of it."""
        return next((self.pixels[one] for one in shown.digests if one in self.pixels), None)
