"""Answers that were recorded elsewhere: another program's outputs, an agent's transcripts, one line a sample."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from pydantic import BaseModel

from harness.errors import AdapterError
from harness.spec.models import BatchSize, Model
from harness.types import Finish, Request, Response, Status

ENTRIES: Final = {"recorded": "RecordedAdapter"}


class RecordedConfig(Model):
    """Keys of an adapter of ``type: recorded``."""

    file: str
    """JSON lines, relative to the adapter's file: `id` of the sample, and its `answer`, a text, or `messages`, the
    transcript of an agent (OpenAI's form). `tokens_in` and `tokens_out` are taken over, `error` says why there is
    none."""
    batch_size: BatchSize = 64
    """Requests a call."""


class RecordedAdapter:
    """Says what was recorded for a sample, whatever it is asked and shown; a sample without a line fails."""

    Config: ClassVar[type[BaseModel]] = RecordedConfig
    simulated: bool = False
    capabilities: frozenset[str] = frozenset({"generate"})
    batch_invariant: bool = True

    def __init__(self, batch_size: int, lines: Mapping[str, Mapping[str, Any]], digest: str) -> None:
        self.batch_size = batch_size
        self._lines: Mapping[str, Mapping[str, Any]] | None = lines
        self._digest = digest

    @classmethod
    def from_config(cls, config: RecordedConfig, folder: Path) -> Self:
        """Read the file.

        Raises:
            AdapterError: if it is not there, or a line is no answer, with its place.
        """
        file = folder / config.file
        try:
            content = file.read_bytes()
            rows = content.decode("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as cause:
            raise AdapterError(f"{file} cannot be read: {cause}") from cause
        lines: dict[str, Mapping[str, Any]] = {}
        for number, text in enumerate(rows, start=1):
            if text.strip():
                identity, row = _line(text, f"{file}:{number}")
                if identity in lines:
                    raise AdapterError(f"{file}:{number}: the id {identity!r} stands twice")
                lines[identity] = row
        if not lines:
            raise AdapterError(f"{file} holds no answer")
        return cls(config.batch_size, lines, hashlib.sha256(content).hexdigest())

    def fingerprint(self) -> str:
        """Return the hash of the file."""
        return self._digest

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        """Return what was recorded for each request's sample.

        Raises:
            AdapterError: if the adapter is closed.
        """
        if self._lines is None:
            raise AdapterError("the adapter is closed")
        return [self._answer(request, self._lines) for request in requests]

    def close(self) -> None:
        """Let go of the answers."""
        self._lines = None

    @staticmethod
    def _answer(request: Request, lines: Mapping[str, Mapping[str, Any]]) -> Response:
        # A request is called task/cell/sample, and /part where it is one of several.
        name = request.id.removesuffix(f"/{request.part}") if request.part else request.id
        identity = name.split("/", 2)[-1]
        row = lines.get(identity) or lines.get(identity.rpartition("#")[0])
        if row is None:
            return Response(None, Status.ERROR, f"nothing is recorded for sample {identity!r}")
        if row.get("error"):
            return Response(None, Status.ERROR, str(row["error"]))
        said = row["answer"] if "answer" in row else json.dumps(row["messages"], ensure_ascii=False)
        counts = {name: row[name] for name in ("tokens_in", "tokens_out") if isinstance(row.get(name), int)}
        return Response(said, finish=Finish.STOP, **counts)


def _line(text: str, place: str) -> tuple[str, Mapping[str, Any]]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise AdapterError(f"{place}: not JSON: {cause}") from cause
    if not isinstance(row, dict) or not isinstance(row.get("id"), str):
        raise AdapterError(f"{place}: a line is an object with the `id` of its sample")
    known = isinstance(row.get("answer"), str) or isinstance(row.get("messages"), list) or row.get("error")
    if not known:
        raise AdapterError(f"{place}: no `answer` (a text), `messages` (a list) or `error`")
    return row["id"], row
