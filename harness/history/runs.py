"""Which run stands behind which point: a line a run in ``runs.jsonl`` beside asv's files, which asv leaves alone."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.errors import UsageError

FILE: Final = "runs.jsonl"
"""Not ``.json``: asv reads every file of that name as a result."""


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
    """A hash of what was asked of which data: where it changes, the numbers mean something else."""


def read(results: Path) -> list[Recorded]:
    """Return all recorded runs.

    Raises:
        UsageError: if a line cannot be read, naming it.
    """
    file = results / FILE
    if not file.is_file():
        return []
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            told: dict[str, Any] = json.loads(line)
            found.append(Recorded(**told))
        except (ValueError, TypeError) as cause:
            raise UsageError(f"{file}:{number}: not a recorded run: {cause}") from cause
    return found


def add(results: Path, runs: Iterable[Recorded]) -> None:
    """Add runs; one of the same commit, suite, adapter and machine is replaced. Lines are sorted: they merge."""
    known = {(one.commit, one.suite, one.adapter, one.machine): one for one in (*read(results), *runs)}
    results.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(known[key]), ensure_ascii=False, sort_keys=True) for key in sorted(known)]
    temporary = results / f".{FILE}.part"
    temporary.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    temporary.replace(results / FILE)
