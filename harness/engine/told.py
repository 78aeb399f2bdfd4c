"""What a command still owes its user: a run that is complete is kept for the same command until it was told."""

import json
from collections.abc import Container, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from harness.errors import UsageError
from harness.record import RunRecord, read_run
from harness.record.seal import digests

UNTOLD_FILE: Final = "untold.json"
"""Lies in the folder of a run from the moment it is complete until its command has come to its end."""


@dataclass(frozen=True, slots=True)
class Untold:
    """A complete run that its command has not told of."""

    key: str
    """Of the run, as :func:`harness.engine.manifest.run_key` makes it."""
    shard: str
    several: bool
    """Whether its command makes other runs too, and is at its end with the last of them."""

    def write(self, folder: Path) -> None:
        """Leave word in the run's folder."""
        (folder / UNTOLD_FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")


@dataclass(slots=True)
class Invocation:
    """One command, or one call of the front door, and the runs that it will have told of at its end."""

    several: bool = False
    told: list[Path] = field(default_factory=list)
    failed: bool = False
    """Whether one of them failed: the command will be given again for its sake, and the others wait."""


_CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("invocation", default=None)


@contextmanager
def invocation(*, several: bool = False) -> Iterator[Invocation]:
    """What is run inside counts as told when this ends without an error or a failed run; inside another, with that.

    So a command that is killed, interrupted or refused before its report, its gates and its table are out finds its
    complete runs when it is given again, and asks nothing of them anew.

    Args:
        several: whether the command makes several runs.
    """
    if outer := _CURRENT.get():
        yield outer
        return
    own = Invocation(several)
    before = _CURRENT.set(own)
    try:
        yield own
    finally:
        _CURRENT.reset(before)
    for folder in () if own.failed else own.told:
        forget(folder)


def forget(folder: Path) -> None:
    """Let a run be one that was told, or is no longer complete."""
    with suppress(OSError):  # a folder that is gone, or that takes nothing any more
        (folder / UNTOLD_FILE).unlink()


def told_later(root: Path) -> Iterator[Path]:
    """Yield the folders of complete runs under ``root`` that nobody was told of, in no order."""
    yield from (file.parent for file in root.glob(f"*/{UNTOLD_FILE}"))


def untold(folder: Path) -> RunRecord | None:
    """Return the record of a complete run that nobody was told of; None for any other, and for a damaged one."""
    if _read(folder) is None:
        return None
    try:
        record = read_run(folder)
        whole = record.status == "complete" and digests(folder) == record.files
    except (OSError, UsageError):
        return None
    return record if whole else None


def is_of_several(folder: Path) -> bool:
    """Return whether a run that nobody was told of is one of several that its command makes."""
    found = _read(folder)
    return found is not None and found.several


def find_untold(root: Path, key: str, shard: str, but: Container[Path] = ()) -> tuple[Path, RunRecord] | None:
    """Return the complete run of this key that nobody was told of, ``but`` those that this command has taken."""
    for folder in told_later(root):
        if folder in but:
            continue
        found = _read(folder)
        if found and (found.key, found.shard) == (key, shard) and (record := untold(folder)):
            return folder, record
    return None


def _read(folder: Path) -> Untold | None:
    try:
        return Untold(**json.loads((folder / UNTOLD_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
