"""What a model was asked, in the form of messages that chat APIs have: texts and images apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.imports._log import digest, items, text

_ATTACHED: Final = "attachment://"
_SHORT: Final = 16


@dataclass(frozen=True, slots=True)
class AskedText:
    """A question without its images, and a hash of each of them."""

    text: str
    images: tuple[str, ...] = ()

    @property
    def cluster(self) -> str:
        """What samples share that are about the same images; empty where there is none."""
        return digest(*self.images)[:_SHORT] if self.images else ""


def asked_of(value: Any, attachments: Mapping[str, Any] | None = None) -> AskedText:
    """Return what messages, or a text, ask; what the model answered among them is left out.

    >>> asked_of([{"role": "user", "content": [{"type": "text", "text": "What is it?"}]}, {"role": "assistant"}]).text
    'What is it?'
    """
    if isinstance(value, list):
        words: list[str] = []
        images: list[str] = []
        for message in items(value):
            if message.get("role") == "assistant":
                continue
            for kind, part in _parts(message.get("content")):
                (words if kind == "text" else images).append(part)
        return AskedText("\n".join(words), tuple(digest(_resolved(one, attachments))[:_SHORT] for one in images))
    return AskedText(text(value))


def _parts(content: Any) -> Iterator[tuple[str, str]]:
    if isinstance(content, str):
        yield "text", content
        return
    for part in items(content):
        kind = text(part.get("type"))
        if "image" in kind:
            source = part.get("image", part.get("image_url", part.get("url")))
            yield "image", text(source.get("url") if isinstance(source, Mapping) else source)
        elif isinstance(part.get("text"), str):
            yield "text", part["text"]


def _resolved(image: str, attachments: Mapping[str, Any] | None) -> str:
    name = image.removeprefix(_ATTACHED)
    return text((attachments or {}).get(name, name)) if image.startswith(_ATTACHED) else image
