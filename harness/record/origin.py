"""What a run record says of where it comes from: model, suite, machine, commit, sessions, and which samples."""

from datetime import datetime
from typing import Any

from harness.record.model import RecordModel


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
