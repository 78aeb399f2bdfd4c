"""Other versions of libraries: an interpreter whose environment has them, and a process of it that asks there."""

import hashlib
import json
import shlex
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from harness import __version__
from harness.engine.options import RunOptions
from harness.errors import HarnessError, UsageError
from harness.record.schema import MachineRecord

if TYPE_CHECKING:
    from harness.causes.setups import Setup

_PATIENCE: Final = 300.0
"""Seconds that an interpreter may take to say what it has: cold disks are slow."""
_HELLO: Final = """\
import harness
print(harness.__version__, flush=True)
from harness.record.lineage import machine
print(machine().model_dump_json())
"""
_WORK: Final = "from harness.causes.there import main; main()"


class GoneElsewhere(HarnessError):
    """The process of another environment ended before it answered."""


class Environment:
    """An interpreter with libraries of its own. Its process is started when it is first asked, and ends with this."""

    def __init__(self, python: str, machine: MachineRecord) -> None:
        self.python = python
        self.machine = machine
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None

    def fix(self, versions: Mapping[str, str]) -> str:
        """Return what to do to have some versions there."""
        if "Python" in versions:
            return f"make an environment with Python {versions['Python']}"
        absent = [name for name, version in versions.items() if version == "none"]
        wanted = [f"{name}=={version}" for name, version in versions.items() if version != "none"]
        steps = ([" ".join(["install", *wanted])] if wanted else []) + (
            [" ".join(["uninstall -y", *absent])] if absent else []
        )
        return " and ".join(f"{shlex.quote(self.python)} -m pip {step}" for step in steps)

    def fingerprint(self, setup: "Setup") -> str:
        """Load a model there, and return its fingerprint."""
        return self._ask(setup, {}, lambda _: None)

    def run(self, setup: "Setup", task: str, options: RunOptions) -> Path:
        """Run a task there with these options, and return the folder of the run.

        Raises:
            UsageError: if the configuration does not fit together.
            HarnessError: if it cannot be run.
        """
        told = {
            "suite": task,
            "samples": options.selection.sample_ids,
            "epochs": options.selection.epochs,
            "reducer": options.selection.reducer,
            "out": str(options.out),
            "batch_size": options.batch_size,
            "workers": options.workers,
            "cache": None if options.cache is None else str(options.cache),
            "cache_apart": options.cache_apart,
        }
        return Path(self._ask(setup, told, options.say))

    def _ask(self, setup: "Setup", options: Mapping[str, Any], say: Callable[[str], None]) -> str:
        process = self._process = self._process or self._start()
        assert process.stdin  # noqa: S101 - both are pipes
        assert process.stdout  # noqa: S101
        try:
            process.stdin.write(json.dumps({"setup": setup.plain(), "command": sys.argv, "options": options}) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                found = json.loads(line)
                if "say" in found:
                    say(found["say"])
                elif "done" in found:
                    return str(found["done"])
                else:
                    raise (UsageError if found["usage"] else HarnessError)(f"with {self.python}: {found['error']}")
        except OSError:
            pass  # it is gone, as at the end of what it says
        self._process = None
        assert self._errors  # noqa: S101 - it was made with the process
        self._errors.seek(0)
        raise GoneElsewhere(f"{self.python} ended without an answer: {_last(self._errors.read())}")

    def _start(self) -> "subprocess.Popen[str]":
        errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in `_end`
        process = subprocess.Popen(  # noqa: S603 - the interpreter that the user names
            [self.python, "-c", _WORK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        )
        self._errors = errors
        weakref.finalize(self, _end, process, errors)
        return process


def environment(python: str | Path) -> Environment:
    """Return what an interpreter has.

    Raises:
        UsageError: if it cannot be started, or has no harness of this version.
    """
    name = str(python)
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user names
            [name, "-c", _HELLO], capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except OSError as cause:
        said = f"--python {name} cannot be started: {cause.strerror}"
        raise UsageError(f"{said}; name an interpreter, such as .venv/bin/python") from cause
    except subprocess.TimeoutExpired as cause:
        raise UsageError(f"--python {name} did not say within {_PATIENCE:g} s which versions it has") from cause
    version, _, rest = done.stdout.partition("\n")
    source = Path(__file__).parents[2]  # a checkout, which is installed from where it lies
    wanted = str(source) if (source / "pyproject.toml").is_file() else f"vlm-harness=={__version__}"
    fix = f"install it there: {shlex.quote(name)} -m pip install {shlex.quote(wanted)}"
    if not version:
        raise UsageError(f"--python {name} has no harness: {_last(done.stderr)}; {fix}")
    if version != __version__:
        raise UsageError(f"--python {name} has harness {version}, and this is {__version__}; {fix}")
    try:
        return Environment(name, MachineRecord.model_validate_json(rest))
    except ValidationError as cause:
        raise UsageError(f"the harness of --python {name} does not run: {_last(done.stderr)}; {fix}") from cause


def versions_key(machine: MachineRecord) -> str:
    """Return what tells environments apart in the cache, where a model's fingerprint may not know its libraries."""
    return hashlib.sha256(json.dumps([machine.python, sorted(machine.packages.items())]).encode()).hexdigest()[:16]


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def _end(process: "subprocess.Popen[str]", errors: IO[str]) -> None:
    for pipe in (process.stdin, process.stdout, errors):
        if pipe:
            with suppress(OSError):  # what is still to be written, to a process that is gone
                pipe.close()
    try:
        process.wait(10)  # the end of its input is the end of its work
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
