"""What is wrong with a Python function of the user's own, by file and line, and what to do."""

import inspect
import traceback
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import AdapterError, did_you_mean


def place_of(error: BaseException, sources: Sequence[Path]) -> str:
    """Return the innermost line of the user's own files that an exception passed, as `` (model.py:7)``."""
    own = {str(path): path.name for path in sources}
    frames = traceback.extract_tb(error.__traceback__)
    inner = next((frame for frame in reversed(frames) if frame.filename in own), None)
    return f" ({own[inner.filename]}:{inner.lineno})" if inner else ""


def not_imported(path: Path, cause: BaseException) -> str:
    """Return why a file cannot be imported: the line at which it stopped, and the package that is missing."""
    line = cause.lineno if isinstance(cause, SyntaxError) and cause.filename == str(path) else None
    if line is None:
        lines = [frame.lineno for frame in traceback.extract_tb(cause.__traceback__) if frame.filename == str(path)]
        line = lines[-1] if lines else None
    said = cause.msg if isinstance(cause, SyntaxError) else cause
    told = f"{path}{f':{line}' if line else ''} cannot be imported: {type(cause).__name__}: {said}"
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        told += f"; mend the name, or install it: pip install {cause.name.partition('.')[0]}"
    return told


def offered(found: Any, name: str) -> str:
    """Return the nearest of the functions and classes that stand there."""
    there = vars(found).items() if isinstance(found, (ModuleType, type)) else ()
    home = getattr(found, "__name__", "") if isinstance(found, ModuleType) else getattr(found, "__module__", "")
    own = [(one, value) for one, value in there if not one.startswith("_") and callable(value)]
    names = [one for one, value in own if getattr(value, "__module__", None) == home]
    return did_you_mean(name, names) if names else "it defines no function"


def see_that_it_fits(function: Callable[..., Any], target: str, keywords: Collection[str]) -> None:
    """See that a function can be called with a prompt and its images.

    Raises:
        AdapterError: if it cannot, with its parameters and its line.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a function of an extension module may have no signature
        return
    try:
        signature.bind("", [], **{name: None for name in keywords if name in signature.parameters})
    except TypeError as cause:
        own = getattr(function, "func", function)
        code = getattr(own if inspect.isroutine(own) else vars(type(own)).get("__call__"), "__code__", None)
        place = f"{Path(code.co_filename).name}:{code.co_firstlineno}: " if code else ""
        name = target.rpartition(":")[2]
        raise AdapterError(
            f"{place}{name}{signature} cannot be called: {cause}; write {name}(prompt, images)"
        ) from cause
