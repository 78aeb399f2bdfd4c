"""What a list says of each of many runs: records without their numbers, each read once."""

import os
from pathlib import Path

from harness.digests import OfFiles
from harness.errors import HarnessError
from harness.record.folder import RUN_FILE, find_runs, read_run
from harness.record.schema import RunRecord


def heads(root: Path) -> list[tuple[Path, RunRecord]]:
    """Return the runs under a folder that can be read, oldest first, without tasks; a broken one costs itself.

    A record of many cells takes milliseconds to read and to hold beside its checksum. What a list needs of it is kept
    in the cache, by the file's path, size and times of change.
    """
    found = []
    with OfFiles("runs.sqlite", _head) as known:
        for folder in find_runs(root):
            try:
                text = known.of(os.path.realpath(folder / RUN_FILE))
                found.append((folder, RunRecord.model_validate_json(text)))
            except (HarnessError, OSError, ValueError):
                continue
    return found


def _head(file: str) -> str:
    record = read_run(Path(file))
    suite = record.suite.model_copy(update={"content": {}})
    least = {"suite": suite, "tasks": {}, "failures": [], "files": {}, "expected": None, "sessions": []}
    return record.model_copy(update=least).model_dump_json()
