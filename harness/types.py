"""The values that flow through the harness: sample → request → response → score → metric."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from PIL import Image
    from pydantic import BaseModel

Direction = Literal["higher", "lower", "none"]
"""Which way a metric gets better; ``none`` where no way is better."""

JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]
"""A plain JSON value."""

Ask = str
"""What a request wants, a name of ``harness.asks``: `generate`, `classify`, `embed`, `embed_text`, `ground`, …"""


class Status(StrEnum):
    """What became of one sample. Everything but ``ok`` is counted and shown, never averaged away."""

    OK = "ok"
    UNPARSED = "unparsed"
    """The model answered, but not in a form that the metric can read."""
    ERROR = "error"
    """The data or the adapter failed on this sample."""
    TIMEOUT = "timeout"
    MISSING = "missing"
    """The adapter returned no answer for this sample."""
    UNDEFINED = "undefined"
    """The metric has no meaning for this sample (a numeric metric on a yes/no question); never counted as wrong."""


class Finish(StrEnum):
    """Why an answer ends where it does, as far as its adapter knows."""

    UNKNOWN = ""
    STOP = "stop"
    """The model came to its end."""
    LENGTH = "length"
    """It had as many tokens as it might have: what it would have said is not all here."""
    FILTER = "filter"
    """Somebody between the model and the harness took it away, or a part of it."""
    ERROR = "error"
    """The model broke off: its numbers were not finite, say."""

    @classmethod
    def of(cls, several: "Iterable[Finish]") -> "Finish":
        """Return how an answer ends that is put together from several: as the worst of them.

        It came to its end only where each is known to have.

        >>> Finish.of([Finish.STOP, Finish.LENGTH, Finish.UNKNOWN]), Finish.of([Finish.STOP, Finish.UNKNOWN])
        (<Finish.LENGTH: 'length'>, <Finish.UNKNOWN: ''>)
        >>> Finish.of([])
        <Finish.UNKNOWN: ''>
        """
        found = set(several)
        order = (cls.LENGTH, cls.ERROR, cls.FILTER, cls.UNKNOWN)
        return next((one for one in order if one in found), cls.STOP if found else cls.UNKNOWN)


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


@dataclass(frozen=True, slots=True)
class Oracle:
    """What a simulated adapter may know and a real one never sees."""

    references: tuple[str, ...]
    severity: int
    seed: int


@dataclass(frozen=True, slots=True)
class Generation:
    """How to generate. Greedy by default: the only decoding whose scores repeat everywhere."""

    max_new_tokens: int = 16
    temperature: float = 0.0
    """Above 0 the model samples; only adapters with the capability ``sample`` are asked to."""
    top_p: float = 1.0
    """Sample among the most likely tokens that together are this likely."""
    seed: int | None = None
    """Of the sampling, below 2³¹."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to an adapter."""

    id: str
    prompt: str
    images: tuple["Image.Image", ...] = ()
    system: str | None = None
    generation: Generation = Generation()
    oracle: Oracle | None = None
    """Set for simulated adapters only."""
    ask: Ask = "generate"
    """What is wanted. To ``embed``, ``classify`` and ``ground`` belongs exactly one image, and no prompt."""
    times: tuple[float, ...] = ()
    """Where the images are frames of a video: the second at which each is shown."""
    part: str = ""
    """Which part of its sample's work it is, unique among them."""
    role: str = ""
    """Which of the task's adapters it is for; empty: the run's own."""
    phrases: tuple[str, ...] = ()
    """To ``ground``: what to find in the image."""
    candidates: tuple[str, ...] = ()
    """To ``score_text``: the answers whose likelihood is wanted; to ``embed_text``: the texts."""
    interleaved: tuple[str | int, ...] = ()
    """Where its images belong in the prompt: texts, and which image stands between them, from 0. Nothing where all
    come first; ``prompt`` is then and otherwise what an adapter reads that cannot mix them."""

    def content(self) -> tuple[str | int, ...]:
        """Return texts and images (by number, from 0) in the order in which a model is to see them.

        >>> Request("1", "Which is red?").content()
        ('Which is red?',)
        """
        count = len(self.images)
        if sorted(part for part in self.interleaved if isinstance(part, int)) == [*range(count)] and self.interleaved:
            return self.interleaved
        return (*range(count), self.prompt)

    def shown(self) -> "tuple[Image.Image, ...]":
        """Return the images in the order of :meth:`content`."""
        return tuple(self.images[part] for part in self.content() if isinstance(part, int))


@dataclass(frozen=True, slots=True)
class Response:
    """An adapter's answer to one request."""

    text: str | None
    """None where the request failed, or where its answer cannot be said in words."""
    status: Status = Status.OK
    error: str | None = None
    value: Any = None
    """What a request got that asked for more than a text, as the module of its kind in ``harness.asks`` says."""
    tokens_in: int | None = None
    image_tokens: int | None = None
    images_reused: int | None = None
    """Of the request's images, those that the model need not look at: it has seen them before, for another request."""
    tokens_out: int | None = None
    reasoning_tokens: int | None = None
    """Of ``tokens_out``, those that the model only thought, where it says."""
    served: str = ""
    """What a server says that it runs: its name of the model, and its fingerprint where it has one."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Wall-clock time of the whole batch by stage: ``preprocess``, ``vision``, ``prefill``, ``decode``."""
    finish: Finish = Finish.UNKNOWN
    """Why the text ends where it does; an adapter that cannot know says nothing, and nothing is counted."""
    later: bool = False
    """The adapter has not come to it yet: it is no failure, and is asked for again in the next call."""
    attempts: int = 1
    """How often the request was sent until this came; 0 where it never was."""
    took: float | None = None
    """Seconds from when this request was first sent to this answer, waiting between attempts included, where the
    adapter knows it of each; the others share the time of their call."""
    mean_logprob: float | None = field(default=None, compare=False)
    """The mean of the natural log-probabilities of the answer's tokens, at most 0, where the adapter knows them."""
    min_logprob: float | None = field(default=None, compare=False)
    """The least of them: of the token that the model was least sure of."""
    hopeless: bool = False
    """It failed as every other request will, for a wrong key or a used-up quota: the run stops here, and can go on."""

    @property
    def vector(self) -> "np.ndarray | None":
        """The features or class scores, float32 [width], where the request asked for them."""
        return self.value if getattr(self.value, "ndim", 0) == 1 else None


@runtime_checkable
class Adapter(Protocol):
    """The bridge to a model.

    The class also carries ``Config``, a frozen pydantic model of its YAML keys, and is built by
    ``from_config``. Heavy libraries are imported there, not at the top of the module. A class that can count what
    requests will take, before its model is loaded or a server is asked, has a class method ``token_counter(config,
    folder) -> TokenCounter | None`` beside it.
    """

    Config: ClassVar[type["BaseModel"]]
    simulated: bool
    """True where no model stands behind the answers; every figure made from them says so."""
    capabilities: frozenset[str]
    """What it can do: `generate`, `classify`, `embed`, `embed_text`, `ground`, `score_text`, `gradient`, `logprobs`.
    The class names all that any of its files can give, so that a suite that asks for more is refused before a model is
    loaded; an instance may have fewer."""
    batch_invariant: bool
    """False where an answer can depend on the other requests of its batch; the plan then fixes the batches."""
    batch_size: int
    """The batch size that the adapter's file declares."""

    @classmethod
    def from_config(cls, config: Any, folder: "Path") -> Self:
        """Load the model. Relative paths in ``config`` start at ``folder``, where the adapter's file lies.

        Raises:
            AdapterError: if it cannot be loaded, with what to do.
        """
        ...

    def fingerprint(self) -> str:
        """Return a hash of all that can change an answer: weights, configuration, preprocessing, code version."""
        ...

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        """Answer a batch, one response a request, in order."""
        ...

    def close(self) -> None:
        """Let go of the model."""
        ...


@runtime_checkable
class EmbeddingAdapter(Adapter, Protocol):
    """An adapter with the capability ``embed``."""

    def embed(self, images: "Sequence[Image.Image]") -> "np.ndarray":
        """Return the features of each image, float32 [images, width]."""
        ...


@runtime_checkable
class TextEmbeddingAdapter(Adapter, Protocol):
    """An adapter with the capability ``embed_text``: its texts lie in the space of its images."""

    def embed_texts(self, texts: Sequence[str]) -> "np.ndarray":
        """Return the features of each text, float32 [texts, width]."""
        ...


@runtime_checkable
class ClassifyingAdapter(Adapter, Protocol):
    """An adapter with the capability ``classify``."""

    classes: Sequence[str]
    """The names of the classes, in the order of the scores."""

    def classify(self, images: "Sequence[Image.Image]") -> "np.ndarray":
        """Return the logit of every class for each image, float32 [images, classes]."""
        ...


@runtime_checkable
class StagedAdapter(ClassifyingAdapter, Protocol):
    """A classifier that tells preparing its input from running the model, so that each can be timed."""

    def prepare(self, images: "Sequence[Image.Image]") -> Any:
        """Return the model's input for a batch."""
        ...

    def infer(self, prepared: Any) -> "np.ndarray":
        """Return the logits of a prepared batch, float32 [images, classes]."""
        ...


@runtime_checkable
class FileAdapter(Adapter, Protocol):
    """An adapter whose model lies in files of this machine."""

    def model_files(self) -> "Sequence[Path]":
        """Return the files that hold the model's graph and weights."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCount:
    """How many tokens a request has that is read."""

    text: int
    images: int


class TokenCounter(Protocol):
    """Counts a request's tokens without its model."""

    how: str
    """In words: by whose rule, or with what."""

    def __call__(self, request: Request) -> TokenCount:
        """Return the tokens of a request.

        Raises:
            SampleError: if it cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes in a process of its own."""

    load_seconds: float
    """Wall-clock time from the file to ready, imports included."""
    first_seconds: float
    """Wall-clock time of the first answer."""
    start_mib: float
    """Resident memory before the model was loaded."""
    peak_mib: float
    """The most resident memory, after one answer."""
    device_mib: float | None = None
    """The most memory that torch took on a device; None where it used none."""
    wall_ms: float = math.nan
    """Median wall-clock time of the further calls that were asked for; NaN where none were."""
    cpu_ms: float = math.nan
    """The same in CPU time of all threads."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long may be waited for a model."""

    load: float = 600.0
    """Seconds that loading it may take."""
    call: float = 120.0
    """Seconds that one call may take."""


PATIENT: Final = Patience()
"""As long as a suite allows that says nothing of it."""


class AdapterHandle(Protocol):
    """An adapter that was read and checked and is not loaded yet: what a task gets that brings a second model."""

    @property
    def name(self) -> str: ...

    @property
    def simulated(self) -> bool: ...

    def vary(self, **keys: Any) -> "AdapterHandle":
        """Return the same adapter with other values for keys of its file.

        Raises:
            ConfigError: if its type does not know a key, or a value does not fit.
        """
        ...

    def load(self) -> Adapter:
        """Load the model; the caller closes it.

        Raises:
            AdapterError: if it cannot be loaded.
        """
        ...

    def describe(self) -> Mapping[str, Any]:
        """Return its name, type and configuration as plain JSON values, for a task's own description."""
        ...

    def footprint(self, request: Request, calls: int = 0, patience: Patience = PATIENT) -> Footprint:
        """Load it in a process of its own, answer one request there, and return what that took.

        Args:
            request: with at most one image.
            calls: how often the same request is timed after that, once it is warm.
            patience: how long loading and each call may take.

        Raises:
            AdapterError: if it does not work there.
            LateError: if it takes longer.
        """
        ...


@runtime_checkable
class GroundingAdapter(Adapter, Protocol):
    """An adapter with the capability ``ground``."""

    def ground(self, images: "Sequence[Image.Image]", phrases: Sequence[str]) -> "list[np.ndarray]":
        """Find what each phrase names in its image.

        Returns:
            For each image float32 [boxes, 4], best first: left, top, right, bottom in pixels of that image, from
            its upper left corner; no rows where it finds nothing.
        """
        ...


@runtime_checkable
class ScoringAdapter(Adapter, Protocol):
    """An adapter with the capability ``score_text``."""

    def score_text(self, request: Request, candidates: Sequence[str]) -> list[float]:
        """Return the log-likelihood of each candidate as the whole answer, in nats."""
        ...


@runtime_checkable
class GradientAdapter(ScoringAdapter, Protocol):
    """An adapter with the capabilities ``score_text`` and ``gradient``."""

    def image_gradient(self, requests: Sequence[Request], answers: Sequence[str] | None = None) -> "list[np.ndarray]":
        """Return how the negative log-likelihood of an answer changes with the pixels.

        Args:
            requests: each with one image.
            answers: whose likelihood; by default the model's own greedy answer to each request.

        Returns:
            For each request float32 [height, width, 3], per grey level.
        """
        ...


class Corruption(Protocol):
    """A perturbation of an image with a severity from 1 to ``severities``.

    It takes and returns uint8 arrays [height, width, 3] of the same shape, draws from ``rng``
    alone, and leaves its input as it was. Severity 0 (the image itself) never gets here.
    """

    severities: int

    def __call__(self, image: "np.ndarray", severity: int, rng: "np.random.Generator") -> "np.ndarray": ...


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's judgement of one answer."""

    value: float
    """NaN where ``status`` is not ``ok``, unless the metric says what a failure is worth."""
    status: Status = Status.OK
    detail: Mapping[str, Any] = field(default_factory=dict)
    complaint: str | None = None
    """What the row must say beside the score, as the words after "metric 'name'": "raised KeyError: 'size'"."""
    sums: Mapping[str, float] = field(default_factory=dict)
    """Named sums that statistics over many answers are made of: edits and units, hits and claims."""
    rows: str | None = None
    """What a form that is no function of sums reads of this answer, as JSON."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric over many samples, with how sure we are."""

    value: float
    low: float
    high: float
    n: int
    """Samples that the value is computed from."""
    total: int
    """Samples that were asked for, undefined ones left out."""
    direction: Direction
    unit: str = "share"
    statuses: Mapping[str, int] = field(default_factory=dict)
    """How many samples ended in each status."""
    method: str = ""
    """How the interval was made."""
    confidence: float = 0.95

    @property
    def coverage(self) -> float:
        """The share of samples that were scored ``ok``; NaN without samples."""
        return self.statuses.get(Status.OK, 0) / self.total if self.total else float("nan")
