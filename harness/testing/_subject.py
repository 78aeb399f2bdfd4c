"""An adapter under test, and the words in which its laws are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from PIL import Image

from harness.testing._copies import Copies
from harness.testing._probes import charts
from harness.testing._words import require
from harness.types import Adapter, Request, Response, Status

PROBES: Final = 12
"""Ordinary requests of a subject."""
_FAILED: Final = frozenset({Status.ERROR, Status.TIMEOUT, Status.MISSING})


class NotApplicableError(Exception):
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
    copies: Callable[[Path], Copies] | None = None
    """Lays out copies of all its files in a scratch folder."""

    def probes(self) -> list[Request]:
        """Return ordinary requests."""
        return charts(PROBES, self.adapter.simulated)

    def probe(self, **changes: Any) -> Request:
        """Return one ordinary request with some things changed."""
        return replace(self.probes()[0], **changes)

    def pictures(self) -> list[Image.Image]:
        """Return three pictures."""
        return [request.images[0] for request in self.probes() if len(request.images) == 1][:3]

    def own_answer(self) -> str | None:
        """Return what the adapter itself says to :meth:`probe`; None where it does not answer in words."""
        return str(ask(self, [self.probe()])[0].text) if generates(self) else None


def generates(subject: Subject) -> bool:
    """Tell whether the adapter answers in words."""
    return "generate" in subject.adapter.capabilities


def ask(subject: Subject, requests: Sequence[Request], what: str = "a batch") -> list[Response]:
    """Return one response a request; anything else breaks the law that asked."""
    if not generates(subject):
        raise NotApplicableError("it does not generate")
    try:
        responses = subject.adapter.generate(requests)
    except Exception as error:
        raise AssertionError(f"{what}: `generate` raised {type(error).__name__}: {error}") from error
    require(
        isinstance(responses, Sequence) and not isinstance(responses, (str, bytes)),
        f"{what}: `generate` returned a {type(responses).__name__}, not a list",
    )
    require(len(responses) == len(requests), f"{what}: {len(responses)} responses to {len(requests)} requests")
    for response in responses:
        _contained(response, what)
    return list(responses)


def _contained(response: Any, what: str) -> None:
    """Require an answer with text, or a failure with a reason."""
    require(isinstance(response, Response), f"{what}: a {type(response).__name__} instead of a Response")
    if response.status is Status.OK:
        require(isinstance(response.text, str), f"{what}: the status ok with {response.text!r} for a text")
    else:
        require(response.status in _FAILED, f"{what}: an adapter cannot give the status {response.status}")
        require(bool(response.error), f"{what}: the status {response.status} without a reason in `error`")
        require(response.text is None, f"{what}: the status {response.status}, and still a text that may be scored")


def _said(responses: Sequence[Response]) -> list[tuple[Status, str | None]]:
    return [(response.status, response.text) for response in responses]


def same(first: Sequence[Response], second: Sequence[Response], what: str) -> None:
    """Require that requests were answered twice alike."""
    for place, (one, other) in enumerate(zip(_said(first), _said(second), strict=True)):
        require(
            one == other, f"{what}: request {place} was answered {one[1]!r} ({one[0]}), then {other[1]!r} ({other[0]})"
        )


def pixels(image: Image.Image) -> tuple[str, tuple[int, int], bytes]:
    """Return all that makes two images the same."""
    return image.mode, image.size, image.tobytes()
