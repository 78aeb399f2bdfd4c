"""The scores of all classes for an image."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np

from harness.asks._base import Probing, require
from harness.asks._numbers import ImageAsk, rows, rows_law
from harness.types import Adapter, ClassifyingAdapter, Request, Response, Status

ENTRIES: Final = {"classify": "Classify"}

_SAID: Final = 10
"""Classes that stand in the text."""


class Classify(ImageAsk):
    """The answer is ``Response.value``, float32 [classes]: logits, in the order of the adapter's ``classes``.

    ``Response.text`` is the names of the ten likeliest classes, one a line, so that metrics of answers judge the first
    of them or the list. It is None where the adapter names no classes.
    """

    name: ClassVar[str] = "classify"
    capability: ClassVar[str] = "classify"

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, ClassifyingAdapter):
            raise self.lacking(adapter)
        classes = adapter.classes
        found = rows(adapter.classify, requests, len(classes) or None)
        return [_named(one, classes) for one in found] if classes else found

    def law(self, subject: Probing) -> None:
        found = rows_law(subject, "classify")
        names = list(subject.adapter.classes)
        require(len(set(names)) == len(names), "two classes have one name")
        require(found.shape[1] == len(names), f"classify gave {found.shape[1]} scores for {len(names)} classes")


def _named(response: Response, classes: Sequence[str]) -> Response:
    if response.status is not Status.OK:
        return response
    first = np.argsort(-response.value, kind="stable")[:_SAID]
    return replace(response, text="\n".join(classes[place] for place in first))
