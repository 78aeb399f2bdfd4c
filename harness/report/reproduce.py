"""The commands that make a run again."""

import re
import shlex
from pathlib import Path

from harness.locate import available
from harness.record.schema import RunRecord


def commands(record: RunRecord) -> list[str]:
    """Return the shell lines that repeat a run, from the checkout of its commit on.

    Text from the record is quoted for the shell; it came from file names that a stranger may have chosen.
    """
    lines = []
    if record.git and re.fullmatch(r"[0-9a-f]{7,64}", record.git.commit):
        dirty = "   # the run had local changes on top of this commit" if record.git.dirty else ""
        lines.append(f"git checkout {record.git.commit}{dirty}")
    command = ["harness", "run", _suite(record.suite.file), "--adapter", record.adapter.name]
    if record.adapter.batch_size:
        command += ["--batch-size", str(record.adapter.batch_size)]
    limit = record.options.get("limit")
    if limit is not None:
        command += ["--limit", str(limit)]
    return [*lines, shlex.join(command)]


def _suite(file: str) -> str:
    """Return the suite as one types it: by name where it is an available one, else by file."""
    return Path(file).stem if Path(file).stem in available("suites") else file


def packages(record: RunRecord) -> str:
    """Return the line that installs the versions that the run had."""
    pinned = [
        f"{name}=={version}" for name, version in sorted(record.machine.packages.items()) if name != "vlm-harness"
    ]
    return shlex.join(["pip", "install", *pinned])
