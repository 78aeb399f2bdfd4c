"""What the other models of a run took: the tokens of a judge, those that no cache knew."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from harness.engine.ask import Work
from harness.record.schema import SpentRecord
from harness.record.spent import spent
from harness.record.store import ResponseStore
from harness.tasks import Brings, Task

_KEY: Final = "spent/{task}/{role}"
_COUNTED: Final = ("tokens_in", "image_tokens", "tokens_out")

Prices = Mapping[str, Any] | None
"""Of the adapter's file."""


class Others:
    """Counts what models took that tasks brought, over all sessions of a run."""

    def __init__(self, store: ResponseStore) -> None:
        self._store = store
        self.spent: dict[tuple[str, str], Counter[str]] = {}
        """By task and role: what this command made them read and write."""

    def take(self, task: str, works: Iterable[Work]) -> Mapping[str, str]:
        """Count some samples' work; return what to remember beside it."""
        more: dict[str, Counter[str]] = {}
        for part in (part for work in works for part in work.parts if part.request.role and not part.cached):
            counts = {name: getattr(part.response, name) for name in _COUNTED}
            if any(count is not None for count in counts.values()):
                told = Counter({name: count for name, count in counts.items() if count is not None})
                more.setdefault(part.request.role, Counter(asked=0)).update({"asked": 1, **told})
        facts = {}
        for role, counted in more.items():
            self.spent.setdefault((task, role), Counter()).update(counted)
            key = _KEY.format(task=task, role=role)
            facts[key] = json.dumps(Counter(json.loads(self._store.recall(key) or "{}")) + counted)
        return facts

    def priced(self, tasks: Iterable[Task]) -> Iterator[tuple[Prices, Counter[str]]]:
        """Yield what each took in this command, beside its prices."""
        for name, role, config in _brought(tasks):
            if (name, role) in self.spent:
                yield config.get("prices"), self.spent[name, role]


def add_others(store: ResponseStore, to: ResponseStore, tasks: Iterable[Task]) -> None:
    """Add what one part of a run counted to the counts of another store."""
    for name, role, _ in _brought(tasks):
        key = _KEY.format(task=name, role=role)
        told = [Counter(json.loads(one.recall(key) or "{}")) for one in (store, to)]
        if told[0]:
            to.remember({key: json.dumps(told[0] + told[1])})


def spent_by_others(store: ResponseStore, tasks: Iterable[Task]) -> dict[str, SpentRecord]:
    """Return what each model took that a task brought, by ``task/role``; those that count no tokens are left out."""
    found = {}
    for name, role, config in _brought(tasks):
        counts = json.loads(store.recall(_KEY.format(task=name, role=role)) or "{}")
        took = spent(
            config,
            counts.get("tokens_in"),
            counts.get("image_tokens"),
            counts.get("tokens_out"),
            counts.get("asked", 0),
        )
        if took is not None:
            found[f"{name}/{role}"] = took
    return found


def _brought(tasks: Iterable[Task]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for task in tasks:
        for role, handle in task.roles.items() if isinstance(task, Brings) else ():
            yield task.name, role, handle.describe().get("config", {})
