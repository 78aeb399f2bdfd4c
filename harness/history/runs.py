"""Which run stands behind which point: a line a run in ``runs.jsonl`` beside asv's files, which asv leaves alone."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypedDict

from harness.errors import UsageError
from harness.history.measure import PREFIX

FILE: Final = "runs.jsonl"
"""Not ``.json``: asv reads every file of that name as a result."""


class Earlier(TypedDict):
    """What a run measured whose place in asv's files a later run of the same commit has taken."""

    run: str
    values: dict[str, dict[str, float]]
    """By benchmark and cell."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run of the history."""

    commit: str
    suite: str
    adapter: str
    machine: str
    run: str
    """Its id; empty where the commit could not be run."""
    status: str
    """``complete``, or why there are no values."""
    units: dict[str, str] = field(default_factory=dict)
    """Unit by benchmark."""
    asked: str = ""
    """Suite and adapter as ``harness history run`` was told them; empty for a run that was recorded by hand."""
    config: str = ""
    """A hash of what the whole run asked of which data; of old records all that is known."""
    tasks: dict[str, str] = field(default_factory=dict)
    """By task a hash of what it asked of which data: where it changes, its numbers mean something else."""
    part: str = ""
    """Which part of every cell was asked; empty for all of it."""
    limit: int | None = None
    """The samples of every cell that were asked at most."""
    before: list[Earlier] = field(default_factory=list)
    """Runs of the same commit that asked the same, oldest first; asv's files hold the newest alone."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one line of."""
        return self.commit, self.suite, self.adapter, self.machine

    def place(self, benchmark: str) -> tuple[str, str, str]:
        """Return suite, task and metric of a benchmark of this run; names may hold dots."""
        rest = benchmark.removeprefix(self.start)
        inside = [task for task in self.tasks if rest.startswith(f"{task}.")]
        task = max(inside, key=len, default=rest.partition(".")[0])
        return self.suite, task, rest.removeprefix(f"{task}.")

    @property
    def start(self) -> str:
        """What the names of its benchmarks begin with."""
        return f"{PREFIX}.{self.suite}."


def part_of(limit: int | None, rule: str) -> str:
    """Return which part of every cell a limit takes, in words: of those that are drawn, of the first, or nobody knows.

    >>> part_of(100, "head"), part_of(None, "")
    ('the first 100 samples a cell', '')
    """
    if limit is None:
        return ""
    told = {
        "drawn": f"{limit} samples a cell, drawn",
        "head": f"the first {limit} samples a cell",
        "informative": f"{limit} samples a cell, drawn by earlier runs and weighted",
    }
    return told.get(rule, f"at most {limit} samples a cell")


def read(results: Path) -> list[Recorded]:
    """Return all recorded runs.

    Raises:
        UsageError: if a line cannot be read, naming it.
    """
    file = results / FILE
    if not file.is_file():
        return []
    found = []
    # Not splitlines(): a name may hold characters that it takes for the end of a line.
    for number, line in enumerate(file.read_text(encoding="utf-8").removesuffix("\n").split("\n"), 1):
        try:
            told: dict[str, Any] = json.loads(line)
            found.append(Recorded(**told))
        except (ValueError, TypeError) as cause:
            raise UsageError(f"{file}:{number}: not a recorded run: {cause}") from cause
    return found


def add(results: Path, runs: Iterable[Recorded]) -> None:
    """Add runs; one of the same commit, suite, adapter and machine is replaced. Lines are sorted: they merge."""
    known = {one.key: one for one in (*read(results), *runs)}
    results.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(known[key]), ensure_ascii=False, sort_keys=True) for key in sorted(known)]
    temporary = results / f".{FILE}.part"
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(results / FILE)
