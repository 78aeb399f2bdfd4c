"""Requests that are encoded already and only have to be sent: what a load test asks of an adapter of a server."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future

from harness.adapters._served.client import Client, Outcome
from harness.types import Response


class Sender:
    """Sends each request as soon as it is told, from any thread: no pace, no second try, no encoding on the way."""

    def __init__(
        self, client: Client, bodies: Sequence[bytes | Response], made: Callable[[Outcome], Response], most: int | None
    ) -> None:
        """Get ready.

        Args:
            client: which knows the server.
            bodies: what to send; a response stands for what can't be.
            made: what to make of an outcome.
            most: requests under way at a time; None for any number.
        """
        self._client = client
        self._bodies = bodies
        self._made = made
        self._http = client.connect(most)

    def send(self, number: int) -> "Future[Response]":
        """Send one request."""
        body = self._bodies[number]
        if isinstance(body, bytes):
            return self._client.once(self._http, body, self._made)
        failed: Future[Response] = Future()
        failed.set_result(body)
        return failed

    def close(self) -> None:
        """Close its connections; what is under way ends with them."""
        self._client.disconnect(self._http)
