"""What is known of an adapter that lives elsewhere, and how it is lent all the same."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from harness.errors import SampleError
from harness.hosts.host import Load
from harness.types import Adapter, Request, Response


@dataclass(frozen=True, slots=True)
class Facts:
    """What an adapter says about itself."""

    simulated: bool
    capabilities: frozenset[str]
    batch_invariant: bool
    batch_size: int
    fingerprint: str
    cautions: tuple[str, ...] = ()

    @classmethod
    def of(cls, adapter: Adapter) -> Self:
        """Ask an adapter."""
        return cls(
            bool(adapter.simulated),
            frozenset(map(str, adapter.capabilities)),
            bool(adapter.batch_invariant),
            int(adapter.batch_size),
            str(adapter.fingerprint()),
            tuple(map(str, getattr(adapter, "cautions", ()))),
        )


class FarAdapter:
    """Stands for an adapter that lives elsewhere: knows what it says about itself, and cannot be asked."""

    Config: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.simulated = facts.simulated
        self.capabilities = facts.capabilities
        self.batch_invariant = facts.batch_invariant
        self.batch_size = facts.batch_size
        self.cautions = facts.cautions

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> Self:
        raise NotImplementedError("it is loaded elsewhere")

    def fingerprint(self) -> str:
        return self._facts.fingerprint

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        raise NotImplementedError("it is asked elsewhere")

    def close(self) -> None:
        """There is nothing here to let go of."""


class Lender:
    """Loads an adapter in this process too, once somebody wants it itself: to attack it, or to time it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._turn = threading.Lock()
        self._adapter: Adapter | None = None

    @contextmanager
    def lend(self, timeout: float) -> Iterator[Adapter]:
        if not self._turn.acquire(timeout=timeout):
            raise SampleError(f"the model did not come free within {timeout:g} s")
        try:
            self._adapter = self._adapter or self._load()
            yield self._adapter
        finally:
            self._turn.release()

    def close(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            with suppress(Exception):
                adapter.close()
