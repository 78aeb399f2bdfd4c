"""Read what a server sent back, which may be anything."""

import json
from dataclasses import dataclass
from typing import Any, Final

from harness.types import Finish, Status

_RETRY: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
BUSY: Final = frozenset({429, 503, 529})
_REFUSED: Final = frozenset({401, 402, 403, 404})
"""Whose key, credit, rights, address or model is wrong is answered nothing, whatever it asks."""
_USED_UP: Final = frozenset(
    {
        "insufficient_quota",
        "quota_exceeded",
        "billing_hard_limit_reached",
        "billing_not_active",
        "account_deactivated",
        "invalid_api_key",
        "model_not_found",
        "model_not_available",
    }
)
"""Codes and types of errors that say so whatever the status: a quota that is used up comes as 429 or 400."""
_SHOWN: Final = 300

_FINISHES: Final = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "content_filter": Finish.FILTER,
    "error": Finish.ERROR,
    # Text Generation Inference and Mistral have words of their own for two of them.
    "eos_token": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "model_length": Finish.LENGTH,
}
"""What servers call the reason for which an answer ends; any other word says nothing."""


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token of an answer."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer."""

    text: str
    tokens_in: int | None
    image_tokens: int | None
    tokens_out: int | None
    logprobs: tuple[TokenLogprob, ...] | None
    """None where the server offers none."""
    finish: Finish = Finish.UNKNOWN


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is none."""

    said: str
    retry: bool
    status: Status = Status.ERROR
    busy: bool = False
    """The server has too much to do."""
    wait: float | None = None
    """Seconds that it asked for."""
    finish: Finish = Finish.UNKNOWN
    """Why an answer without a text ends."""
    hopeless: bool = False
    """It will fail every other request alike, until somebody acts."""
    later: bool = False
    """It is none: the request is to be asked for again."""


def read(code: int, content: bytes, wait: float | None) -> Reply | Failure:
    """Return the answer in a response's body, or why it holds none."""
    if code < 400 and code != 200:
        return Failure(f"the server answered {code}, which is no answer (redirects are not followed)", retry=False)
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        if code == 200:
            said = f"the server's answer is not JSON (cut off after {len(content)} bytes?)"
            return Failure(said, retry=True)
        found = None
    if code >= 400:
        said = f"the server answered {code}: {_complaint(found, content)}{_advice(code)}"
        if _hopeless(code, found):
            return Failure(said, retry=False, hopeless=True)
        return Failure(said, retry=code in _RETRY, busy=code in BUSY, wait=wait)
    if not isinstance(found, dict):
        return Failure(f"the server sent a {type(found).__name__} instead of an object", retry=False)
    return _reply(found, wait)


def _reply(found: dict[str, Any], wait: float | None) -> Reply | Failure:
    try:
        choice = found["choices"][0]
        content = choice["message"].get("content")
        reason = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        error = found.get("error")
        code = _count(error.get("code")) if isinstance(error, dict) else None
        said = f"the server's answer has no choices: {_complaint(found, b'')}"
        if code is not None and _hopeless(code, found):
            return Failure(said, retry=False, hopeless=True)
        return Failure(said, retry=code in _RETRY, busy=code in BUSY, wait=wait)
    if isinstance(content, list):
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    finish = _FINISHES.get(reason, Finish.UNKNOWN) if isinstance(reason, str) else Finish.UNKNOWN
    if finish is Finish.FILTER or not isinstance(content, str):
        refusal = choice["message"].get("refusal")
        said = f"the server gave no text (finish_reason {reason!r})" + (f": {refusal}" if refusal else "")
        if finish is Finish.LENGTH:  # a model that thinks in a field of its own, and never came to its answer
            said += "; all tokens went before the answer began: raise `max_new_tokens`"
        return Failure(said, retry=False, finish=finish)
    usage = found.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    return Reply(
        text=content,
        tokens_in=_count(usage.get("prompt_tokens")),
        image_tokens=_count(details.get("image_tokens")) if isinstance(details, dict) else None,
        tokens_out=_count(usage.get("completion_tokens")),
        logprobs=_logprobs(choice.get("logprobs")),
        finish=finish,
    )


def _hopeless(code: int, found: Any) -> bool:
    """Return whether a refusal is of the client and not of what it asks: no other request will be answered either."""
    error = found.get("error") if isinstance(found, dict) else None
    error = error if isinstance(error, dict) else {}
    if {str(error.get(key)) for key in ("code", "type")} & _USED_UP:
        return True
    about = error.get("metadata")  # a gateway answers 403 to a single question that its moderation flagged
    flagged = isinstance(about, dict) and bool({"reasons", "flagged_input"} & set(about))
    return code in _REFUSED and not flagged


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _logprobs(value: Any) -> tuple[TokenLogprob, ...] | None:
    try:
        return tuple(TokenLogprob(str(entry["token"]), float(entry["logprob"])) for entry in value["content"])
    except (KeyError, TypeError, ValueError):
        return None


def _complaint(found: Any, content: bytes) -> str:
    error = found.get("error", found) if isinstance(found, dict) else None
    text = error.get("message", error.get("detail")) if isinstance(error, dict) else error
    return text if isinstance(text, str) else content.decode("utf-8", errors="replace").strip() or "no reason given"


def _advice(code: int) -> str:
    if code in (401, 403):
        return "; is `api_key_env` the right variable, and its key valid for this model?"
    return "; are `base_url` and `model` right?" if code == 404 else ""


def short(text: str) -> str:
    """Return the text in one line that fits into an error."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
