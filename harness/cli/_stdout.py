"""Keep standard output for results."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout


@contextmanager
def kept_for_json(as_json: bool) -> Iterator[None]:
    """With ``--json``, send what an adapter's code prints meanwhile to standard error.

    The file descriptor is turned too, for libraries that do not go through Python and for a model in a process
    of its own.
    """
    with ExitStack() as stack:
        if as_json:
            _turn_descriptor(stack)
            stack.enter_context(redirect_stdout(sys.stderr))
        yield


def _turn_descriptor(stack: ExitStack) -> None:
    """Let descriptor 1 be standard error until the stack is left, if standard output is what goes there."""
    out = sys.stdout
    try:
        if out.fileno() != 1:
            return
        out.flush()
        kept = os.dup(1)
    except (AttributeError, OSError):  # none, captured or closed
        return

    def turn_back() -> None:
        os.dup2(kept, 1)
        os.close(kept)

    stack.callback(turn_back)
    os.dup2(2, 1)
