"""The features of an image."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from harness.asks._base import Probing, require
from harness.asks._numbers import ImageAsk, rows, rows_law
from harness.types import Adapter, EmbeddingAdapter, Request

ENTRIES: Final = {"embed": "Embed"}


class Embed(ImageAsk):
    """The answer is ``Response.value``, float32 [width]."""

    name: ClassVar[str] = "embed"
    capability: ClassVar[str] = "embed"

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, EmbeddingAdapter):
            raise self.lacking(adapter)
        return rows(adapter.embed, requests)

    def law(self, subject: Probing) -> None:
        found = rows_law(subject, "embed")
        require(not np.allclose(found[0], found[1]), "different images have one embedding")
