"""What differs between two runs, as changes with names: each can be taken back by itself, or it is said why not."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.causes.environments import Environment
from harness.causes.folders import FOLDERS, differing
from harness.causes.setups import Place, Setup, Where
from harness.comparison.identity import brief, changed_server
from harness.engine.collect import plain
from harness.errors import HarnessError
from harness.record.schema import MachineRecord, RunRecord

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model", "revision", "build"),
    "LoRA": ("lora", "lora_revision"),
    "quantisation": ("quantisation", "suffix", "suffixes", "keep_float", "load_in_4bit"),
    "pixel limits": ("min_pixels", "max_pixels"),
    "system prompt": ("system",),
    "prompt format": ("prompt_format",),
    "precision": ("dtype",),
}
"""Keys of an adapter that mean nothing without each other, and how a change of them is called."""
_OPEN: Final = ("processor", "generation", "options")
"""Keys of an adapter that hold settings by their own names: each is a change."""
_MUTE: Final = (
    "batch_invariant", "timeout", "deadline", "retries", "backoff", "max_wait", "concurrency", "prices",
    "api_key_env", "headers", "pixels_per_token",
)  # fmt: skip
"""Keys of an adapter that decide no answer."""
_TASK_NAMES: Final = {
    "prompt": "prompt",
    "system": "system prompt of the task",
    "extract": "extraction",
    "metrics": "scoring",
    "max_new_tokens": "max_new_tokens",
}
_NOT_ASKED: Final = ("slices", "description", "dataset", "of", "kind")
"""Keys of a task that change no answer, or are looked at elsewhere."""
_OF_SUITE: Final = ("seed", "on_truncated")
_NUMBERS: Final = ("numpy", "onnxruntime", "openvino", "peft", "pillow", "tokenizers", "torch", "transformers",
                   "vlm-harness")  # fmt: skip
"""Packages that can change an answer."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not the same in two runs."""

    name: str
    before: str
    """In the baseline, in short."""
    after: str
    places: tuple[Place, ...] = ()
    why_not: str = ""
    """Why it cannot be taken back here; empty where it can."""

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"


def changes(baseline: RunRecord, candidate: RunRecord, before: Setup, after: Setup, task: str) -> list[Change]:
    """Return what differs and can decide an answer of a task: what was asked, the model, and what ran it.

    Args:
        baseline: one record.
        candidate: the other.
        before: the baseline's configuration.
        after: the candidate's.
        task: whose answers are compared.
    """
    found = [
        *_asked(before, after, task),
        *_adapter(baseline, candidate, before, after),
        *_served(baseline, candidate),
        *_versions(baseline.machine, candidate.machine, before.environment),
        *_machines(baseline.machine, candidate.machine),
    ]
    return _named_apart([one for one in found if not _idle(one, before, after, task)])


def joined(found: Sequence[Change]) -> list[Change]:
    """Return changes with all those of the adapter's keys as one: they cannot be had one by one."""
    own = [one for one in found if one.places and all(place.where == "adapter" for place in one.places)]
    if len(own) < 2:
        return list(found)
    name = " + ".join(one.name for one in own)
    places = tuple(place for one in own for place in one.places)
    both = Change(name, "; ".join(one.before for one in own), "; ".join(one.after for one in own), places)
    rest = [one for one in found if one not in own]
    return [both, *rest]


def same_circumstances(one: MachineRecord, other: MachineRecord) -> bool:
    """Return whether two machines are of one kind and have the same versions."""
    return not differing_versions(one, other) and not list(_machines(one, other))


def differing_versions(one: MachineRecord, other: MachineRecord) -> dict[str, tuple[str, str]]:
    """Return the versions that two machines have of what can change an answer, where they are not the same."""
    sides = [{**side.packages, "Python": side.python} for side in (one, other)]
    found = {name: (sides[0].get(name, "none"), sides[1].get(name, "none")) for name in (*_NUMBERS, "Python")}
    return {name: both for name, both in found.items() if both[0] != both[1]}


def _asked(before: Setup, after: Setup, task: str) -> Iterator[Change]:
    for key in _OF_SUITE:
        yield from _change(key, ("suite", (key,)), before.suite.get(key), after.suite.get(key))
    tasks = before.suite.get("tasks", {}), after.suite.get("tasks", {})
    name: Any = task
    while isinstance(name, str) and name in tasks[1]:
        old, new = tasks[0].get(name, {}), tasks[1][name]
        whose = "" if name == task else f" of {name}"
        for key in [*new, *(key for key in old if key not in new)]:
            if key not in _NOT_ASKED:
                called = f"{_TASK_NAMES.get(key, key)}{whose}"
                yield from _change(called, ("suite", ("tasks", name, key)), old.get(key), new.get(key))
        name = new.get("of")


def _change(name: str, place: tuple[Where, tuple[str, ...]], old: Any, new: Any) -> Iterator[Change]:
    if old != new:
        where, path = place
        yield Change(name, brief(old), brief(new), (Place(where, path),))


def _adapter(baseline: RunRecord, candidate: RunRecord, before: Setup, after: Setup) -> Iterator[Change]:
    if before.type != after.type:
        yield Change("adapter", f"{before.name} ({before.type})", f"{after.name} ({after.type})", (Place("type"),))
        return
    old, new = before.config, after.config
    keys = [key for key in new if key in old and key not in _MUTE and old[key] != new[key]]
    if "batch_size" in keys and baseline.adapter.batch_invariant and candidate.adapter.batch_invariant:
        keys.remove("batch_size")
    grouped = {key: name for name, group in _GROUPS.items() for key in group}
    for name in dict.fromkeys(grouped.get(key, key) for key in keys):
        own = [key for key in keys if grouped.get(key, key) == name]
        if parts := _parts(own, before, after):
            yield from parts
        elif name in _OPEN and isinstance(old[name], Mapping) and isinstance(new[name], Mapping):
            for key in [*new[name], *(key for key in old[name] if key not in new[name])]:
                yield from _change(f"{name}.{key}", ("adapter", (name, key)), old[name].get(key), new[name].get(key))
        else:
            told = [", ".join(f"{key} {brief(side[key])}" for key in own) for side in (old, new)]
            if len(own) == 1:
                told = [brief(side[own[0]]) for side in (old, new)]
            # All keys of the group go together: a revision is one of a model.
            places = tuple(Place("adapter", (key,)) for key in _GROUPS.get(name, (name,)) if key in new)
            yield Change(name, told[0], told[1], places)


def _parts(keys: Sequence[str], before: Setup, after: Setup) -> list[Change]:
    """Return the kinds of files that differ, where all that differs is which of two folders a key names."""
    key = keys[0]
    folders = before.folder(key), after.folder(key)
    if len(keys) > 1 or key not in FOLDERS or folders[0] is None or folders[1] is None:
        return []
    found = differing(key, folders[0], folders[1])
    if len(found) == 1:
        return [Change(kind, *told, (Place("adapter", (key,)),)) for kind, told in found.items()]
    return [Change(kind, *told, (Place("files", (key, kind)),)) for kind, told in found.items()]


def _served(baseline: RunRecord, candidate: RunRecord) -> Iterator[Change]:
    """Yield that a server's model is another one than before, which nobody but the server can take back."""
    if changed_server(baseline, candidate):
        why = "the server runs another model under the same name; ask it for the earlier one by its dated name"
        yield Change("model that the server runs", brief(baseline.served), brief(candidate.served), (), why)


def _versions(one: MachineRecord, other: MachineRecord, there: Environment | None) -> Iterator[Change]:
    """Yield the versions that differ: those that an environment has as the baseline, and all others."""
    found = differing_versions(one, other)
    has = differing_versions(one, there.machine) if there else {}
    back = [name for name in found if there and name not in has]
    if back:
        yield _versions_as_one(back, found, (Place("environment"),))
    if rest := [name for name in found if name not in back]:
        why = "another environment has to run it: --python names the interpreter of one with the baseline's versions"
        if there:
            wanting = [name for name in rest if name in has]
            told = ", ".join(f"{name} {has[name][1]}" for name in wanting)
            why = f"{there.python} has {told}; {there.fix({name: has[name][0] for name in wanting})}"
        yield _versions_as_one(rest, found, (), why)


def _versions_as_one(
    names: Sequence[str], found: Mapping[str, tuple[str, str]], places: tuple[Place, ...], why: str = ""
) -> Change:
    if len(names) == 1 and places:
        return Change(names[0], *found[names[0]], places)
    told = [", ".join(f"{name} {found[name][side]}" for name in names) for side in (0, 1)]
    return Change("library versions", told[0], told[1], places, why)


def _machines(one: MachineRecord, other: MachineRecord) -> Iterator[Change]:
    """Yield what ran the model: it is not of a file, so it cannot be taken back in one."""
    if one.processor != other.processor:
        why = "only that machine has it; 8-bit kernels differ between processors"
        yield Change("machine", one.processor, other.processor, (), why)


def _idle(change: Change, before: Setup, after: Setup, task: str) -> bool:
    """Return whether a change of the suite's text changes nothing of the task: a default that is written out, say."""
    if not change.places or any(place.where != "suite" or place.path[0] == "seed" for place in change.places):
        return False
    try:
        described = [
            plain(setup.bound(task).tasks[task].describe()) for setup in (after, after.with_back(change.places, before))
        ]
    except (HarnessError, KeyError):
        return False  # whoever runs it says what is wrong
    return json.dumps(described[0], sort_keys=True) == json.dumps(described[1], sort_keys=True)


def _named_apart(found: Sequence[Change]) -> list[Change]:
    """Return changes of which no two have one name: they are called by it on the command line."""
    seen: dict[str, int] = {}
    made = []
    for one in found:
        seen[one.name] = seen.get(one.name, 0) + 1
        made.append(one if seen[one.name] == 1 else replace(one, name=f"{one.name} ({seen[one.name]})"))
    return made
