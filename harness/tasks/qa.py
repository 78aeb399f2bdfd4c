"""Questions about images, one answer each."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

from harness.seeds import derive_seed
from harness.tasks._cells import Cell
from harness.tasks.base import TaskBase, TaskConfig
from harness.tasks.former import text_of
from harness.types import Request, Response, Sample, Score

ENTRIES: Final = {"qa": "QaTask"}

Transform = Callable[[Request, int], Request]
"""Changes the images of a request; the integer seeds it."""


class QaConfig(TaskConfig):
    """Keys of a task of ``kind: qa``."""


class QaTask(TaskBase):
    """Asks every question of a dataset once and scores the answers; a classifier's labels too, with `exact_match`."""

    Config: ClassVar[type[BaseModel]] = QaConfig
    kind = "qa"

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return (self.request(cell, sample, oracle=oracle, task=self.name),)

    def request(
        self,
        cell: Cell,
        sample: Sample,
        *,
        oracle: bool,
        task: str,
        severity: int = 0,
        transform: Transform | None = None,
    ) -> Request:
        """Return a sample's request, for this task's cell or another's, with an optional change to every image."""
        request = self.ask(cell, sample, oracle=oracle, task=task, severity=severity)
        return transform(request, derive_seed(self.seed, task, cell.id, sample.id)) if transform else request

    def again(self, cell: Cell, sample: Sample, *, oracle: bool, task: str, severity: int = 0) -> tuple[Request, ...]:
        return (self.request(cell, sample, oracle=oracle, task=task, severity=severity),)

    def prepare(self, cell: Cell, sample: Sample, *, oracle: bool) -> Request:
        """Return the one request of a sample, for tasks that are written for an earlier version and build on this."""
        return self.request(cell, sample, oracle=oracle, task=self.name)

    def score(self, sample: Sample, responses: Sequence[Response] | str) -> Mapping[str, Score]:
        return self.judge(sample, text_of(responses))
