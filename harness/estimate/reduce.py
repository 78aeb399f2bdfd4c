"""From several answers to one question to one score, and from their spread to where the noise comes from."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.errors import UsageError

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Reduce = Callable[[Floats, Codes], Floats]
"""Worths and answers' codes, both [questions, repeats], to the worth of each question."""

NAMES: Final = ("mean", "majority", "pass@K", "at_least@K")
_NAMED: Final = re.compile(r"(pass|at_least)@([1-9][0-9]*)")


def reducer(name: str, repeats: int) -> Reduce:
    """Return what makes one worth of a question's several.

    ``mean``: their mean. ``majority``: the worth of the most frequent answer (self-consistency; texts that differ in
    case and white space are one answer, the first of several equally frequent ones wins). ``pass@K``: the chance that
    at least one of K answers drawn from them is right, without bias (Chen et al. 2021, "Evaluating Large Language
    Models Trained on Code", eq. 1). ``at_least@K``: 1 where K or more are right. An answer is right where its worth
    is 1.

    Raises:
        UsageError: if there is no such reducer, or it needs more repeats.
    """
    if name == "mean":
        return _mean
    if name == "majority":
        return _majority
    named = _NAMED.fullmatch(name)
    if not named:
        raise UsageError(f"unknown reducer {name!r}; known: {', '.join(NAMES)}, with a number for K")
    k = int(named[2])
    if k > repeats:
        raise UsageError(f"{name} needs at least {k} epochs; there are {repeats}")
    return (lambda worths, _: _pass(worths, k)) if named[1] == "pass" else (lambda worths, _: _at_least(worths, k))


def repeats_of(names: Sequence[str], repeats: int) -> Codes:
    """Return the rows of each question, [questions, repeats]; those that were not asked as often are left out.

    Args:
        names: the question of each row, [n].
        repeats: how often each was asked.

    >>> repeats_of(["a", "a", "b", "a", "b"], 2).tolist()
    [[2, 4]]
    """
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        found.setdefault(name, []).append(row)
    whole = [rows for rows in found.values() if len(rows) == repeats]
    return np.array(whole, np.int64).reshape(-1, repeats)


def _mean(worths: Floats, _: Codes) -> Floats:
    counted = ~np.isnan(worths)
    number = counted.sum(axis=1)
    total = np.where(counted, worths, 0.0).sum(axis=1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _majority(worths: Floats, codes: Codes) -> Floats:
    votes = (codes[:, :, None] == codes[:, None, :]).sum(axis=2)
    votes[codes == 0] = 0  # no answer has no vote
    return worths[np.arange(len(worths)), votes.argmax(axis=1)] if worths.size else worths[:, 0]


def _pass(worths: Floats, k: int) -> Floats:
    counted, right = (~np.isnan(worths)).sum(axis=1), (worths == 1.0).sum(axis=1)
    chances = [
        1.0 - math.comb(int(n - c), k) / math.comb(int(n), k) if n >= k else math.nan
        for n, c in zip(counted, right, strict=True)
    ]
    return np.array(chances, np.float64)


def _at_least(worths: Floats, k: int) -> Floats:
    none = np.isnan(worths).all(axis=1)
    return np.where(none, np.nan, ((worths == 1.0).sum(axis=1) >= k).astype(np.float64))


@dataclass(frozen=True, slots=True)
class Noise:
    """Where the uncertainty of a mean comes from."""

    questions: int
    question_sd: float
    """Spread of the questions' true means."""
    sampling_sd: float
    """Spread of answers to one question."""
    sampling_share: float
    """Of the variance of the mean over all answers: what more epochs would take away, and more questions too."""


def decompose(worths: Floats) -> Noise:
    """Split the variance of scores into questions and sampling: one-way random effects, by analysis of variance.

    The mean square within questions estimates sampling variance s²; that between them estimates s² + E·q² for E
    repeats, where q² is the questions' variance (cut off at 0). The mean of n questions then has variance
    q²/n + s²/(n·E). Questions with a missing answer are left out.

    >>> decompose(np.array([[1.0, 1.0], [0.0, 0.0]])).sampling_share
    0.0
    >>> decompose(np.array([[1.0, 0.0], [0.0, 1.0]])).question_sd
    0.0
    """
    whole = worths[~np.isnan(worths).any(axis=1)]
    n, repeats = whole.shape
    if n < 2 or repeats < 2:
        return Noise(n, math.nan, math.nan, math.nan)
    within = float(whole.var(axis=1, ddof=1).mean())
    between = float(whole.mean(axis=1).var(ddof=1))
    question = max(0.0, between - within / repeats)
    total = question / n + within / (n * repeats)
    share = within / (n * repeats) / total if total > 0 else math.nan
    return Noise(n, math.sqrt(question), math.sqrt(within), share)
