"""A chat completion's body as a request: messages and images. Whatever a client sends is checked here."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from harness.errors import SampleError
from harness.serve.parameters import BadRequest, How, read_how, refuse_unknown
from harness.types import Request

if TYPE_CHECKING:
    from PIL import Image

_DATA: Final = re.compile(r"data:image/(png|jpeg|jpg|webp);base64,", re.IGNORECASE)
_MESSAGE: Final[Mapping[str, tuple[Any, ...]]] = {"role": (), "content": (), "name": (), "type": ("text",)}
"""Keys of a message, and what they may say where that matters; lm-eval gives each message a `type`."""
_IMAGE: Final[Mapping[str, tuple[Any, ...]]] = {"url": (), "detail": ("auto", "low", "high")}
"""`detail` is a hint, which VLMEvalKit always sends: the model sees the image as it came."""
_UNUSABLE: Final = "an image cannot be used"
_FORMATS: Final = ("PNG", "JPEG", "WEBP")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may hold."""

    body: int = 32 * 1024 * 1024
    """Bytes."""
    images: int = 16
    pixels: int = 16_000_000
    """Of one image."""
    pixels_together: int = 32_000_000
    """Of all images of a request."""
    tokens: int = 1024
    """Of the answer."""
    text: int = 200_000
    """Characters of prompt and system prompt together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for."""

    request: Request
    how: How


def read_body(
    body: Any, identity: str, limits: Limits, hold: Callable[[int], None] = lambda _: None, samples: bool = False
) -> Asked:
    """Return what a body asks for.

    A subset of chat completions: an optional system message, then one user message with text and
    images as ``data:`` URLs, in any order; one answer. What is not honoured is refused, unless it says what is done
    anyway.

    Args:
        body: what the client sent, out of JSON.
        identity: the request's name.
        limits: what it may hold.
        hold: is told the pixels of each image before it is decoded, and may raise.
        samples: whether the model can sample.

    Raises:
        BadRequest: with what is wrong or not supported.
    """
    how = read_how(body, limits.tokens, samples)
    system, user = _messages(body.get("messages"))
    images, parts = _parts(user, limits, hold)
    prompt = "".join(part for part in parts if isinstance(part, str))
    if len(prompt) + len(system or "") > limits.text:
        raise BadRequest(f"the text is longer than {limits.text:,} characters", "messages")
    return Asked(Request(identity, prompt, tuple(images), system, how.generation, interleaved=tuple(parts)), how)


def _messages(messages: Any) -> tuple[str | None, Any]:
    if not isinstance(messages, Sequence) or isinstance(messages, (str, bytes)) or not messages:
        raise BadRequest("`messages` is missing or empty", "messages")
    if not all(isinstance(message, Mapping) for message in messages):
        raise BadRequest("a message is not an object", "messages")
    for message in messages:
        refuse_unknown(message, _MESSAGE, "a message's ")
    roles = [message.get("role") for message in messages]
    if roles not in (["user"], ["system", "user"], ["developer", "user"]):
        said = f"`messages` may hold a system message and one of the user, not {roles!r:.80}"
        if "assistant" in roles:
            said += "; the model is asked one question at a time: put earlier turns into the user's message"
        raise BadRequest(said, "messages")
    system = None
    if len(messages) == 2:
        system = "".join(_texts(messages[0].get("content"), "the system message"))
    return system, messages[-1].get("content")


def _texts(content: Any, where: str) -> list[str]:
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list) or not all(isinstance(p, Mapping) and isinstance(p.get("text"), str) for p in parts):
        raise BadRequest(f"{where} is not text")
    return [part["text"] for part in parts]


def _parts(content: Any, limits: Limits, hold: Callable[[int], None]) -> tuple[list["Image.Image"], list[str | int]]:
    """Return the images, and texts and images (by number) in the order of the message."""
    if isinstance(content, str):
        return [], [content]
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise BadRequest("the user message is neither text nor a list of parts")
    images: list[Image.Image] = []
    left = limits.pixels_together
    parts: list[str | int] = []
    for part in content:
        if part.get("type") == "text" and isinstance(part.get("text"), str):
            parts.append(part["text"])
        elif part.get("type") == "image_url":
            if len(images) == limits.images:
                raise BadRequest(f"there are more than {limits.images} images")
            parts.append(len(images))
            pixels, image = _image(part.get("image_url"), limits, left, hold)
            left -= pixels
            images.append(image)
        else:
            raise BadRequest(f"a part of type {part.get('type')!r:.40} is not supported")
    return images, parts


def _image(value: Any, limits: Limits, left: int, hold: Callable[[int], None]) -> "tuple[int, Image.Image]":
    """Decode a ``data:`` URL. Nothing is fetched: a URL of the network would make this server ask others."""
    from harness.images import decode, open_picture

    if isinstance(value, Mapping):
        refuse_unknown(value, _IMAGE, "an `image_url`'s ")
    url = value.get("url") if isinstance(value, Mapping) else value
    if not isinstance(url, str) or not (found := _DATA.match(url)):
        raise BadRequest("an image must be a data: URL (data:image/png;base64,…); nothing is fetched from the network")
    try:
        content = base64.b64decode(url[found.end() :], validate=True)
        with open_picture(content, _UNUSABLE, formats=_FORMATS, most=limits.pixels) as header:
            pixels = header.width * header.height
        if pixels > left:
            raise BadRequest(f"the images together have more than {limits.pixels_together:,} px")
        hold(pixels)
        return pixels, decode(content, _UNUSABLE, formats=_FORMATS, most=limits.pixels)
    except (binascii.Error, ValueError) as cause:
        raise BadRequest(f"an image cannot be decoded: {cause}") from cause
    except SampleError as cause:
        raise BadRequest(str(cause)) from cause
