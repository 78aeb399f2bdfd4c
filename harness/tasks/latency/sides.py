"""The models that are timed against each other, and what a call of one is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.asks import NOT_FINITE, ask_named
from harness.errors import AdapterError, SampleError, in_words
from harness.hosts.answers import checked
from harness.images import pictures
from harness.tasks.base import placed
from harness.types import (
    Adapter,
    Ask,
    ClassifyingAdapter,
    EmbeddingAdapter,
    Generation,
    Request,
    Response,
    Sample,
    StagedAdapter,
    Status,
)

if TYPE_CHECKING:
    from PIL import Image

Part = Literal["whole", "model"]
"""What is timed: a whole call, or the model alone with its input prepared beforehand."""


@dataclass(slots=True)
class Inputs:
    """The samples of a task as requests, made anew for each call: images are read when they are needed.

    A sample that turns out not to be usable is left out from then on, and the next one takes its place.
    """

    samples: list[Sample]
    prompt: Callable[[Sample], str]
    ask: Ask
    max_new_tokens: int
    image_size: tuple[int, int] | None = None
    """Height and width that images are resized to before any model sees them."""
    left_out: int = 0
    """Samples that could not be used, of those that were come by so far."""

    def requests(self, places: Sequence[int]) -> list[Request]:
        """Return requests by place among the usable samples, wrapping round at the end.

        Raises:
            AdapterError: if no sample can be used, with what is wrong with the last.
        """
        return [self._usable(place) for place in places]

    def _usable(self, place: int) -> Request:
        said = ""
        while self.samples:
            index = place % len(self.samples)
            try:
                return self.request(self.samples[index])
            except Exception as cause:  # noqa: BLE001 - a broken image or a lacking tag costs its sample
                said = f": {in_words(cause)}"
            del self.samples[index]
            self.left_out += 1
        raise AdapterError(f"the dataset has no sample that can be used{said}")

    def request(self, sample: Sample) -> Request:
        """Return one sample as a request.

        Raises:
            SampleError: if its image cannot be used.
        """
        if sample.problem is not None:
            raise SampleError(sample.problem)
        images = tuple(map(self._image, pictures(sample.images)))
        if self.ask != "generate":
            if len(images) != 1:
                raise SampleError(f"`ask: {self.ask}` needs one image a sample; {sample.id} has {len(images)}")
            return Request(sample.id, "", images, ask=self.ask)
        prompt, interleaved = placed(self.prompt(sample), sample)
        return Request(sample.id, prompt, images, generation=Generation(self.max_new_tokens), interleaved=interleaved)

    def _image(self, image: "Image.Image") -> "Image.Image":
        return image if self.image_size is None else image.resize((self.image_size[1], self.image_size[0]))


def caller(adapter: Adapter, requests: Sequence[Request], part: Part) -> Callable[[], Any]:
    """Return the call that answers ``requests``, with everything ready that is not to be timed.

    Raises:
        AdapterError: if the adapter cannot do what is asked.
    """
    ask = requests[0].ask
    if ask == "generate":
        return lambda: adapter.generate(requests)
    images = [request.images[0] for request in requests]
    if ask == "classify" and part == "model" and isinstance(adapter, StagedAdapter):
        prepared = adapter.prepare(images)
        return lambda: adapter.infer(prepared)
    if part == "model":
        raise AdapterError("`part: model` needs an adapter that prepares its input apart, and `ask: classify`")
    if ask == "classify" and isinstance(adapter, ClassifyingAdapter):
        return lambda: adapter.classify(images)
    if ask == "embed" and isinstance(adapter, EmbeddingAdapter):
        return lambda: adapter.embed(images)
    raise AdapterError(f"the adapter cannot {ask}")


@dataclass(frozen=True, slots=True)
class Answered:
    """One side's answer to one sample."""

    text: str | None
    logits: NDArray[np.float32] | None = None
    error: str | None = None


def answers(adapter: Adapter, requests: Sequence[Request]) -> list[Answered]:
    """Return the answers to a batch; classifiers also give their logits, which are held to what the engine asks for."""
    ask = requests[0].ask
    found = checked(ask_named(ask).call(adapter, requests), requests)
    if ask == "classify" and isinstance(adapter, ClassifyingAdapter):
        return [_classified(adapter.classes, response) for response in found]
    return [Answered(r.text, None, None if r.status == Status.OK else r.error or str(r.status)) for r in found]


def _classified(classes: Sequence[str], response: Response) -> Answered:
    """Return the class with the highest score, or why there is none."""
    if response.status != Status.OK:
        return Answered(None, None, response.error or str(response.status))
    return Answered(classes[int(response.value.argmax())], response.value)


def failure(answer: Any, requests: Sequence[Request]) -> str | None:
    """Return why what a timed call came back with is no answer to ``requests``; None where it is one.

    >>> failure(np.float32([[1, np.nan]]), [Request("a", "", ask="classify")])
    "the model's numbers were not finite (NaN or infinite)"
    >>> failure(np.float32([[1, 2]]), [Request("a", "", ask="embed"), Request("b", "", ask="embed")])
    'the adapter returned an array of shape [1, 2] for 2 images'
    >>> failure([Response("4")], [Request("a", "")])
    """
    if requests[0].ask == "generate":
        found = checked(answer, requests)
        return next((str(one.error or one.status) for one in found if one.status != Status.OK), None)
    try:
        numbers = np.asarray(answer, np.float32)
    except (TypeError, ValueError):
        return f"the adapter returned {type(answer).__name__} instead of an array of numbers"
    if numbers.ndim != 2 or len(numbers) != len(requests) or not numbers.shape[1]:
        return f"the adapter returned an array of shape {list(numbers.shape)} for {len(requests)} images"
    return None if np.isfinite(numbers).all() else NOT_FINITE


def stages(answer: Any) -> Mapping[str, float]:
    """Return what an adapter says about its stages, in milliseconds, and its counts of tokens; by column.

    Time to the first token is everything before decoding; time a token is decoding by the tokens after the first.
    """
    if not isinstance(answer, Sequence) or not answer or not isinstance(answer[0], Response):
        return {}
    seconds = answer[0].seconds
    found = {
        f"{name}_ms": 1000 * seconds[name] for name in ("preprocess", "vision", "prefill", "decode") if name in seconds
    }
    longest = max((response.tokens_out or 0 for response in answer), default=0)
    if "prefill" in seconds:
        found["first_token_ms"] = 1000 * sum(seconds.get(name, 0.0) for name in ("preprocess", "vision", "prefill"))
    if "decode" in seconds and longest > 1:
        found["per_token_ms"] = 1000 * seconds["decode"] / (longest - 1)
    images = [response.image_tokens for response in answer if response.image_tokens is not None]
    if images:
        found["image_tokens"] = float(np.mean(images))
    found["tokens_out"] = float(np.mean([response.tokens_out or 0 for response in answer]))
    return found
