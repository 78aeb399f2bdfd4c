"""How two runs differ by what people say of a few of their answers, beside what a score says of all of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import ValidationError

from harness.comparison.asked import AskedPairs
from harness.comparison.columns import Floats
from harness.comparison.labelled_slices import NO_SLICES, LookedByLabels, slices_by_labels
from harness.comparison.once import Rows, by_things, things_of
from harness.comparison.sampled import Sampled, sampled, taken
from harness.labels import NO_ANSWER, Draw, LabelSet, read_labels
from harness.record.schema import TaskRecord
from harness.spec.models import LabelsSpec
from harness.stats.agreement import Agreement
from harness.stats.labelled import ByLabels
from harness.stats.paired import paired_t
from harness.stats.results import Comparison
from harness.stats.verdict import Outcome, Verdict, judge, judge_family

MARGIN: Final = 0.05
"""How much worse is not worse, where neither a gate nor the suite's ``labels:`` says: one answer in twenty."""

Kind = Literal["preference", "value"]

_NO_PROXY: Final = "no score is called {}, so none stands in for labels"
_OTHER_NUMBER: Final = (
    "labels say what an answer is worth on average; the score is {} of {} answers to each question: another number"
)
_MIXED: Final = "labels of single answers count by their sign, since others are of pairs"


@dataclass(frozen=True, slots=True)
class WithLabels:
    """Labels to compare with, and how."""

    labels: LabelSet
    file: str = ""
    margin: float | None = None
    """How much worse is not worse; None: as the gate on the task's primary metric says, else :data:`MARGIN`."""
    proxy: str = ""
    """The score that stands in for labels, ``task/metric`` or ``metric``; each task's primary metric by default."""
    least: float | None = None
    """The share of a run's answers that must be right; None: as a gate on the task's primary metric says."""

    @classmethod
    def of_suite(cls, content: Mapping[str, Any], suite: Path) -> "WithLabels | None":
        """Return the labels that a suite names, from the folder of its file; None where it names none.

        Raises:
            UsageError: if the file has rows that are no labels. One that is not there yet has none.
        """
        told = content.get("labels")
        if told is None:
            return None
        try:
            spec = LabelsSpec.model_validate(told)
        except ValidationError:  # a record of another version
            return None
        file = suite.parent / spec.file
        there = read_labels(file) if file.exists() else LabelSet()
        return cls(there, str(file), spec.max_drop, spec.proxy or "", spec.min)

    @classmethod
    def asked_for(cls, file: Path | None, content: Mapping[str, Any], suite: Path) -> "WithLabels | None":
        """Return the labels of a file that somebody names, by the rules of a suite; else those that it names itself.

        Raises:
            UsageError: if the file cannot be read, or has rows that are no labels.
        """
        own = cls.of_suite(content, suite)
        return own if file is None else replace(own or cls(LabelSet()), labels=read_labels(file), file=str(file))

    def proxy_of(self, task: str) -> str:
        """Return the score that stands in for labels in a task; nothing where that is its primary metric."""
        owner, _, name = self.proxy.rpartition("/")
        return name if owner in ("", task) else ""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One task of two runs by labels."""

    task: str
    kind: Kind
    """``preference``: the share of answers that people find better less that of those they find worse;
    ``value``: by how much the mean value of an answer moved."""
    found: ByLabels
    verdict: Verdict
    proxy: str
    """The score that stood in for labels; nothing where there was none."""
    by_proxy: Comparison | None
    """What that score says alone, of all rows: no label is in it."""
    people: tuple[str, ...]
    agreement: Agreement | None
    """Of several people, on what two or more of them labelled."""
    notes: tuple[str, ...] = ()
    slices: LookedByLabels = NO_SLICES
    """Where people find answers worse, by the suite's ``slice_by``."""

    @property
    def comparison(self) -> Comparison:
        """Above zero is better."""
        return self.found.comparison

    @property
    def name(self) -> str:
        """``task/labels``."""
        return f"{self.task}/labels"

    @property
    def word(self) -> Literal["pass", "fail", "inconclusive"]:
        """What a gate says of it."""
        words: Mapping[Outcome, Literal["pass", "fail"]] = {Outcome.FAIL: "fail", Outcome.NON_INFERIOR: "pass"}
        return words.get(self.verdict.outcome, "inconclusive")

    @property
    def counts(self) -> str:
        """How many labels there are, of how many that differ."""
        of = f"{self.found.differing:,} of {self.found.rows:,} answers differ"
        return f"{self.found.labelled:,} label{'s' * (self.found.labelled != 1)}; {of}"

    @property
    def said(self) -> str:
        """The verdict as a sentence."""
        margin, worst = self.comparison.margin, max(0.0, -self.comparison.lower_bound)
        if self.word == "fail":
            return f"worse by {-self.comparison.estimate:.3f}, margin {margin:g}, p = {self.verdict.adjusted_p:.2g}"
        if self.word == "pass":
            better = "; better" if self.comparison.p_greater <= 1 - self.comparison.confidence else ""
            return f"not worse by {margin:g}: at worst by {worst:.3f}{better}"
        if not self.found.labelled and self.found.differing:
            return f"undecided: nothing is labelled yet, margin {margin:g}"
        if self.found.more is None and self.found.labelled < 2:
            return "undecided: two labels are the least"
        if self.found.more is None:
            return f"undecided at a margin of {margin:g}, and labels alone will not decide: more samples would"
        return f"undecided at a margin of {margin:g}: about {max(1, self.found.more):,} more labels would suffice"


def by_people(
    asked: Sequence[AskedPairs],
    given: WithLabels,
    margins: Mapping[str, float],
    confidence: float = 0.95,
    tags: Collection[str] = (),
) -> tuple[Labelled, ...]:
    """Return what labels say of each task that has any, with verdicts that allow for there being several (Holm).

    Args:
        asked: the pairs of each task.
        given: the labels.
        margins: by task, how much worse is not worse, where ``given`` does not say.
        confidence: 1 − alpha.
        tags: to look for slices by.
    """
    known = [_Known.of(one, given.labels) for one in asked]
    whole = sampled({name: draw for one in known for name, draw in one.draws.items()},
                     [name for one in asked for name in one.names])  # fmt: skip
    found = []
    for one, said in zip(asked, known, strict=True):
        if said.differences:
            drawn = whole or sampled(said.draws, one.names) or taken(said.draws, one.names)
            found.append(_labelled(one, given, said, drawn, margins.get(one.task), confidence, tags))
    verdicts = judge_family([one.comparison for one in found])
    return tuple(replace(one, verdict=verdict) for one, verdict in zip(found, verdicts, strict=True))


def _labelled(
    asked: AskedPairs,
    given: WithLabels,
    known: "_Known",
    chosen: Sampled,
    margin: float | None,
    confidence: float,
    tags: Collection[str],
) -> Labelled:
    truth, drawn, weights = np.zeros(len(asked)), np.zeros(len(asked), bool), np.ones(len(asked))
    for row, name in zip(asked.differing.tolist(), asked.names, strict=True):
        counts = name not in chosen.late
        truth[row] = known.differences.get(name, np.nan) if counts else np.nan
        drawn[row] = counts and name in chosen.weights and name in known.differences
        weights[row] = chosen.weights.get(name, 1.0)
    notes = list(chosen.notes)
    units, proxy = asked.sides[1].units(), scaled(asked.proxy)
    own = given.margin if given.margin is not None else MARGIN if margin is None else margin
    apart = np.zeros(len(asked), bool)
    apart[asked.differing] = True
    rows = Rows(truth, drawn, apart, weights, proxy, units)
    things = things_of(asked.differing, asked.names, len(asked))
    found = by_things(rows, things, confidence, own)
    where = slices_by_labels(rows, things, asked.sides[1], tags, confidence, own) if tags else NO_SLICES
    alone = None
    if asked.proxy is not None and (there := ~np.isnan(asked.proxy)).any():
        alone = paired_t(asked.proxy[there], units[there], confidence, own)
    notes += other_number(asked.sides[1].record)
    if (wanted := given.proxy_of(asked.task)) and asked.proxy is None:
        notes.append(_NO_PROXY.format(wanted))
    here = given.labels.agreement("pairs" if known.kind == "preference" else "answers")
    return Labelled(
        asked.task, known.kind, found, judge(found.comparison), asked.proxy_name if proxy is not None else "", alone,
        tuple(sorted(known.people)), here if here.units else None, (*notes, *known.notes), where,
    )  # fmt: skip


def other_number(task: TaskRecord) -> tuple[str, ...]:
    """Return a note where labels say something else than a task's score: of an answer, not of several made one."""
    if task.epochs < 2 or task.reducer == "mean":
        return ()
    return (_OTHER_NUMBER.format(task.reducer, task.epochs),)


def scaled(proxy: Floats | None) -> Floats | None:
    """Return a proxy whose differences are of the order of 1; None where it never moves."""
    most = 0.0 if proxy is None else float(np.nanmax(np.abs(proxy), initial=0.0))
    return None if proxy is None or not 0 < most < np.inf else proxy / most


@dataclass(frozen=True, slots=True)
class _Known:
    """What labels say of the pairs that differ, by name."""

    kind: Kind
    differences: Mapping[str, float]
    draws: Mapping[str, Draw | None]
    people: frozenset[str]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, asked: AskedPairs, labels: LabelSet) -> "_Known":
        """Look them up; where any pair has a label, all count as preferences, so that two scales never mix."""
        preferred, valued, draws = dict[str, float](), dict[str, float](), dict[str, Draw | None]()
        people: set[str] = set()
        for name, (key, a, b) in zip(asked.names, asked.pairs, strict=True):
            if (sign := labels.preference(key, a, b)) is not None:
                preferred[name] = sign
                said = [*labels.of_pair(key, a, b).values()]
                draws[name] = next((one.draw for one in said if one.draw is not None), None)
                people |= {one.by for one in said}
            sides = [0.0 if digest == NO_ANSWER else labels.value(key, digest) for digest in (a, b)]
            if sides[0] is not None and sides[1] is not None:
                valued[name] = sides[1] - sides[0]
                people |= {by for digest in (a, b) for by in labels.answers.get((key, digest), ())}
        if not preferred:
            return cls("value", valued, dict.fromkeys(valued), frozenset(people), ())
        signs = {name: float(np.sign(value)) for name, value in valued.items() if name not in preferred}
        notes = (_MIXED,) if signs else ()
        return cls("preference", {**preferred, **signs}, dict.fromkeys(signs) | draws, frozenset(people), notes)


def notices(given: WithLabels | None, found: Sequence[Labelled]) -> Iterator[str]:
    """Yield what a reader must know where no label fits."""
    if given is not None and not any(one.found.labelled for one in found):
        yield f"no label of {given.file} is of an answer of these runs; make some: harness label BASELINE CANDIDATE"
