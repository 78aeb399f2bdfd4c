"""What is known of two runs before anything is asked: what differs, on which samples, and how much may be asked."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from harness.causes import shapley
from harness.causes.changes import Change, changes, differing_versions, joined, same_circumstances
from harness.causes.environments import Environment, environment
from harness.causes.estimate import Interval
from harness.causes.looks import FEWEST, SCREEN, allowance
from harness.causes.setups import Setup, setup_of
from harness.causes.units import SAME, Measure, Units, measure_of, measures, units_of
from harness.comparison.columns import Floats
from harness.comparison.identity import unfinished
from harness.engine.options import Executor, Progress, Silent
from harness.errors import HarnessError, UsageError, did_you_mean
from harness.record import Run
from harness.record.lineage import machine
from harness.record.schema import MachineRecord
from harness.stats.verdict import compare_scores


def _say_nothing(_: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the caller chooses."""

    metric: str = ""
    """``task/metric``; by default the primary one that fell most surely."""
    budget: int | None = None
    """Questions; by default a fifth of a full run for each change."""
    suite: Path | None = None
    adapter: str | None = None
    """The candidate's files, where they are not found."""
    before: str | None = None
    """The baseline's adapter, where it is not found."""
    roots: tuple[Path, ...] = ()
    python: str | None = None
    """The interpreter of an environment with the baseline's versions of libraries; None where there is none."""
    out: Path = Path("results/why")
    cache: Path | None = None
    workers: int = 1
    executor: Executor | None = None
    confidence: float = 0.95
    progress: Progress = field(default_factory=Silent)
    say: Callable[[str], None] = _say_nothing


@dataclass(frozen=True, slots=True)
class Planned:
    """What is known before anything is asked."""

    baseline: Run
    candidate: Run
    measure: Measure
    units: Units
    before: Setup
    after: Setup
    changes: tuple[Change, ...]
    """That can be taken back."""
    fixed: tuple[Change, ...]
    most: int
    """Questions that may be asked; 0 where nothing has to be."""
    anchored: tuple[bool, bool]
    """Whether the baseline's and the candidate's own answers are taken from their records."""
    notes: tuple[str, ...]
    halves: bool = False
    """Whether changes are asked about together at first, and taken apart by halves: where there are many."""

    @property
    def known(self) -> dict[shapley.Players, Floats]:
        """The sets of changes whose worths the records tell."""
        found: dict[shapley.Players, Floats] = {}
        if self.anchored[0]:
            found[frozenset()] = self.units.before
        if self.anchored[1]:
            found[frozenset(range(len(self.changes)))] = self.units.after
        return found

    @property
    def base(self) -> list[shapley.Players]:
        """The sets of changes that every unit is asked under, whatever comes of it."""
        count = len(self.changes)
        anchors = [frozenset[int](), frozenset(range(count))]
        wanted = [*anchors, *shapley.ends(count)] if count else anchors
        return [one for one in dict.fromkeys(wanted) if one not in self.known]

    @property
    def rows(self) -> int:
        """Questions of a full run of the task, on what both runs share."""
        return int(self.units.rows.sum())

    @property
    def least(self) -> int:
        """Questions of the first look, which all changes are tried in."""
        return min(self.most, math.ceil(min(len(self.units), SCREEN) * self.rows / len(self.units) * len(self.base)))

    @property
    def seed(self) -> tuple[str | int, ...]:
        """Of all that is drawn."""
        return (self.candidate.record.suite.name, self.candidate.record.suite.seed, self.measure.name)


def prepare(baseline: Run, candidate: Run, options: Options, *, load: bool = True) -> Planned:
    """Return what differs, and what would be asked.

    Args:
        baseline: the run that was better.
        candidate: the run that is worse.
        options: of the caller.
        load: whether to load both models, to see that they are still those of the records.

    Raises:
        UsageError: if the runs cannot be compared at all, or their files are not found.
    """
    records = baseline.record, candidate.record
    wrong = unfinished(records[0], "baseline") + unfinished(records[1], "candidate")
    if records[0].suite.name != records[1].suite.name:
        wrong.append(f"suite: {records[0].suite.name} in the baseline, {records[1].suite.name} in the candidate")
    if wrong:
        raise UsageError("nothing can be said of these runs: " + "; ".join(wrong))
    measure = measure_of(candidate, options.metric) if options.metric else _fallen(baseline, candidate)
    if measure.task not in records[0].tasks:
        raise UsageError(f"task {measure.task!r} is in the candidate only")
    units = units_of(baseline, candidate, measure)
    after = setup_of(records[1], options.suite, options.adapter, options.roots)
    before = _before(baseline, after, options)
    notes: list[str] = []
    if options.python is not None:
        before = replace(before, environment=_environment(options.python, *(record.machine for record in records)))
        notes += _unlike(before.environment, *(record.machine for record in records))
    found = changes(*records, before, after, measure.task)
    own = [one for one in found if not one.why_not]
    own = own if _fit(own, before, after) else joined(own)
    fixed = [one for one in found if one.why_not]
    there = before.environment.machine if before.environment else machine()
    kept = [same_circumstances(records[0].machine, there), same_circumstances(records[1].machine, machine())]
    if load and (own or baseline.record.adapter.fingerprint != candidate.record.adapter.fingerprint):
        gone = _gone(baseline, candidate, before, after)
        fixed += gone
        kept = [here and not gone for here in kept]
    invariant = all(record.adapter.batch_invariant for record in records)
    if not invariant:
        notes.append("answers can depend on their batch: both runs are asked again on the samples, as they were")
    if len(units) < FEWEST:
        notes.append(f"there are only {len(units)} independent samples or clusters of them: intervals are wide")
    anchored = (kept[0] and invariant, kept[1] and invariant)
    if len(own) == 1 and not fixed and not invariant:
        anchored = (True, True)  # there is nothing to tell apart
    planned = Planned(
        baseline, candidate, measure, units, before, after, tuple(own), tuple(fixed), 0, anchored, tuple(notes)
    )  # fmt: skip
    if not own or not planned.base or not moves(units):
        return planned
    most = allowance(len(units), planned.rows, len(planned.base), len(own), options.budget)
    return replace(planned, most=most)


def _environment(python: str, one: MachineRecord, other: MachineRecord) -> Environment:
    """Return the environment that shall have the baseline's versions, if it has any of them.

    Raises:
        UsageError: if it does not run, lacks what the baseline had, or has none of the versions that differ.
    """
    differing = differing_versions(one, other)
    if not differing:
        raise UsageError("both runs had the same versions of all that is recorded; leave out --python")
    found = environment(python)
    unlike = differing_versions(one, found.machine)
    lost = {name: both[0] for name, both in unlike.items() if both[1] == "none"}
    if lost:
        raise UsageError(f"--python {python} lacks {', '.join(lost)}, which the baseline had; {found.fix(lost)}")
    if all(name in unlike for name in differing):
        had = ", ".join(f"{name} {both[0]}" for name, both in differing.items())
        fix = found.fix({name: both[0] for name, both in differing.items()})
        raise UsageError(f"--python {python} has nothing of what the baseline had: {had}; {fix}")
    return found


def _unlike(there: Environment | None, one: MachineRecord, other: MachineRecord) -> Iterator[str]:
    """Yield what else the environment has that neither run had: its part cannot be told from the versions'."""
    if there is None:
        return
    both = differing_versions(one, other)
    unlike = {name: sides for name, sides in differing_versions(one, there.machine).items() if name not in both}
    if unlike:
        told = ", ".join(f"{name} {sides[1]} (both runs: {sides[0]})" for name, sides in unlike.items())
        fix = there.fix({name: sides[0] for name, sides in unlike.items()})
        yield f"{there.python} also has {told}: what that does counts as the versions'; {fix}"


def without(planned: Planned, names: Sequence[str]) -> Setup:
    """Return the candidate's configuration with some changes taken back.

    Raises:
        UsageError: if there is no such change, or it cannot be taken back.
    """
    known = {change.name: change for change in planned.changes}
    for name in names:
        if said := next((one.why_not for one in planned.fixed if one.name == name), ""):
            raise UsageError(f"{name} cannot be taken back: {said}")
        if name not in known:
            raise UsageError(f"no change is called {name!r}; {did_you_mean(name, known)}")
    return planned.after.with_back([place for name in names for place in known[name].places], planned.before)


def moves(units: Units) -> bool:
    """Return whether any unit got worse or better."""
    return bool((units.stratum != SAME).any())


def total_of(planned: Planned, confidence: float) -> Interval:
    """Return the whole difference, as `harness compare` would tell it of the pairs."""
    measure, units = planned.measure, planned.units
    old, new = measure.values(planned.baseline), measure.values(planned.candidate)
    keys = [key for own in units.keys for key in own]
    clusters = np.repeat(np.arange(len(units)), units.rows.astype(np.int64))
    one, other = (np.array([side[key] for key in keys], np.float64) for side in (old, new))
    direction: Literal["higher", "lower"] = "higher" if measure.sign > 0 else "lower"
    found = compare_scores(one, other, direction, clusters, confidence, span=measure.statistic.span)
    ends = (found.low, found.high) if measure.sign > 0 else (-found.high, -found.low)
    return Interval(measure.sign * found.estimate, *ends)


def span_of(planned: Planned) -> float:
    """Return how far the worth of one unit can move: by the metric's bounds, else as far as any did."""
    units, span = planned.units, planned.measure.statistic.span
    most = float(np.abs(units.after - units.before).max(initial=0.0))
    return max(most, float(units.rows.max()) * span) if span is not None else most


def _fallen(baseline: Run, candidate: Run) -> Measure:
    """Return the first number of the task that fell most surely."""
    best: tuple[float, Measure] | None = None
    known: dict[str, Measure] = {}
    for one in measures(candidate):
        known.setdefault(one.task, one)
    why: UsageError | None = None
    for one in (one for name, one in known.items() if name in baseline.record.tasks):
        try:
            units = units_of(baseline, candidate, one)
        except UsageError as error:
            why = error
            continue
        moved = one.sign * (units.after - units.before)
        spread = float(moved.std()) * math.sqrt(len(units)) or 1.0
        fell = float(moved.sum()) / spread
        if best is None or fell < best[0]:
            best = fell, one
    if best is None:
        raise why or UsageError("the runs share no number that is a mean over samples")
    return best[1]


def _before(baseline: Run, after: Setup, options: Options) -> Setup:
    """Return the baseline's configuration; where its files are not found, they lie as the candidate's do."""
    try:
        return setup_of(baseline.record, options.suite, options.before, options.roots)
    except UsageError:
        return setup_of(baseline.record, after.suite_file, str(after.adapter_file))


def _fit(found: Sequence[Change], before: Setup, after: Setup) -> bool:
    """Return whether the adapter's keys fit together with each change taken back, and with each alone."""
    for one in found:
        others = [place for other in found if other is not one for place in other.places]
        for places in (list(one.places), others):
            try:
                after.with_back(places, before).choice()
            except UsageError:
                return False
    return True


def _gone(baseline: Run, candidate: Run, before: Setup, after: Setup) -> list[Change]:
    """Return the models that are no longer what their runs had: files, or the code that runs them, changed since."""
    found = []
    seen: set[tuple[str, str]] = set()
    for run, setup, side in ((baseline, before, "baseline"), (candidate, after, "candidate")):
        known = run.record.adapter.fingerprint
        model = known, f"{setup.environment} {setup.config}"
        if model in seen:
            continue  # the other side has the same model, which was looked at
        seen.add(model)
        try:
            now = setup.fingerprint()
        except HarnessError as error:
            raise UsageError(f"the {side}'s model cannot be loaded: {error}") from error
        if now != known:
            why = (
                f"the {side}'s model is no longer what its run had: its files, or the code that runs them, changed "
                "since under the same name; keep each version in a folder of its own"
            )
            found.append(Change(f"model of the {side}", known[:12], now[:12], (), why))
    return found
