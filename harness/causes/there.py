"""The other side of :mod:`harness.causes.environments`: asks configurations in the environment it was started in."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from harness.causes.setups import Setup
from harness.engine.options import RunOptions, Silent
from harness.engine.run import run_suite
from harness.engine.told import invocation
from harness.errors import HarnessError, UsageError
from harness.suite.select import Selection


def main() -> None:
    """Answer a line of JSON with a line of JSON until there are no more."""
    # What a model's libraries print belongs to no answer: the pipe is ours alone.
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        told = json.loads(line)
        found: Mapping[str, object]
        try:
            found = {"done": _run(told, pipe) if "suite" in told["options"] else _fingerprint(told)}
        except HarnessError as error:
            found = {"error": str(error), "usage": isinstance(error, UsageError)}
        _say(pipe, found)


def _fingerprint(told: Mapping[str, Any]) -> str:
    adapter = Setup.of(told["setup"]).choice().load()
    try:
        return adapter.fingerprint()
    finally:
        adapter.close()


def _run(told: Mapping[str, Any], pipe: TextIO) -> str:
    asked = told["options"]
    setup, task = Setup.of(told["setup"]), asked["suite"]
    sys.argv = told["command"]  # the record names the command that a user gave
    options = RunOptions(
        out=Path(asked["out"]),
        batch_size=asked["batch_size"],
        workers=asked["workers"],
        selection=Selection((task,), tuple(asked["samples"]), asked["epochs"], asked["reducer"]),
        cache=None if asked["cache"] is None else Path(asked["cache"]),
        cache_apart=asked["cache_apart"],
        say=lambda said: _say(pipe, {"say": said}),
    )
    with invocation():
        folder, _ = run_suite(setup.bound(task), setup.choice(), options, Silent())
    return str(folder)


def _say(pipe: TextIO, found: Mapping[str, object]) -> None:
    pipe.write(json.dumps(found) + "\n")
    pipe.flush()
