"""What all tasks have in common that observe by themselves: the engine asks the model nothing on their behalf."""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from harness.metrics import SampleMetric
from harness.tasks._cells import Cell
from harness.types import Request, Response, Sample, Score


class MeasuringTask:
    """Base of a task with ``measure``: no samples to ask, no answers to score."""

    metrics: ClassVar[Mapping[str, SampleMetric]] = {}

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return ()

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}
