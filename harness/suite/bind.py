"""From a file to a suite with datasets and tasks; mistakes are found before a model is loaded."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from harness.errors import ConfigError, Problem, SpecError, UsageError, did_you_mean
from harness.estimate import Statistic
from harness.locate import find
from harness.registry import registry
from harness.spec.check import check
from harness.spec.document import Document, KeyPath
from harness.spec.expand import load_expanded
from harness.spec.matrix import expand_matrix
from harness.spec.models import GateSpec, SuiteSpec
from harness.suite.adapters import AdapterChoice, load_plugin, read_adapter
from harness.suite.checks.gates import Gate, gates_of, stated_at
from harness.suite.gates import limits_nothing, turned_round, unread
from harness.tasks import BuildContext, Task
from harness.tasks.former import up_to_date
from harness.tasks.told import told
from harness.types import Dataset

INHERITED: Final = ("on_truncated", "images")
"""Keys of a suite that hold for each of its tasks which has such a key and does not state it."""


OF_ANY: Final[Mapping[str, tuple[str, ...]]] = {"datasets": ("gates",)}
"""Keys that a dataset may have whatever its type is: no plug-in sees them."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite that is ready to run."""

    file: Path
    """Absolute, as ``roots`` are: a model that is loaded may go to another folder."""
    spec: SuiteSpec
    datasets: Mapping[str, Dataset]
    tasks: Mapping[str, Task]
    content: Mapping[str, Any]
    """The expanded file."""
    roots: tuple[Path, ...] = ()
    """Folders outside the suite's own that its data may lie in."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that its file was expanded with."""
    data_gates: tuple[Gate, ...] = ()
    """How much may be wrong with its datasets, for `harness data check`."""

    @property
    def hash(self) -> str:
        """A hash of the expanded file."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()


def load_suite(name: str, roots: Sequence[Path] = (), environment: Mapping[str, str] = os.environ) -> Suite:
    """Read, expand, check and bind a suite.

    Args:
        name: a path, or the name of an available suite.
        roots: folders outside the suite's own that its data may lie in.
        environment: where ``${VARIABLES}`` come from.

    Raises:
        SpecError: with everything that is wrong, each at its place.
        UsageError: if there is no such suite.
    """
    return bind_suite(load_document(name, environment), roots)


def load_document(name: str, environment: Mapping[str, str] = os.environ) -> Document:
    """Read and expand a suite file; what it says is not checked yet.

    Raises:
        SpecError: if it, or a file that it extends, cannot be read.
        UsageError: if there is no such suite.
    """
    return expand_matrix(load_expanded(find("suites", name), environment, find_parent))


def bind_suite(document: Document, roots: Sequence[Path] = (), known: Mapping[str, Dataset] = MappingProxyType({})
               ) -> Suite:  # fmt: skip
    """Check an expanded document and bind its datasets and tasks.

    Datasets in ``known`` are those of the very same document, opened earlier: they are not opened again.
    """
    if (
        isinstance(document.value, dict)
        and {"adapter", "type"} <= document.value.keys()
        and "suite" not in document.value
    ):
        hint = f"the suite stands first: harness run SUITE --adapter {document.file}"
        raise SpecError(
            [document.problem(("adapter",), "this is the file of an adapter, not a suite", hint, at_key=True)]
        )
    document = expand_matrix(document)
    checked = check(SuiteSpec, document)
    if isinstance(checked, list):
        raise SpecError(checked)
    folder = document.file.resolve().parent
    binder = _Binder(document, checked, folder, (folder, *(root.resolve() for root in roots)))
    datasets = binder.datasets(known)
    tasks = binder.tasks(datasets)
    binder.check_gates(tasks)
    binder.check_labels(tasks)
    if binder.problems:
        raise SpecError([*dict.fromkeys(binder.problems)])  # a matrix repeats what is wrong in each of its tasks
    file, outside = document.file.absolute(), tuple(root.absolute() for root in roots)
    gates = tuple(binder.data_gates)
    return Suite(file, checked, datasets, tasks, document.value, outside, document.variables, gates)


class _Binder:
    """Builds what a suite names, collecting problems so that all are reported at once."""

    def __init__(self, document: Document, spec: SuiteSpec, folder: Path, roots: tuple[Path, ...]) -> None:
        self._document = document
        self._spec = spec
        self._folder = folder
        self._roots = roots
        self._failed: set[str] = set()
        self.problems: list[Problem] = []
        self.data_gates: list[Gate] = []

    def datasets(self, known: Mapping[str, Dataset]) -> dict[str, Dataset]:
        built: dict[str, Dataset] = {}
        for name in self._spec.datasets:
            path = ("datasets", name)
            self._read_data_gates(name)
            found = self._plugin(path, "type", "datasets")
            if found:
                factory, config = found
                try:
                    built[name] = (
                        known[name] if name in known else factory.from_config(config, self._folder, self._roots)
                    )
                    continue
                except ConfigError as error:
                    self._add(path, error)
            self._failed.add(name)
        return built

    def tasks(self, datasets: Mapping[str, Dataset]) -> dict[str, Task]:
        built: dict[str, Task] = {}
        for name in self._spec.tasks:
            path = ("tasks", name)
            found = self._plugin(path, "kind", "tasks")
            if found:
                factory, own = found
                config = inherited(own, self._spec)
                self._check_images(path, config)
                if self._failed & {getattr(config, "dataset", ""), getattr(config, "of", "")}:
                    self._failed.add(name)  # what it needs is reported already
                    continue
                context = BuildContext(self._spec.seed, datasets, built, self._adapter, self._folder)
                try:
                    built[name] = up_to_date(factory.build(name, config, context))
                    continue
                except ConfigError as error:
                    self._add(path, error)
                except UsageError as error:  # an adapter that the task names and that is not there, say
                    self.problems.append(self._document.problem(path, str(error)))
            self._failed.add(name)
        return built

    def check_gates(self, tasks: Mapping[str, Task]) -> None:
        for i, gate in enumerate(self._spec.gates):
            path = ("gates", i)
            task, _, metric = gate.metric.partition("/")
            if task in self._failed:
                continue
            if task not in tasks:
                hint = did_you_mean(task, self._spec.tasks)
                self.problems.append(self._document.problem((*path, "metric"), f"no task is called {task!r}", hint))
            elif metric not in (known := told(tasks[task])):
                said = f"task {task!r} has no metric {metric!r}"
                hint = did_you_mean(metric, known)
                self.problems.append(self._document.problem((*path, "metric"), said, hint))
            else:
                self._check_gate(path, gate, known[metric])
            if gate.empty:
                said = "a gate needs `min`, `max`, `max_drop`, `max_increase` or `max_ratio`"
                self.problems.append(self._document.problem(path, said))
            gated = {other.metric for other in self._spec.gates if other is not gate}
            for j, name in enumerate(gate.jointly):
                if name not in gated:
                    said = f"no other gate is on {name!r}, so nothing can be judged jointly with it"
                    hint = did_you_mean(name, gated)
                    self.problems.append(self._document.problem((*path, "jointly", j), said, hint))

    def check_labels(self, tasks: Mapping[str, Task]) -> None:
        """See that the score that stands in for labels is one that some task has."""
        if self._spec.labels is None or self._spec.labels.proxy is None:
            return
        owner, _, name = self._spec.labels.proxy.rpartition("/")
        known = {f"{task}/{metric}": metric for task, one in tasks.items() for metric in told(one)}
        fits = f"{owner}/{name}" in known if owner else name in known.values()
        if not fits and owner not in self._failed:
            said = f"no task has a score {self._spec.labels.proxy!r}"
            hint = did_you_mean(f"{owner}/{name}" if owner else name, known if owner else set(known.values()))
            self.problems.append(self._document.problem(("labels", "proxy"), said, hint))

    def _check_gate(self, path: KeyPath, gate: GateSpec, statistic: Statistic) -> None:
        """See that a gate can be decided at all, before anything is asked."""
        for key, said, hint in (*limits_nothing(gate, statistic), *turned_round(gate, statistic), *unread(gate)):
            self.problems.append(self._document.problem((*path, key), said, hint))
        for key in ("max_drop", "max_increase"):
            if getattr(gate, key) is None:
                continue
            if statistic.refusal:
                said = f"{gate.metric} cannot be tested against a baseline: {statistic.refusal}"
                self.problems.append(self._document.problem((*path, key), said))
            elif key == "max_increase" and statistic.direction == "higher":
                said = f"`max_increase` is for metrics that are better when lower; {gate.metric} is better when higher"
                self.problems.append(self._document.problem((*path, key), said, "use `max_drop`"))

    def _plugin(self, path: KeyPath, key: str, kind: str) -> tuple[Any, Any] | None:
        name = self._document.value[path[0]][path[1]].get(key)
        if not isinstance(name, str):
            hint = f"known: {', '.join(registry(kind).names())}"
            self.problems.append(self._document.problem(path, f"the key {key!r} is missing or not text", hint))
            return None
        factory = load_plugin(self._document, (*path, key), kind, name)
        if isinstance(factory, Problem):
            self.problems.append(factory)
            return None
        config = check(factory.Config, self._document, path, leave_out=[key, *OF_ANY.get(kind, ())])
        if isinstance(config, list):
            self.problems += config
            return None
        return factory, config

    def _check_images(self, path: KeyPath, config: Any) -> None:
        """See that no task silently sends pictures in another size than the suite says."""
        policy = self._spec.images
        if policy is None or not policy.limits or "images" in type(config).model_fields or hasattr(config, "of"):
            return
        kind = self._document.value["tasks"][path[1]].get("kind")
        said = f"the suite's `images` cannot hold for task {path[1]!r}: its kind {kind!r} sends pictures as they lie"
        self.problems.append(self._document.problem(("images",), said, "state `images` in the tasks that know it"))

    def _read_data_gates(self, name: str) -> None:
        body = self._document.value["datasets"][name]
        if body.get("gates") is not None:
            found = stated_at(self._document, ("datasets", name, "gates"))
            if isinstance(found, list):
                self.problems += found
            else:
                self.data_gates += gates_of(found, name)

    def _adapter(self, name: str) -> AdapterChoice:
        return read_adapter(name, folder=self._folder)

    def _add(self, path: KeyPath, error: ConfigError) -> None:
        for issue in error.issues:
            self.problems.append(self._document.problem((*path, *issue.path), issue.message, issue.hint))


def inherited(config: Any, spec: SuiteSpec) -> Any:
    """Return a task's keys, with what the suite says for all its tasks where the task does not say it itself."""
    absent = [key for key in INHERITED if key in type(config).model_fields and key not in config.model_fields_set]
    said = {key: getattr(spec, key) for key in absent if key in spec.model_fields_set}
    return config.model_copy(update=said) if said else config


def find_parent(name: str, folder: Path) -> Path:
    """Return the file of a suite that another one in ``folder`` extends; ValueError where there is none."""
    try:
        return find("suites", name, folder)
    except UsageError as error:
        raise ValueError(str(error)) from error
