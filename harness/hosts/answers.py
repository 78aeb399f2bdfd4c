"""Make one response a request of whatever an adapter returned, in plain values that any process can read."""

import math
import operator
from collections.abc import Sequence
from typing import Any, Final

from harness.asks import Ask, ask_named
from harness.types import Finish, Request, Response, Status

_FAILURES: Final = (Status.ERROR, Status.TIMEOUT, Status.MISSING)
_SLACK: Final = 1e-3
"""By which rounding may lift a log-probability above 0."""


def checked(answer: Any, requests: Sequence[Request]) -> list[Response]:
    """Return a response for each request; what is no answer becomes one that says so."""
    count = len(requests)
    if isinstance(answer, (str, bytes)) or not isinstance(answer, Sequence):
        said = f"the adapter returned {type(answer).__name__} instead of a list of responses"
        return [Response(None, Status.ERROR, said) for _ in range(count)]
    if len(answer) > count:
        said = f"the adapter returned {len(answer)} responses to {count} requests; which belongs to which is unknown"
        return [Response(None, Status.ERROR, said) for _ in range(count)]
    said = f"the adapter returned {len(answer)} responses to {count} requests"
    missing = [Response(None, Status.MISSING, said)] * (count - len(answer))
    asks = [ask_named(request.ask) for request in requests]
    return [_checked_one(response, ask) for response, ask in zip(answer, asks, strict=False)] + missing


def _checked_one(response: Any, ask: Ask) -> Response:
    if not isinstance(response, Response):
        return Response(None, Status.ERROR, f"the adapter returned {response!r:.80} instead of a Response")
    if response.status == Status.OK and (said := ask.lacks(response)):
        return Response(None, Status.ERROR, said)
    if response.status != Status.OK and response.status not in _FAILURES:
        return Response(None, Status.ERROR, f"the adapter gave the status {response.status!r}")
    try:
        finish = Finish(response.finish or "")
    except ValueError:
        known = ", ".join(filter(None, Finish))
        said = f"the adapter says that the answer ended by {response.finish!r:.80}, which is none of {known}"
        return Response(None, Status.ERROR, said)
    try:
        plain = _plain(response, ask)
    except (TypeError, ValueError) as cause:
        return Response(None, Status.ERROR, f"the adapter answered something that cannot be kept: {cause}")
    try:
        return Response(
            **plain,
            tokens_in=_count(response.tokens_in),
            image_tokens=_count(response.image_tokens),
            images_reused=_count(response.images_reused),
            tokens_out=_count(response.tokens_out),
            reasoning_tokens=_count(response.reasoning_tokens),
            mean_logprob=_logprob(response.mean_logprob),
            min_logprob=_logprob(response.min_logprob),
            finish=finish,
            attempts=operator.index(response.attempts),
        )
    except (TypeError, ValueError) as cause:
        return Response(None, Status.ERROR, f"the adapter counted tokens wrongly: {cause}")


def _plain(response: Response, ask: Ask) -> dict[str, Any]:
    """Return what a response holds beside its counts, without types of the adapter's own: nobody else may know them.

    A text may be a member of an enumeration, say, whose module only the adapter can import.
    """
    return {
        "text": str.__str__(response.text) if isinstance(response.text, str) else None,
        "status": Status(response.status),
        "error": None if response.error is None else str(response.error),
        "value": None if response.value is None else ask.plain(response.value),
        "seconds": {str(stage): float(seconds) for stage, seconds in response.seconds.items()},
        "later": bool(response.later) and response.status != Status.OK,
        "hopeless": bool(response.hopeless) and response.status != Status.OK,
        "took": None if response.took is None else float(response.took),
        "served": str(response.served or ""),
    }


def _count(value: Any) -> int | None:
    """Return a number of tokens as a plain integer, whatever library it comes from."""
    if value is None:
        return None
    count = operator.index(value)
    if not 0 <= count < 1 << 63:
        raise ValueError(f"{count} tokens")
    return count


def _logprob(value: Any) -> float | None:
    """Return a log-probability as a plain number; rounding may have lifted it a little above 0."""
    if value is None:
        return None
    found = float(value)
    if not found <= _SLACK or math.isinf(found):  # NaN compares with nothing
        raise ValueError(f"a log-probability of {found}")
    return min(0.0, found)
