"""What requests will cost, roughly, before they are sent, and what they have cost."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.adapters._served.config import Prices, ServedConfig
from harness.adapters._served.image_tokens import image_tokens, rule_for, rules
from harness.images import within
from harness.record.spent import paid
from harness.types import Request, TokenCount


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


class RuleCounter:
    """Counts by rules: four bytes of text a token, and pictures as the provider says that it does."""

    def __init__(self, config: ServedConfig) -> None:
        self._config = config
        self._rule = config.image_tokens or rule_for(config.model)
        if self._rule:
            told = rules()[self._rule]
            self.how = f"four bytes of text a token, images by {self._rule} ({told['source']}, {told['date']})"
        else:
            self.how = f"four bytes of text a token, {config.pixels_per_token} pixels of an image a token"

    def __call__(self, request: Request) -> TokenCount:
        texts = (request.prompt, self._config.system if request.system is None else request.system)
        text = sum(math.ceil(len((part or "").encode(errors="replace")) / 4) for part in texts)
        return TokenCount(text, sum(self._image(image.size) for image in request.images))

    def _image(self, size: tuple[int, int]) -> int:
        sent = within(size, self._config.max_pixels)
        return (
            image_tokens(self._rule, sent) if self._rule else math.ceil(math.prod(sent) / self._config.pixels_per_token)
        )


def estimate(requests: Sequence[Request], config: ServedConfig) -> Estimate:
    """Guess what requests will take, by :class:`RuleCounter`."""
    counter = RuleCounter(config)
    counts = [counter(request) for request in requests]
    text, images = sum(one.text for one in counts), sum(one.images for one in counts)
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
