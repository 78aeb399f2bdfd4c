"""Whether an answer keeps to the evidence: grounded words and numbers, and the composite with numeric accuracy."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from harness.errors import UsageError
from harness.metrics._base import NAN, AnswerMetric, Failures
from harness.metrics._text import content_words, words
from harness.metrics.numeric import NumericAccuracy
from harness.reading.numbers import find_numbers
from harness.types import Score, Status

ENTRIES: Final = {"grounding_score": "GroundingScore", "faithfulness": "Faithfulness"}


def claims(text: str) -> frozenset[str]:
    """Return the different content words and numbers of ``text``; numbers compare by value.

    >>> sorted(claims("The red bar is 41.0, red")) == sorted(claims("bar 41 red"))
    True
    """
    return frozenset(content_words(text)) | _figures(text)


def _figures(text: str) -> frozenset[str]:
    return frozenset(f"#{found.value.value}" for found in find_numbers(text))


@lru_cache(maxsize=1024)
def _said(evidence: str) -> frozenset[str]:
    return frozenset(words(evidence)) | _figures(evidence)


@lru_cache(maxsize=1024)
def _has_content(reference: str) -> bool:
    return bool(claims(reference))


def _evidence(context: Mapping[str, Any]) -> str | None:
    evidence = context.get("evidence")
    if evidence is None:
        return None
    if not isinstance(evidence, str):
        raise ValueError(f"evidence must be a string or None, got {type(evidence).__name__}")
    return evidence if evidence.strip() else None


class GroundingScore(AnswerMetric):
    """Share of the different content words and numbers of the answer that occur in the evidence.

    Words compare without case, numbers exactly by value ("41.0" is "41"); function words, "yes" and "no"
    are not content. The references only say whether the question asks for content. Range 0 to 1, higher is better.

    Edge cases:
        A bare number is judged by that number; a single letter is a label. No evidence, or no reference with content
        (the answer is to be "yes"): ``undefined``, whatever the answer. An answer without content where a reference
        has some ("?", "Yes."), and an empty one: ``unparsed``, so that to say nothing is no way to be grounded.

    Source:
        This project. Lexical on purpose: it needs no model, and its mistakes can be read off the two texts.

    >>> GroundingScore().score("The red bar is 41", ["41"], evidence="bars: red 41, blue 83").detail["ungrounded"]
    ['bar']
    """

    name = "grounding_score"

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        evidence = _evidence(context)
        if evidence is None or not any(map(_has_content, references)):
            return Score(NAN, Status.UNDEFINED)
        made = claims(prediction)
        if not made:
            return Score(NAN, Status.UNPARSED)
        missing = made - _said(evidence)
        return Score(
            1 - len(missing) / len(made),
            detail={"ungrounded": sorted(claim.removeprefix("#") for claim in missing), "claims": len(made)},
        )


class Faithfulness(AnswerMetric):
    """weights[0] · ``numeric_accuracy`` + weights[1] · ``grounding_score``, the weights scaled to the parts that apply.

    Range 0 to 1, higher is better.

    Args:
        weights: of numeric accuracy and grounding; not negative, at least one positive.
        tolerance: of ``numeric_accuracy``.

    Edge cases:
        Where one part is undefined (no numbers in the references; no evidence, or no content in the references) its
        weight goes to the other; both undefined: ``undefined``. A part that cannot be read in the answer is worth 0;
        where that is every part, as for an empty answer: ``unparsed``.

    Source:
        This project.

    >>> Faithfulness().score("41", ["41"], evidence="red 41, blue 83").value
    1.0
    """

    name = "faithfulness"
    variants: ClassVar[Mapping[str, str]] = {"default": "weighted mean of the parts that are defined"}

    def __init__(
        self,
        variant: str = "default",
        weights: Sequence[float] = (0.6, 0.4),
        tolerance: float = 0.02,
        failures: Failures = "wrong",
    ) -> None:
        super().__init__(variant, failures)
        if len(weights) != 2 or not all(math.isfinite(w) and w >= 0 for w in weights) or not sum(weights) > 0:
            raise UsageError(
                f"metric 'faithfulness': weights are two numbers of at least 0, one of them positive; got {weights!r}"
            )
        self.weights = (float(weights[0]), float(weights[1]))
        self.tolerance = tolerance
        self._numeric = NumericAccuracy(tolerance=tolerance)
        self._grounding = GroundingScore()

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        parts = (
            self._numeric.judge(prediction, references, context),
            self._grounding.judge(prediction, references, context),
        )
        terms = [
            (w, part) for w, part in zip(self.weights, parts, strict=True) if part.status != Status.UNDEFINED and w
        ]
        if not terms:
            return Score(NAN, Status.UNDEFINED)
        if all(part.status is Status.UNPARSED for _, part in terms):
            return Score(NAN, Status.UNPARSED)
        value = sum(w * part.value for w, part in terms if part.status is Status.OK) / sum(w for w, _ in terms)
        # Rounding must not carry a weighted mean out of the range of its parts.
        bounded = min(max(value, 0.0), 1.0)
        return Score(bounded, detail={"numeric_accuracy": parts[0].value, "grounding_score": parts[1].value})
