"""How sure a model was of the tokens of its answer, as ``Response`` keeps it."""

import math
from collections.abc import Iterable
from typing import Final, TypedDict

_DIGITS: Final = 4
"""Kept after the point: further on a number may depend on what else stands in its batch."""
_SLACK: Final = 1e-3
"""By which rounding may lift a log-probability above 0."""


class Sure(TypedDict):
    """Keys of :class:`harness.types.Response`."""

    mean_logprob: float | None
    min_logprob: float | None


def sure(logprobs: Iterable[float] | None) -> Sure:
    """Return the mean and the least of natural log-probabilities, one a token; None where there is none to tell.

    >>> sure([-0.25, -0.75])
    {'mean_logprob': -0.5, 'min_logprob': -0.75}
    >>> sure([]), sure([-0.1, float("nan")])
    ({'mean_logprob': None, 'min_logprob': None}, {'mean_logprob': None, 'min_logprob': None})
    """
    known = list(logprobs or ())
    if not known or not all(math.isfinite(one) and one <= _SLACK for one in known):
        return {"mean_logprob": None, "min_logprob": None}
    mean, least = math.fsum(known) / len(known), min(known)
    return {"mean_logprob": min(0.0, round(mean, _DIGITS)), "min_logprob": min(0.0, round(least, _DIGITS))}
