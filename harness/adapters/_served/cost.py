"""What requests will cost, roughly, before they are sent, and what they have cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.adapters._served.config import Prices, ServedConfig
from harness.adapters._served.pictures import sent_size
from harness.record.spent import paid
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


def estimate(requests: Sequence[Request], config: ServedConfig) -> Estimate:
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
    """As :func:`harness.record.spent.paid`, by an adapter's own prices."""
    return paid(None if prices is None else prices.model_dump(), tokens_in, tokens_out)
