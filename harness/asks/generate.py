"""A text, in answer to a prompt and images."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from harness.asks._base import Ask, Probing, require
from harness.types import Adapter, Request, Response, Status

ENTRIES: Final = {"generate": "Generate"}


class Generate(Ask):
    """The answer is ``Response.text``; there is no payload."""

    name: ClassVar[str] = "generate"
    capability: ClassVar[str] = "generate"

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        return adapter.generate(requests)

    def told(self, request: Request) -> tuple[Any, ...]:
        return super().told(request) if request.times else ()

    def lacks(self, response: Response) -> str:
        return "" if isinstance(response.text, str) else f"the adapter answered {response.text!r:.80} instead of text"

    def plain(self, value: Any) -> Any:
        return None

    def pack(self, value: Any) -> bytes:
        return b""

    def unpack(self, payload: bytes, request: Request) -> Any:
        return None

    def law(self, subject: Probing) -> None:
        (response,) = subject.adapter.generate([subject.probe()])
        require(response.status is Status.OK, f"an ordinary request failed: {response.error}")
        require(isinstance(response.text, str), f"an ordinary request was answered {response.text!r:.80}, no text")
