"""The features of texts, in the space where images are placed too."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from harness.asks._base import Probing, require
from harness.asks._numbers import NumbersAsk, each, finite
from harness.types import Adapter, Request, Response, TextEmbeddingAdapter

ENTRIES: Final = {"embed_text": "EmbedText"}


class EmbedText(NumbersAsk):
    """The answer is ``Response.value``, float32 [candidates, width]: a row for each of the request's `candidates`."""

    name: ClassVar[str] = "embed_text"
    capability: ClassVar[str] = "embed_text"

    def check(self, request: Request) -> None:
        if not request.candidates:
            raise ValueError("a request to embed_text needs `candidates`")

    def told(self, request: Request) -> tuple[Any, ...]:
        return (*super().told(request), request.candidates)

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, TextEmbeddingAdapter):
            raise self.lacking(adapter)

        def ask(some: Sequence[Request]) -> list[Response]:
            texts = [text for request in some for text in request.candidates]
            found = np.asarray(adapter.embed_texts(texts), np.float32)
            if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
                raise TypeError(f"the adapter returned an array of shape {list(found.shape)} for {len(texts)} texts")
            ends = np.cumsum([len(request.candidates) for request in some])
            return [finite(rows) for rows in np.split(found, ends[:-1])]

        return each(ask, requests)

    def unpack(self, payload: bytes, request: Request) -> Any:
        return super().unpack(payload, request).reshape(len(request.candidates), -1)

    def law(self, subject: Probing) -> None:
        adapter: Any = subject.adapter
        texts = ["a red bar", "two blue lines", "a red bar"]
        found = adapter.embed_texts(texts)
        require(isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == 3, "embed_texts gave no 3 rows")
        require(found.dtype == np.float32, f"embed_texts gave an array in {found.dtype}")
        require(bool(np.isfinite(found).all()), "embed_texts gave numbers that are not finite")
        require(np.allclose(found[0], found[2], rtol=1e-3, atol=1e-4), "the same text twice has two embeddings")
        require(not np.allclose(found[0], found[1]), "different texts have one embedding")
        if "embed" in adapter.capabilities:
            width = adapter.embed(subject.pictures()[:1]).shape[1]
            require(width == found.shape[1], f"texts have {found.shape[1]} numbers and images {width}")
