"""What must be the same on both sides of a comparison, and what differs between two runs."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from harness.errors import ExitCode, HarnessError, UsageError
from harness.record.schema import GitRecord, RunRecord

SERVED: Final = "model that the server says it runs"
_SHOWN: Final = 120
_NAMES: Final = {
    "dataset": "data",
    "prompt": "prompt",
    "system": "system prompt",
    "max_new_tokens": "generation (max_new_tokens)",
    "metrics": "metrics (name, variant or parameters)",
    "metric": "metric of the curve",
}
"""How a key of a task's configuration is called in a sentence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same on both sides."""

    what: str
    baseline: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.what}: {self.baseline} in the baseline, {self.candidate} in the candidate"


@dataclass(frozen=True, slots=True)
class Identity:
    """All that decides whether two runs asked the same questions and scored them in the same way."""

    suite: str
    version: int
    seed: int
    simulated: bool
    tasks: Mapping[str, Mapping[str, Any]]
    """Configuration by task; it holds the content hash of its data."""

    @classmethod
    def of(cls, record: RunRecord) -> "Identity":
        """Return the identity of a run."""
        tasks = {name: task.config for name, task in record.tasks.items()}
        suite = record.suite
        return cls(suite.name, suite.version, suite.seed, record.adapter.simulated, tasks)

    @property
    def key(self) -> str:
        """A short hash of suite, data and configuration: runs with one key can be compared."""
        parts = [self.suite, self.version, self.seed, self.simulated, self.tasks]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


class Incomparable(UsageError):
    """Two runs that must not be compared, with every reason by name."""

    def __init__(self, reasons: Iterable[str], hint: str = "--force compares them all the same and marks it") -> None:
        self.reasons = tuple(reasons)
        lines = "".join(f"\n  {reason}" for reason in self.reasons)
        super().__init__(f"these runs cannot be compared:{lines}\n  {hint}")


class NoBaseline(HarnessError):
    """There is nothing to compare with, or what there is no longer fits. Never a silent pass."""

    exit_code = ExitCode.INCONCLUSIVE


def conflicts(baseline: Identity, candidate: Identity, by_row: Collection[str] = ()) -> list[Difference]:
    """Return what forbids a comparison; tasks that only one side has are not among it.

    Args:
        baseline: one side.
        candidate: the other.
        by_row: tasks whose data may differ, because each row is compared with its like.
    """
    found = [
        Difference("simulated", _kind(baseline), _kind(candidate)),
        Difference("suite", baseline.suite, candidate.suite),
        Difference("suite version", str(baseline.version), str(candidate.version)),
        Difference("seed", str(baseline.seed), str(candidate.seed)),
    ]
    for task in baseline.tasks.keys() & candidate.tasks.keys():
        found += differing(task, baseline.tasks[task], candidate.tasks[task], data=task not in by_row)
    return [difference for difference in found if difference.baseline != difference.candidate]


def differing(task: str, before: Mapping[str, Any], after: Mapping[str, Any], *, data: bool) -> list[Difference]:
    """Return what differs in the configurations of a task, its ``data`` as a whole among it or not."""
    named = f"{_NAMES['dataset']} of {task}"
    found = [one for one in _of_config(task, before, after) if one.baseline != one.candidate]
    return [one for one in found if data or one.what != named]


def unfinished(record: RunRecord, side: str) -> list[str]:
    """Return why a run cannot stand on one side of a comparison: it was not completed, or is a part of one."""
    if record.shard:
        return [f"the {side} {record.run_id} is part {record.shard} of a run; `harness merge` puts the parts together"]
    said = f" ({record.reason})" if record.reason else ""
    return [] if record.status == "complete" else [f"the {side} {record.run_id} is {record.status}{said}"]


def one_sided(baseline: Identity, candidate: Identity) -> list[str]:
    """Return the tasks that only one side has, as sentences."""
    lost = [f"task {name!r} is in the baseline only" for name in baseline.tasks if name not in candidate.tasks]
    new = [f"task {name!r} is in the candidate only" for name in candidate.tasks if name not in baseline.tasks]
    return lost + new


def lineage(baseline: RunRecord, candidate: RunRecord) -> list[Difference]:
    """Return what differs in where the numbers come from: adapter, versions, commit, machine."""
    one, other = _origin(baseline), _origin(candidate)
    keys = [*one, *(key for key in other if key not in one)]
    return [
        Difference(key, one.get(key, "none"), other.get(key, "none")) for key in keys if one.get(key) != other.get(key)
    ]


def changed_server(baseline: RunRecord, candidate: RunRecord) -> list[str]:
    """Return what must be said aloud where a server answered with another model than before, asked for the same."""
    one, other = baseline.adapter, candidate.adapter
    asked = [(side.type, side.config.get("base_url"), side.config.get("model")) for side in (one, other)]
    if asked[0] != asked[1] or baseline.served == candidate.served or not (baseline.served and candidate.served):
        return []
    sides = f"{baseline.served} in the baseline, {candidate.served} in the candidate"
    return [f"the server's model changed between the runs, under the same name: {sides}"]


def _kind(identity: Identity) -> str:
    return "simulated" if identity.simulated else "a real model"


def _of_config(task: str, one: Mapping[str, Any], other: Mapping[str, Any], path: str = "") -> Iterator[Difference]:
    for key in {**one, **other}:
        before, after = one.get(key), other.get(key)
        if key == "metrics":
            before, after = _as_both_tell(before, after), _as_both_tell(after, before)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _of_config(task, before, after, f"{path}{key}.")
        elif not _empty(before) or not _empty(after):
            yield Difference(f"{_NAMES.get(key, path + key)} of {task}", brief(before), brief(after))


def _as_both_tell(refs: Any, others: Any) -> Any:
    """Return the metrics of one side, without the revisions of variants that the other side, made earlier, lacks."""
    if not isinstance(refs, list) or not isinstance(others, list):
        return refs
    return [_at_revision(ref, other) for ref, other in zip_longest(refs, others[: len(refs)])]


def _at_revision(ref: Any, other: Any) -> Any:
    ours, theirs = (one.get("variant") if isinstance(one, Mapping) else None for one in (ref, other))
    if isinstance(ours, str) and isinstance(theirs, str) and ours.startswith(f"{theirs}@"):
        return {**ref, "variant": theirs}
    return ref


def _empty(value: Any) -> bool:
    """Return whether a key says nothing: an older harness did not know it, and a newer one leaves it out."""
    return value is None or value is False or value in ("", [], {})


def _origin(record: RunRecord) -> dict[str, str]:
    adapter, machine = record.adapter, record.machine
    config = {f"adapter's {key}": brief(value) for key, value in adapter.config.items()}
    packages = {f"version of {name}": version for name, version in machine.packages.items()}
    options = {name: brief(value) for name, value in record.options.items() if name != "workers"}
    commit = {} if record.git is None else {"commit": _commit(record.git)}
    variables = {f"variable {name}": brief(value) for name, value in record.environment.items()}
    return {
        "adapter": adapter.name,
        "type of adapter": adapter.type,
        "fingerprint": adapter.fingerprint[:16],
        **({SERVED: brief(record.served)} if record.served else {}),
        **config,
        **options,
        **({"samples of the limit": record.limit_rule} if record.limit_rule else {}),
        **commit,
        **variables,
        "suite file": record.suite.hash[:16],
        "version of the harness": record.harness_version,
        "Python": machine.python,
        **packages,
        "processor": f"{machine.processor}, {machine.cores} cores",
        "platform": machine.platform,
    }


def _commit(git: GitRecord) -> str:
    changed = f", changes {git.diff[:8]}" if git.diff else ""
    return git.commit[:12] + (f" (dirty{changed})" if git.dirty else "")


def brief(value: Any) -> str:
    """Return a value as a sentence can hold it: long ones are cut, and still differ where they differ late.

    >>> brief({"b": 1, "a": None})
    '{"a": null, "b": 1}'
    """
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= _SHOWN:
        return text
    # Long values that differ late must still look different.
    return f"{text[: _SHOWN - 20]}… ({hashlib.sha256(text.encode()).hexdigest()[:8]})"
