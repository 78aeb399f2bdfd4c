"""What a run's answers took: tokens as the adapter counted them, and money by the prices of its file."""

from collections.abc import Mapping
from typing import Any

from harness.record.schema import ExpectedRecord, SpentRecord


def paid(prices: Mapping[str, Any] | None, tokens_in: int | None, tokens_out: int | None) -> float | None:
    """Return what tokens cost, None where prices or counts are unknown.

    Args:
        prices: `input` and `output`, of a million tokens.
        tokens_in: read.
        tokens_out: written.

    >>> paid({"input": 2.0, "output": 8.0}, 1_000_000, 500_000)
    6.0
    """
    if prices is None or tokens_in is None or tokens_out is None:
        return None
    return float((prices["input"] * tokens_in + prices["output"] * tokens_out) / 1e6)


def spent(
    config: Mapping[str, Any], tokens_in: int | None, image_tokens: int | None, tokens_out: int | None, asked: int
) -> SpentRecord | None:
    """Return what was spent; None where no tokens were counted.

    Args:
        config: the adapter's configuration; `prices` has the price of a million tokens.
        tokens_in: read, images included.
        image_tokens: of those, of images; None where nobody told.
        tokens_out: written.
        asked: requests that were answered by the model, not by a cache.

    >>> spent({"prices": {"input": 2.0, "output": 8.0, "currency": "USD"}}, 1_000_000, None, 500_000, 10).cost
    6.0
    """
    if not tokens_in and not tokens_out:
        return None
    read, written = tokens_in or 0, tokens_out or 0
    prices = config.get("prices")
    return SpentRecord(
        asked=asked,
        tokens_in=read,
        image_tokens=image_tokens,
        tokens_out=written,
        cost=paid(prices, read, written),
        currency=prices["currency"] if prices else None,
    )


def in_words(found: SpentRecord, expected: ExpectedRecord | None = None) -> str:
    """Return what was spent, on how much, and what was expected.

    >>> in_words(spent({"prices": {"input": 2.0, "output": 8.0, "currency": "USD"}}, 12_000, 9_000, 600, 100))
    '12,000 tokens read (9,000 of images), 600 written: 0.0288 USD, 0.000288 an answer'
    """
    images = f" ({found.image_tokens:,} of images)" if found.image_tokens else ""
    said = f"{found.tokens_in:,} tokens read{images}, {found.tokens_out:,} written"
    if found.cost is not None:
        each = f", {found.cost / found.asked:.3g} an answer" if found.asked else ""
        said = f"{said}: {found.cost:.3g} {found.currency}{each}"
    return said + (_expected(expected) if expected else "")


def _expected(found: ExpectedRecord) -> str:
    if found.text_tokens is None or found.image_tokens is None:
        return ""
    read = found.text_tokens + found.image_tokens
    written = f", at most {found.tokens_out_at_most:,} written" if found.tokens_out_at_most is not None else ""
    cost = f", at most {found.cost_at_most:.3g} {found.currency}" if found.cost_at_most is not None else ""
    return f"; expected {read:,} read ({found.image_tokens:,} of images){written}{cost}"
