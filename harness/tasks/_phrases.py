"""Phrases about pictures, with the boxes of what they name: questions as they stand, or the labels of boxes."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from PIL import ImageOps

from harness import facts
from harness.errors import SampleError
from harness.images import pictures
from harness.metrics.referring import flipped_reference
from harness.reading.absent import says_none
from harness.reading.boxes import read_boxes
from harness.tasks._boxes_asked import boxes_of, plain_box, size_of
from harness.tasks._derived import Derived
from harness.tasks._shown import Category, Shown
from harness.tasks._views import Edited
from harness.types import Dataset, Sample

_NONE: Final = "none"
_SIDES: Final = re.compile(r"\b(left|right)", re.IGNORECASE)
_OTHER: Final = {"left": "right", "right": "left", "Left": "Right", "Right": "Left", "LEFT": "RIGHT", "RIGHT": "LEFT"}


class Phrases(Derived):
    """Questions that are phrases, with the boxes of what they name as a fact; none for what is not in the picture."""

    def __init__(self, source: Dataset) -> None:
        super().__init__(source, ["boxes"])

    def __len__(self) -> int:
        return len(self.source)

    def __iter__(self) -> Iterator[Sample]:
        return map(_asked, self.source)


class Labels(Derived):
    """The labels of each picture's boxes as phrases, and some labels of other pictures.

    Args:
        source: the pictures; those of one cluster are one.
        absent: how many labels that it lacks each is asked for.
        absent_by: which they are.
        seed: of what is drawn.
    """

    def __init__(self, source: Dataset, absent: int, absent_by: Category, seed: tuple[int, str]) -> None:
        super().__init__(source, ["boxes", "phrases"])
        self._absent = absent, absent_by
        self._seed = seed
        self._shown = Shown(source, "boxes")

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Sample]:
        most, category = self._absent
        for key, (sample, shown) in self._shown.images.items():
            if sample.problem is not None:
                yield sample
                continue
            absent = self._shown.absent(key, category, self._seed)[:most]
            for name in (*sorted(shown), *absent):
                boxes = [one for one in boxes_of(sample) if isinstance(one, Mapping) and one.get("label") == name]
                told = {**sample.facts, "boxes": boxes, "phrases": [name]}
                references = tuple(json.dumps(plain_box(one)) for one in boxes) or (_NONE,)
                one = replace(sample, id=f"{key}-{name}", question=name, references=references, facts=told)
                yield _asked(replace(one, cluster=key))


def _asked(sample: Sample) -> Sample:
    """Return a phrase's sample with its boxes as a fact and its size as a tag."""
    boxes = _named(sample)
    references = sample.references if boxes or not sample.references else (_NONE,)
    size = size_of(boxes, sample)
    tags = {**sample.tags, **({"size": size} if size else {}), "present": "yes" if boxes else "no"}
    return replace(sample, references=references, tags=tags, facts={**sample.facts, "boxes": boxes})


def _named(sample: Sample) -> list[Any]:
    """Return the boxes of what a phrase names: those of its references, for the fact may be of the whole picture."""
    if any(map(says_none, sample.references)):
        return []
    told = boxes_of(sample)
    own = [list(box) for one in sample.references for box in read_boxes(one).value or ()]
    return told if not own or len(told) == len(own) else own


def mirrored(sample: Sample) -> Sample:
    """Return a sample with its picture, its boxes and its words mirrored left for right."""
    if sample.problem is not None:
        return sample
    try:
        told = facts.shown(sample, pictures(sample.images), ("size",)).facts if "size" not in sample.facts else None
    except SampleError as cause:
        return replace(sample, problem=str(cause))
    known = sample.facts if told is None else told
    try:
        references = tuple(flipped_reference(one, known) for one in sample.references)
    except ValueError as cause:
        return replace(sample, problem=str(cause))
    return replace(
        sample,
        images=tuple(Edited(one, ImageOps.mirror) for one in sample.images),
        question=_SIDES.sub(lambda side: _OTHER.get(side[0], side[0]), sample.question),
        references=references,
    )
