"""The victim of the soak: a process that forks one command after another, so that each starts within milliseconds.

For each order on standard input, a line of JSON, it forks, prints the child's process id, waits for it, and prints how
many KiB it held at most. The child writes to said.log what it acknowledges and how it ended, and to asked.log what its
models were asked.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness import patience
from harness.adapters.mock import MockAdapter
from harness.data._images import FileImage
from harness.engine.named import locate_unfinished
from harness.engine.options import Interrupted
from harness.engine.run import RunOptions, resume_run, run_suite
from harness.engine.told import invocation
from harness.errors import HarnessError
from harness.registry import registry
from harness.suite.adapters import read_adapter
from harness.suite.bind import load_suite
from harness.types import Request, Response

RUNS = Path("runs")
Order = Mapping[str, Any]


def answer_to(prompt: str) -> str:
    """What the victim's models answer: whoever reads a record can say what must stand there."""
    return str(sum(map(ord, prompt)) % 3)


class Answering(MockAdapter):
    """Takes a moment for each batch and writes down what it is asked."""

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Answer."""
        time.sleep(0.002)
        with Path("asked.log").open("a", encoding="utf-8") as log:
            log.write("".join(f"{os.environ['SOAK_MODEL']} {request.id}\n" for request in requests))
        return [Response(answer_to(request.prompt)) for request in requests]


class Said:
    """Acknowledges what is stored."""

    def __init__(self) -> None:
        self._log = os.open("said.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self._done = 0

    def begin(self, adapter: str, total: int) -> None:
        self._done = 0
        self.say(f"begun {adapter}")

    def advance(self, cell: str, done: int, failed: int) -> None:
        self._done += done
        self.say(f"acknowledged {self._done}")

    def end(self) -> None: ...

    def say(self, text: str) -> None:
        os.write(self._log, f"{text}\n".encode())


def run(order: Order, said: Said) -> str:
    """One command with a run for each adapter."""
    statuses = []
    with invocation(several=len(order["adapters"]) > 1):
        for name in order["adapters"]:
            os.environ["SOAK_MODEL"] = name
            options = RunOptions(RUNS, grace=0.2)
            _, record = run_suite(load_suite("suite.yaml"), read_adapter(f"{name}.yaml"), options, said)
            statuses.append(record.status)
    return " ".join(statuses)


def resume(order: Order, said: Said) -> str:
    """Go on with the newest run."""
    folder = locate_unfinished(None, RUNS, untold=True)
    os.environ["SOAK_MODEL"] = next((one for one in order["adapters"] if f"-{one}-" in folder.name), "")
    return resume_run(folder, RunOptions(RUNS, grace=0.2), said)[1].status


DO: Mapping[str, Callable[[Order, Said], str]] = {"run": run, "resume": resume}


def _child(order: Order) -> None:
    os.chdir(order["folder"])
    said = Said()
    if order.get("disk"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["disk"], resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    if order.get("dead"):
        _bury(order["dead"])
    try:
        word = DO[order["do"]](order, said)
    except Interrupted:
        word = "interrupted"
    except HarnessError as error:
        word = f"exit {int(error.exit_code)}: {error}"
    except BaseException as error:  # noqa: BLE001 - whoever waits for a word must hear one
        word = f"broke: {error!r}"
    said.say(word)


def _bury(name: str) -> None:
    """Let reading pictures of one name never come back, as on a mount whose server is gone."""
    load = FileImage.load

    def dead(self: FileImage) -> Any:
        if self.path.name == name:
            time.sleep(3600)
        return load(self)

    FileImage.load = dead  # type: ignore[method-assign]  # every picture's, in this process alone
    patience.LONGEST = 0.3  # type: ignore[misc]  # final but for who plays a dead mount


def main() -> None:
    """Do what is ordered until nobody orders any more."""
    registry("adapters").add("soak", "benchmarks.soak.victim:Answering")
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                _child(json.loads(line))
            finally:
                os._exit(0)
        os.write(1, f"{child}\n".encode())
        _, _, used = os.wait4(child, 0)
        os.write(1, f"{used.ru_maxrss}\n".encode())


if __name__ == "__main__":
    # What a run imports on its way, once.
    import pyarrow.parquet  # noqa: F401
    import scipy.stats  # noqa: F401

    import harness.adapters.openai  # noqa: F401

    main()
