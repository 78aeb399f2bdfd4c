"""Mistakes that a user can mend, as sentences: what is wrong, where, what to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Final


class ExitCode(IntEnum):
    """What the process says to the shell."""

    OK = 0
    REGRESSION = 1
    USAGE = 2
    INCONCLUSIVE = 3
    RUN_FAILED = 4
    INTERRUPTED = 130


class HarnessError(Exception):
    """A failure that is reported as a sentence, without a traceback."""

    exit_code = ExitCode.RUN_FAILED


class UsageError(HarnessError):
    """The command line or a file that it names asks for something impossible."""

    exit_code = ExitCode.USAGE


class AdapterError(HarnessError):
    """An adapter cannot be loaded, or broke its contract."""


class LateError(AdapterError):
    """An adapter did not do in time what was asked of it."""


class HopelessError(HarnessError):
    """No request can succeed before somebody acts: a key that is refused, a quota that is used up, an unknown model.

    An adapter raises it from any call, or sets :attr:`harness.types.Response.hopeless`: the run stops at once with
    these words, keeps what was answered, and ``harness resume`` goes on.
    """


class SampleError(HarnessError):
    """One sample's data cannot be used (corrupt, missing or oversized image). It costs that sample, not the run."""


def in_words(cause: BaseException) -> str:
    """Return what a failure says: a sentence of ours as it is, anything else with its type before it.

    >>> in_words(SampleError("there is no such file")), in_words(ValueError("no"))
    ('there is no such file', 'ValueError: no')
    """
    return str(cause) if isinstance(cause, HarnessError) else f"{type(cause).__name__}: {cause}"


_OUT_OF_MEMORY: Final = (
    "out of memory",
    "can't allocate memory",
    "failed to allocate",
    "not enough memory",
    "bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that a batch was too large, on any device.

    >>> is_out_of_memory(RuntimeError("MPS backend out of memory")), is_out_of_memory(RuntimeError("shape mismatch"))
    (True, False)
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _OUT_OF_MEMORY)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, counted from 1."""

    file: Path
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a suite or adapter file."""

    mark: Mark
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.mark}: {self.message}" + (f"\n  {self.hint}" if self.hint else "")


class SpecError(UsageError):
    """A suite or adapter file is wrong in one or more places."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest known name, or with all of them where none is near.

    >>> did_you_mean("brightnes", ["brightness", "contrast"])
    "did you mean 'brightness'?"
    >>> did_you_mean("zzz", ["brightness", "contrast"])
    'known: brightness, contrast'
    """
    names = sorted(known)
    near = _nearest(word, tuple(names))
    if near:
        return f"did you mean {near!r}?"
    return f"known: {', '.join(names)}" if names else "none are known"


@lru_cache(256)  # a misspelt key stands in every row of a file, and comparing spellings costs 0.1 ms
def _nearest(word: str, names: tuple[str, ...]) -> str:
    return next(iter(get_close_matches(word, names, n=1)), "")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong under a key of a plug-in's block; the engine adds the file, line and column."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""


class ConfigError(UsageError):
    """A dataset, task or adapter finds its block well-formed but impossible."""

    def __init__(self, *issues: Issue) -> None:
        self.issues = issues
        super().__init__("; ".join(f"{'.'.join(map(str, i.path))}: {i.message}" for i in issues))
