"""How often Python looks for garbage: seldom, where modules, models and rows make many objects and few circles."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_AFTER: Final = (20_000, 20, 20)
"""Objects that outlive their making, by which the collector is called, and how often it looks further back."""


def collect_rarely() -> None:
    """Let the collector look seldom from now on: for a process that is the harness's own.

    By default it looks through all objects seven times while PyTorch and `transformers` are imported, which make half
    a million of them: a tenth of what that takes. Who wants it rarer still, or never, is left alone.
    """
    first = gc.get_threshold()[0]
    if 0 < first < _AFTER[0]:
        gc.set_threshold(*_AFTER)


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Within the block, as :func:`collect_rarely`: for a process that is somebody else's.

    >>> before = gc.get_threshold()
    >>> with collecting_rarely():
    ...     gc.get_threshold()[0] >= 20_000
    True
    >>> gc.get_threshold() == before
    True
    """
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
