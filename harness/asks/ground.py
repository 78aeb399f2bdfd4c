"""Boxes round what phrases name in an image."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from harness.asks._base import Probing, require
from harness.asks._numbers import NumbersAsk, each, finite, one_image
from harness.types import Adapter, GroundingAdapter, Request, Response

ENTRIES: Final = {"ground": "Ground"}


class Ground(NumbersAsk):
    """The answer is ``Response.value``, float32 [boxes, 5]: which phrase, then left, top, right, bottom in pixels.

    The boxes of a phrase come best first. ``Response.text`` is the same boxes as ``[left, top, right, bottom]``, so
    that metrics which read boxes out of an answer judge them, stored or fresh; ``[]`` where there is none.
    """

    name: ClassVar[str] = "ground"
    capability: ClassVar[str] = "ground"

    def check(self, request: Request) -> None:
        one_image(self.name, request)
        if not request.phrases:
            raise ValueError("a request to ground needs `phrases`")

    def told(self, request: Request) -> tuple[Any, ...]:
        return (*super().told(request), request.phrases)

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, GroundingAdapter):
            raise self.lacking(adapter)
        return each(lambda some: _found(adapter, some), requests)

    def unpack(self, payload: bytes, request: Request) -> Any:
        return super().unpack(payload, request).reshape(-1, 5)

    def law(self, subject: Probing) -> None:
        pictures = subject.pictures()
        phrases = ["the letter A", "the longest bar", "a purple elephant"]
        found = subject.adapter.ground(pictures, phrases)
        require(len(found) == len(pictures), f"ground gave {len(found)} answers to {len(pictures)} images")
        for picture, boxes in zip(pictures, found, strict=True):
            require(isinstance(boxes, np.ndarray), "ground gave no [boxes, 4]")
            require(boxes.ndim == 2 and boxes.shape[1] == 4, "ground gave no [boxes, 4]")
            require(boxes.dtype == np.float32 and bool(np.isfinite(boxes).all()), "boxes are no finite float32")
            require(bool((boxes[:, :2] <= boxes[:, 2:]).all()), "a box ends before it starts")
            inside = (boxes >= -1).all() and (boxes <= np.tile(picture.size, 2) + 1).all()
            require(bool(inside), f"a box lies outside its image of {picture.size}")
        if subject.adapter.batch_invariant:
            for place, (picture, phrase) in enumerate(zip(pictures, phrases, strict=True)):
                (alone,) = subject.adapter.ground([picture], [phrase])
                same = alone.shape == found[place].shape and np.allclose(alone, found[place], atol=0.5)
                require(bool(same), "ground: an image alone and in a batch differ")


def _found(adapter: GroundingAdapter, requests: Sequence[Request]) -> list[Response]:
    asked = [(request.images[0], phrase) for request in requests for phrase in request.phrases]
    answers = adapter.ground([image for image, _ in asked], [phrase for _, phrase in asked])
    if len(answers) != len(asked):
        raise TypeError(f"the adapter returned {len(answers)} answers to {len(asked)} phrases")
    rest = iter(answers)
    return [_response([np.asarray(next(rest), np.float32) for _ in request.phrases]) for request in requests]


def _response(found: Sequence[Any]) -> Response:
    for boxes in found:
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise TypeError(f"the adapter returned boxes of shape {list(boxes.shape)}, not [boxes, 4]")
    which = np.repeat(np.arange(len(found)), [len(boxes) for boxes in found])
    rows = np.concatenate(found) if found else np.empty((0, 4), np.float32)
    # No exponents: what reads boxes out of a text takes decimal numbers.
    text = " ".join(f"[{', '.join(f'{number:.2f}' for number in row)}]" for row in rows.tolist()) or "[]"
    return finite(np.column_stack([which, rows]).astype(np.float32), text)
