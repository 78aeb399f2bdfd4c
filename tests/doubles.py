"""What stands in for a model in tests: a subclass says what is special about it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from harness.spec.models import AdapterSpec, Model
from harness.suite.adapters import AdapterChoice
from harness.types import Request, Response


class Double:
    """Answers every request with "seen"."""

    Config: ClassVar[type[BaseModel]] = Model
    simulated: bool = True
    capabilities: frozenset[str] = frozenset({"generate"})
    batch_invariant: bool = True
    batch_size: int = 4

    @classmethod
    def from_config(cls, config: Any, folder: Path) -> Self:
        return cls()

    def fingerprint(self) -> str:
        return type(self).__qualname__ * 4

    def generate(self, requests: Sequence[Request]) -> Sequence[Response]:
        return [Response("seen") for _ in requests]

    def close(self) -> None: ...

    @classmethod
    def choice(cls, folder: Path) -> AdapterChoice:
        """Return what a run takes in place of an adapter's file."""
        name = cls.__name__.lower()
        return AdapterChoice(folder / f"{name}.yaml", AdapterSpec(adapter=name, type=name), Model(), cls)
