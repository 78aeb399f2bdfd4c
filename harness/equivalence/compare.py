"""Ask two adapters the same questions, side by side, and judge what came of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from harness.engine.collect import answer_code, judge
from harness.equivalence import noise
from harness.equivalence.ask import Advance, Side
from harness.equivalence.result import Equivalence, Stage, State
from harness.equivalence.stages import compare
from harness.equivalence.tally import Tally
from harness.errors import AdapterError, UsageError, did_you_mean
from harness.estimate.rows import unit_code
from harness.reading.folded import folded
from harness.stats.equivalence import Sameness, Tost, agreement, tost
from harness.stats.gaffke import units_for
from harness.suite.bind import Suite
from harness.suite.looks import draw_of
from harness.tasks import Brings, Cell, Continues, Measures, NeedsAdapter, Task
from harness.tasks.base import TaskBase
from harness.traces import Trace
from harness.types import Request, Sample, Status

On = Literal["agreement", "score"]

MARGIN: Final = 0.02
_ASKED: Final = frozenset({"generate", "classify"})
_PROBED: Final = 3
"""Samples that are asked once more in company, to see what rounding makes of an adapter's own numbers."""
_POOR: Final = 0.1


def _nobody(done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What is compared, and by which margin."""

    task: str = ""
    """Whose questions are asked; by default the first task that asks one question a sample."""
    limit: int | None = None
    """At most so many samples; by default as many as could show the margin if nothing differs."""
    margin: float = MARGIN
    """The difference that matters: a share of answers, or of the metric's range."""
    on: On = "agreement"
    head: bool = False
    advance: Advance = _nobody


@dataclass(slots=True)
class _Rows:
    """What the tests are made of."""

    units: list[int]
    agrees: list[float]
    answered: list[bool]
    """Whether both answered."""
    scored: list[int]
    """Units of the rows that have a score on both sides."""
    scores: tuple[list[float], list[float]]
    failed: list[int]
    answers: set[int]
    complaints: list[str]


def compare_adapters(a: Side, b: Side, suite: Suite, options: Options) -> Equivalence:
    """Ask both adapters about the samples of one task, and return where they part and whether it matters.

    Raises:
        AdapterError: if an adapter is broken for every request, or no sample could be asked.
        UsageError: if the suite has no such task, or none that can be compared.
    """
    task = _comparable(a, b, suite, options)
    cell = task.cells()[0]
    limit = options.limit or _enough(task, cell, options.margin)
    taken = draw_of(suite, limit, head=options.head).taken(lambda: task.samples(cell), task.count(cell))
    tally = Tally()
    rows = _Rows([], [], [], [], ([], []), [0, 0], set(), [])
    probes: list[tuple[Request, Request]] = []
    kept: list[tuple[Trace, Trace]] = []
    for done, sample in enumerate(taken):
        options.advance(done, taken.count)
        pair = _asked(task, cell, sample, (a, b), rows)
        if pair is None:
            continue
        requests, both = pair
        _add(task, sample, both, rows, tally)
        if len(probes) <= _PROBED:
            probes.append(requests)
            kept.append(both)
    options.advance(taken.count, taken.count)
    if not rows.units:
        raise AdapterError(f"no sample was answered; the first: {next(iter(rows.complaints), 'there is none')}")
    if not any(rows.answered):
        raise AdapterError(f"no sample was answered by both; the first: {rows.complaints[0]}")
    stages = tally.stages()
    agreed = _agreement(rows, options.margin)
    score, means = _score(task, rows, options.margin)
    if options.on == "score" and score is None:
        raise UsageError(f"task {task.name!r} gives no bounded score to compare; judge answers: --on agreement")
    return Equivalence(
        a.name,
        b.name,
        suite.spec.suite,
        task.name,
        options.on,
        stages,
        agreed,
        score,
        task.primary,
        means,
        tuple(_notes(stages, rows, means, score, options.on, _alone((a, b), probes, kept))),
        a.adapter.simulated or b.adapter.simulated,
        (rows.failed[0], rows.failed[1]),
        tally.picture,
    )


def _comparable(a: Side, b: Side, suite: Suite, options: Options) -> Task:
    """Return the task whose questions both can be asked."""
    if not 0 < options.margin < 1:
        raise UsageError(f"margin must lie between 0 and 1, not {options.margin:g}: it is a share")
    if a.adapter.simulated != b.adapter.simulated:
        raise UsageError(f"one of {a.name} and {b.name} is simulated and the other real: they cannot be one model")
    task = _task(suite, options.task)
    for side in (a, b):
        if missing := sorted(task.requires - side.adapter.capabilities):
            raise UsageError(f"task {task.name!r} needs an adapter that can {', '.join(missing)}; {side.name} cannot")
    return task


def _task(suite: Suite, name: str) -> Task:
    if name and name not in suite.tasks:
        raise UsageError(f"suite {suite.spec.suite!r} has no task {name!r}; {did_you_mean(name, suite.tasks)}")
    for task in [suite.tasks[name]] if name else suite.tasks.values():
        asks = not isinstance(task, (Measures, Continues, NeedsAdapter)) and not (
            isinstance(task, Brings) and task.roles
        )
        if asks and task.requires <= _ASKED:
            return task
    which = f"task {name!r}" if name else f"no task of suite {suite.spec.suite!r}"
    said = "cannot be compared" if name else "can be compared"
    raise UsageError(f"{which} {said}: it takes one that asks for answers or classes without sampling or another model")


def _enough(task: Task, cell: Cell, margin: float) -> int:
    """Return how many samples hold the fewest clusters that could show the margin."""
    units = units_for(margin) or 1
    clusters: set[str] = set()
    count = 0
    for sample in task.samples(cell):
        clusters.add(sample.cluster or sample.id)
        count += 1
    return max(1, math.ceil(units * count / max(1, len(clusters))))


def _asked(
    task: Task, cell: Cell, sample: Sample, sides: tuple[Side, Side], rows: _Rows
) -> tuple[tuple[Request, Request], tuple[Trace, Trace]] | None:
    """Return a sample's request to each side and what each made of it; None where there is nothing to ask."""
    requests: list[Request] = []
    for side in sides:
        made, said = side.requests(task, cell, sample)
        if said or len(made) != 1 or made[0].ask not in _ASKED:
            rows.complaints.append(f"{sample.id}: {said or 'it is asked in another way than by one question'}")
            return None
        requests.append(made[0])
    first, other = (side.trace(request) for side, request in zip(sides, requests, strict=True))
    return (requests[0], requests[1]), (first, other)


def _add(task: Task, sample: Sample, traces: tuple[Trace, Trace], rows: _Rows, tally: Tally) -> None:
    lost = [one.response.status is not Status.OK for one in traces]
    for place, one in enumerate(traces):
        rows.failed[place] += lost[place]
        if lost[place]:
            rows.complaints.append(f"{sample.id}: {'AB'[place]} failed: {one.response.error}")
    if all(lost):  # that both fail says nothing of whether they are one model
        return
    unit = unit_code(sample.cluster, sample.id)
    rows.units.append(unit)
    parsed = _parsed(task, sample, traces[0]), _parsed(task, sample, traces[1])
    # An answer that only one of them gives is another answer.
    rows.agrees.append(float(not any(lost) and parsed[0] == parsed[1]))
    rows.answered.append(not any(lost))
    rows.answers.add(answer_code(traces[0].response.text))
    worths = [math.nan if any(lost) else _worth(task, sample, one) for one in traces]
    if not any(map(math.isnan, worths)):
        rows.scored.append(unit)
        for column, worth in zip(rows.scores, worths, strict=True):
            column.append(worth)
    if not any(lost):
        tally.add(sample.id, compare(*traces, parsed), traces)


def _parsed(task: Task, sample: Sample, trace: Trace) -> str:
    """Return what the task takes out of an answer, folded as flips are: case and white space are no difference."""
    text = trace.response.text or ""
    if isinstance(task, TaskBase):
        text = task.taken(text, sample) or text
    return folded(text)


def _worth(task: Task, sample: Sample, trace: Trace) -> float:
    metric = task.metrics.get(task.primary)
    if metric is None:
        return math.nan
    scores, _ = judge(task, sample, [trace.response])
    return metric.worth(scores[task.primary]) if task.primary in scores else math.nan


def _agreement(rows: _Rows, margin: float) -> Tost:
    """Return the test of agreement: a failure is no agreement, and no proof of a difference either."""
    found = agreement(rows.agrees, margin, rows.units)
    if found.outcome is Sameness.DIFFERENT and not all(rows.answered):
        both = [(a, unit) for a, unit, told in zip(rows.agrees, rows.units, rows.answered, strict=True) if told]
        answered = agreement([a for a, _ in both], margin, [unit for _, unit in both])
        return found if answered.outcome is Sameness.DIFFERENT else replace(found, outcome=Sameness.UNDECIDED)
    return found


def _score(task: Task, rows: _Rows, margin: float) -> tuple[Tost | None, tuple[float, float] | None]:
    metric = task.metrics.get(task.primary)
    if metric is None or not rows.scored:
        return None, None
    low, high = metric.bounds
    means = float(np.mean(rows.scores[0])), float(np.mean(rows.scores[1]))
    if not math.isfinite(high - low):
        return None, means
    span = high - low
    return tost(rows.scores[0], rows.scores[1], margin * span, rows.scored, span=span), means


def _alone(
    sides: tuple[Side, Side], probes: Sequence[tuple[Request, Request]], traces: Sequence[tuple[Trace, Trace]]
) -> Iterator[str]:
    """Yield what is wrong with an adapter alone: it does not repeat, or moves by more than rounding in company."""
    for place, side in enumerate(sides):
        moved: tuple[float, float] | None = None
        for at, both in enumerate(traces[:_PROBED]):
            alone = both[place]
            again = side.trace(probes[at][place])
            if again.response.text != alone.response.text:
                yield f"{'AB'[place]} does not repeat: asked twice, it says other things, and cannot agree with anyone"
                break
            others = [pair[place] for i, pair in enumerate(probes) if i != at]
            if alone.logits is None or not noise.is_float(alone.precision) or not others:
                continue
            beside = side.trace(probes[at][place], others)
            if beside.logits is not None and beside.logits.size == alone.logits.size:
                allowed = noise.of_scores(alone.logits, noise.coarser(alone.precision))
                moved = max(moved or (0.0, 0.0), (noise.furthest(alone.logits, beside.logits), allowed))
        if moved is not None and moved[0] > moved[1]:
            yield (
                f"{'AB'[place]} is not the same model in a batch: its own logits move by {moved[0]:.2g} when other "
                f"requests stand beside one ({moved[1]:.2g} would be rounding)"
            )


def _notes(
    stages: Sequence[Stage],
    rows: _Rows,
    means: tuple[float, float] | None,
    score: Tost | None,
    on: On,
    alone: Iterator[str],
) -> Iterator[str]:
    yield from alone
    logits = next((stage for stage in stages if stage.name == "logits"), None)
    before = [stage for stage in stages if stage.name not in ("logits", "answer", "parsed answer")]
    ahead = {stage.state for stage in before}
    if logits is not None and logits.state is State.PARTED and ahead <= {State.EQUAL, State.NOISE}:
        yield "all that goes into the model is the same: weights, quantisation or the graph itself differ"
    if len(rows.answers) == 1 and len(rows.agrees) > 1:
        yield "A gives one and the same answer to every sample: that B agrees says little"
    if on == "score" and score is not None and means is not None and max(means) < _POOR:
        yield "neither is right on a tenth of the samples: equal scores say little of models that fail alike"
    if any(rows.failed):
        yield f"failed: A {rows.failed[0]}, B {rows.failed[1]}; the first: {rows.complaints[0]}"
    elif rows.complaints:
        yield f"left out: {len(rows.complaints)}; the first: {rows.complaints[0]}"
