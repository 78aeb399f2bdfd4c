"""Answers about clips that must be right *and* rest on the right part: overlap, NExT-GQA, cited frames, form."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures, SampleMetric, truth
from harness.metrics._true_windows import annotations, only_windows
from harness.metrics._variants import NEXT_GQA, Variants
from harness.metrics.moments import MomentMetric, nothing_to_judge_by
from harness.reading.timed import TimedAnswer, read_answer
from harness.registry import registry
from harness.types import Score, Span, Status

ENTRIES: Final = {
    "acc_at_gqa": "AccAtGqa",
    "iog": "IntersectionOverTruth",
    "iop": "IntersectionOverPrediction",
    "temporal_faithfulness": "TemporalFaithfulness",
    "temporal_pointing": "TemporalPointing",
    "temporal_schema": "TemporalSchema",
}

_OFFICIAL: Final = NEXT_GQA.variant(
    "code/TempGQA/eval_ground.py",
    "NExT-GQA's evaluation: questions without a predicted window drop out; a point inside is worth 1",
)


class IntersectionOverPrediction(MomentMetric):
    """IoP: the share of the answer's first window that lies in the true window which it overlaps most.

    Range 0 to 1, higher is better: does the answer stay inside the evidence? True windows as ``tiou``.

    Edge cases:
        As ``tiou``. A window of no length: 0; ``official``: 1 where it lies in a true window, its end included.

    Source:
        Xiao et al. 2024, "NExT-GQA" (arXiv:2309.01327).

    >>> IntersectionOverPrediction().score("[[0, 4]]", ["[[1, 9]]"]).value
    0.75
    """

    name = "iop"
    variants: ClassVar[Variants] = {"default": "answers without a window are worth 0", "official": _OFFICIAL}

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        return Score(_inside(answer, wanted, self.variant == "official"))


def _inside(answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]], official: bool) -> float:
    start, end = answer.top or (NAN, NAN)
    true = [window for windows in wanted for window in windows]
    if official and start == end:
        return float(any(low <= start <= high for low, high in true))
    return max(max(0.0, min(end, high) - max(start, low)) for low, high in true) / (end - start) if end > start else 0.0


class IntersectionOverTruth(MomentMetric):
    """IoG: the share of a true window that the answer's first window covers, of the one that it covers most.

    Range 0 to 1, higher is better: does the answer take in all of the evidence? True windows as ``tiou``.

    Edge cases:
        As ``tiou``.

    Source:
        Xiao et al. 2024, "NExT-GQA" (arXiv:2309.01327), beside IoP.

    >>> IntersectionOverTruth().score("[[0, 5]]", ["[[1, 9]]"]).value
    0.5
    """

    name = "iog"

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        start, end = answer.top or (NAN, NAN)
        true = [window for windows in wanted for window in windows]
        return Score(max(max(0.0, min(end, high) - max(start, low)) / (high - low) for low, high in true))


class _GroundedMetric(AnswerMetric):
    """Reads a whole answer, judges its words with a metric on answers, and looks at what it rests on."""

    whole = True

    def __init__(self, variant: str = "default", answer: str = "exact_match", failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        inner = registry("metrics").load(answer)()
        if not isinstance(inner, SampleMetric) or inner.whole or inner.direction != "higher":
            raise UsageError(f"metric {self.name!r}: {answer!r} does not judge the words of an answer")
        self.answer = answer
        self._words = inner

    def _right(self, reading: TimedAnswer, references: tuple[str, ...], context: Mapping[str, Any]) -> bool:
        said = "" if reading.answer is None else reading.answer
        score = self._words.score(said, references, **context)
        return score.status == Status.OK and score.value >= self._words.bounds[1]


class AccAtGqa(_GroundedMetric):
    """Acc@GQA: 1 where the answer is right and its first window lies in the evidence with an IoP of 0.5 or more.

    Range 0 to 1, higher is better. The true windows stand in the evidence (``{"spans": [[2.5, 4]]}``), the
    right answers are the references.

    Args:
        answer: the metric that says whether the words are right: its best value is.
        threshold: the least IoP, its edge included.

    Edge cases:
        No window in the answer: ``unparsed``; ``official`` leaves it out. No evidence, or a question whose right
        answer is itself a window: ``undefined``.

    Source:
        Xiao et al. 2024, "NExT-GQA" (arXiv:2309.01327).

    >>> metric, evidence = AccAtGqa(), '{"spans": [[1, 9]]}'
    >>> metric.score('{"answer": "B", "spans": [[0, 4]]}', ["B"], evidence=evidence).value
    1.0
    """

    name = "acc_at_gqa"
    binary = True
    variants: ClassVar[Variants] = {"default": "answers without a window are worth 0", "official": _OFFICIAL}

    def __init__(
        self,
        variant: str = "default",
        answer: str = "exact_match",
        threshold: float = 0.5,
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, answer, failures)
        if not 0 < threshold <= 1:
            raise UsageError(f"metric 'acc_at_gqa': threshold must lie in (0, 1], got {threshold!r}")
        self.threshold = threshold
        if variant == "official":
            self.failure_value = None

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        wanted = _evidence(references, context)
        if isinstance(wanted, Score):
            return wanted
        if only_windows(references):
            return Score(NAN, Status.UNDEFINED)
        reading = read_answer(prediction)
        if reading.windows is None or (self.variant == "official" and not reading.windows):
            return Score(NAN, Status.UNPARSED)
        inside = _inside(reading, [wanted], self.variant == "official")
        right = self._right(reading, references, context)
        return Score(truth(right and inside >= self.threshold).value, detail={"right": right, "iop": inside})


def _evidence(references: Sequence[str], context: Mapping[str, Any]) -> tuple[Span, ...] | Score:
    """Return the true windows that the evidence or the references name; the score where there are none."""
    evidence = context.get("evidence")
    try:
        return annotations(references, evidence)[0] or Score(NAN, Status.UNDEFINED)
    except ValueError as cause:
        # Words beside no evidence are a question without true windows; windows that can't be read are a slip.
        tried = isinstance(evidence, str) and '"spans"' in evidence
        return nothing_to_judge_by(cause) if tried else Score(NAN, Status.UNDEFINED)


class TemporalFaithfulness(_GroundedMetric):
    """The share of the frames cited by a right answer that lie in the evidence; 0 for a wrong answer.

    Range 0 to 1, higher is better: is the answer supported by the frames that it cites? A wrong answer is
    not, whatever it cites, nor is one that cites nothing. The times stand in ``frame_references``, the true
    windows in the evidence, the right answers are the references.

    Args:
        answer: the metric that says whether the words are right: its best value is.

    Edge cases:
        Nothing that can be read: ``unparsed``. A right answer that is itself a window is right where its IoU with a
        true window is 0.5 or more. No evidence: ``undefined``.

    Source:
        This project; the evidence is NExT-GQA's.

    >>> metric, evidence = TemporalFaithfulness(), '{"spans": [[1, 4]]}'
    >>> metric.score('{"answer": "B", "frame_references": [0.5, 1.5]}', ["B"], evidence=evidence).value
    0.5
    """

    name = "temporal_faithfulness"

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        wanted = _evidence(references, context)
        if isinstance(wanted, Score):
            return wanted
        reading = read_answer(prediction)
        timed = only_windows(references)
        if reading.answer is None and not (timed and reading.windows):
            return Score(NAN, Status.UNPARSED)
        right = _overlaps(reading, wanted) if timed else self._right(reading, references, context)
        cited = [any(start <= time < end for start, end in wanted) for time in reading.times if reading.structured]
        return Score(sum(cited) / len(cited) if right and cited else 0.0, detail={"right": right, "cited": len(cited)})


def _overlaps(reading: TimedAnswer, wanted: Sequence[Span]) -> bool:
    from harness.metrics.spans import tiou_pairs

    return reading.top is not None and bool(tiou_pairs(reading.top, list(wanted)).max() >= 0.5)


class TemporalPointing(MomentMetric):
    """1 where the first time that the answer cites lies in a true window, else 0: pointing within the evidence.

    Range 0 to 1, higher is better. True windows as ``tiou``. The time is the first of ``frame_references``,
    else the first in prose: of those with a unit, with colons or behind "at" where there are some, else of all numbers.

    Edge cases:
        The answer cites no time: ``unparsed``. No true window: ``undefined``.

    Source:
        After Zhang et al. 2016, "Excitation Backprop" (arXiv:1608.00507), the pointing game, in time.

    >>> TemporalPointing().score("at 3.5 s", ["[[2, 6]]"]).value
    1.0
    """

    name = "temporal_pointing"
    binary = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        try:
            wanted = [windows for windows in self._true(references, context) if windows]
        except ValueError as cause:
            return nothing_to_judge_by(cause)
        if not wanted:
            return Score(NAN, Status.UNDEFINED)
        answer = read_answer(prediction)
        return self._judge(answer, wanted) if answer.times else Score(NAN, Status.UNPARSED)

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        return truth(any(start <= answer.times[0] < end for windows in wanted for start, end in windows))


class TemporalSchema(AnswerMetric):
    """1 where the answer is JSON of the form ``temporal-answer/1`` and nothing else, else 0: schema compliance.

    Range 0 to 1, higher is better. The form is ``docs/schema/temporal-answer-1.json``. It looks at the form
    alone, not at the references.

    Edge cases:
        An empty answer: ``unparsed``. Code fences, prose, unknown keys, ``NaN`` and repeated keys: 0.

    Source:
        RFC 8259; this project's schema.

    >>> TemporalSchema().score('{"answer": "B", "spans": [[0, 4]]}', ["B"]).value
    1.0
    """

    name = "temporal_schema"
    binary = True
    whole = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        from pydantic import ValidationError

        from harness.reading.json import StrictJSONError, parse_json
        from harness.spec.answer import TemporalAnswer

        if not prediction.strip():
            return Score(NAN, Status.UNPARSED)
        try:
            parse_json(prediction)
            TemporalAnswer.model_validate_json(prediction)
        except (StrictJSONError, ValidationError) as cause:
            return Score(0.0, detail={"why": str(cause).split("\n", 1)[0]})
        return Score(1.0)
