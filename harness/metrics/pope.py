"""POPE's counts as shares of all probes: right and wrong answers yes, right and wrong answers no."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from harness.metrics._base import truth
from harness.metrics.yes_no import Pope
from harness.types import Direction, Score, Status

ENTRIES: Final = {"pope_fn": "PopeFn", "pope_fp": "PopeFp", "pope_tn": "PopeTn", "pope_tp": "PopeTp"}


class _Cell(Pope):
    said: ClassVar[str]
    wanted: ClassVar[str]

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        score = super().judge(prediction, references, context)
        if score.status != Status.OK:
            return score
        said = score.detail["said"]
        wanted = said if score.value == 1.0 else {"yes": "no", "no": "yes"}[said]
        return Score(truth((said, wanted) == (self.said, self.wanted)).value, detail=score.detail)


class PopeTp(_Cell):
    """Share of all probes that are true positives: the answer is yes and that is right.

    Times ``n`` it is POPE's count. The four, ``pope_tp``, ``pope_fp``, ``pope_tn`` and ``pope_fn``, make 1 together,
    less the share of answers that are neither yes nor no. Range 0 to 1, higher is better. Wilson interval.

    Edge cases:
        An answer that is neither, or not there, is none of the four: 0.

    Source:
        As ``pope``.

    >>> PopeTp().score("Yes.", ["yes"]).value
    1.0
    """

    name = "pope_tp"
    said, wanted = "yes", "yes"


class PopeFp(_Cell):
    """Share of all probes that are false positives: the answer is yes and should be no: objects that are not there.

    Times ``n`` it is POPE's count. The four, ``pope_tp``, ``pope_fp``, ``pope_tn`` and ``pope_fn``, make 1 together,
    less the share of answers that are neither yes nor no. Range 0 to 1, lower is better. Wilson interval.

    Edge cases:
        An answer that is neither, or not there, is none of the four: 0.

    Source:
        As ``pope``.

    >>> PopeFp().score("Yes.", ["no"]).value
    1.0
    """

    name = "pope_fp"
    said, wanted = "yes", "no"
    direction: ClassVar[Direction] = "lower"


class PopeTn(_Cell):
    """Share of all probes that are true negatives: the answer is no and that is right.

    Times ``n`` it is POPE's count. The four, ``pope_tp``, ``pope_fp``, ``pope_tn`` and ``pope_fn``, make 1 together,
    less the share of answers that are neither yes nor no. Range 0 to 1, higher is better. Wilson interval.

    Edge cases:
        An answer that is neither, or not there, is none of the four: 0.

    Source:
        As ``pope``.

    >>> PopeTn().score("No.", ["no"]).value
    1.0
    """

    name = "pope_tn"
    said, wanted = "no", "no"


class PopeFn(_Cell):
    """Share of all probes that are false negatives: the answer is no and should be yes: objects that are overlooked.

    Times ``n`` it is POPE's count. The four, ``pope_tp``, ``pope_fp``, ``pope_tn`` and ``pope_fn``, make 1 together,
    less the share of answers that are neither yes nor no. Range 0 to 1, lower is better. Wilson interval.

    Edge cases:
        An answer that is neither, or not there, is none of the four: 0.

    Source:
        As ``pope``.

    >>> PopeFn().score("No.", ["yes"]).value
    1.0
    """

    name = "pope_fn"
    said, wanted = "no", "yes"
    direction: ClassVar[Direction] = "lower"
