"""What changed between two runs: the questions, the model, the circumstances, and what came out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.comparison.identity import Difference, Identity, changed_server, conflicts, lineage, one_sided
from harness.record.schema import MetricRecord, RunRecord


@dataclass(frozen=True, slots=True)
class Changes:
    """All that is not the same, in the order in which one looks for a cause."""

    questions: tuple[Difference, ...]
    """Suite, data, prompts, metrics, gates: what was asked and how it was scored."""
    circumstances: tuple[Difference, ...]
    """Model, versions, commit, machine, command."""
    outcome: tuple[Difference, ...]
    """Status, responses, metrics."""
    notes: tuple[str, ...]
    """Tasks that only one side has, and a server whose model changed."""

    @property
    def none(self) -> bool:
        """Whether nothing changed."""
        return not (self.questions or self.circumstances or self.outcome or self.notes)


def difference(one: RunRecord, other: RunRecord) -> Changes:
    """Compare two records."""
    asked = [*conflicts(Identity.of(one), Identity.of(other)), *_suite(one.suite.content, other.suite.content)]
    around = [*lineage(one, other), *_command(one, other)]
    return Changes(
        questions=tuple({item.what: item for item in asked}.values()),
        circumstances=tuple(item for item in around if item.what != "suite file"),
        outcome=tuple(_outcome(one, other)),
        notes=(*one_sided(Identity.of(one), Identity.of(other)), *changed_server(one, other)),
    )


def _suite(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield what differs in the suite's file outside of its tasks, which say more about themselves."""
    for name in {**one, **other}:
        if name in ("tasks", "suite", "version", "seed"):
            continue
        flat = dict(_flat(one.get(name), name)), dict(_flat(other.get(name), name))
        for key in {**flat[0], **flat[1]}:
            if flat[0].get(key) != flat[1].get(key):
                yield Difference(key, *(str(side.get(key, "none")) for side in flat))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}")
    elif isinstance(value, list) and any(isinstance(item, (Mapping, list)) for item in value):
        for i, item in enumerate(value):
            yield from _flat(item, f"{path}.{i}")
    elif value is not None:
        yield path, value


def _command(one: RunRecord, other: RunRecord) -> Iterator[Difference]:
    sides = [" ".join(side.sessions[0].command) if side.sessions else "unknown" for side in (one, other)]
    if sides[0] != sides[1]:
        yield Difference("command", *sides)
    shards = [str(len(side.sessions)) for side in (one, other)]
    if shards[0] != shards[1]:
        yield Difference("sessions", *shards)


def _outcome(one: RunRecord, other: RunRecord) -> Iterator[Difference]:
    if one.status != other.status:
        yield Difference("status", one.status, other.status)
    for status in {**one.responses, **other.responses}:
        counts = one.responses.get(status, 0), other.responses.get(status, 0)
        if counts[0] != counts[1]:
            yield Difference(f"responses {status}", *(f"{count:,}" for count in counts))
    if one.cached != other.cached:
        yield Difference("answers from the cache", f"{one.cached:,}", f"{other.cached:,}")
    for name in one.tasks.keys() & other.tasks.keys():
        metrics = one.tasks[name].metrics, other.tasks[name].metrics
        for metric in metrics[0].keys() & metrics[1].keys():
            values = _value(metrics[0][metric]), _value(metrics[1][metric])
            if values[0] != values[1]:
                yield Difference(f"{name}/{metric}", *values)


def _value(metric: MetricRecord) -> str:
    if metric.value is None:
        return f"undefined, n = {metric.n:,}"
    bounds = "" if metric.low is None or metric.high is None else f" [{metric.low:.3f}, {metric.high:.3f}]"
    return f"{metric.value:.3f}{bounds}, n = {metric.n:,}"
