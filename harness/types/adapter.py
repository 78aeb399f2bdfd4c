"""The bridge to a model, what some can do beside answering, and how tokens are counted without it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from harness.types.exchange import Request, Response

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from PIL import Image
    from pydantic import BaseModel


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
