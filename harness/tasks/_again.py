"""What is the same for tasks that ask another task's questions once more, changed, in cells beside the clean one."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.estimate import Statistic
from harness.tasks._asked import Joins
from harness.tasks._cells import Cell
from harness.tasks.base import OverDataset, TaskBase
from harness.types import Dataset, Response, Sample


class AskedAgain(OverDataset):
    """A subclass says which cells there are, how each changes a sample, and what is made of the scores."""

    kind: ClassVar[str]

    def __init__(self, name: str, config: Any, base: TaskBase) -> None:
        self.name = name
        self.dataset: Dataset = base.dataset
        self.metrics = base.metrics
        self.requires = base.requires
        self.primary: str = config.metric or base.primary
        self._config = config
        self._base = base

    def cells(self) -> Sequence[Cell]:
        """Return the clean cell, and those beside it."""
        raise NotImplementedError

    def joined(self, sample: Sample, responses: Sequence[Response]) -> str:
        """Return a sample's answer as its own task has it."""
        if isinstance(self._base, Joins):
            return self._base.joined(sample, responses)
        return (responses[0].text if responses else "") or ""

    def by_cell(self) -> list[Statistic]:
        """Return the first metric in each cell."""
        metric = self.metrics[self.primary]
        return [metric.statistic(self.primary, [cell.id], f"{self.primary}[{cell.id}]") for cell in self.cells()]

    def describe(self) -> Mapping[str, Any]:
        keys = self._config.model_dump(mode="json", exclude={"of", "metric"})
        return {"kind": self.kind, "of": self._base.describe(), "metric": self.primary, **keys}
