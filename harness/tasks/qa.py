"""Questions about images, one answer each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from pydantic import BaseModel, Field

from harness.metrics import SampleMetric
from harness.seeds import derive_seed
from harness.tasks._base import Cell
from harness.tasks.base import CLEAN, TaskBase, TaskConfig
from harness.tasks.former import text_of
from harness.types import Dataset, Generation, Oracle, Request, Response, Sample, Score

__all__ = ["CLEAN", "QaConfig", "QaTask", "Transform"]

ENTRIES: Final = {"qa": "QaTask"}

Transform = Callable[[Request, int], Request]
"""Changes the images of a request; the integer seeds it."""


class QaConfig(TaskConfig):
    """Keys of a task of ``kind: qa``."""

    temperature: float = Field(default=0.0, ge=0, le=10)
    """Above 0 the model samples its answer; for `--epochs`. Needs an adapter that can `sample`."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample among the most likely tokens that together are this likely."""


class QaTask(TaskBase):
    """Asks every question of a dataset once."""

    Config: ClassVar[type[BaseModel]] = QaConfig
    kind = "qa"
    config: QaConfig

    def __init__(
        self, name: str, config: QaConfig, dataset: Dataset, metrics: Mapping[str, SampleMetric], seed: int
    ) -> None:
        super().__init__(name, config, dataset, metrics, seed)
        if config.temperature:
            self.requires = self.requires | {"sample"}

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
        seed = derive_seed(self.seed, task, cell.id, sample.id)
        request = replace(
            self.ask(cell, sample, oracle=False, generation=self._generation(seed)),
            id=f"{task}/{cell.id}/{sample.id}",
            oracle=Oracle(sample.references, severity, seed) if oracle else None,
        )
        return transform(request, seed) if transform else request

    def _generation(self, seed: int) -> Generation:
        config = self.config
        if not config.temperature:
            return Generation(config.max_new_tokens)
        return Generation(config.max_new_tokens, config.temperature, config.top_p, seed >> 33)

    def prepare(self, cell: Cell, sample: Sample, *, oracle: bool) -> Request:
        """Return the one request of a sample, for tasks that are written for an earlier version and build on this."""
        return self.request(cell, sample, oracle=oracle, task=self.name)

    def score(self, sample: Sample, responses: Sequence[Response] | str) -> Mapping[str, Score]:
        return self.judge(sample, text_of(responses))

    def describe(self) -> Mapping[str, Any]:
        greedy = () if self.config.temperature else ("temperature", "top_p")
        return {key: value for key, value in super().describe().items() if key not in greedy}
