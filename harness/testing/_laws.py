"""The laws that every adapter keeps, one function each, which raises where a law is broken."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from PIL import Image

from harness.testing._claims import claims
from harness.testing._probes import awkward_prompts, broken_image, modes, sizes
from harness.testing._subject import PROBES, NotApplicableError, Subject, ask, generates, pixels, same
from harness.testing._trace_law import trace_law
from harness.testing._words import require
from harness.types import Adapter, Finish, Generation, Request, Response, Status

Law = Callable[[Subject], None]

_AMPLE: Final = 8
"""Tokens of an answer that has room beside one of a single token."""


def _protocol(subject: Subject) -> None:
    adapter = subject.adapter
    require(isinstance(adapter, Adapter), "it lacks a member of `harness.types.Adapter`")
    require(isinstance(adapter.batch_size, int) and adapter.batch_size >= 1, "`batch_size` is no positive number")
    require(isinstance(adapter.simulated, bool), "`simulated` is not true or false")
    require(isinstance(adapter.batch_invariant, bool), "`batch_invariant` is not true or false")
    require(isinstance(adapter.capabilities, frozenset), "`capabilities` is not a frozenset")
    require(bool(adapter.capabilities & set(claims())), "`capabilities` names nothing to ask for")


def _answers(subject: Subject) -> None:
    require(ask(subject, [], "an empty batch") == [], "an empty batch has answers")
    responses = ask(subject, subject.probes())
    with_images = [r for r, q in zip(responses, subject.probes(), strict=True) if len(q.images) == 1]
    for response in with_images:
        require(response.status is Status.OK, f"an ordinary request failed: {response.error}")


def _repeats(subject: Subject) -> None:
    same(ask(subject, subject.probes()), ask(subject, subject.probes()), "the same batch twice")


def _in_parts(subject: Subject, requests: Sequence[Request], size: int) -> list[Response]:
    starts = range(0, len(requests), size)
    return [one for start in starts for one in ask(subject, requests[start : start + size], f"batches of {size}")]


def _invariant(subject: Subject) -> None:
    if not subject.adapter.batch_invariant:
        raise NotApplicableError("it declares that answers can depend on their batch")


def _batch_size(subject: Subject) -> None:
    _invariant(subject)
    alone = _in_parts(subject, subject.probes(), 1)
    for size in (2, 5, PROBES):
        same(alone, _in_parts(subject, subject.probes(), size), f"one by one, then in batches of {size}")


def _batch_order(subject: Subject) -> None:
    _invariant(subject)
    forth, back = ask(subject, subject.probes()), ask(subject, subject.probes()[::-1])
    same(forth, back[::-1], "the same batch forwards, then backwards")


def _companions(subject: Subject) -> None:
    _invariant(subject)
    first, *others = subject.probes()
    alone = ask(subject, [first])
    for company in (others[:3], others[4:], [first, first], [replace(first, prompt="x", images=())]):
        same(alone, ask(subject, [first, *company])[:1], "alone, then in company")
        same(alone, ask(subject, [*company, first])[-1:], "alone, then behind company")


def _neighbours(subject: Subject, awkward: Request, what: str) -> None:
    """Ask something awkward between two ordinary requests, which must not notice."""
    first, second = subject.probes()[0], subject.probes()[4]
    left, _, right = ask(subject, [first, awkward, second], what)
    for response in (left, right):
        require(response.status is Status.OK, f"{what}: a neighbour in the batch failed: {response.error}")
    if subject.adapter.batch_invariant:
        same(ask(subject, [first, second]), [left, right], f"without and with {what} in the batch")


def _prompts(subject: Subject) -> None:
    for what, prompt in awkward_prompts().items():
        _neighbours(subject, subject.probe(prompt=prompt), what)


def _image_sizes(subject: Subject) -> None:
    for what, image in sizes().items():
        _neighbours(subject, subject.probe(images=(image,)), f"an image of {what} pixels")


def _image_modes(subject: Subject) -> None:
    for what, twin in modes().items():
        (response,) = ask(subject, [subject.probe(images=(twin.image,))], f"an image in {what}")
        plain = [ask(subject, [subject.probe(images=(image,))])[0].text for image in twin.plain]
        if plain:
            require(response.status is Status.OK, f"an image in {what} failed: {response.error}")
            require(response.text in plain, f"an image in {what} is answered {response.text!r}, in RGB {plain[0]!r}")


def _errors(subject: Subject) -> None:
    for what, image in (("a broken image", broken_image()), ("an image without pixels", Image.new("RGB", (0, 5)))):
        _neighbours(subject, subject.probe(images=(image,)), what)
        ask(subject, [subject.probe(images=(image,))], f"{what} alone")


def _system(subject: Subject) -> None:
    _neighbours(subject, subject.probe(system="Be brief."), "a system prompt")


def _limits(subject: Subject) -> None:
    (response,) = ask(subject, [subject.probe(generation=Generation(1))])
    if response.tokens_out is None or subject.adapter.simulated:
        raise NotApplicableError("it does not count tokens as a model does")
    require(response.tokens_out <= 1, f"max_new_tokens is 1 and the answer has {response.tokens_out} tokens")


def _finishes(subject: Subject) -> None:
    """Ask for one token, beside more: a claim to know how an answer ends must hold for each request of a batch."""
    whole = subject.probe(generation=Generation(_AMPLE))
    first, last = ask(subject, [subject.probe(generation=Generation(1)), whole])
    for response in (first, last):
        known = ", ".join(map(repr, filter(None, Finish)))
        require(response.finish in set(Finish), f"`finish` is {response.finish!r}, and none of {known}")
    if first.status is not Status.OK or not first.finish:
        raise NotApplicableError("it does not say how an answer ends")
    said = f"max_new_tokens is 1 and `finish` is {first.finish!r}"
    require(first.finish in (Finish.STOP, Finish.LENGTH), f"{said}; an ordinary answer ends by `stop` or `length`")
    if first.finish == Finish.STOP and subject.adapter.batch_invariant:
        require(first.text == last.text, f"{said}, for {first.text!r}; with room the answer is {last.text!r}")
    if first.finish == Finish.LENGTH and not subject.adapter.simulated:
        require(first.tokens_out != 0, f"{said}, and the answer has no token")
    if last.finish == Finish.LENGTH and not subject.adapter.simulated and last.tokens_out is not None:
        said = f"max_new_tokens is {_AMPLE} and `finish` is 'length'"
        require(last.tokens_out == _AMPLE, f"{said}, and the answer has {last.tokens_out} tokens")


def _accounts(subject: Subject) -> None:
    for response in ask(subject, subject.probes()):
        for name in ("tokens_in", "image_tokens", "tokens_out"):
            count = getattr(response, name)
            require(count is None or (isinstance(count, int) and count >= 0), f"`{name}` is {count!r}")
        if response.tokens_in is not None and response.image_tokens is not None:
            require(response.image_tokens <= response.tokens_in, "more image tokens than tokens")
        for stage, seconds in response.seconds.items():
            require(math.isfinite(seconds) and seconds >= 0, f"the stage {stage} took {seconds} seconds")


def _requests_are_left_alone(subject: Subject) -> None:
    requests = subject.probes()
    before = [(request.prompt, [pixels(image) for image in request.images]) for request in requests]
    ask(subject, requests)
    after = [(request.prompt, [pixels(image) for image in request.images]) for request in requests]
    require(before == after, "`generate` changed a request's image")


def _capabilities(subject: Subject) -> None:
    known = claims()
    for name in sorted(subject.adapter.capabilities & set(known)):
        try:
            known[name](subject)
        except AssertionError:
            raise
        except Exception as error:
            raise AssertionError(f"it claims {name}, which raised {type(error).__name__}: {error}") from error


def _fingerprint(subject: Subject) -> None:
    found = subject.adapter.fingerprint()
    require(isinstance(found, str) and len(found) >= 16, f"the fingerprint {found!r} is no hash")
    require(subject.adapter.fingerprint() == found, "the fingerprint changes from call to call")
    if generates(subject):
        ask(subject, subject.probes()[:1])
    require(subject.adapter.fingerprint() == found, "answering changes the fingerprint")


def _reloading(subject: Subject) -> None:
    if subject.load is None:
        raise NotApplicableError("it was given as an object; give its file to have it loaded again")
    again = subject.load()
    try:
        require(again.fingerprint() == subject.adapter.fingerprint(), "loaded again, it has another fingerprint")
        twin = replace(subject, adapter=again)
        if generates(subject):
            same(ask(subject, subject.probes()), ask(twin, subject.probes()), "loaded once, then again")
    finally:
        again.close()
    try:
        again.close()
    except Exception as error:
        raise AssertionError(f"closing it twice raised {type(error).__name__}: {error}") from error


def _weights_count(subject: Subject) -> None:
    if subject.changed is None:
        raise NotApplicableError("it has no files here that could be changed")
    with tempfile.TemporaryDirectory() as scratch:
        other = subject.changed(Path(scratch))
        try:
            require(
                other.fingerprint() != subject.adapter.fingerprint(),
                "its weights or its code changed, and the fingerprint did not: stale answers would be reused",
            )
        finally:
            with suppress(Exception):  # it is the fingerprint that is judged here
                other.close()


def _files_count(subject: Subject) -> None:
    if subject.copies is None:
        raise NotApplicableError("its file names no files here, or more than can be copied")
    with tempfile.TemporaryDirectory() as scratch:
        copies = subject.copies(Path(scratch))
        try:
            copies.load().close()
        except Exception as cause:
            raise NotApplicableError(f"a copy of its files cannot be loaded: {cause}") from cause
        unnoticed = list(copies.unnoticed())
    said = (
        "another fingerprint is due, or stale answers would be reused; a Python adapter names what it reads: `files:`"
    )
    require(not unnoticed, f"a byte may change, and the fingerprint stays, in {', '.join(unnoticed)}; {said}")


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
    "finishes": _finishes,
    "accounts": _accounts,
    "requests are left alone": _requests_are_left_alone,
    "capabilities": _capabilities,
    "trace": trace_law,
    "fingerprint": _fingerprint,
    "reloading": _reloading,
    "weights count": _weights_count,
    "files count": _files_count,
}
"""All laws, by name."""
