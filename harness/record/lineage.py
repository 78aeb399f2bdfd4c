"""Where a number comes from: machine, packages, commit."""

import hashlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from harness.cpu import speed_facts
from harness.errors import UsageError
from harness.git import git
from harness.record.schema import GitRecord, MachineRecord
from harness.record.scrub import HIDDEN, scrubbed
from harness.spec.secrets import SECRET

_PATIENCE: Final = 10.0
"""Seconds that git may take."""
_PACKAGES: Final = (
    "numpy",
    "onnxruntime",
    "openvino",
    "peft",
    "pillow",
    "pyarrow",
    "rapidfuzz",
    "scipy",
    "tokenizers",
    "torch",
    "transformers",
    "vlm-harness",
)
"""Packages whose version can change a number."""


@cache
def machine() -> MachineRecord:
    """Describe this machine and the versions of what is installed on it."""
    return MachineRecord(
        platform=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        packages={name: found for name in _PACKAGES if (found := _version(name))},
        facts=dict(speed_facts()),
    )


def commit(folder: Path) -> GitRecord | None:
    """Return the commit of the repository that ``folder`` lies in; None where there is none."""
    try:
        head = git(folder, "rev-parse", "HEAD", timeout=_PATIENCE).decode().strip()
    except UsageError:
        return None
    try:
        diff = git(folder, "diff", "HEAD", "--no-ext-diff", "--binary", "--full-index", timeout=_PATIENCE).strip()
    except UsageError:
        return GitRecord(commit=head, dirty=True)  # what can't be looked at is not called clean
    return GitRecord(commit=head, dirty=bool(diff), diff=hashlib.sha256(diff).hexdigest() if diff else None)


def command() -> list[str]:
    """Return this process's command line without its secrets."""
    program = Path(sys.argv[0]).name
    return redacted([{"__main__.py": "harness"}.get(program, program), *sys.argv[1:]])


def used_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return environment variables as they may be recorded: names that sound like secrets never get this far."""
    return dict(zip(variables, redacted([*variables.values()]), strict=True))


def redacted(arguments: Sequence[str]) -> list[str]:
    """Return a command line in which what looks like a secret is left out.

    >>> redacted(["harness", "--api-key", "abc", "--token=def", "-a", "mock"])
    ['harness', '--api-key', '[redacted]', '--token=[redacted]', '-a', 'mock']
    """
    kept: list[str] = []
    hide = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        secret = bool(SECRET.search(name))
        if hide:
            kept.append(HIDDEN)
        elif secret and equals:
            kept.append(f"{name}={HIDDEN}")
        else:
            kept.append(scrubbed(argument))
        hide = secret and not equals and argument.startswith("-")
    return kept


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
