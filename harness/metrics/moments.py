"""When something happens in a clip: windows in answers against true windows."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, get_args

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import NAN, AnswerMetric, Failures, truth
from harness.metrics._true_windows import annotations
from harness.metrics._variants import MOMENT_DETR, NEXT_GQA, Variants
from harness.reading.timed import TimedAnswer, read_answer
from harness.types import Score, Span, Status

ENTRIES: Final = {
    "hit_at_1": "HitAt1",
    "miou": "MeanIou",
    "moment_map": "MomentMap",
    "recall_at_1_iou": "RecallAt1Iou",
    "tiou": "TemporalIou",
}

Length = Literal["full", "short", "middle", "long"]

_LENGTHS: Final[Mapping[str, tuple[float, float]]] = {
    "full": (0.0, float("inf")),
    "short": (0.0, 10.0),
    "middle": (10.0, 30.0),
    "long": (30.0, 150.0),
}


def windows_of(text: str) -> tuple[Span, ...]:
    """Return the windows that an answer names, the best first; none where it names none.

    >>> windows_of("from 2 to 4 s")
    ((2.0, 4.0),)
    """
    return read_answer(text).windows or ()


def nothing_to_judge_by(cause: ValueError) -> Score:
    """Return the score of a sample whose true windows can't be read: the answer isn't to blame."""
    return Score(NAN, Status.UNDEFINED, complaint=str(cause))


class MomentMetric(AnswerMetric):
    """A metric on the windows of an answer. It reads structured answers whole: extraction steps are not for it."""

    whole = True

    def __init__(self, variant: str = "default", failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        if variant == "official":
            self.failure_value = None  # the official code leaves out what has no prediction

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        try:
            wanted = self._true(references, context)
        except ValueError as cause:
            return nothing_to_judge_by(cause)
        if not any(wanted):
            return Score(NAN, Status.UNDEFINED)
        answer = self._read(prediction)
        if answer.windows is None:
            return Score(NAN, Status.UNPARSED)
        if not answer.windows:
            return self._of_nothing(answer)
        return self._judge(answer, [windows for windows in wanted if windows])

    def _true(self, references: tuple[str, ...], context: Mapping[str, Any]) -> list[tuple[Span, ...]]:
        return annotations(references, context.get("evidence"))

    def _read(self, prediction: str) -> TimedAnswer:
        return read_answer(prediction)

    def _of_nothing(self, answer: TimedAnswer) -> Score:
        """Judge an answer that says that there is no window, where there is one."""
        return Score(NAN, Status.UNPARSED) if self.variant == "official" else Score(0.0)

    @abstractmethod
    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score: ...


def _top_iou(answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> float:
    from harness.metrics.spans import tiou_pairs

    first = answer.top or (NAN, NAN)
    return float(tiou_pairs(first, [window for windows in wanted for window in windows]).max())


class TemporalIou(MomentMetric):
    """Temporal IoU of all windows of the answer with all true windows, both joined: shared seconds / covered seconds.

    Range 0 to 1, higher is better. Windows are half-open seconds. The true windows stand in the evidence
    (``{"spans": [[2.5, 4]]}``), as a temporal task puts them, or are the references; each reference is then
    one annotation, and the best counts.

    Edge cases:
        No window in the answer: ``unparsed``. An empty list of windows, "no such moment", or only windows that end
        before they start: 0. No true window: ``undefined``; a reference that is none, too, with a complaint.

    Source:
        Gao et al. 2017, "TALL" (arXiv:1705.02101), for sets of windows.

    >>> TemporalIou().score("[[0, 4]]", ["[[2, 6]]"]).value
    0.3333333333333333
    """

    name = "tiou"

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        from harness.metrics.spans import length, shared_length

        given = answer.windows or ()
        return Score(max(shared_length(given, windows) / length([*given, *windows]) for windows in wanted))


class MeanIou(MomentMetric):
    """Temporal IoU of the answer's first window with the true window that it overlaps most; the mean is mIoU.

    Range 0 to 1, higher is better. True windows as ``tiou``.

    Edge cases:
        As ``tiou``. ``official`` leaves out answers without a window.

    Source:
        Gao et al. 2017 (arXiv:1705.02101); Xiao et al. 2024, "NExT-GQA" (arXiv:2309.01327), for ``official``.

    >>> MeanIou().score("9-10 or 2-6", ["[[0, 4], [9, 10]]"]).value
    1.0
    """

    name = "miou"
    variants: ClassVar[Variants] = {
        "default": "answers without a window are worth 0",
        "official": NEXT_GQA.variant(
            "code/TempGQA/eval_ground.py", "NExT-GQA's evaluation: questions without a predicted window are not counted"
        ),
    }

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        return Score(_top_iou(answer, wanted))


class RecallAt1Iou(MomentMetric):
    """1 where the answer's first window has an IoU of at least ``threshold`` with a true window, else 0: R1@IoU.

    Range 0 to 1, higher is better. True windows as ``tiou``. The first window is the one with the highest
    confidence where all have one, else the first listed.

    Args:
        threshold: the least IoU of a hit, its edge included.

    Edge cases:
        As ``tiou``. ``official`` takes the first listed window whatever its confidence, leaves out missing
        answers, and fails on an empty list of windows, as the official code does.

    Source:
        Gao et al. 2017 (arXiv:1705.02101); Lei et al. 2021, "QVHighlights" (arXiv:2107.09609), for ``official``.

    >>> RecallAt1Iou().score("from 0 to 2 s", ["[[0, 4]]"]).value
    1.0
    """

    name = "recall_at_1_iou"
    binary = True
    variants: ClassVar[Variants] = {
        "default": "answers without a window are worth 0",
        "official": MOMENT_DETR.variant(
            "standalone_eval/eval.py",
            "QVHighlights' evaluation: the first listed window counts, answers without one drop out",
        ),
    }

    def __init__(self, variant: str = "default", threshold: float = 0.5, failures: Failures = "wrong") -> None:
        super().__init__(variant, failures)
        if not 0 < threshold <= 1:
            raise UsageError(f"metric 'recall_at_1_iou': threshold must lie in (0, 1], got {threshold!r}")
        self.threshold = threshold

    def _read(self, prediction: str) -> TimedAnswer:
        return read_answer(prediction, by_confidence=self.variant != "official")

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        overlap = _top_iou(answer, wanted)
        return Score(truth(overlap >= self.threshold).value, detail={"tiou": overlap})


class HitAt1(MomentMetric):
    """1 where the middle of the answer's first window lies in a true window, else 0.

    Range 0 to 1, higher is better. True windows as ``tiou``. QVHighlights' HIT@1 asks the same of the clip
    with the highest saliency; here the windows are the truth, and no saliency is asked for.

    Edge cases:
        As ``tiou``. A window of no length points at its start; one that ends before it starts misses.

    Source:
        After Lei et al. 2021 (arXiv:2107.09609).

    >>> HitAt1().score("[[0, 4]]", ["[[2, 6]]"]).value, HitAt1().score("[[0, 3]]", ["[[2, 6]]"]).value
    (1.0, 0.0)
    """

    name = "hit_at_1"
    binary = True

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        start, end = answer.top or (NAN, NAN)
        middle = (start + end) / 2
        inside = any(low <= middle < high for windows in wanted for low, high in windows)
        return truth(start <= end and inside)


class MomentMap(MomentMetric):
    """Average precision of the answer's ranked windows, mean over IoU 0.50:0.05:0.95; the mean is mAP.

    Range 0 to 1, higher is better. True windows as ``tiou``. Ranked by confidence where all windows have one,
    else as listed; at most ``windows`` count.

    Args:
        length: only true windows of that length: ``short`` (up to 10 s), ``middle`` (over 10, up to 30 s),
            ``long`` (over 30, up to 150 s) or ``full``; answers to others are undefined.
        windows: how many ranks count.

    Edge cases:
        As ``tiou``. ``official`` cuts the list before it ranks it, leaves out answers without a window, and of
        true windows with equal overlap takes the last.

    Source:
        Lei et al. 2021, "QVHighlights" (arXiv:2107.09609).

    >>> MomentMap().score("[[0, 4], [6, 9]]", ["[[6, 9]]"]).value
    0.5
    """

    name = "moment_map"
    variants: ClassVar[Variants] = {
        "default": "answers without a window are worth 0",
        "official": MOMENT_DETR.variant(
            "standalone_eval/eval.py", "QVHighlights' evaluation: queries without predicted windows are not counted"
        ),
    }

    def __init__(
        self, variant: str = "default", length: Length = "full", windows: int = 10, failures: Failures = "wrong"
    ) -> None:
        super().__init__(variant, failures)
        if length not in get_args(Length):
            raise UsageError(
                f"metric 'moment_map': unknown length {length!r}; {did_you_mean(length, get_args(Length))}"
            )
        if windows < 1:
            raise UsageError(f"metric 'moment_map': windows must be 1 or more, got {windows!r}")
        self.length = length
        self.windows = windows

    def _true(self, references: tuple[str, ...], context: Mapping[str, Any]) -> list[tuple[Span, ...]]:
        shortest, longest = _LENGTHS[self.length]
        return [
            tuple(window for window in windows if shortest < window[1] - window[0] <= longest)
            for windows in super()._true(references, context)
        ]

    def _read(self, prediction: str) -> TimedAnswer:
        return read_answer(prediction, most=self.windows) if self.variant == "official" else read_answer(prediction)

    def _judge(self, answer: TimedAnswer, wanted: Sequence[tuple[Span, ...]]) -> Score:
        from harness.metrics.spans import average_precisions

        ranked = (answer.windows or ())[: self.windows]
        ties = "last" if self.variant == "official" else "first"
        return Score(max(float(average_precisions([ranked], [windows], ties=ties).mean()) for windows in wanted))
