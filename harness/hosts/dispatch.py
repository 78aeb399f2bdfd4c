"""Hand a batch to the method of the adapter that it asks for."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from harness.errors import SampleError
from harness.types import Adapter, ClassifyingAdapter, EmbeddingAdapter, Request, Response, Status


class Between(ABC):
    """Stands between the engine and an adapter and takes batches whole, whatever they ask for."""

    @abstractmethod
    def answer(self, requests: Sequence[Request]) -> Any:
        """Return what :func:`dispatch` would."""


def dispatch(adapter: Adapter, requests: Sequence[Request]) -> Any:
    """Return the adapter's responses; all requests of a batch ask for the same.

    A vector that is not finite, and an image that the adapter refuses, cost their own sample.

    Raises:
        Exception: whatever the adapter raises for the whole batch.
        TypeError: if the adapter lacks the method or its result has the wrong shape.
    """
    if isinstance(adapter, Between):
        return adapter.answer(requests)
    ask = requests[0].ask
    if ask == "generate":
        return adapter.generate(requests)
    if ask == "embed" and isinstance(adapter, EmbeddingAdapter):
        return _vectors(adapter.embed, requests)
    if ask == "classify" and isinstance(adapter, ClassifyingAdapter):
        return _vectors(adapter.classify, requests)
    raise TypeError(f"the adapter has no method {ask!r}")


def _vectors(method: Callable[[Any], np.ndarray], requests: Sequence[Request]) -> list[Response]:
    try:
        rows = _rows(method([request.images[0] for request in requests]), len(requests))
    except SampleError as error:
        if len(requests) == 1:
            return [Response(None, Status.ERROR, str(error))]
        return [response for request in requests for response in _vectors(method, [request])]
    return [_response(row) for row in rows]


def _rows(answer: Any, count: int) -> np.ndarray:
    rows = np.asarray(answer, np.float32)
    if rows.ndim != 2 or len(rows) != count:
        raise TypeError(f"the adapter returned an array of shape {list(rows.shape)} for {count} images")
    return rows


def _response(row: np.ndarray) -> Response:
    if not np.isfinite(row).all():
        return Response(None, Status.ERROR, "the model's numbers were not finite (NaN or infinite)")
    return Response(None, vector=row)
