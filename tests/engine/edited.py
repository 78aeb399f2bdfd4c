"""The victim of the test that edits between kill and resume: a process that forks a run or its continuation.

For each line on standard input, ``run`` or ``resume``, it forks, prints the process id, waits for it and prints "gone".
The child writes to said.log what it acknowledges, and how it ended.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from harness.engine.named import locate_unfinished
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.errors import HarnessError
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite
from tests.engine.killed import Acknowledge

RUNS = Path("runs")


def run(said: Acknowledge) -> str:
    _, record = run_suite(load_suite("suite.yaml"), read_adapter("m.yaml"), RunOptions(RUNS), said)
    return record.status


def resume(said: Acknowledge) -> str:
    _, record = resume_run(locate_unfinished(None, RUNS), RunOptions(RUNS), said)
    return record.status


DO: dict[str, Callable[[Acknowledge], str]] = {"run": run, "resume": resume}


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if not child:
            said = Acknowledge(os.open("said.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
            try:
                said.say(DO[line.strip()](said))
            except HarnessError as error:
                said.say(f"exit {error.exit_code}: {error}")
            except Exception as error:  # noqa: BLE001 - whoever waits for a word must hear one
                said.say(f"broke: {error!r}")
            finally:
                os._exit(0)
        os.write(1, f"{child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    # What a run imports on its way, once.
    import pyarrow.parquet  # noqa: F401
    import scipy.stats  # noqa: F401

    main()
