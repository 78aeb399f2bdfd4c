"""Laws of what an adapter claims beside answering: log-likelihoods, embeddings, classes, boxes, gradients."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from PIL import Image

from harness.testing._subject import Subject, ask, generates, pixels
from harness.testing._words import require


def _claim_score_text(subject: Subject, adapter: Any) -> None:
    own = str(ask(subject, [subject.probe()])[0].text) if generates(subject) else "17"
    candidates = [own, "zzz qqq 000 ###"]
    found = adapter.score_text(subject.probe(), candidates)
    require(len(found) == 2, f"score_text gave {len(found)} numbers for 2 candidates")
    require(all(math.isfinite(value) and value <= 1e-3 for value in found), f"{found} are no log-likelihoods")
    require(found[0] > found[1], f"its own answer {candidates[0]!r} is less likely to it than {candidates[1]!r}")
    again = [adapter.score_text(subject.probe(), [text])[0] for text in candidates]
    if adapter.batch_invariant:
        require(np.allclose(found, again, rtol=1e-3, atol=1e-3), f"one candidate at a time: {again}, together: {found}")


def _claim_embed(subject: Subject, adapter: Any) -> None:
    found = _rows(subject, adapter, "embed")
    require(not np.allclose(found[0], found[1]), "different images have one embedding")


def _claim_classify(subject: Subject, adapter: Any) -> None:
    found = _rows(subject, adapter, "classify")
    names = list(adapter.classes)
    require(len(set(names)) == len(names), "two classes have one name")
    require(found.shape[1] == len(names), f"classify gave {found.shape[1]} scores for {len(names)} classes")


def _rows(subject: Subject, adapter: Any, method: str) -> Any:
    """Return what a method says of four pictures, of which the first and the last are the same."""
    pictures = subject.pictures()
    before = [pixels(picture) for picture in pictures]
    found = getattr(adapter, method)([*pictures, pictures[0]])
    require(isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == 4, f"{method} gave no array of 4 rows")
    require(found.dtype == np.float32, f"{method} gave an array in {found.dtype}")
    require(bool(np.isfinite(found).all()), f"{method} gave numbers that are not finite")
    require(before == [pixels(picture) for picture in pictures], f"{method} changed an image")
    again = getattr(adapter, method)([*pictures, pictures[0]])
    require(bool((found == again).all()), f"{method} gives other numbers the second time")
    if adapter.batch_invariant:
        require(np.allclose(found[0], found[3], rtol=1e-3, atol=1e-4), f"{method}: the same image twice differs")
        alone = np.concatenate([getattr(adapter, method)([picture]) for picture in pictures])
        require(np.allclose(found[:3], alone, rtol=1e-3, atol=1e-4), f"{method}: an image alone and in a batch differ")
    return found


def _claim_ground(subject: Subject, adapter: Any) -> None:
    pictures = subject.pictures()
    phrases = ["the letter A", "the longest bar", "a purple elephant"]
    found = adapter.ground(pictures, phrases)
    require(len(found) == len(pictures), f"ground gave {len(found)} answers to {len(pictures)} images")
    for picture, boxes in zip(pictures, found, strict=True):
        require(isinstance(boxes, np.ndarray) and boxes.ndim == 2 and boxes.shape[1] == 4, "ground gave no [boxes, 4]")
        require(boxes.dtype == np.float32 and bool(np.isfinite(boxes).all()), "boxes are no finite float32")
        require(bool((boxes[:, :2] <= boxes[:, 2:]).all()), "a box ends before it starts")
        inside = (boxes >= -1).all() and (boxes <= np.tile(picture.size, 2) + 1).all()
        require(bool(inside), f"a box lies outside its image of {picture.size}")
    if adapter.batch_invariant:
        for place, (picture, phrase) in enumerate(zip(pictures, phrases, strict=True)):
            (alone,) = adapter.ground([picture], [phrase])
            same = alone.shape == found[place].shape and np.allclose(alone, found[place], atol=0.5)
            require(bool(same), "ground: an image alone and in a batch differ")


def _claim_gradient(subject: Subject, adapter: Any) -> None:
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


def _claim_logprobs(subject: Subject, adapter: Any) -> None:
    (answer,) = adapter.answer([subject.probe()])
    require(answer.logprobs is not None, "it claims logprobs, and the server sent none")
    require(all(entry.logprob <= 1e-3 for entry in answer.logprobs), "a log probability above 0")


CLAIMS: Final[Mapping[str, Callable[[Subject, Any], None]]] = {
    "score_text": _claim_score_text,
    "embed": _claim_embed,
    "classify": _claim_classify,
    "ground": _claim_ground,
    "gradient": _claim_gradient,
    "logprobs": _claim_logprobs,
}
