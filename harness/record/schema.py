"""What a run record holds: ``run.json``, schema-versioned and strict."""

import math
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.estimate import ColumnSpec, Statistic
from harness.record.endings import CutOff, cut_off
from harness.types import Direction, MetricValue

SCHEMA_VERSION = 2

Verdict = Literal["pass", "fail", "inconclusive", "no baseline"]
RunStatus = Literal["complete", "interrupted", "failed"]


class RecordModel(BaseModel):
    """Frozen; keys of a newer minor version are an error, not a silent loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MetricRecord(RecordModel):
    """A metric's value with its uncertainty. Undefined numbers are null, never NaN: the file is strict JSON."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    total: int
    coverage: float | None
    direction: Direction
    unit: str
    statuses: dict[str, int]
    method: str
    confidence: float

    @classmethod
    def of(cls, value: MetricValue) -> "MetricRecord":
        """Return the record of a metric value."""
        return cls(
            value=_number(value.value),
            low=_number(value.low),
            high=_number(value.high),
            n=value.n,
            total=value.total,
            coverage=_number(value.coverage),
            direction=value.direction,
            unit=value.unit,
            statuses=dict(value.statuses),
            method=value.method,
            confidence=value.confidence,
        )


class CurveRecord(RecordModel):
    """A metric along one axis of a task's grid."""

    name: str
    x_label: str
    x: list[float]
    points: list[MetricRecord]


class FindingRecord(RecordModel):
    """A sentence that a reader must not miss."""

    level: Literal["note", "warning"]
    text: str


class LineRecord(RecordModel):
    """One series of a chart. None leaves a gap."""

    name: str
    x: list[float]
    y: list[float | None]
    low: list[float | None] = []
    high: list[float | None] = []
    style: Literal["line", "step", "points", "bars"] = "line"


class MarkRecord(RecordModel):
    """A point, a vertical line (``x`` alone) or a horizontal one (``y`` alone), with a name."""

    label: str
    x: float | None = None
    y: float | None = None


class ChartRecord(RecordModel):
    """A picture as data."""

    name: str
    x_label: str
    y_label: str
    lines: list[LineRecord]
    marks: list[MarkRecord] = []
    x_scale: Literal["linear", "log"] = "linear"
    y_scale: Literal["linear", "log"] = "linear"
    note: str = ""


class TableRecord(RecordModel):
    """Rows for the report."""

    name: str
    columns: list[str]
    rows: list[list[str | float | int | None]]
    note: str = ""


class CellRecord(RecordModel):
    """One point of a task's grid."""

    labels: dict[str, str | int]
    metrics: dict[str, MetricRecord]
    stratum: str = ""
    """Where cells hold other samples than others: which of them are drawn together."""


class ColumnRecord(RecordModel):
    """What a column of scores is: see :class:`harness.estimate.ColumnSpec`."""

    direction: Direction
    unit: str
    bounds: tuple[float | None, float | None]
    worth: float | None = None
    binary: bool = False
    sum_of: str = ""


class TaskRecord(RecordModel):
    """What one task measured."""

    kind: str
    primary: str
    """The metric that says whether an answer is right."""
    config: dict[str, Any]
    config_hash: str
    metrics: dict[str, MetricRecord]
    cells: dict[str, CellRecord]
    columns: dict[str, ColumnRecord] = {}
    """What the columns of its rows are; records of schema 1 do not say."""
    statistics: list[dict[str, Any]] = []
    """What each metric is, as data."""
    per_cell: list[dict[str, Any]] = []
    """What each metric of a cell is, with ``*`` for the cell."""
    epochs: int = 1
    """How often each question was asked."""
    reducer: str = "mean"
    """What made one score of a question's several."""
    finishes: dict[str, int] = {}
    """How many of its answers ended in which way, as far as the adapter knows: ``stop``, ``length``, …"""
    served: dict[str, int] = {}
    """How many of its answers came from what the server said that it runs: name of the model, fingerprint."""
    curves: list[CurveRecord] = []
    findings: list[FindingRecord] = []
    charts: list[ChartRecord] = []
    tables: list[TableRecord] = []

    @property
    def cut_off(self) -> CutOff:
        """How many of its answers were cut off at their limit of tokens."""
        return cut_off(self.finishes)

    def specs(self) -> dict[str, ColumnSpec]:
        """Return what the columns are."""
        return {name: ColumnSpec(**column.model_dump()) for name, column in self.columns.items()}

    def defined(self) -> dict[str, Statistic]:
        """Return what each metric is, by name."""
        return _read(self.statistics)

    def defined_per_cell(self) -> dict[str, Statistic]:
        """Return what each metric of a cell is, by name; see :func:`harness.estimate.placed`."""
        return _read(self.per_cell)


class FailureRecord(RecordModel):
    """Samples that failed for one reason."""

    said: str
    """What stands beside the first of them."""
    pattern: str
    """The same without ids, numbers and addresses: what they have in common."""
    stage: str
    """Where they failed: ``sample`` before anything was asked, ``answer``, ``answer of ROLE`` of a judge, ``score``."""
    status: str
    count: int
    first: dict[str, str]
    """The first of them: task, cell, sample_id."""
    where: dict[str, int]
    """How many, by ``task/cell``."""


class GateRecord(RecordModel):
    """A rule and what became of it."""

    metric: str
    rule: str
    verdict: Verdict
    reason: str


class TriesRecord(RecordModel):
    """How often this model was tried against the baseline that its gates compare with."""

    number: int
    """Which try it was, from 1; a run with the same answers is the same try."""
    level: float
    """The one-sided level at which it was judged: 0.05 for the first."""
    baseline: str
    """The id of the baseline's run."""
    earlier: list[str] = []
    """Runs of the tries before, and what came of them."""


class AdapterRecord(RecordModel):
    """Which model answered."""

    name: str
    type: str
    fingerprint: str
    simulated: bool
    batch_invariant: bool
    batch_size: int
    config: dict[str, Any]


class SuiteRecord(RecordModel):
    """Which suite asked."""

    name: str
    version: int
    tier: str
    seed: int
    file: str
    hash: str
    """Of the expanded suite."""
    content: dict[str, Any]


class MachineRecord(RecordModel):
    """Where it ran."""

    platform: str
    processor: str
    cores: int
    python: str
    packages: dict[str, str]
    facts: dict[str, str] = {}
    """What decides how fast it is: the CPU's features, its governor, memory, threads of the libraries."""


class GitRecord(RecordModel):
    """The commit of the working directory, where there is one."""

    commit: str
    dirty: bool
    diff: str | None = None
    """Where it is dirty: a hash of what differs from the commit."""


class SessionRecord(RecordModel):
    """One process that worked on the run: more than one where it was resumed or merged."""

    started: datetime
    seconds: float
    cpu_seconds: float
    command: list[str]
    """The command line; values that look like secrets are left out."""
    harness_version: str
    machine: MachineRecord
    git: GitRecord | None
    asked_again: int = 0
    """Samples that had failed and that it asked again."""


class SelectionRecord(RecordModel):
    """What was run of the suite."""

    only: list[str] = []
    """Tasks; empty for all."""
    sample_ids: list[str] = []
    """Samples; empty for all."""
    epochs: int = 1
    reducer: str = "mean"


class DrawnRecord(RecordModel):
    """How samples were drawn that had unequal chances; each row's own stands in ``samples.parquet``."""

    runs: list[str]
    """The earlier runs whose answers the chances are made of."""
    population: int
    """Samples that were drawn from."""
    asked: int
    least_chance: float
    """No sample's was smaller."""
    effective: float
    """How many samples of one weight the drawn ones are worth, for a number that history says nothing of."""
    worth: float
    """How many samples of a plain draw one was expected to be worth where two models are compared."""


class PicturesRecord(RecordModel):
    """What became of the pictures of answers that were asked for."""

    shown: int
    """A picture counts for each question about it."""
    reused: int
    """Of those, how many the model need not look at: what it had made of the same pixels was kept."""


class SpentRecord(RecordModel):
    """What the answers of a run took that no cache knew."""

    asked: int
    """Answers whose tokens these are."""
    tokens_in: int
    image_tokens: int | None
    """Of those that were read, where the adapter tells."""
    tokens_out: int
    cost: float | None
    """By the prices of the adapter's file."""
    currency: str | None


class ExpectedTask(RecordModel):
    """What one task was expected to take."""

    samples: int
    """In all cells."""
    looked_at: int
    """Samples whose requests were made for the estimate; their mean stands for the others."""
    requests: int
    """Before the first answer is known."""
    images: int
    text_tokens: int | None
    """None where the adapter cannot count."""
    image_tokens: int | None
    tokens_out_at_most: int | None
    """If every answer were as long as it may be."""
    cost_at_most: float | None = None
    """By the prices of the adapter's file."""


class ExpectedRecord(RecordModel):
    """What a run was expected to take, before anything was asked."""

    how: str
    """By whom tokens were counted, in words; empty where nobody could."""
    requests: int
    images: int
    text_tokens: int | None
    image_tokens: int | None
    tokens_out_at_most: int | None
    cost_at_most: float | None
    """By the prices of the adapter's file."""
    currency: str | None
    looked_at: int
    tasks: dict[str, ExpectedTask]
    left_out: list[str] = []
    """What is not in it, in words."""


class RunRecord(RecordModel):
    """``run.json``."""

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1)
    run_id: str
    status: RunStatus
    reason: str = ""
    """Why it is not complete; of a complete one, that more failed than it allows."""
    harness_version: str
    started: datetime
    seconds: float
    """Wall-clock time of all sessions, and of making this record."""
    cpu_seconds: float
    suite: SuiteRecord
    adapter: AdapterRecord
    options: dict[str, int | None]
    """Batch size, workers, limit."""
    limit_rule: Literal["", "drawn", "head", "informative"] = ""
    """Which samples the limit took: those of a seeded order, the first of each dataset, as all did that say
    nothing of it, or those of a draw with unequal chances."""
    drawn: DrawnRecord | None = None
    """What that draw was like; rows weigh one over their chances in every number."""
    shard: str | None = None
    """``3/8`` where this is one of several parts of a run."""
    selection: SelectionRecord = SelectionRecord()
    datasets: dict[str, str]
    """Content hash by name."""
    machine: MachineRecord
    git: GitRecord | None = None
    timings: dict[str, float]
    """Seconds by stage of the pipeline, in all sessions; ``finish`` is the making of this record."""
    environment: dict[str, str] = {}
    """The variables that suite and adapter file were filled with."""
    sessions: list[SessionRecord] = []
    responses: dict[str, int]
    """How many requests ended in each status."""
    cached: int = 0
    """How many answers were known from an earlier run and not asked for."""
    pictures: PicturesRecord | None = None
    """What was shown more than once and looked at once; None where the adapter keeps nothing of pictures."""
    spent: SpentRecord | None = None
    """Tokens and money; None where the adapter counts no tokens."""
    expected: ExpectedRecord | None = None
    """What was expected of them before; None where nobody could tell, and of parts of a run."""
    spent_by: dict[str, SpentRecord] = {}
    """The same of other models that tasks brought, a judge, by ``task/role``."""
    revision: int = 0
    """How often failed samples of the complete run were asked again."""
    failures: list[FailureRecord] = []
    """Why samples failed, the commonest reason first; none in records of earlier versions."""
    tasks: dict[str, TaskRecord]
    gates: list[GateRecord]
    tries: TriesRecord | None = None
    """What ``harness gate`` found in its ledger; None for runs that no gate has compared."""
    files: dict[str, str] = {}
    """SHA-256 of the files beside this one, by path in the folder."""
    checksum: str = ""
    """SHA-256 of this file's text with zeros in its place; it stands last. See :mod:`harness.record.seal`."""

    @property
    def failed(self) -> int:
        """How many samples failed."""
        return sum(one.count for one in self.failures)

    @property
    def served(self) -> str:
        """What the server said that it runs, one beside the other where it said several; nothing where it says none."""
        return ", ".join(sorted({name for task in self.tasks.values() for name in task.served}))

    @property
    def doubtful(self) -> bool:
        """Whether the run came to its end and more failed than it allows: ``reason`` says so, and no gate passes."""
        return self.status == "complete" and bool(self.reason)


def _read(found: list[dict[str, Any]]) -> dict[str, Statistic]:
    from harness.estimate.forms import read

    return {one.name: one for one in map(read, found)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
