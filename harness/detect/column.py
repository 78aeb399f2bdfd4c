"""Scores that were computed elsewhere."""

from typing import ClassVar, Final

import numpy as np

from harness.detect._base import Floats, OodDetector, View, Views

ENTRIES: Final = {"column": "Column"}


class Column(OodDetector):
    """A score of your own, from the data: the tag called ``tag`` of each sample. Nothing is fitted.

    Args:
        tag: the tag that holds the number.
        higher_is_ood: False where a high number means in distribution; it is then negated.
    """

    name = "column"
    uses: ClassVar[tuple[View, ...]] = ("column",)
    least = 0

    def __init__(self, tag: str = "score", higher_is_ood: bool = True) -> None:
        if not isinstance(tag, str) or not tag:
            raise ValueError(f"tag is the name of a tag, not {tag!r}")
        self.tag = tag
        self.higher_is_ood = bool(higher_is_ood)

    def _fit(self, data: Views) -> None: ...

    def _score(self, data: Views) -> Floats:
        values = np.asarray(data.need("column"), np.float64)
        return values if self.higher_is_ood else -values
