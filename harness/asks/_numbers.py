"""What kinds of question share whose answers are float32 numbers."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from harness.asks._base import NOT_FINITE, Ask, Probing, require
from harness.errors import SampleError
from harness.types import Request, Response, Status

Floats = NDArray[np.float32]


class NumbersAsk(Ask):
    """Answers are arrays of float32."""

    floats: ClassVar[bool] = True

    def plain(self, value: Any) -> Any:
        return np.asarray(value, np.float32)

    def pack(self, value: Any) -> bytes:
        return np.asarray(value).astype("<f4").tobytes()

    def unpack(self, payload: bytes, request: Request) -> Any:
        return np.frombuffer(payload, "<f4").astype(np.float32)


class ImageAsk(NumbersAsk):
    """One row of numbers for the one image of a request."""

    def check(self, request: Request) -> None:
        one_image(self.name, request)


def one_image(name: str, request: Request) -> None:
    """See that there is exactly one image.

    Raises:
        ValueError: if there are more, or none.
    """
    if len(request.images) != 1:
        raise ValueError(f"a request to {name} has one image; this one has {len(request.images)}")


def each(ask: Callable[[Sequence[Request]], list[Response]], requests: Sequence[Request]) -> list[Response]:
    """Ask a batch; where the adapter refuses an image of it, ask one by one: it costs its own sample."""
    try:
        return ask(requests)
    except SampleError as error:
        if len(requests) == 1:
            return [Response(None, Status.ERROR, str(error))]
        return [response for request in requests for response in each(ask, [request])]


def rows(method: Callable[[Any], Any], requests: Sequence[Request], width: int | None = None) -> list[Response]:
    """Return a row of numbers for the image of each request; one that is not finite costs its own sample.

    Args:
        method: the adapter's.
        requests: what it is asked.
        width: how many numbers a row must have, where that is known.

    Raises:
        TypeError: if the adapter's array has another shape.
    """

    def ask(some: Sequence[Request]) -> list[Response]:
        found = np.asarray(method([request.images[0] for request in some]), np.float32)
        if found.ndim != 2 or len(found) != len(some):
            raise TypeError(f"the adapter returned an array of shape {list(found.shape)} for {len(some)} images")
        if found.shape[1] != (found.shape[1] if width is None else width) or not found.shape[1]:
            raise TypeError(f"the adapter returned {found.shape[1]} numbers an image, not {width or 'one or more'}")
        return [finite(row) for row in found]

    return each(ask, requests)


def finite(value: Floats, text: str | None = None) -> Response:
    """Return numbers as a response, or why they are none."""
    if not np.isfinite(value).all():
        return Response(None, Status.ERROR, NOT_FINITE)
    return Response(text, value=value)


def rows_law(subject: Probing, method: str) -> Floats:
    """Hold a method to what both `embed` and `classify` promise; return what it says of four pictures.

    The first and the last of them are the same.
    """
    pictures, ask = subject.pictures(), getattr(subject.adapter, method)
    before = [(picture.mode, picture.size, picture.tobytes()) for picture in pictures]
    found: Floats = ask([*pictures, pictures[0]])
    require(isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == 4, f"{method} gave no array of 4 rows")
    require(found.dtype == np.float32, f"{method} gave an array in {found.dtype}")
    require(bool(np.isfinite(found).all()), f"{method} gave numbers that are not finite")
    after = [(picture.mode, picture.size, picture.tobytes()) for picture in pictures]
    require(before == after, f"{method} changed an image")
    require(bool((found == ask([*pictures, pictures[0]])).all()), f"{method} gives other numbers the second time")
    if subject.adapter.batch_invariant:
        require(np.allclose(found[0], found[3], rtol=1e-3, atol=1e-4), f"{method}: the same image twice differs")
        alone = np.concatenate([ask([picture]) for picture in pictures])
        require(np.allclose(found[:3], alone, rtol=1e-3, atol=1e-4), f"{method}: an image alone and in a batch differ")
    return found
