"""What a run record says of failures, gates and tries."""

from typing import Literal

from harness.record.model import RecordModel

Verdict = Literal["pass", "fail", "inconclusive", "no baseline"]


class FailureRecord(RecordModel):
    """Samples that failed for one reason."""

    said: str
    """What stands beside the first of them."""
    pattern: str
    """The same without ids, numbers and addresses: what they have in common."""
    stage: str
    """Where they failed: ``sample`` before anything was asked, ``answer``, ``answer of ROLE`` of a judge, ``score``;
    ``measure`` where a task calls the model itself."""
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
