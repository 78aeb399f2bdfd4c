"""Runs that tests change on disk, as no user should: their records are made to agree again."""

import json
from pathlib import Path
from typing import Any

from harness.record import read_run
from harness.record.folder import RUN_FILE, write_run
from harness.record.seal import digests


def put(folder: Path, record: dict[str, Any]) -> None:
    """Write a record that was edited as JSON, as one of before checksums were."""
    old = {name: value for name, value in record.items() if name not in ("checksum", "files")}
    (folder / RUN_FILE).write_text(json.dumps(old), encoding="utf-8")


def sign(folder: Path) -> None:
    """Let a record describe the files that stand beside it now."""
    write_run(folder, read_run(folder).model_copy(update={"files": digests(folder)}))
