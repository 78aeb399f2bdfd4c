"""What all tasks have in common that observe by themselves: the engine asks the model nothing on their behalf."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from harness.metrics import SampleMetric
from harness.tasks._base import Cell
from harness.types import Request, Sample, Score


class MeasuringTask:
    """Base of a task with ``measure``: no samples to ask, no answers to score."""

    metrics: ClassVar[Mapping[str, SampleMetric]] = {}
    continues: ClassVar[bool] = False
    """Whether a cell goes on behind the observations that an interrupted run has left (``Bench.done``), and gives what
    it would have given in one go. What is timed begins anew."""

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return ()

    def prepare(self, cell: Cell, sample: Sample, *, oracle: bool) -> Request:
        raise NotImplementedError(f"{type(self).__name__} observes by itself")

    def score(self, sample: Sample, text: str) -> Mapping[str, Score]:
        return {}
