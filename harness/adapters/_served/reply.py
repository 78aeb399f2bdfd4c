"""Read what a server sent back, which may be anything."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
        "API_KEY_INVALID",
        "SERVICE_DISABLED",
    }
)
"""Codes, types and reasons of errors that say so whatever the status: a quota that is used up comes as 429 or 400."""
_SPENT: Final = ("credit balance is too low", "reached your specified API usage limits")
"""What Anthropic says of an empty account, with a status and a type that say something else."""
_SHOWN: Final = 300


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
    reasoning_tokens: int | None = None
    """Of the tokens written, those that the model only thought; None where the server does not say."""
    served: str = ""
    """What the server says that it runs: its name of the model, and its fingerprint where it has one."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """`ttft` and `inter_token_latency`, where the answer came token by token."""


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
    told: Reply | None = None
    """What came without a text, for its counts: it is paid for all the same."""


def read(
    code: int, content: bytes, wait: float | None, reply: Callable[[dict[str, Any]], Reply | Failure | None]
) -> Reply | Failure:
    """Return the answer in a response's body, or why it holds none.

    Args:
        code: the status.
        content: the body.
        wait: seconds of ``Retry-After``.
        reply: reads a body as its API writes it; None where it holds no answer.
    """
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
        return _failed(code, f"the server answered {code}: {_complaint(found, content)}{_advice(code)}", found, wait)
    if not isinstance(found, dict):
        return Failure(f"the server sent a {type(found).__name__} instead of an object", retry=False)
    answer = reply(found)
    if answer is not None:
        return answer
    error = found.get("error")
    inside = count(error.get("code")) if isinstance(error, dict) else None
    return _failed(inside, f"the server's answer holds no answer: {_complaint(found, b'')}", found, wait)


def _failed(code: int | None, said: str, found: Any, wait: float | None) -> Failure:
    if code is not None and _hopeless(code, found):
        return Failure(said, retry=False, hopeless=True)
    finish = Finish.FILTER if "content_filter" in _words(found) else Finish.UNKNOWN
    wait = _told_wait(found) if wait is None else wait
    return Failure(said, retry=code in _RETRY, busy=code in BUSY, wait=wait, finish=finish)


def finish_of(reason: Any, words: Mapping[str, Finish]) -> Finish:
    """Return how an answer ends by a server's word for it; ``words`` are those that say something."""
    return words.get(reason, Finish.UNKNOWN) if isinstance(reason, str) else Finish.UNKNOWN


def no_text(said: str, told: Reply) -> Failure:
    """Return that an answer holds no text; of one that was cut off before it began, what to do.

    Args:
        said: by the server.
        told: what came beside the text.
    """
    if told.finish is Finish.LENGTH:  # a model that thinks beside its answer, and never came to it
        thought = told.reasoning_tokens
        spent = f"all {thought} tokens went into thinking" if thought else "all tokens went"
        said += f"; {spent} before the answer began: raise `max_new_tokens`"
    return Failure(said, retry=False, finish=told.finish, told=told)


def _error(found: Any) -> dict[str, Any]:
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _details(found: Any) -> list[dict[str, Any]]:
    details = _error(found).get("details")
    return [one for one in details if isinstance(one, dict)] if isinstance(details, list) else []


def _words(found: Any) -> set[str]:
    """Return the codes, types and reasons that an error names."""
    error = _error(found)
    return {str(error.get(key)) for key in ("code", "type")} | {str(one.get("reason")) for one in _details(found)}


def _told_wait(found: Any) -> float | None:
    """Return the seconds that an error's own details ask to wait, as Gemini says them: ``"retryDelay": "12.5s"``."""
    for one in _details(found):
        if told := re.fullmatch(r"(\d{1,6}(?:\.\d{1,9})?)s", str(one.get("retryDelay"))):
            return float(told[1])
    return None


def _hopeless(code: int, found: Any) -> bool:
    """Return whether a refusal is of the client and not of what it asks: no other request will be answered either."""
    if _words(found) & _USED_UP or any(said in str(_error(found).get("message")) for said in _SPENT):
        return True
    about = _error(found).get("metadata")  # a gateway answers 403 to a single question that its moderation flagged
    flagged = isinstance(about, dict) and bool({"reasons", "flagged_input"} & set(about))
    return code in _REFUSED and not flagged


def as_object(value: Any) -> dict[str, Any]:
    """Return an object of JSON; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int | None:
    """Return a number of tokens; None where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


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
