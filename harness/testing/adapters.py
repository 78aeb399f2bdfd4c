"""Laws that every adapter keeps, as a check to run on an adapter of your own.

.. code-block:: python

    from harness.testing.adapters import check_adapter

    def test_my_adapter_keeps_the_laws():
        check_adapter("adapters/mine.yaml")

``harness adapters check NAME`` does the same from the command line. An adapter that declares
``batch_invariant = False`` is not held to the laws about batches, only to repeating exactly in
the same ones.
"""

import math
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image

from harness.engine.resolve import read_adapter
from harness.errors import UsageError, did_you_mean
from harness.testing._changed import reloader
from harness.testing._probes import awkward_prompts, broken_image, charts, modes, sizes
from harness.types import Adapter, Generation, Request, Response, Status

Outcome = Literal["kept", "broken", "not applicable"]

_PROBES: Final = 12
_FAILED: Final = frozenset({Status.ERROR, Status.TIMEOUT, Status.MISSING})


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one law."""

    law: str
    outcome: Outcome
    said: str = ""
    """What is broken, or why the law does not apply."""


class _NotApplicableError(Exception):
    """A law has nothing to say about this adapter."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter to check, and how to load it again."""

    name: str
    adapter: Adapter
    load: Callable[[], Adapter] | None = None
    """Loads the same adapter once more."""
    changed: Callable[[Path], Adapter] | None = None
    """Loads it over a copy, in a scratch folder, of its files with one weight changed."""

    def probes(self) -> list[Request]:
        """Return ordinary requests."""
        return charts(_PROBES, self.adapter.simulated)

    def probe(self, **changes: Any) -> Request:
        """Return one ordinary request with some things changed."""
        return replace(self.probes()[0], **changes)


Law = Callable[[Subject], None]


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


def _generates(subject: Subject) -> bool:
    return "generate" in subject.adapter.capabilities


def _ask(subject: Subject, requests: Sequence[Request], what: str = "a batch") -> list[Response]:
    """Return one response a request; anything else breaks the law that asked."""
    if not _generates(subject):
        raise _NotApplicableError("it does not generate")
    try:
        responses = subject.adapter.generate(requests)
    except Exception as error:
        raise AssertionError(f"{what}: `generate` raised {type(error).__name__}: {error}") from error
    _require(
        isinstance(responses, Sequence) and not isinstance(responses, (str, bytes)),
        f"{what}: `generate` returned a {type(responses).__name__}, not a list",
    )
    _require(len(responses) == len(requests), f"{what}: {len(responses)} responses to {len(requests)} requests")
    for response in responses:
        _contained(response, what)
    return list(responses)


def _contained(response: Any, what: str) -> None:
    """Require an answer with text, or a failure with a reason."""
    _require(isinstance(response, Response), f"{what}: a {type(response).__name__} instead of a Response")
    if response.status is Status.OK:
        _require(isinstance(response.text, str), f"{what}: the status ok with {response.text!r} for a text")
    else:
        _require(response.status in _FAILED, f"{what}: an adapter cannot give the status {response.status}")
        _require(bool(response.error), f"{what}: the status {response.status} without a reason in `error`")
        _require(response.text is None, f"{what}: the status {response.status}, and still a text that may be scored")


def _said(responses: Sequence[Response]) -> list[tuple[Status, str | None]]:
    return [(response.status, response.text) for response in responses]


def _same(first: Sequence[Response], second: Sequence[Response], what: str) -> None:
    for place, (one, other) in enumerate(zip(_said(first), _said(second), strict=True)):
        _require(
            one == other, f"{what}: request {place} was answered {one[1]!r} ({one[0]}), then {other[1]!r} ({other[0]})"
        )


def _protocol(subject: Subject) -> None:
    adapter = subject.adapter
    _require(isinstance(adapter, Adapter), "it lacks a member of `harness.types.Adapter`")
    _require(isinstance(adapter.batch_size, int) and adapter.batch_size >= 1, "`batch_size` is no positive number")
    _require(isinstance(adapter.simulated, bool), "`simulated` is not true or false")
    _require(isinstance(adapter.batch_invariant, bool), "`batch_invariant` is not true or false")
    _require(isinstance(adapter.capabilities, frozenset), "`capabilities` is not a frozenset")
    _require(bool(adapter.capabilities & {"generate", *_CLAIMS}), "`capabilities` names nothing to ask for")


def _answers(subject: Subject) -> None:
    _require(_ask(subject, [], "an empty batch") == [], "an empty batch has answers")
    responses = _ask(subject, subject.probes())
    with_images = [r for r, q in zip(responses, subject.probes(), strict=True) if len(q.images) == 1]
    for response in with_images:
        _require(response.status is Status.OK, f"an ordinary request failed: {response.error}")


def _repeats(subject: Subject) -> None:
    _same(_ask(subject, subject.probes()), _ask(subject, subject.probes()), "the same batch twice")


def _in_parts(subject: Subject, requests: Sequence[Request], size: int) -> list[Response]:
    starts = range(0, len(requests), size)
    return [one for start in starts for one in _ask(subject, requests[start : start + size], f"batches of {size}")]


def _invariant(subject: Subject) -> None:
    if not subject.adapter.batch_invariant:
        raise _NotApplicableError("it declares that answers can depend on their batch")


def _batch_size(subject: Subject) -> None:
    _invariant(subject)
    alone = _in_parts(subject, subject.probes(), 1)
    for size in (2, 5, _PROBES):
        _same(alone, _in_parts(subject, subject.probes(), size), f"one by one, then in batches of {size}")


def _batch_order(subject: Subject) -> None:
    _invariant(subject)
    forth, back = _ask(subject, subject.probes()), _ask(subject, subject.probes()[::-1])
    _same(forth, back[::-1], "the same batch forwards, then backwards")


def _companions(subject: Subject) -> None:
    _invariant(subject)
    first, *others = subject.probes()
    alone = _ask(subject, [first])
    for company in (others[:3], others[4:], [first, first], [replace(first, prompt="x", images=())]):
        _same(alone, _ask(subject, [first, *company])[:1], "alone, then in company")
        _same(alone, _ask(subject, [*company, first])[-1:], "alone, then behind company")


def _neighbours(subject: Subject, awkward: Request, what: str) -> None:
    """Ask something awkward between two ordinary requests, which must not notice."""
    first, second = subject.probes()[0], subject.probes()[4]
    left, _, right = _ask(subject, [first, awkward, second], what)
    for response in (left, right):
        _require(response.status is Status.OK, f"{what}: a neighbour in the batch failed: {response.error}")
    if subject.adapter.batch_invariant:
        _same(_ask(subject, [first, second]), [left, right], f"without and with {what} in the batch")


def _prompts(subject: Subject) -> None:
    for what, prompt in awkward_prompts().items():
        _neighbours(subject, subject.probe(prompt=prompt), what)


def _image_sizes(subject: Subject) -> None:
    for what, image in sizes().items():
        _neighbours(subject, subject.probe(images=(image,)), f"an image of {what} pixels")


def _image_modes(subject: Subject) -> None:
    for what, twin in modes().items():
        (response,) = _ask(subject, [subject.probe(images=(twin.image,))], f"an image in {what}")
        plain = [_ask(subject, [subject.probe(images=(image,))])[0].text for image in twin.plain]
        if plain:
            _require(response.status is Status.OK, f"an image in {what} failed: {response.error}")
            _require(response.text in plain, f"an image in {what} is answered {response.text!r}, in RGB {plain[0]!r}")


def _errors(subject: Subject) -> None:
    for what, image in (("a broken image", broken_image()), ("an image without pixels", Image.new("RGB", (0, 5)))):
        _neighbours(subject, subject.probe(images=(image,)), what)
        _ask(subject, [subject.probe(images=(image,))], f"{what} alone")


def _system(subject: Subject) -> None:
    _neighbours(subject, subject.probe(system="Be brief."), "a system prompt")


def _limits(subject: Subject) -> None:
    (response,) = _ask(subject, [subject.probe(generation=Generation(1))])
    if response.tokens_out is None or subject.adapter.simulated:
        raise _NotApplicableError("it does not count tokens as a model does")
    _require(response.tokens_out <= 1, f"max_new_tokens is 1 and the answer has {response.tokens_out} tokens")


def _accounts(subject: Subject) -> None:
    for response in _ask(subject, subject.probes()):
        for name in ("tokens_in", "image_tokens", "tokens_out"):
            count = getattr(response, name)
            _require(count is None or (isinstance(count, int) and count >= 0), f"`{name}` is {count!r}")
        if response.tokens_in is not None and response.image_tokens is not None:
            _require(response.image_tokens <= response.tokens_in, "more image tokens than tokens")
        for stage, seconds in response.seconds.items():
            _require(math.isfinite(seconds) and seconds >= 0, f"the stage {stage} took {seconds} seconds")


def _requests_are_left_alone(subject: Subject) -> None:
    requests = subject.probes()
    before = [(request.prompt, [_pixels(image) for image in request.images]) for request in requests]
    _ask(subject, requests)
    after = [(request.prompt, [_pixels(image) for image in request.images]) for request in requests]
    _require(before == after, "`generate` changed a request's image")


def _pixels(image: Image.Image) -> tuple[str, tuple[int, int], bytes]:
    return image.mode, image.size, image.tobytes()


def _capabilities(subject: Subject) -> None:
    for name in sorted(subject.adapter.capabilities & set(_CLAIMS)):
        try:
            _CLAIMS[name](subject, subject.adapter)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"it claims {name}, which raised {type(error).__name__}: {error}") from error


def _claim_score_text(subject: Subject, adapter: Any) -> None:
    own = str(_ask(subject, [subject.probe()])[0].text) if _generates(subject) else "17"
    candidates = [own, "zzz qqq 000 ###"]
    found = adapter.score_text(subject.probe(), candidates)
    _require(len(found) == 2, f"score_text gave {len(found)} numbers for 2 candidates")
    _require(all(math.isfinite(value) and value <= 1e-3 for value in found), f"{found} are no log-likelihoods")
    _require(found[0] > found[1], f"its own answer {candidates[0]!r} is less likely to it than {candidates[1]!r}")
    again = [adapter.score_text(subject.probe(), [text])[0] for text in candidates]
    if adapter.batch_invariant:
        _require(
            np.allclose(found, again, rtol=1e-3, atol=1e-3), f"one candidate at a time: {again}, together: {found}"
        )


def _claim_embed(subject: Subject, adapter: Any) -> None:
    found = _rows(subject, adapter, "embed")
    _require(not np.allclose(found[0], found[1]), "different images have one embedding")


def _claim_classify(subject: Subject, adapter: Any) -> None:
    found = _rows(subject, adapter, "classify")
    names = list(adapter.classes)
    _require(len(set(names)) == len(names), "two classes have one name")
    _require(found.shape[1] == len(names), f"classify gave {found.shape[1]} scores for {len(names)} classes")


def _rows(subject: Subject, adapter: Any, method: str) -> Any:
    """Return what a method says of four pictures, of which the first and the last are the same."""
    pictures = _pictures(subject)
    before = [_pixels(picture) for picture in pictures]
    found = getattr(adapter, method)([*pictures, pictures[0]])
    _require(isinstance(found, np.ndarray) and found.ndim == 2 and len(found) == 4, f"{method} gave no array of 4 rows")
    _require(found.dtype == np.float32, f"{method} gave an array in {found.dtype}")
    _require(bool(np.isfinite(found).all()), f"{method} gave numbers that are not finite")
    _require(before == [_pixels(picture) for picture in pictures], f"{method} changed an image")
    again = getattr(adapter, method)([*pictures, pictures[0]])
    _require(bool((found == again).all()), f"{method} gives other numbers the second time")
    if adapter.batch_invariant:
        _require(np.allclose(found[0], found[3], rtol=1e-3, atol=1e-4), f"{method}: the same image twice differs")
        alone = np.concatenate([getattr(adapter, method)([picture]) for picture in pictures])
        _require(np.allclose(found[:3], alone, rtol=1e-3, atol=1e-4), f"{method}: an image alone and in a batch differ")
    return found


def _claim_ground(subject: Subject, adapter: Any) -> None:
    pictures = _pictures(subject)
    phrases = ["the letter A", "the longest bar", "a purple elephant"]
    found = adapter.ground(pictures, phrases)
    _require(len(found) == len(pictures), f"ground gave {len(found)} answers to {len(pictures)} images")
    for picture, boxes in zip(pictures, found, strict=True):
        _require(isinstance(boxes, np.ndarray) and boxes.ndim == 2 and boxes.shape[1] == 4, "ground gave no [boxes, 4]")
        _require(boxes.dtype == np.float32 and bool(np.isfinite(boxes).all()), "boxes are no finite float32")
        _require(bool((boxes[:, :2] <= boxes[:, 2:]).all()), "a box ends before it starts")
        inside = (boxes >= -1).all() and (boxes <= np.tile(picture.size, 2) + 1).all()
        _require(bool(inside), f"a box lies outside its image of {picture.size}")
    if adapter.batch_invariant:
        for place, (picture, phrase) in enumerate(zip(pictures, phrases, strict=True)):
            (alone,) = adapter.ground([picture], [phrase])
            same = alone.shape == found[place].shape and np.allclose(alone, found[place], atol=0.5)
            _require(bool(same), "ground: an image alone and in a batch differ")


def _pictures(subject: Subject) -> list[Image.Image]:
    return [request.images[0] for request in subject.probes() if len(request.images) == 1][:3]


def _claim_gradient(subject: Subject, adapter: Any) -> None:
    requests = [request for request in subject.probes() if len(request.images) == 1][:4]
    found = adapter.image_gradient(requests)
    _require(len(found) == len(requests), f"{len(found)} gradients for {len(requests)} requests")
    worse = 0
    for request, gradient in zip(requests, found, strict=True):
        pixels = np.asarray(request.images[0].convert("RGB"), np.float32)
        _require(gradient.shape == pixels.shape, f"a gradient of shape {gradient.shape} for pixels {pixels.shape}")
        _require(gradient.dtype == np.float32, f"a gradient in {gradient.dtype}")
        _require(
            bool(np.isfinite(gradient).all() and np.abs(gradient).max() > 0), "a gradient that is zero or infinite"
        )
        if "score_text" in adapter.capabilities:
            answer = str(_ask(subject, [request])[0].text)
            moved = np.clip(pixels + 8 * np.sign(gradient), 0, 255).round().astype(np.uint8)
            attacked = replace(request, images=(Image.fromarray(moved),))
            worse += adapter.score_text(attacked, [answer])[0] < adapter.score_text(request, [answer])[0]
    if "score_text" in adapter.capabilities:
        _require(worse > len(requests) / 2, "steps along the gradient make the answer more likely, not less")


def _claim_logprobs(subject: Subject, adapter: Any) -> None:
    (answer,) = adapter.answer([subject.probe()])
    _require(answer.logprobs is not None, "it claims logprobs, and the server sent none")
    _require(all(entry.logprob <= 1e-3 for entry in answer.logprobs), "a log probability above 0")


_CLAIMS: Final[Mapping[str, Callable[[Subject, Any], None]]] = {
    "score_text": _claim_score_text,
    "embed": _claim_embed,
    "classify": _claim_classify,
    "ground": _claim_ground,
    "gradient": _claim_gradient,
    "logprobs": _claim_logprobs,
}


def _fingerprint(subject: Subject) -> None:
    found = subject.adapter.fingerprint()
    _require(isinstance(found, str) and len(found) >= 16, f"the fingerprint {found!r} is no hash")
    _require(subject.adapter.fingerprint() == found, "the fingerprint changes from call to call")
    if _generates(subject):
        _ask(subject, subject.probes()[:1])
    _require(subject.adapter.fingerprint() == found, "answering changes the fingerprint")


def _reloading(subject: Subject) -> None:
    if subject.load is None:
        raise _NotApplicableError("it was given as an object; give its file to have it loaded again")
    again = subject.load()
    try:
        _require(again.fingerprint() == subject.adapter.fingerprint(), "loaded again, it has another fingerprint")
        twin = replace(subject, adapter=again)
        if _generates(subject):
            _same(_ask(subject, subject.probes()), _ask(twin, subject.probes()), "loaded once, then again")
    finally:
        again.close()
    try:
        again.close()
    except Exception as error:
        raise AssertionError(f"closing it twice raised {type(error).__name__}: {error}") from error


def _weights_count(subject: Subject) -> None:
    if subject.changed is None:
        raise _NotApplicableError("it has no files here that could be changed")
    with tempfile.TemporaryDirectory() as scratch:
        other = subject.changed(Path(scratch))
        try:
            _require(
                other.fingerprint() != subject.adapter.fingerprint(),
                "its weights or its code changed, and the fingerprint did not: stale answers would be reused",
            )
        finally:
            with suppress(Exception):  # it is the fingerprint that is judged here
                other.close()


LAWS: Final[Mapping[str, Law]] = {
    "protocol": _protocol,
    "answers": _answers,
    "repeats": _repeats,
    "batch size": _batch_size,
    "batch order": _batch_order,
    "companions": _companions,
    "prompts": _prompts,
    "image sizes": _image_sizes,
    "image modes": _image_modes,
    "errors": _errors,
    "system prompt": _system,
    "limits": _limits,
    "accounts": _accounts,
    "requests are left alone": _requests_are_left_alone,
    "capabilities": _capabilities,
    "fingerprint": _fingerprint,
    "reloading": _reloading,
    "weights count": _weights_count,
}
"""All laws, by name."""


def examine(adapter: Adapter | Subject | str | Path, without: Collection[str] = ()) -> list[Finding]:
    """Try all laws on an adapter.

    Args:
        adapter: the name or the path of an adapter's file, or an adapter, or a ``Subject``.
        without: laws to leave out.

    Returns:
        One finding a law, in the order of ``LAWS``.

    Raises:
        AdapterError: if the adapter cannot be loaded.
        SpecError: if its file is wrong.
        UsageError: if a law is unknown.
    """
    for name in without:
        if name not in LAWS:
            raise UsageError(f"unknown law {name!r}; {did_you_mean(name, LAWS)}")
    subject = _subject(adapter)
    try:
        return [_try(name, law, subject) for name, law in LAWS.items() if name not in without]
    finally:
        if subject.load is not None and not isinstance(adapter, Subject):
            subject.adapter.close()


def check_adapter(adapter: Adapter | Subject | str | Path, without: Collection[str] = ()) -> None:
    """As :func:`examine`, for a test.

    Raises:
        AssertionError: naming the adapter and every law that it breaks.
        AdapterError: if the adapter cannot be loaded.
        SpecError: if its file is wrong.
        UsageError: if a law is unknown.
    """
    broken = [found for found in examine(adapter, without) if found.outcome == "broken"]
    if broken:
        lines = "\n".join(f"  {found.law}: {found.said}" for found in broken)
        raise AssertionError(f"the adapter breaks {len(broken)} of {len(LAWS)} laws:\n{lines}")


def _subject(adapter: Adapter | Subject | str | Path) -> Subject:
    if isinstance(adapter, Subject):
        return adapter
    if isinstance(adapter, (str, Path)):
        choice = read_adapter(str(adapter))
        return Subject(choice.spec.adapter, choice.load(), choice.load, reloader(choice))
    return Subject(type(adapter).__name__, adapter)


def _try(name: str, law: Law, subject: Subject) -> Finding:
    try:
        law(subject)
    except AssertionError as broken:
        return Finding(name, "broken", str(broken))
    except _NotApplicableError as reason:
        return Finding(name, "not applicable", str(reason))
    except Exception as error:  # noqa: BLE001 - an adapter under test may raise anything anywhere
        return Finding(name, "broken", f"{type(error).__name__}: {error}")
    return Finding(name, "kept")
