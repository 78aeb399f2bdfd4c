"""A chat completion that comes token by token: put together again, and when its tokens came."""

import json
from typing import Any, Final

_DONE: Final = b"[DONE]"


class Stream:
    r"""Reads server-sent events as they come.

    >>> stream = Stream()
    >>> stream.feed(b'data: {"choices": [{"delta": {"content": "4"}}]}\n\nda', 0.5)
    >>> stream.feed(b'ta: {"choices": [{"delta": {"content": "2"}, "finish_reason": "stop"}]}\n', 0.75)
    >>> stream.whole()["choices"][0]["message"]["content"], stream.seconds()
    ('42', {'ttft': 0.5, 'inter_token_latency': 0.25})
    """

    def __init__(self) -> None:
        self._left = b""
        self._texts: dict[str, list[str]] = {"content": [], "reasoning_content": [], "refusal": []}
        self._logprobs: list[Any] = []
        self._whole: dict[str, Any] = {}
        self._reason: Any = None
        self._ended = False
        self._times: list[float] = []

    def feed(self, chunk: bytes, at: float | None) -> None:
        """Take what came, ``at`` so many seconds after the request went out; None where nobody knows when."""
        *lines, self._left = (self._left + chunk).split(b"\n")
        for line in lines:
            self._line(line.strip(), at)

    def whole(self) -> dict[str, Any]:
        """Return the answer as it would have come in one piece.

        Raises:
            ValueError: if it breaks off.
        """
        self.feed(b"\n", None)
        if "error" in self._whole:
            return {"error": self._whole["error"]}
        if not self._ended and self._reason is None:
            raise ValueError("the server's answer breaks off")
        texts = {name: "".join(parts) for name, parts in self._texts.items() if parts}
        nothing = None if texts.keys() & {"reasoning_content", "refusal"} else ""
        message = {"role": "assistant", "content": nothing} | texts
        choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": self._reason}
        if self._logprobs:
            choice["logprobs"] = {"content": self._logprobs}
        return self._whole | {"choices": [choice]}

    def seconds(self) -> dict[str, float]:
        """Return the time to the first token, thoughts included, and the mean time between two of them.

        The second is over the tokens that the server counts, since a piece may hold several; over pieces where it does
        not count. An answer that came in one piece says nothing of it.
        """
        if not self._times:
            return {}
        usage = self._whole.get("usage")
        told = usage.get("completion_tokens") if isinstance(usage, dict) else None
        tokens = told if isinstance(told, int) and told > 0 else len(self._times)
        told_apart = tokens > 1 and len(self._times) > 1
        between = {"inter_token_latency": (self._times[-1] - self._times[0]) / (tokens - 1)} if told_apart else {}
        return {"ttft": self._times[0]} | between

    def _line(self, line: bytes, at: float | None) -> None:
        content = line.removeprefix(b"data:").strip()
        if not line.startswith(b"data:") or not content:
            return
        if content == _DONE:
            self._ended = True
            return
        event = json.loads(content)
        if not isinstance(event, dict):
            raise ValueError("the server sent an event that is no object")
        self._whole |= {key: value for key, value in event.items() if key != "choices" and value is not None}
        choices = event.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._choice(choices[0], at)

    def _choice(self, choice: dict[str, Any], at: float | None) -> None:
        delta = choice.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        found = {name: delta.get(name) for name in self._texts}
        found["reasoning_content"] = found["reasoning_content"] or delta.get("reasoning")
        for name, text in found.items():
            if isinstance(text, str) and text:
                self._texts[name].append(text)
                if at is not None:
                    self._times.append(at)
        self._reason = choice.get("finish_reason") or self._reason
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs += logprobs["content"]
