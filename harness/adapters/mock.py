"""A simulated model: an oracle that errs at a declared rate. Its numbers say nothing about any model."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Self

from pydantic import BaseModel, Field

from harness.seeds import Stream
from harness.spec.models import BatchSize, Model
from harness.types import Finish, Oracle, Request, Response, Status

ENTRIES: Final = {"mock": "MockAdapter"}

_VERSION: Final = 1
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")


class MockConfig(Model):
    """Keys of an adapter of ``type: mock``."""

    error_rate: float = Field(default=0.05, ge=0, le=1)
    """Share of clean samples that it answers wrongly."""
    error_per_severity: float = Field(default=0.08, ge=0, le=1)
    """How much that share grows with each severity of a corruption."""
    batch_size: BatchSize = 32
    """Requests a call."""


class MockAdapter:
    """Answers with a reference, or wrongly, as a pure function of the request's seed."""

    Config: ClassVar[type[BaseModel]] = MockConfig
    simulated = True
    capabilities = frozenset({"generate", "sample"})
    batch_invariant = True

    def __init__(self, config: MockConfig) -> None:
        self._config = config
        self.batch_size = config.batch_size

    @classmethod
    def from_config(cls, config: MockConfig, folder: Path) -> Self:
        return cls(config)

    def fingerprint(self) -> str:
        return hashlib.sha256(f"mock {_VERSION} {self._config.model_dump_json()}".encode()).hexdigest()

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        return [self._answer(request) for request in requests]

    def close(self) -> None:
        """There is nothing to let go of."""

    def _answer(self, request: Request) -> Response:
        oracle = request.oracle
        if oracle is None or not oracle.references:
            return Response(None, Status.ERROR, "the mock needs a reference answer")
        stream = Stream("mock", oracle.seed)
        rate = self._config.error_rate + self._config.error_per_severity * oracle.severity
        text = _wrong(oracle, stream) if stream.uniform() < rate else oracle.references[0]
        read, written = len(request.prompt.split()), len(text.split())
        return Response(text, tokens_in=read, tokens_out=written, finish=Finish.STOP)


def _wrong(oracle: Oracle, stream: Stream) -> str:
    right = oracle.references[0]
    if _WHOLE_NUMBER.fullmatch(right):
        value = int(right)
        return str(value + stream.choice((-1, 1)) * (1 + abs(value) // 4 + stream.integer(0, 9)))
    return {"yes": "no", "no": "yes"}.get(right.lower(), f"not {right}")
