"""What a run record holds: ``run.json``, schema-versioned and strict."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from harness.record.judged import FailureRecord, GateRecord, TriesRecord, Verdict
from harness.record.measured import (
    CellRecord,
    ChartRecord,
    ColumnRecord,
    CurveRecord,
    FindingRecord,
    LineRecord,
    MarkRecord,
    MetricRecord,
    TableRecord,
    TaskRecord,
)
from harness.record.model import RecordModel
from harness.record.origin import (
    AdapterRecord,
    DrawnRecord,
    GitRecord,
    MachineRecord,
    SelectionRecord,
    SessionRecord,
    SuiteRecord,
)
from harness.record.taken import ExpectedRecord, ExpectedTask, PicturesRecord, SpentRecord

__all__ = [
    "SCHEMA_VERSION",
    "AdapterRecord",
    "CellRecord",
    "ChartRecord",
    "ColumnRecord",
    "CurveRecord",
    "DrawnRecord",
    "ExpectedRecord",
    "ExpectedTask",
    "FailureRecord",
    "FindingRecord",
    "GateRecord",
    "GitRecord",
    "LineRecord",
    "MachineRecord",
    "MarkRecord",
    "MetricRecord",
    "PicturesRecord",
    "RecordModel",
    "RunRecord",
    "RunStatus",
    "SelectionRecord",
    "SessionRecord",
    "SpentRecord",
    "SuiteRecord",
    "TableRecord",
    "TaskRecord",
    "TriesRecord",
    "Verdict",
]

SCHEMA_VERSION = 2

RunStatus = Literal["complete", "interrupted", "failed"]


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
