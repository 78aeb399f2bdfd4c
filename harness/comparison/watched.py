"""Which metrics a suite's gates watch, and which moved unseen."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.comparison.controls import went
from harness.estimate import Statistic
from harness.estimate.statistic import columns_in
from harness.record.schema import RunRecord

if TYPE_CHECKING:
    from harness.comparison.compare import Delta


def gated(record: RunRecord) -> list[str]:
    """Return the metrics that the gates of a run's suite are on, as ``task/metric``."""
    gates = record.suite.content.get("gates")
    found = [gate.get("metric") for gate in gates if isinstance(gate, dict)] if isinstance(gates, list) else []
    return [str(name) for name in dict.fromkeys(found) if name]


def unwatched(record: RunRecord, deltas: "Sequence[Delta]") -> Iterator[str]:
    """Yield a sentence for each way in which metrics moved that no gate of the suite is on.

    A metric is watched where a gate names it, or is on a statistic that reads all that it reads. A suite without gates
    watches nothing, so nothing is said.

    Args:
        record: the candidate.
        deltas: of the comparison, with adjusted p.
    """
    names = gated(record)
    if not names:
        return
    seen: dict[str, set[tuple[str, str]]] = {}
    known = {task: one.defined() for task, one in record.tasks.items()}
    for name in names:
        task, _, metric = name.partition("/")
        if (statistic := known.get(task, {}).get(metric)) is not None:
            seen.setdefault(task, set()).update(_read(statistic))
    unseen: dict[str, list[str]] = {}
    for delta in deltas:
        statistic = known.get(delta.task, {}).get(delta.metric)
        covered = statistic is not None and _read(statistic) <= seen.get(delta.task, set())
        way = went(record, delta.task, delta.metric, delta.moved)
        if way and delta.name not in names and not covered:
            unseen.setdefault(way, []).append(f"{delta.name} ({delta.after - delta.before:+.3f})")
    for way in (way for way in ("worse", "better") if way in unseen):
        yield f"no gate watches what got {way}: {', '.join(unseen[way])}"


def _read(statistic: Statistic) -> set[tuple[str, str]]:
    return {(node["column"], cell) for node in columns_in(statistic.of) for cell in node["at"]}
