"""What an unfinished run must know about itself to be continued without the command that started it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

from pydantic import Field, ValidationError

from harness.engine.collect import plain
from harness.engine.options import Executor, RunOptions
from harness.engine.plan import Plan, Shard
from harness.errors import UsageError
from harness.record.schema import AdapterRecord, DrawnRecord, ExpectedRecord, RecordModel, SelectionRecord
from harness.record.store import ResponseStore
from harness.registry import registry
from harness.spec.document import made_document
from harness.spec.models import AdapterSpec
from harness.suite.adapters import AdapterChoice
from harness.suite.bind import Suite, bind_suite
from harness.suite.looks import draw_of
from harness.suite.select import Selection
from harness.types import Dataset

_KEY: Final = "manifest"


class SuiteSource(RecordModel):
    """A suite as it was expanded when the run began, and where its relative paths start."""

    file: str
    roots: list[str]
    hash: str
    content: dict[str, Any]


class AdapterSource(RecordModel):
    """An adapter file as it was read when the run began."""

    file: str
    spec: dict[str, Any]
    config: dict[str, Any]


class ExecutorSource(RecordModel):
    """Where the model lived when the run began, and how many copies of it."""

    executor: Executor | None = None
    ray_address: str | None = None
    ray_workers: int | None = None

    @classmethod
    def of(cls, options: RunOptions) -> Self:
        """Return what the caller of a run chose."""
        return cls(executor=options.executor, ray_address=options.ray_address, ray_workers=options.ray_workers)

    def within(self, options: RunOptions) -> RunOptions:
        """Return options with this choice, unless they make one themselves."""
        return options if options.executor else replace(options, **self.model_dump())


class Manifest(RecordModel):
    """Kept in the store from the first moment on."""

    run_id: str
    key: str
    """Runs with one key ask the same model the same questions in the same batches; shards of one run share it."""
    started: datetime
    harness_version: str
    batch_size: int
    limit: int | None
    head: bool = True
    """Whether the limit takes the first samples, as runs did that say nothing of it."""
    ranked: bool = False
    chances: dict[str, float] | None = None
    """Of samples that were drawn with unequal ones: the draw stays what it was, whatever runs are made meanwhile."""
    drawn: DrawnRecord | None = None
    shard: str
    selection: SelectionRecord
    suite: SuiteSource
    source: AdapterSource
    several: bool = False
    """Whether the command that began it makes other runs too."""
    executor: ExecutorSource = ExecutorSource()
    """Runs that were begun by earlier versions say nothing of it."""
    environment: dict[str, str]
    adapter: AdapterRecord
    data: dict[str, str] = Field(default_factory=dict)
    """By data set: a hash of its rows in their order; their marks lie beside the store. Earlier versions kept none."""
    tasks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What changes a number of each task."""
    expected: ExpectedRecord | None = None
    """What all parts of the run were expected to take."""

    def new_store(self, path: Path) -> ResponseStore:
        """Make the run's store, with the manifest in it and in a file beside it.

        What is left of a damaged store is of no use without it. The file has another name until the store is there
        with all that it begins with: one without a manifest is damaged, or its maker was killed at this moment.
        """
        unborn_of(path).write_text(self.model_dump_json(), encoding="utf-8")
        store = ResponseStore(path)
        try:
            self.settle(store)
        except BaseException:
            store.close()
            raise
        return store

    def settle(self, store: ResponseStore) -> None:
        """Bring a store that was being made to where it is made; any other is left as it is."""
        if (unborn := unborn_of(store.path)).is_file():
            store.remember({_KEY: self.model_dump_json()})
            unborn.replace(copy_of(store.path))

    @classmethod
    def read(cls, store: ResponseStore) -> Self:
        """Return a store's manifest.

        Raises:
            UsageError: if there is none that this version can read.
        """
        text, unborn = store.recall(_KEY), unborn_of(store.path)
        try:
            if text is None and unborn.is_file():
                text = unborn.read_text(encoding="utf-8")
            return cls.model_validate_json(text or "")
        except ValidationError as cause:
            raise UsageError(f"{store.path} was not begun by this version of the harness") from cause

    def load_suite(self, known: Mapping[str, Dataset] = MappingProxyType({})) -> Suite:
        """Return the suite as it was; the file may have changed since, or be gone.

        Args:
            known: data sets of it that are open, and have not changed since.

        Raises:
            SpecError: if its data is not where it was.
        """
        # Not by way of YAML: that refuses characters which a string may well hold, as escapes in the file did.
        document = made_document(self.suite.content, Path(self.suite.file))
        suite = bind_suite(document, [Path(root) for root in self.suite.roots], known)
        return Selection.of(self.selection).apply(suite)

    def choose_adapter(self) -> AdapterChoice:
        """Return the adapter as it was declared.

        Raises:
            UsageError: if its type is not installed here.
        """
        spec = AdapterSpec.model_validate(self.source.spec)
        factory = registry("adapters").load(spec.type)
        config = factory.Config.model_validate_json(json.dumps(self.source.config))
        return AdapterChoice(Path(self.source.file), spec, config, factory)

    def plan(self, suite: Suite) -> Plan:
        """Lay the run out as it was."""
        shard = Shard.parse(self.shard)
        draw = draw_of(suite, self.limit, head=self.head, ranked=self.ranked, chances=self.chances)
        return Plan(tuple(suite.tasks.values()), self.batch_size, draw, shard)


def copy_of(store: Path) -> Path:
    """Return the file that repeats a store's manifest. It goes where the store's own files go."""
    return store.with_name(f"{store.name}-manifest")


def unborn_of(store: Path) -> Path:
    """Return the file that holds a store's manifest before the store does."""
    return store.with_name(f"{store.name}-unborn")


def run_key(
    suite: Suite,
    data: Mapping[str, str],
    tasks: Mapping[str, Mapping[str, Any]],
    selection: Selection,
    fingerprint: str,
    plan: Plan,
    version: str,
) -> str:
    """Return what two runs share that are one run, begun twice or in parts.

    Args:
        suite: what is asked.
        data: by data set, a hash of its rows in their order.
        tasks: what changes a number of each.
        selection: of the suite.
        fingerprint: of the model.
        plan: its batches.
        version: of the harness.
    """
    # A selection shows in the tasks' descriptions only in part: which samples were chosen doesn't.
    chosen = selection.record.model_dump(mode="json")
    parts = [
        suite.hash,
        chosen,
        data,
        tasks,
        fingerprint,
        plan.batch_size,
        plan.limit,
        plan.draw.rule,
        plan.draw.ranked,
        version,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def sources(suite: Suite, choice: AdapterChoice) -> tuple[SuiteSource, AdapterSource]:
    """Return what to keep of the files that a run is made from."""
    suite_source = SuiteSource(
        file=str(suite.file),
        roots=[str(root) for root in suite.roots],
        hash=suite.hash,
        content=plain(suite.content),
    )
    adapter_source = AdapterSource(
        file=str(choice.file),
        spec=choice.spec.model_dump(mode="json"),
        config=choice.config.model_dump(mode="json"),
    )
    return suite_source, adapter_source
