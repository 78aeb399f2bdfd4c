"""The victim of the kill test: a process that forks one run after another, so that each starts within milliseconds.

For each line on standard input it forks a run, prints its process id, waits for it and prints "gone". The run writes
to said.log after each batch how many responses it acknowledges, and to asked.log what the model was asked.
"""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from harness.adapters.mock import MockAdapter
from harness.engine.run import RunOptions, run_suite
from harness.errors import HarnessError
from harness.registry import registry
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite
from harness.types import Request, Response


class Paced(MockAdapter):
    """Takes a moment for each batch, so that a kill has something to hit, and logs what it is asked."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        time.sleep(0.002)
        with Path("asked.log").open("a", encoding="utf-8") as log:
            log.write("".join(f"{request.id}\n" for request in requests))
        return super().generate(requests)


class Acknowledge:
    """Says what is stored."""

    def __init__(self, log: int) -> None:
        self._log = log
        self._done = 0

    def begin(self, adapter: str, total: int) -> None:
        self.say("begun")

    def advance(self, cell: str, done: int, failed: int) -> None:
        self._done += done
        self.say(f"acknowledged {self._done}")

    def end(self) -> None: ...

    def say(self, text: str) -> None:
        os.write(self._log, f"{text}\n".encode())


def run() -> None:
    said = Acknowledge(os.open("said.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC))
    try:
        _, record = run_suite(load_suite("suite.yaml"), read_adapter("paced.yaml"), RunOptions(Path("runs")), said)
        said.say(record.status)
    except HarnessError as error:
        said.say(f"exit {error.exit_code}: {error}")


def main() -> None:
    registry("adapters").add("paced", "tests.engine.killed:Paced")
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run()
            finally:
                os._exit(0)
        os.write(1, f"{child}\n".encode())
        os.waitpid(child, 0)
        os.write(1, b"gone\n")


if __name__ == "__main__":
    # What a run imports on its way, once.
    import scipy.stats  # noqa: F401

    main()
