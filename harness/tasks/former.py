"""Tasks as they were written before a sample's work was a list of requests: they work for one more release."""

import inspect
import warnings
from collections.abc import Sequence
from typing import Any, Final

from harness.estimate import ANY, Statistic, stored
from harness.tasks._base import Task
from harness.tasks._cells import CellResult
from harness.tasks._made import Summary
from harness.tasks._observed import Measures
from harness.tasks._pictured import Figures, Illustration
from harness.tasks.scoring import column_specs
from harness.types import Response

_SAID: Final = (
    "task kind {kind!r} is written for an earlier version: replace `prepare(cell, sample, *, oracle) -> Request` by "
    "`requests(…) -> tuple[Request, ...]`, `score(sample, text)` by `score(sample, responses)` and `summarise(…)` by "
    "`statistics()`; the former methods go with the next release"
)
_BY_ITSELF: Final = "its task sums it up by itself; give the task `statistics()` instead of `summarise()`"


def up_to_date(task: Any) -> Task:
    """Return a task that speaks as tasks do now: itself, or one of the earlier form behind methods of the new."""
    known: Task = task
    own = type(task)
    adapted: dict[str, Any] = {"__slots__": ()}
    if not hasattr(own, "statistics") and hasattr(own, "summarise"):
        adapted |= {"statistics": _statistics, "cell_statistics": lambda self, cell: ()}
        adapted |= {"columns": lambda self: column_specs(self.metrics), "illustrate": _illustrate}
    if not isinstance(task, Measures):
        if _place(own, "prepare") < _place(own, "requests"):
            adapted["requests"] = lambda self, cell, sample, *, oracle: (
                own.prepare(self, cell, sample, oracle=oracle),
            )
        if "text" in inspect.signature(own.score).parameters:
            adapted["score"] = lambda self, sample, responses: own.score(self, sample, text_of(responses))
    if len(adapted) > 1:
        warnings.warn(_SAID.format(kind=task.kind), DeprecationWarning, stacklevel=2)
        # The class is changed, and not the task put into another: it stays what other tasks and the engine know it as.
        task.__class__ = type(own.__name__, (own,), adapted)
    return known


def _statistics(self: Any) -> list[Statistic]:
    """Return numbers that can be looked at and never tested."""
    return [Statistic(name, stored(), unit="", bounds=ANY, untestable=_BY_ITSELF) for name in self.metric_names()]


def _illustrate(self: Any, results: Sequence[CellResult], figures: Figures) -> Illustration:
    """Take what the task sums up as it is."""
    found: Summary = self.summarise(results, seed=0)
    shown = (found.curves, found.findings, found.charts, found.tables)
    return Illustration(*shown, stored=found.metrics, stored_cells=found.cells)


def text_of(answer: Sequence[Response] | str) -> str:
    """Return the text of a single response; a bare text, as ``score`` took it formerly, is one already."""
    if isinstance(answer, str):
        return answer
    return (answer[0].text if answer else "") or ""


def _place(own: type, name: str) -> int:
    """Return how far from a class a method is defined; behind everything where it is not."""
    order = own.__mro__
    return next((i for i, cls in enumerate(order) if name in vars(cls)), len(order))
