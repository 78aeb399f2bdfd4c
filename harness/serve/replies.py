"""An answer as the body of a chat completion, whole or as a stream of events; and what went wrong as an error's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from harness.types import Finish, Response

_REASONS: Final = {Finish.STOP: "stop", Finish.LENGTH: "length", Finish.FILTER: "content_filter"}
"""What the protocol calls the ends of an answer; for one that the model does not tell it has no word."""


@dataclass(frozen=True, slots=True)
class About:
    """What every reply says beside the answer."""

    identity: str
    model: str
    created: int
    """Seconds since 1970."""
    fingerprint: str = ""
    """Of what answers."""

    def head(self, kind: str) -> dict[str, Any]:
        """Return the keys with which a body begins."""
        head = {"id": f"chatcmpl-{self.identity}", "object": kind, "created": self.created, "model": self.model}
        return head | ({"system_fingerprint": self.fingerprint} if self.fingerprint else {})


def stopped(response: Response, stops: tuple[str, ...]) -> Response:
    """Return the answer up to the first of the texts that end it; it then came to its end.

    >>> stopped(Response("4. Next: 5", finish=Finish.LENGTH), ("Next:", ". ")).text
    '4'
    """
    text = response.text or ""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return replace(response, text=text[: min(places)], finish=Finish.STOP) if places else response


def reply(about: About, response: Response) -> dict[str, Any]:
    """Return the body of an answer."""
    message = {"role": "assistant", "content": response.text}
    choice = {"index": 0, "message": message, "finish_reason": _REASONS.get(response.finish)}
    return {**about.head("chat.completion"), "choices": [choice], "usage": _usage(response)}


def events(about: About, response: Response, usage: bool) -> Iterator[bytes]:
    """Yield an answer as server-sent events.

    The model gives it in one piece, and so do they: who comes first, the text, why it ends, and what was used.

    Args:
        about: what every event says.
        response: the answer.
        usage: whether the last event says what was used.
    """
    head = about.head("chat.completion.chunk") | ({"usage": None} if usage else {})
    deltas: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": response.text}, None),
        ({}, _REASONS.get(response.finish)),
    ]
    for delta, reason in deltas:
        yield _event(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    if usage:
        yield _event(head | {"choices": [], "usage": _usage(response)})
    yield b"data: [DONE]\n\n"


def as_json(body: Any) -> bytes:
    """Return a body; half of a UTF-16 pair, which a model or a client may write and UTF-8 can't carry, becomes "?"."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def error(said: str, kind: str, parameter: str | None = None, code: str | None = None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"message": said, "type": kind, "param": parameter, "code": code}}


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + as_json(body) + b"\n\n"


def _usage(response: Response) -> dict[str, Any] | None:
    """Return what was used; None where the model counts nothing."""
    if response.tokens_in is None and response.tokens_out is None:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": response.tokens_in,
        "completion_tokens": response.tokens_out,
        "total_tokens": (response.tokens_in or 0) + (response.tokens_out or 0),
    }
    if response.image_tokens is not None:
        usage["prompt_tokens_details"] = {"image_tokens": response.image_tokens}
    return usage
