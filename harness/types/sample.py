"""What is asked about: images, clips, samples, and the datasets that they come from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from harness.types.outcome import JSON

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image
    from pydantic import BaseModel


class ImageSource(Protocol):
    """An image that is made or read when it is needed."""

    def load(self) -> "Image.Image":
        """Return the decoded image.

        Raises:
            SampleError: if it is missing, corrupt, confined or too large.
        """
        ...


@runtime_checkable
class Counterfactual(ImageSource, Protocol):
    """An image that knows what to show a model that must answer without it: better controls than any other image."""

    def blank(self) -> ImageSource:
        """Return an image of the same make that shows nothing."""
        ...

    def mismatched(self) -> ImageSource:
        """Return an image of the same make with other data."""
        ...


@dataclass(frozen=True, slots=True)
class ClipData:
    """A clip as data: what a decoder needs to open it."""

    name: str
    """What messages call it."""
    content: "Path | bytes | tuple[Path, ...]"
    """A file that may be read, the bytes of one, or the images of a sequence, in order."""
    rate: float | None = None
    """Images a second, for a sequence; files know their own times."""


class ClipSource(Protocol):
    """A clip that is found or made when it is needed."""

    def fetch(self) -> ClipData:
        """Return the clip, not decoded yet.

        Raises:
            SampleError: if it is missing or confined.
        """
        ...


Span = tuple[float, float]
"""A half-open window of a clip, [start, end), in seconds from the clip's start."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of a dataset."""

    id: str
    question: str
    references: tuple[str, ...]
    """The right answers; any of them will do."""
    images: tuple[ImageSource, ...] = ()
    evidence: str | None = None
    """What the image says, as text, for metrics that check an answer against it."""
    cluster: str = ""
    """Samples with one cluster share an image, table or clip and are not independent. Empty: a cluster of its own."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Slices: question type, chart style, …"""
    problem: str | None = None
    """Why this row cannot be used; it is then recorded as an error and never asked."""
    clip: ClipSource | None = None
    """The video that the question is about; its frames are shown after ``images``."""
    spans: tuple[Span, ...] = ()
    """The windows of the clip that hold the answer; of scene changes, when each happens."""
    facts: Mapping[str, JSON] = field(default_factory=dict)
    """What metrics and prompts know of it beside all that, by the names in :mod:`harness.facts`."""
    origin: str = field(default="", compare=False)
    """Where its row stands, as ``file:line``, where it is read from one: what complaints about it name."""


class Dataset(Protocol):
    """A source of samples. The class also carries ``Config``, a frozen pydantic model of its YAML keys.

    One that can tell which facts its samples carry says so as ``gives``, a ``frozenset[str]``: what a metric or a
    prompt needs beyond them is then an error when the suite is read.
    """

    Config: ClassVar[type["BaseModel"]]

    @classmethod
    def from_config(cls, config: Any, folder: "Path", roots: Sequence["Path"]) -> Self:
        """Open the data.

        Args:
            config: a validated ``Config``.
            folder: where the suite file lies; relative paths start there.
            roots: folders that files may be read from, ``folder`` among them.

        Raises:
            ConfigError: if the data is not there or cannot be read.
        """
        ...

    def __len__(self) -> int:
        """Return how many samples there are."""
        ...

    def __iter__(self) -> Iterator[Sample]:
        """Yield all samples, in the same order each time, with ids that are unique and don't depend on ``limit``."""
        ...

    def content_hash(self) -> str:
        """Return a hash of all that decides what the samples are."""
        ...
