"""Freeze what the code gives now: ``python -m tests.golden.write [NAME …]``, all by default.

For the commit that changes a number on purpose; its message says which, and why the new one is right.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.golden.record import dump
from tests.golden.runs import NAMES, Runs, file_of


def main(names: list[str]) -> None:
    """Write the files of some names."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        for name in names:
            before = time.process_time()
            file_of(name).write_text(dump(runs.frozen(name)), encoding="utf-8")
            sys.stdout.write(f"{time.process_time() - before:5.1f} s  {file_of(name).name}\n")


if __name__ == "__main__":
    main(sys.argv[1:] or [*NAMES])
