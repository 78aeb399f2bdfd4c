"""A chat completion as an answer."""

from typing import Any, Final

from harness.adapters._served.reply import Failure, Reply, TokenLogprob, as_object, count, finish_of, no_text
from harness.types import Finish

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


def reply(found: dict[str, Any]) -> Reply | Failure | None:
    """Return the answer in a body; None where it has no choices."""
    try:
        choice = found["choices"][0]
        message = choice["message"]
        content = message.get("content")
        reason = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        return None
    if isinstance(content, list):
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    usage = as_object(found.get("usage"))
    thought = count(as_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    finish = finish_of(reason, _FINISHES)
    thinking = bool(thought or message.get("reasoning_content") or message.get("reasoning"))
    nothing = finish is Finish.LENGTH and thinking and isinstance(content, str) and not content.strip()
    served = (found.get("model"), found.get("system_fingerprint"))
    told = Reply(
        text=content if isinstance(content, str) else "",
        tokens_in=count(usage.get("prompt_tokens")),
        image_tokens=count(as_object(usage.get("prompt_tokens_details")).get("image_tokens")),
        tokens_out=count(usage.get("completion_tokens")),
        logprobs=_logprobs(choice.get("logprobs")),
        finish=finish,
        reasoning_tokens=thought,
        served=" ".join(one for one in served if isinstance(one, str) and one)[:200],
    )
    if finish is Finish.FILTER or not isinstance(content, str) or nothing:
        refusal = message.get("refusal")
        said = f"the server gave no text (finish_reason {reason!r})" + (f": {refusal}" if refusal else "")
        return no_text(said, told)
    return told


def _logprobs(value: Any) -> tuple[TokenLogprob, ...] | None:
    try:
        return tuple(TokenLogprob(str(entry["token"]), float(entry["logprob"])) for entry in value["content"])
    except (KeyError, TypeError, ValueError):
        return None
