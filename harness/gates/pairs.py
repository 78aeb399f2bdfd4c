"""Judge two runs that are there, whoever made them, by rules that need no suite."""

from collections.abc import Iterator, Sequence
from typing import Final

from harness.comparison.absolute import Ruled
from harness.comparison.compare import Options, compare
from harness.comparison.decide import Decision, check_directions, decide, margins
from harness.comparison.identity import Identity, NoBaseline, conflicts, unfinished
from harness.comparison.labelled import WithLabels
from harness.comparison.labelled_run import rules_of_people, run_by_people
from harness.comparison.ratios import limits
from harness.errors import UsageError, did_you_mean
from harness.estimate import Statistic
from harness.record import Run
from harness.record.schema import RunRecord, TaskRecord
from harness.spec.models import GateSpec
from harness.stats.draws import RESAMPLES

MARGIN: Final = 0.02
"""Of a metric's range: how much worse is not worse, where nobody says."""
_NONE: Final = "none"


def default_gates(record: RunRecord, metrics: Sequence[str] = (), margin: float | None = None) -> tuple[GateSpec, ...]:
    """Return one rule a number, "not worse by the margin", on what a run reports.

    Args:
        record: of the candidate.
        metrics: names of numbers, with or without their tasks, spelt as here (``exact_match@strict-match``) or as
            lm-eval does (``exact_match,strict-match``); by default the headline of every task.
        margin: how much worse is not worse, in the metric's unit; 0.02 of its range by default.

    Raises:
        UsageError: if a metric is unknown, has no better side, or has no ends to take a share of.
    """
    numbers = {f"{name}/{key}": one for name, task in record.tasks.items() for key, one in task.defined().items()}
    wanted = [found for name in metrics for found in _named(name, numbers)] or [*_headlines(record)]
    if not wanted:
        raise UsageError(
            f"run {record.run_id} has no number of which it is known which way is better; name one: --metric"
        )
    return tuple(GateSpec(metric=name, max_drop=_margin(name, numbers[name], margin)) for name in dict.fromkeys(wanted))


def _named(name: str, numbers: dict[str, Statistic]) -> list[str]:
    plain = name.removesuffix(",none").replace(",", "@", 1)
    fitting = [key for key in numbers if plain in (key, key.partition("/")[2], key.partition("/")[2].partition("@")[0])]
    if not fitting:
        raise UsageError(f"the candidate has no number {name!r}; {did_you_mean(plain, numbers)}")
    for key in fitting:
        if numbers[key].refusal:
            raise UsageError(f"{key} cannot be compared: {numbers[key].refusal}")
    return fitting


def _headlines(record: RunRecord) -> Iterator[str]:
    """Yield the numbers of every task's primary column; of one that has none with a better side, its first that has."""
    for name, task in record.tasks.items():
        testable = {key: one for key, one in task.defined().items() if not one.refusal}
        own = [key for key, one in testable.items() if _column(one, task) == task.primary]
        yield from (f"{name}/{key}" for key in own or [*testable][:1])


def _column(statistic: Statistic, task: TaskRecord) -> str:
    column = statistic.mean_of
    return (
        str(column.get("column", "")) if column is not None else task.primary if statistic.name == task.primary else ""
    )


def _margin(name: str, statistic: Statistic, margin: float | None) -> float:
    if margin is not None:
        if statistic.span is not None and margin >= statistic.span:
            raise UsageError(f"a margin of {margin:g} allows everything: {name} lies within {statistic.span:g}")
        return margin
    if statistic.span is None:
        raise UsageError(
            f"{name} has no least and greatest value to take a margin of; say how much worse matters: --margin"
        )
    return MARGIN * statistic.span


def judge_pair(
    baseline: Run,
    candidate: Run,
    gates: Sequence[GateSpec],
    *,
    strict: bool = False,
    resamples: int = RESAMPLES,
    labels: WithLabels | None = None,
) -> Decision:
    """Judge one run against another.

    Raises:
        NoBaseline: if they did not ask the same in the same way, with every reason.
        UsageError: if a gate asks of a metric what it cannot.
    """
    compared, people = None, list[Ruled]()
    if candidate.record.status == "complete":
        people = labels_alone(candidate, gates, labels)
        _check(baseline.record, candidate.record, [*margins(gates), *limits(gates)])
        check_directions(gates, baseline.record)
        options = Options(resamples, margins=margins(gates), ratios=limits(gates), labels=labels)
        compared = compare(baseline, candidate, options)
    return decide(gates, candidate.record, compared, strict=strict, blocking=True, people=people)


def labels_alone(candidate: Run, gates: Sequence[GateSpec], labels: WithLabels | None) -> list[Ruled]:
    """Return the rules that labels of one run's own answers decide; none without such labels."""
    if labels is None:
        return []
    return list(rules_of_people(run_by_people(candidate, labels), gates, labels, len(gates)))


def _check(baseline: RunRecord, candidate: RunRecord, metrics: Sequence[str]) -> None:
    identity = Identity.of(baseline)
    reasons = unfinished(baseline, "baseline") + [str(one) for one in conflicts(identity, Identity.of(candidate))]
    tasks = dict.fromkeys(metric.partition("/")[0] for metric in metrics)
    reasons += [f"task {task!r} is not in the baseline" for task in tasks if task not in identity.tasks]
    if reasons:
        lines = "".join(f"\n  {reason}" for reason in reasons)
        raise NoBaseline(f"the baseline {baseline.run_id} does not fit the candidate {candidate.run_id}:{lines}")
