"""Questions with a wrong premise: whether an answer says that what it is asked about is not there."""

from collections.abc import Mapping
from typing import Any, Final

from harness.metrics._base import NAN, AnswerMetric, truth
from harness.reading.absent import says_none
from harness.types import Score, Status

ENTRIES: Final = {"premise_accuracy": "PremiseAccuracy"}


class PremiseAccuracy(AnswerMetric):
    """Accuracy on questions that take a thing to be there: 1 where the answer objects if it is absent, and only then.

    Range 0 to 1, higher is better. The reference says whether the thing is there: ``none`` or the like where it is
    not, anything else where it is. What else an answer says is not looked at: "red" is right of a cup that is there,
    whatever its colour. With as many wrong premises as right ones, a model that never objects has one half, and so has
    one that always does.

    Edge cases:
        "There is no cup", "I don't see one", "none" and the like object; so does an answer that begins with "no". An
        empty answer: ``unparsed``.

    Source:
        questions with false premises as in Ray et al. 2016, "Question Relevance in VQA" (arXiv:1606.06622).

    >>> metric = PremiseAccuracy()
    >>> [metric.score(said, ["none"]).value for said in ("There is no cup.", "It is red.")]
    [1.0, 0.0]
    >>> [metric.score(said, ["there"]).value for said in ("There is no cup.", "It is red.")]
    [0.0, 1.0]
    """

    name = "premise_accuracy"
    binary = True
    sums = ("caught", "absent", "denied", "present")
    binary_sums = frozenset(sums)
    answer_tokens = 64

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        kinds = {says_none(reference) for reference in references}
        absent = all(kinds)
        if not prediction.strip():
            return Score(NAN, Status.UNPARSED, sums=_sums(absent, objects=False))
        objects = says_none(prediction)
        if len(kinds) > 1:  # both are right by some reference, whichever stands first
            absent = objects
        return Score(truth(objects == absent).value, sums=_sums(absent, objects=objects))


def _sums(absent: bool, *, objects: bool) -> dict[str, float]:
    return {
        "caught": float(objects and absent),
        "absent": float(absent),
        "denied": float(objects and not absent),
        "present": float(not absent),
    }
