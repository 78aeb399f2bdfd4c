"""What answers take: tokens, images, money and seconds, a sample and a right answer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from pydantic import BaseModel

from harness.errors import ConfigError
from harness.estimate import (
    POSITIVE,
    ColumnSpec,
    Number,
    Statistic,
    column,
    glossary_of,
    mean,
    ratio,
    scaled,
    times,
    total,
)
from harness.metrics import SampleMetric
from harness.record.rows import MadeRows
from harness.spec.models import Model
from harness.tasks._base import BuildContext
from harness.tasks._cells import Cell, CellResult
from harness.tasks._graded import find_scored
from harness.tasks._made import Made
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks.base import TaskBase
from harness.types import Request, Response, Sample, Score

ENTRIES: Final = {"cost": "CostTask"}

_ROWS: Final = "answers"
_RIGHT: Final = "right"
_APART: Final = "seconds of two runs are of two times and perhaps two machines; `kind: latency` takes turns"
_AMOUNTS: Final = {
    "tokens": ("Tokens read and written", "tokens"),
    "image_tokens": ("Tokens of images, where the adapter tells them", "tokens"),
    "images": ("Images shown", "images"),
    "cost": ("Money by the adapter's `prices`, in their currency", "money"),
    "seconds": ("Wall-clock seconds of the model's call, an equal share of its batch's", "s"),
}


class CostConfig(Model):
    """Keys of a task of ``kind: cost``."""

    of: str
    """A task that stands before this one and asks about one dataset: `qa`, `choice`, `caption`, …"""
    metric: str | None = None
    """The metric from 0 to 1 that says what an answer is worth; the first of that task by default."""


def _numbers() -> Iterator[Number]:
    yield Number(_RIGHT, "Mean worth of an answer: the share of right ones, where it is right or wrong.")
    for name, (what, unit) in _AMOUNTS.items():
        untestable = _APART if name == "seconds" else ""
        yield Number(
            f"{name}_per_sample", f"{what}, mean over samples.", "lower", unit, POSITIVE, untestable=untestable
        )
        said = f"{what}, all of them over the right answers got for them; undefined where none is right."
        yield Number(f"{name}_per_correct", said, "lower", unit, POSITIVE, untestable=untestable)


def _priceless(figures: Figures) -> tuple[Finding, ...]:
    """Say why there is no money, where answers came and none has a price."""
    if not figures.metrics[_RIGHT].n or figures.metrics["cost_per_sample"].n:
        return ()
    return (Finding("note", "`cost_*` is undefined: the adapter's file has no `prices:`, or its answers no tokens"),)


class CostTask:
    """What the answers of another task took; the model is asked nothing more.

    An answer from the cache has its tokens and their price, and no seconds. What a failed request took is not known: it
    counts as no right answer in `right`, and not in the amounts. A judge's tokens are not the model's.
    """

    Config: ClassVar[type[BaseModel]] = CostConfig
    kind = "cost"
    requires: frozenset[str] = frozenset()
    metrics: ClassVar[Mapping[str, SampleMetric]] = {}
    primary = _RIGHT
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(*_numbers())

    def __init__(self, name: str, config: CostConfig, base: TaskBase) -> None:
        self.name = name
        self.reads = config.of
        self._base = base
        self._metric = config.metric or base.primary

    @classmethod
    def build(cls, name: str, config: CostConfig, context: BuildContext) -> Self:
        base, issues = find_scored(config.of, config.metric, context)
        if issues or base is None:
            raise ConfigError(*issues)
        return cls(name, config, base)

    def cells(self) -> Sequence[Cell]:
        return ()

    def count(self, cell: Cell) -> int:
        return 0

    def samples(self, cell: Cell) -> Iterable[Sample]:
        return ()

    def requests(self, cell: Cell, sample: Sample, *, oracle: bool) -> tuple[Request, ...]:
        return ()

    def score(self, sample: Sample, responses: Sequence[Response]) -> Mapping[str, Score]:
        return {}

    def make(self, results: Sequence[CellResult]) -> Made:
        """Lay what each answer took beside what it was worth."""
        first = results[0]
        told = {sample.id: (sample.cluster or sample.id, len(sample.images)) for sample in self._base.dataset}
        repeats = ((one, told.get(one) or told.get(one.rpartition("#")[0])) for one in first.ids)
        known = {one: of for one, of in repeats if of is not None}
        there = np.array([identity in known for identity in first.ids], bool)
        ids = [*known]
        spent = {name: values[there] for name, values in first.spent.items()}
        amounts = {
            **spent,
            "tokens": spent["tokens_in"] + np.nan_to_num(spent["tokens_out"]),
            "images": np.array([known[identity][1] for identity in ids], np.float64),
            _RIGHT: first.columns[self._metric].worths[there],
        }
        columns = {name: amounts[name] for name in (_RIGHT, *_AMOUNTS)}
        return Made((MadeRows(self.name, _ROWS, ids, columns, [known[identity][0] for identity in ids]),))

    def statistics(self) -> Sequence[Statistic]:
        told, right = self.glossary, column(_RIGHT, _ROWS)
        found = [told[_RIGHT].over(mean(right))]
        for name in _AMOUNTS:
            amount = column(name, _ROWS)
            got = times(right, scaled(amount, 0.0, 1.0))  # right answers, of those whose amount is known
            found.append(told[f"{name}_per_sample"].over(mean(amount)))
            found.append(told[f"{name}_per_correct"].over(ratio(total(amount), total(got))))
        return found

    def cell_statistics(self, cell: Cell) -> Sequence[Statistic]:
        return ()

    def columns(self) -> Mapping[str, ColumnSpec]:
        binary = self._base.metrics[self._metric].binary
        amounts = {name: ColumnSpec("lower", unit, POSITIVE) for name, (_, unit) in _AMOUNTS.items()}
        return {_RIGHT: ColumnSpec(binary=binary), **amounts}

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say what is not known, and why."""
        found = figures.metrics
        if found[_RIGHT].n and not found["seconds_per_sample"].n:
            said = "no answer's seconds are known: all came from the cache; `harness run … --no-cache` asks anew"
            return Illustration(findings=(Finding("note", said), *_priceless(figures)))
        if 0 < found["seconds_per_sample"].n < found[_RIGHT].n:
            part = f"{found['seconds_per_sample'].n:,} of {found[_RIGHT].n:,} answers"
            return Illustration(findings=(Finding("note", f"seconds are known of {part}; the others failed or were "
                                                          "in the cache"), *_priceless(figures)))  # fmt: skip
        return Illustration(findings=_priceless(figures))

    def describe(self) -> Mapping[str, Any]:
        return {"kind": self.kind, "of": self._base.describe(), "metric": self._metric}
