"""The scores of all classes for an image."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from harness.asks._base import Probing, require
from harness.asks._numbers import ImageAsk, rows, rows_law
from harness.types import Adapter, ClassifyingAdapter, Request

ENTRIES: Final = {"classify": "Classify"}


class Classify(ImageAsk):
    """The answer is ``Response.value``, float32 [classes]: logits, in the order of the adapter's ``classes``."""

    name: ClassVar[str] = "classify"
    capability: ClassVar[str] = "classify"

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, ClassifyingAdapter):
            raise self.lacking(adapter)
        return rows(adapter.classify, requests, len(adapter.classes) or None)

    def law(self, subject: Probing) -> None:
        found = rows_law(subject, "classify")
        names = list(subject.adapter.classes)
        require(len(set(names)) == len(names), "two classes have one name")
        require(found.shape[1] == len(names), f"classify gave {found.shape[1]} scores for {len(names)} classes")
