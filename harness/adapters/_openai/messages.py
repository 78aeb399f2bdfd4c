"""Requests as the body of a chat completion, and what they will cost, roughly, before they are sent."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from harness.adapters._openai.config import OpenAIConfig, Prices
from harness.errors import SampleError
from harness.images import to_rgb
from harness.types import Request


@dataclass(frozen=True, slots=True)
class Estimate:
    """What requests will take at most, before they are sent: a guess from characters and pixels."""

    requests: int
    text_tokens: int
    image_tokens: int
    max_tokens_out: int
    """If every answer were as long as it may be."""
    cost: float | None
    """At most; None without prices."""
    currency: str | None


def body(request: Request, config: OpenAIConfig) -> dict[str, Any]:
    """Return the JSON body of a request.

    Raises:
        SampleError: if an image cannot be used or the prompt is not valid Unicode.
    """
    parts = [
        {"type": "text", "text": _unicode(part)} if isinstance(part, str) else _image_part(request.images[part], config)
        for part in request.content()
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
    system = config.system if request.system is None else request.system
    if system is not None:
        messages.insert(0, {"role": "system", "content": _unicode(system)})
    content: dict[str, Any] = {
        "model": config.model,
        "messages": messages,
        config.max_tokens_key: request.generation.max_new_tokens,
        "stream": False,
    }
    if config.temperature is not None:
        content["temperature"] = config.temperature
    if config.seed is not None:
        content["seed"] = config.seed
    if request.generation.temperature:
        told = request.generation
        content |= {"temperature": told.temperature, "top_p": told.top_p, "seed": told.seed}
    if config.logprobs:
        content["logprobs"] = True
    return content | config.extra_body


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as cause:
        raise SampleError(f"the prompt is not valid Unicode: {cause}") from cause
    return text


def _image_part(image: Image.Image, config: OpenAIConfig) -> dict[str, Any]:
    buffer = BytesIO()
    if min(image.size) < 1:
        raise SampleError(f"the image has no pixels ({image.width} x {image.height})")
    try:
        shown = to_rgb(image)
        size = sent_size(shown.size, config.max_pixels)
        shown = shown if size == shown.size else shown.resize(size, Image.Resampling.BICUBIC)
        shown.save(buffer, config.image_format.upper(), **({"quality": 95} if config.image_format == "jpeg" else {}))
    except (OSError, SyntaxError, ValueError) as cause:
        raise SampleError(f"the image cannot be sent: {cause}") from cause
    url = f"data:image/{config.image_format};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": config.detail} if config.detail else {})}


def sent_size(size: tuple[int, int], max_pixels: int | None) -> tuple[int, int]:
    """Return the width and height that an image is sent in.

    >>> sent_size((400, 100), 10_000), sent_size((40, 10), 10_000)
    ((200, 50), (40, 10))
    """
    width, height = size
    if max_pixels is None or width * height <= max_pixels:
        return size
    shrink = math.sqrt(max_pixels / (width * height))
    return max(1, math.floor(width * shrink)), max(1, math.floor(height * shrink))


def estimate(requests: Sequence[Request], config: OpenAIConfig) -> Estimate:
    """Guess what requests will take: four bytes of text a token, and a token for each ``pixels_per_token``."""
    text = sum(
        math.ceil(len((part or "").encode(errors="replace")) / 4)
        for request in requests
        for part in (request.prompt, config.system if request.system is None else request.system)
    )
    areas = (math.prod(sent_size(image.size, config.max_pixels)) for request in requests for image in request.images)
    images = sum(math.ceil(area / config.pixels_per_token) for area in areas)
    longest = sum(request.generation.max_new_tokens for request in requests)
    return Estimate(
        requests=len(requests),
        text_tokens=text,
        image_tokens=images,
        max_tokens_out=longest,
        cost=cost(config.prices, text + images, longest),
        currency=config.prices.currency if config.prices else None,
    )


def cost(prices: Prices | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Return what tokens cost, None where prices or counts are unknown.

    >>> cost(Prices(input=2.0, output=8.0), 1_000_000, 500_000)
    6.0
    """
    if prices is None or tokens_in is None or tokens_out is None:
        return None
    return (prices.input * tokens_in + prices.output * tokens_out) / 1e6
