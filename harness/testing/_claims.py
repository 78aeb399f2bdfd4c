"""Laws of what an adapter claims: of each kind of question, and of gradients and log-probabilities."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from harness.asks import ask_named, require
from harness.registry import registry
from harness.testing._subject import Subject, ask


def _claim_gradient(subject: Subject) -> None:
    adapter: Any = subject.adapter
    requests = [request for request in subject.probes() if len(request.images) == 1][:4]
    found = adapter.image_gradient(requests)
    require(len(found) == len(requests), f"{len(found)} gradients for {len(requests)} requests")
    worse = 0
    for request, gradient in zip(requests, found, strict=True):
        pixels = np.asarray(request.images[0].convert("RGB"), np.float32)
        require(gradient.shape == pixels.shape, f"a gradient of shape {gradient.shape} for pixels {pixels.shape}")
        require(gradient.dtype == np.float32, f"a gradient in {gradient.dtype}")
        require(bool(np.isfinite(gradient).all() and np.abs(gradient).max() > 0), "a gradient that is zero or infinite")
        if "score_text" in adapter.capabilities:
            answer = str(ask(subject, [request])[0].text)
            moved = np.clip(pixels + 8 * np.sign(gradient), 0, 255).round().astype(np.uint8)
            attacked = replace(request, images=(Image.fromarray(moved),))
            worse += adapter.score_text(attacked, [answer])[0] < adapter.score_text(request, [answer])[0]
    if "score_text" in adapter.capabilities:
        require(worse > len(requests) / 2, "steps along the gradient make the answer more likely, not less")


def _claim_logprobs(subject: Subject) -> None:
    adapter: Any = subject.adapter
    (answer,) = adapter.answer([subject.probe()])
    require(answer.logprobs is not None, "it claims logprobs, and the server sent none")
    require(all(entry.logprob <= 1e-3 for entry in answer.logprobs), "a log probability above 0")


def claims() -> dict[str, Callable[[Subject], None]]:
    """Return the law of each capability: those of the kinds of question, and of what adapters can do beside."""
    asked = {ask.capability: ask.law for ask in (ask_named(entry.name) for entry in registry("asks"))}
    return {**asked, "gradient": _claim_gradient, "logprobs": _claim_logprobs}
