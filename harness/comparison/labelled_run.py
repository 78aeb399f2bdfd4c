"""What the answers of one run are worth by what people say of a few, beside what a score says of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from harness.comparison.absolute import Ruled, adjusted, rules
from harness.comparison.asked import AskedAnswers, asked_answers
from harness.comparison.columns import Floats
from harness.comparison.described import described
from harness.comparison.labelled import WithLabels, scaled
from harness.comparison.sampled import Sampled, sampled, taken
from harness.labels import Draw, LabelSet
from harness.record import Run
from harness.record.schema import MetricRecord
from harness.spec.models import GateSpec
from harness.stats.agreement import Agreement
from harness.stats.labelled import ByLabels, by_labels
from harness.stats.results import Comparison
from harness.types import Status

WITHIN: Final = 0.05
"""Half the width that an interval should have, where nobody says: it is told how many more labels that takes."""


@dataclass(frozen=True, slots=True)
class LabelledRun:
    """One task of one run by labels of single answers."""

    task: str
    found: ByLabels
    proxy: str
    """The score that stood in for labels; nothing where there was none."""
    own: MetricRecord | None
    """What that score says alone, of all rows: no label is in it."""
    within: float
    people: tuple[str, ...]
    agreement: Agreement | None
    """Of several people, on what two or more of them labelled."""
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``task/labels``."""
        return f"{self.task}/labels"

    @property
    def mean(self) -> Comparison:
        """What an answer is worth, from 0 to 1, with its interval; only estimate and ends mean something."""
        return self.found.comparison

    @property
    def more(self) -> int | None:
        """About how many more labels make the interval ± ``within``: 0 where it is, None where none would."""
        return self.found.more_within(self.within)

    @property
    def said(self) -> str:
        """How many more labels it takes, as a sentence."""
        if self.found.labelled < 2:
            return "two labels are the least"
        if self.more is None:
            return f"labels alone will not make it ± {self.within:g}: more samples would"
        enough = f"± {self.within:g} is reached"
        return f"about {self.more:,} more labels would make it ± {self.within:g}" if self.more else enough

    def plain(self) -> dict[str, Any]:
        """Return plain JSON values; numbers that are not known are null."""
        mean = self.mean
        numbers = {"value": mean.estimate, "low": mean.low, "high": mean.high}
        return {
            "task": self.task,
            **{name: None if np.isnan(number) else number for name, number in numbers.items()},
            "confidence": mean.confidence,
            "direction": "higher",
            "method": mean.method,
            "labels": self.found.labelled,
            "answers": self.found.differing,
            "n": self.found.rows,
            "proxy": self.proxy or None,
            "by_proxy": None if self.own is None else {"value": self.own.value, "low": self.own.low,
                                                       "high": self.own.high, "n": self.own.n},
            "label_worth": self.found.worth,
            "within": self.within,
            "more_labels": self.more,
            "people": list(self.people),
            "notes": list(self.notes),
        }  # fmt: skip


def run_by_people(
    run: Run, given: WithLabels, within: float = WITHIN, confidence: float = 0.95
) -> tuple[LabelledRun, ...]:
    """Return what labels of single answers say of each task of a run that has any.

    Args:
        run: whose answers were labelled. An answer that never came is worth 0 without being asked about.
        given: the labels, and the score that stands in for them.
        within: half the width that the interval should have.
        confidence: of the interval.

    Raises:
        UsageError: if the samples cannot be read.
    """
    if not given.labels.answers:
        return ()
    asked = asked_answers(run)
    known = [_Known.of(one, given.labels) for one in asked]
    names = [name for one in asked for name in one.names]
    whole = sampled({name: draw for one in known for name, draw in one.draws.items()}, names)
    found = []
    for one, said in zip(asked, known, strict=True):
        if said.values:
            chosen = whole or sampled(said.draws, one.names) or taken(said.draws, one.names, "all answers")
            found.append(_labelled(one, given, said, chosen, within, confidence))
    return tuple(found)


def _labelled(
    asked: AskedAnswers, given: WithLabels, known: "_Known", chosen: Sampled, within: float, confidence: float
) -> LabelledRun:
    count = len(asked.side.rows)
    truth, drawn, weights = np.zeros(count), np.zeros(count, bool), np.ones(count)
    for row, name in zip(asked.places.tolist(), asked.names, strict=True):
        counts = name in known.values and name not in chosen.late
        truth[row] = known.values[name] if counts else np.nan
        drawn[row] = counts and name in chosen.weights
        weights[row] = chosen.weights.get(name, 1.0)
    there = np.zeros(count, bool)
    there[asked.places] = True
    name = given.proxy_of(asked.task) or asked.side.record.primary
    proxy = scaled(_proxy(asked, name))
    found = by_labels(
        truth, drawn, differ=there, weights=weights, proxy=proxy, clusters=asked.side.units(), confidence=confidence,
        margin=None,
    )  # fmt: skip
    here = given.labels.agreement("answers")
    return LabelledRun(
        asked.task, found, name if proxy is not None else "",
        asked.side.record.metrics.get(name), within, tuple(sorted(known.people)), here if here.units else None,
        chosen.notes,
    )  # fmt: skip


def _proxy(asked: AskedAnswers, name: str) -> Floats | None:
    """Return a score of each row, more being better, [rows]; None where there is no such score."""
    side = asked.side
    spec = described(side.record, side.samples.metrics).columns.get(name)
    if spec is None or spec.direction == "none" or name not in side.samples.metrics:
        return None
    worths: Floats = side.samples.worths(name, spec)[side.rows]
    return -worths if spec.direction == "lower" else worths


@dataclass(frozen=True, slots=True)
class _Known:
    """What labels say of the answers, by name."""

    values: Mapping[str, float]
    draws: Mapping[str, Draw | None]
    people: frozenset[str]

    @classmethod
    def of(cls, asked: AskedAnswers, labels: LabelSet) -> "_Known":
        values, draws, people = dict[str, float](), dict[str, Draw | None](), set[str]()
        for name, (key, answer) in zip(asked.names, asked.answers, strict=True):
            if (value := labels.value(key, answer)) is not None:
                values[name] = value
                said = labels.answers[key, answer]
                draws[name] = next((one.draw for one in said.values() if one.draw is not None), None)
                people |= set(said)
        return cls(values, draws, frozenset(people))


def rules_of_people(
    found: Sequence[LabelledRun], gates: Sequence[GateSpec], given: WithLabels, after: int
) -> Iterator[Ruled]:
    """Yield a rule for each task that a suite sets a bound: by ``labels: {min: …}``, else as its gates do.

    A gate says it with ``min`` or ``max`` on the task's primary metric, where that is a share of which more is better.

    Args:
        found: of the run.
        gates: of the suite.
        given: the labels, and the bound that the suite sets for them.
        after: the place of the first rule.
    """
    bounds = [(one, spec) for one in found if (spec := _bound(one, gates, given)) is not None]
    numbers = {one.name: _as_metric(one) for one, _ in bounds}
    for place, rule in enumerate(adjusted(rules([spec for _, spec in bounds], numbers)), after):
        one = bounds[rule.position][0]
        differ = f"{one.found.labelled:,} labels of {one.found.differing:,} answers"
        reason = "; ".join([rule.gate.reason, differ, *([one.said] if one.found.labelled < 2 else []), *one.notes])
        told = {"reason": reason, "rule": f"{rule.gate.rule} by labels"}
        yield replace(rule, gate=rule.gate.model_copy(update=told), position=place)


def _bound(one: LabelledRun, gates: Sequence[GateSpec], given: WithLabels) -> GateSpec | None:
    if given.least is not None:
        return GateSpec(metric=one.name, min=given.least)
    if one.own is None or one.own.direction != "higher" or one.own.unit != "share":
        return None
    own = (gate for gate in gates if gate.metric == f"{one.task}/{one.proxy}")
    gate = next((gate for gate in own if gate.min is not None or gate.max is not None), None)
    return gate and GateSpec(metric=one.name, min=gate.min, max=gate.max)


def _as_metric(one: LabelledRun) -> MetricRecord:
    mean, count = one.mean, one.found.labelled
    told = np.isfinite([mean.low, mean.high]).all()
    return MetricRecord(
        value=float(mean.estimate) if told else None, low=float(mean.low) if told else None,
        high=float(mean.high) if told else None, n=count, total=count, coverage=1.0, direction="higher", unit="",
        statuses={Status.OK: count}, method=mean.method, confidence=mean.confidence,
    )  # fmt: skip
