"""How likely each of several texts is as the whole answer."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import numpy as np

from harness.asks._base import Probing, require
from harness.asks._numbers import NumbersAsk, each, finite
from harness.types import Adapter, Request, Response, ScoringAdapter

ENTRIES: Final = {"score_text": "ScoreText"}


class ScoreText(NumbersAsk):
    """The answer is ``Response.value``, float32 [candidates]: log-likelihoods in nats.

    ``Response.text`` is the most likely candidate (the first of several), so that metrics of answers judge it.
    """

    name: ClassVar[str] = "score_text"
    capability: ClassVar[str] = "score_text"

    def check(self, request: Request) -> None:
        if not request.candidates:
            raise ValueError("a request to score_text needs `candidates`")

    def told(self, request: Request) -> tuple[Any, ...]:
        return (*super().told(request), request.candidates)

    def call(self, adapter: Adapter, requests: Sequence[Request]) -> Any:
        if not isinstance(adapter, ScoringAdapter):
            raise self.lacking(adapter)
        return each(lambda some: [_scored(adapter, request) for request in some], requests)

    def law(self, subject: Probing) -> None:
        adapter, own = subject.adapter, subject.own_answer() or "17"
        candidates = [own, "zzz qqq 000 ###"]
        found = adapter.score_text(subject.probe(), candidates)
        require(len(found) == 2, f"score_text gave {len(found)} numbers for 2 candidates")
        sound = bool(np.isfinite(found).all()) and all(value <= 1e-3 for value in found)
        require(sound, f"{found} are no log-likelihoods")
        require(found[0] > found[1], f"its own answer {own!r} is less likely to it than {candidates[1]!r}")
        again = [adapter.score_text(subject.probe(), [text])[0] for text in candidates]
        if adapter.batch_invariant:
            same = np.allclose(found, again, rtol=1e-3, atol=1e-3)
            require(same, f"one candidate at a time: {again}, together: {found}")


def _scored(adapter: ScoringAdapter, request: Request) -> Response:
    found = np.asarray(adapter.score_text(request, request.candidates), np.float64)
    if found.shape != (len(request.candidates),):
        raise TypeError(f"the adapter gave {found.size} likelihoods to {len(request.candidates)} candidates")
    return finite(found.astype(np.float32), request.candidates[int(found.argmax())])
