"""Hand a batch to the method of the adapter that it asks for."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from harness.asks import ask_named
from harness.types import Adapter, Request


class Between(ABC):
    """Stands between the engine and an adapter and takes batches whole, whatever they ask for."""

    @abstractmethod
    def answer(self, requests: Sequence[Request]) -> Any:
        """Return what :func:`dispatch` would."""


def dispatch(adapter: Adapter, requests: Sequence[Request]) -> Any:
    """Return what the adapter says; all requests of a batch ask for the same.

    Raises:
        Exception: whatever the adapter raises for the whole batch.
        TypeError: if the adapter lacks the method or its result has the wrong shape.
    """
    if isinstance(adapter, Between):
        return adapter.answer(requests)
    return ask_named(requests[0].ask).call(adapter, requests)
