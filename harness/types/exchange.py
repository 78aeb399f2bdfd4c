"""What goes to a model, and what comes back: requests and responses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.types.outcome import Ask, Finish, Status

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


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
