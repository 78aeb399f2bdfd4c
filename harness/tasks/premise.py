"""Does a model object when it is asked about what is not there? "What colour is the cup?", where there is none."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, Field

from harness.estimate import Number, Statistic, column, glossary_of, ratio, total
from harness.tasks._cells import CellResult
from harness.tasks._named import Ref
from harness.tasks._pictured import Figures, Finding, Illustration
from harness.tasks._said import with_interval
from harness.tasks.base import CLEAN
from harness.tasks.hallucination import HallucinationConfig, HallucinationTask, Probes

ENTRIES: Final = {"premise": "PremiseTask"}

_SUMS: Final = ("caught", "absent", "denied", "present")


class PremiseConfig(HallucinationConfig):
    """Keys of a task of ``kind: premise``: those of ``kind: hallucination``."""

    metrics: tuple[Ref, ...] = Field(default=("premise_accuracy",), min_length=1)
    """As of every task."""
    question: str = "What color is the {{ object }}?"
    """What is asked about an `object`, with its `article`: it must take the thing to be there."""


class _Premises(Probes):
    """Questions that take a thing to be there: as many in which it is as in which it is not."""

    THERE = "there"
    ABSENT = "none"


class PremiseTask(HallucinationTask):
    """How often a model answers a question about what is not there, and how often it denies what is.

    Absent things are drawn as POPE draws them. What an image does not name counts as absent, so it should name all.
    """

    Config: ClassVar[type[BaseModel]] = PremiseConfig
    PROBES: ClassVar[type[Probes]] = _Premises
    kind = "premise"
    glossary: ClassVar[Mapping[str, Number]] = glossary_of(
        Number("premises_caught", "Share of the questions about what is not there to which the answer objects."),
        Number(
            "premises_denied",
            "Share of the questions about what is there to which the answer says that it is not: what a model that "
            "objects to everything pays.",
            "lower",
        ),
    )

    def statistics(self) -> Sequence[Statistic]:
        # Not those of a hallucination task: nothing here is answered by yes.
        own = self._shares()
        return [*super().statistics(), *own, *self._slices.of(own)]

    def _shares(self) -> list[Statistic]:
        label = next((name for name, one in self.metrics.items() if set(_SUMS) <= set(one.sums)), None)
        if label is None:
            return []
        caught, absent, denied, present = (total(column(f"{label}.{name}", CLEAN.id)) for name in _SUMS)
        return [
            self.glossary["premises_caught"].over(ratio(caught, absent)),
            self.glossary["premises_denied"].over(ratio(denied, present)),
        ]

    def illustrate(self, results: Sequence[CellResult], figures: Figures) -> Illustration:
        """Say where the model takes for granted what is not there, or denies what is."""
        said = []
        for name, tells in (
            ("premises_caught", "it objects to {} of the questions about what is not there, and answers the others"),
            ("premises_denied", "it says of {} of the things that are there that they are not"),
        ):
            one = figures.metrics.get(name)
            if one is None or one.value is None or one.value != one.value:
                continue
            if (name == "premises_caught" and one.high < 0.9) or (name == "premises_denied" and one.low > 0.05):
                said.append(Finding("note", tells.format(with_interval(one))))
        return Illustration(findings=tuple(said))
