"""What each gate of a suite needs, from its data, and from earlier runs where there are any."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.comparison.absolute import relative_rule
from harness.comparison.compare import Options, compare
from harness.comparison.described import Described, described
from harness.comparison.identity import Identity, conflicts, unfinished
from harness.comparison.planning import Clusters, Need, need
from harness.comparison.rows import TaskView, rows_of_run
from harness.errors import HarnessError
from harness.estimate import Rows, Statistic
from harness.estimate.forecast import CHANGED
from harness.estimate.rowwise import nothing_binary
from harness.estimate.statistic import cells_in
from harness.record import Run, find_runs, read_run
from harness.suite.bind import Suite
from harness.tasks import Measures, Task
from harness.tasks.told import planned_units, told

DEFAULT: Final = 0.02
"""The margin where neither a gate nor the caller says one."""
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class Flipped:
    """What an earlier run says of how much changes from one version to the next."""

    run: str
    """Its id; empty where there is none."""
    shares: dict[str, float]
    """By ``task/metric``: the share of independent units whose score was another one."""


def needs(
    suite: Suite, margin: float | None = None, earlier: Run | None = None, other: Run | None = None
) -> list[Need]:
    """Return what every gate that compares needs; where there is none, what the primary metric of each task would.

    Args:
        suite: the suite.
        margin: instead of the gates' own; 0.02 for tasks without a gate.
        earlier: a run of the suite, whose rows tell how much one unit moves a number.
        other: another run, of the same samples, which tells how many of them change.
    """
    asked = [(gate.metric, relative_rule(gate), gate.margin) for gate in suite.spec.gates if gate.margin is not None]
    if not asked:
        asked = [
            (f"{name}/{task.primary}", f"drop ≤ {margin or DEFAULT:g}", margin or DEFAULT)
            for name, task in suite.tasks.items()
            if task.primary in told(task)
        ]
    flips = flipped(earlier, other, [metric for metric, *_ in asked]) if earlier and other else Flipped("", {})
    rows = _Rows(earlier) if earlier else None
    return [_need(suite, metric, rule, margin or own or 0.0, rows, flips, len(asked)) for metric, rule, own in asked]


def other_run(suite: Suite, first: Run, runs: Path) -> Run | None:
    """Return the newest complete run below a folder that can be compared with ``first`` and is another model's."""
    wanted = Identity.of(first.record)
    for folder in sorted(find_runs(runs), reverse=True):
        try:
            record = read_run(folder)
        except HarnessError:
            continue
        alike = record.suite.name == suite.spec.suite and not unfinished(record, "run")
        another = record.adapter.fingerprint != first.record.adapter.fingerprint
        if alike and another and not conflicts(wanted, Identity.of(record)):
            return Run(folder)
    return None


def flipped(earlier: Run, other: Run, metrics: Sequence[str]) -> Flipped:
    """Return the share of units that changed between two runs; at least half a unit, since none seen is not none."""
    compared = compare(earlier, other, Options(margins=dict.fromkeys(metrics, 0.0)))
    shares = {}
    for name in metrics:
        delta = compared.delta(name)
        found = delta.comparison if delta else None
        if found is not None and found.flips is not None and found.n:
            shares[name] = max(found.flips.discordant, _HALF) / found.n
    return Flipped(other.record.run_id, shares)


def _need(
    suite: Suite, metric: str, rule: str, margin: float, rows: "_Rows | None", flips: Flipped, family: int
) -> Need:
    name, _, label = metric.partition("/")
    task = suite.tasks[name]
    statistic = told(task)[label]
    known = rows.of(name) if rows else None
    n = planned_units(task, statistic) or (rows.n(metric) if rows else 0)
    return need(
        metric, rule, margin, statistic, n,
        rows=known[0] if known else None,
        binary=known[1].binary if known else nothing_binary,
        clusters=_clusters(task, statistic),
        changed=flips.shares.get(metric, CHANGED),
        family=family,
    )  # fmt: skip


def _clusters(task: Task, statistic: Statistic) -> Clusters:
    """Return how the samples of a task hang together, as its data say."""
    if isinstance(task, Measures):
        return Clusters()
    read = cells_in(statistic.of)
    place = next((cell for cell in task.cells() if cell.id in read), None)
    samples = task.samples(place) if place else ()
    sizes = Counter(sample.cluster or f"\0{sample.id}" for sample in samples).values()
    total = sum(sizes)
    return Clusters(total / len(sizes), sum(size * size for size in sizes) / total) if total else Clusters()


class _Rows:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._rows = rows_of_run(run)

    def n(self, metric: str) -> int:
        task, _, label = metric.partition("/")
        record = self._run.record.tasks.get(task)
        return record.metrics[label].n if record and label in record.metrics else 0

    def of(self, task: str) -> tuple[Rows, Described] | None:
        record = self._run.record.tasks.get(task)
        if record is None:
            return None
        known = described(record, self._rows.samples.metrics)
        return self._rows.of(TaskView(task, record, known)), known
