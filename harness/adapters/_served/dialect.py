"""How an API is spoken: the only thing in which adapters that ask a server differ."""

from collections.abc import Mapping
from typing import Any, Protocol

from harness.adapters._served.reply import Failure, Reply
from harness.types import Request


class Listener(Protocol):
    """Puts an answer together that comes in pieces."""

    def feed(self, chunk: bytes, at: float | None) -> None:
        """Take what came ``at`` so many seconds after the request; None where nobody knows when.

        Raises:
            ValueError: if it cannot be read.
        """
        ...

    def whole(self) -> dict[str, Any]:
        """Return the answer as if it had come in one piece.

        Raises:
            ValueError: if it breaks off.
        """
        ...

    def seconds(self) -> Mapping[str, float]:
        """Return when it came."""
        ...


class Dialect(Protocol):
    """One server's API, as its configuration has it."""

    def path(self) -> str:
        """Return what stands behind ``base_url``, from the slash on."""
        ...

    def query(self) -> Mapping[str, str]:
        """Return the API's own parameters of the address."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """Return the API's own headers, the one with the key among them."""
        ...

    def body(self, request: Request) -> dict[str, Any]:
        """Return the JSON that asks a request.

        Raises:
            SampleError: if it cannot be asked.
        """
        ...

    def reply(self, found: dict[str, Any]) -> Reply | Failure | None:
        """Return the answer in a body that came with 200; None where it holds none."""
        ...

    def listener(self) -> Listener | None:
        """Return what reads an answer that was asked for in pieces; None where it was not."""
        ...
