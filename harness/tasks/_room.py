"""How long an answer may be where a suite does not say it, and what becomes of one that is longer."""

from collections.abc import Mapping, Sequence
from typing import Final

from harness.metrics import SampleMetric
from harness.spec.models import OnTruncated

THINKING: Final = 2_048
"""Tokens where the model thinks before it answers: most of what it writes is no answer."""

_THINKS: Final = "strip_thinking"


def room(metrics: Mapping[str, SampleMetric], extract: Sequence[str]) -> int:
    """Return the tokens that the longest of the answers takes which these metrics judge.

    An answer that ends by itself costs nothing for the room that it leaves; one that is cut off costs a sample.
    """
    needed = max((metric.answer_tokens for metric in metrics.values()), default=SampleMetric.answer_tokens)
    return thinking(needed, extract)


def thinking(needed: int, extract: Sequence[str]) -> int:
    """Return the tokens that an answer takes with the thoughts before it, where extraction steps take such away."""
    thinks = any(step.partition("@")[0] == _THINKS for step in extract)
    return max(needed, THINKING) if thinks else needed


def stated(on_truncated: OnTruncated) -> dict[str, str]:
    """Return what a task's description says of answers that were cut off: nothing where they are scored as others.

    Runs of versions that did not know the key stay comparable so.
    """
    return {} if on_truncated == "count" else {"on_truncated": on_truncated}
