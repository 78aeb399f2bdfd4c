"""Retrieval and image–text similarity: recall at k in both directions, CLIPScore."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from harness.errors import UsageError, did_you_mean
from harness.metrics._base import NAN, Failures, truth
from harness.metrics._summed import SummedAnswerMetric
from harness.reading.json import StrictJSONError, parse_json
from harness.types import MetricValue, Score, Status

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

ENTRIES: Final = {"clip_score": "ClipScore", "recall_at_k": "RecallAtK", "ref_clip_score": "RefClipScore"}

_DIRECTIONS: Final = ("image-to-text", "text-to-image")


def best_ranks(similarity: "ArrayLike", relevant: "ArrayLike") -> "NDArray[np.int64]":
    """Return for each query how many irrelevant items come before its best relevant one; −1 without a relevant one.

    A tie counts against the relevant item, so that a model which gives every pair the same score finds nothing.

    Args:
        similarity: [queries, items], finite.
        relevant: the same shape, True where the item answers the query.

    >>> best_ranks([[0.9, 0.1], [0.5, 0.5]], [[True, False], [True, False]]).tolist()
    [0, 1]
    """
    import numpy as np

    scores, wanted = np.asarray(similarity), np.asarray(relevant)
    if scores.dtype.kind != "f":
        scores = scores.astype(np.float64)
    if scores.ndim != 2 or scores.shape != wanted.shape or wanted.dtype != np.bool_:
        raise ValueError("similarity and relevant must be tables of one shape, relevant of booleans")
    if np.isnan(scores).any():
        raise ValueError("similarity must not be NaN")
    best = np.max(scores, axis=1, where=wanted, initial=-np.inf, keepdims=True)
    ahead = np.count_nonzero((scores >= best) & ~wanted, axis=1)
    return np.where(wanted.any(axis=1), ahead, -1)


class RecallAtK(SummedAnswerMetric):
    """Share of queries with a relevant item among the first k.

    The answer lists the items, best first: a JSON list of their names, or one name a line or between commas. The
    references are the names of the relevant ones. Range 0 to 1, higher is better. Wilson interval over queries.

    Args:
        k: how many items are looked at; usual are 1, 5 and 10.
        direction: of ``compute``: ``image-to-text`` asks with the rows of ``similarity``, ``text-to-image`` with its
            columns.

    Edge cases:
        An item that is named again counts once. An answer that names none: ``unparsed``, worth 0. In ``compute`` ties
        count against the relevant item, a query without a relevant item is ``undefined``, and NaN is an error.

    Source:
        Karpathy and Fei-Fei 2015 (arXiv:1412.2306); counted without sorting.

    >>> similarity, relevant = [[0.9, 0.1], [0.8, 0.2]], [[True, False], [False, True]]
    >>> RecallAtK(k=1).compute(similarity, relevant).value
    0.5
    """

    name = "recall_at_k"
    binary = True
    whole = True

    def __init__(
        self, variant: str = "default", k: int = 1, direction: str = "image-to-text", failures: Failures = "wrong"
    ) -> None:
        super().__init__(variant, failures)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UsageError(f"metric 'recall_at_k': k must be a whole number of at least 1, got {k!r}")
        if direction not in _DIRECTIONS:
            near = did_you_mean(direction, _DIRECTIONS)
            raise UsageError(f"metric 'recall_at_k': unknown direction {direction!r}; {near}")
        self.k = k
        self._direction = direction

    @property
    def params(self) -> dict[str, object]:
        """The keyword arguments that rebuild this metric; ``direction`` here is that of the search."""
        return {"variant": self.variant, "k": self.k, "direction": self._direction, "failures": self.failures}

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        ranked = ranking(prediction)
        if not ranked:
            return Score(NAN, Status.UNPARSED)
        return truth(not {name.strip() for name in references}.isdisjoint(ranked[: self.k]))

    def compute(self, similarity: "ArrayLike", relevant: "ArrayLike", *, confidence: float = 0.95) -> MetricValue:
        """Return the share of queries that find a relevant item.

        Args:
            similarity: [images, texts].
            relevant: the same shape, True where image and text belong together.
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        turn = self._direction == "text-to-image"
        scores, wanted = np.asarray(similarity), np.asarray(relevant)
        ranks = best_ranks(scores.T if turn else scores, wanted.T if turn else wanted)
        return self.of_columns({"": np.where(ranks >= 0, ranks < self.k, np.nan)}, confidence=confidence)


_NUMBERING: Final = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")


def ranking(text: str) -> list[str]:
    r"""Return the items that an answer lists, each once, in its order.

    >>> ranking('["b", 7, "b"]'), ranking("1. b.jpg\n2. a.jpg"), ranking("b, a")
    (['b', '7'], ['b.jpg', 'a.jpg'], ['b', 'a'])
    """
    try:
        listed = parse_json(text)
    except StrictJSONError:
        listed = [_NUMBERING.sub("", line) for line in text.splitlines()]
        listed = text.split(",") if len(listed) == 1 else listed
    names = [str(item).strip() for item in listed] if isinstance(listed, list) else [str(listed).strip()]
    return list(dict.fromkeys(filter(None, names)))


class ClipScore(SummedAnswerMetric):
    """Mean of 2.5 · max(cosine, 0) of the embeddings of images and their captions.

    Adapters embed images alone, so the embeddings come with the data: that of the image is the fact ``embedding``, and
    the answer is its caption's, a JSON list or ``{"caption": …, "embedding": […]}``. Range 0 to 2.5, higher is better;
    comparable only for one embedding model. Gaffke's interval.

    Edge cases:
        An image's vector of zeros has no direction: ``undefined``; an answer that is one, or no list of numbers as long
        as the image's: ``unparsed``, worth 0. In ``compute`` both are ``undefined``, and not finite is an error.
        Embedding models cut long captions (CLIP: 77 tokens), which this metric cannot see.

    Source:
        Hessel et al. 2021 (arXiv:2104.08718).

    >>> ClipScore().compute([[1.0, 0.0]], [[2.0, 0.0]]).value
    2.5
    """

    name = "clip_score"
    unit = "points"
    bounds = (0.0, 2.5)
    needs = ("embedding",)
    whole = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        image, caption = context["embedding"], _embedding(prediction)
        if not any(image):
            return Score(NAN, Status.UNDEFINED)
        if caption is None or len(caption) != len(image) or not any(caption):
            return Score(NAN, Status.UNPARSED)
        return Score(float(_clip_scores([image], [caption])[0]))

    def compute(self, images: "ArrayLike", texts: "ArrayLike", *, confidence: float = 0.95) -> MetricValue:
        """Return the mean CLIPScore.

        Args:
            images: embeddings of the images, [n, d].
            texts: embeddings of their captions, [n, d].
            confidence: two-sided coverage of the interval.
        """
        return self.of_columns({"": _clip_scores(images, texts)}, confidence=confidence)


class RefClipScore(SummedAnswerMetric):
    """Harmonic mean of CLIPScore and of the highest cosine of the caption and a reference caption, floored at 0.

    As ``clip_score``; the embeddings of the references are the fact ``reference_embeddings``, a list of lists. Range 0
    to 1.43, higher is better; comparable only for one embedding model. Gaffke's interval.

    Edge cases:
        An image's vector of zeros, or no reference with a direction: ``undefined``. Otherwise as ``clip_score``. Where
        one of the two parts is 0, so is the mean.

    Source:
        Hessel et al. 2021 (arXiv:2104.08718), with the factor of 2.5 in CLIPScore, as its code has it.

    >>> RefClipScore().compute([[1.0, 0.0]], [[2.0, 0.0]], [[[0.0, 1.0], [3.0, 0.0]]]).value.__round__(4)
    1.4286
    """

    name = "ref_clip_score"
    unit = "points"
    bounds = (0.0, 2 * 2.5 / 3.5)
    needs = ("embedding", "reference_embeddings")
    whole = True

    def judge(self, prediction: str, references: tuple[str, ...], context: Mapping[str, Any]) -> Score:
        image, caption = context["embedding"], _embedding(prediction)
        wanted = [vector for vector in context["reference_embeddings"] if any(vector)]
        if any(len(vector) != len(image) for vector in wanted):
            raise ValueError("reference_embeddings must each be as long as the embedding of the image")
        if not any(image) or not wanted:
            return Score(NAN, Status.UNDEFINED)
        if caption is None or len(caption) != len(image) or not any(caption):
            return Score(NAN, Status.UNPARSED)
        return Score(_harmonic(float(_clip_scores([image], [caption])[0]), caption, wanted))

    def compute(
        self,
        images: "ArrayLike",
        texts: "ArrayLike",
        references: "Sequence[ArrayLike]",
        *,
        confidence: float = 0.95,
    ) -> MetricValue:
        """Return the mean RefCLIPScore.

        Args:
            images: embeddings of the images, [n, d].
            texts: embeddings of their captions, [n, d].
            references: embeddings of the references of each, n times [m, d].
            confidence: two-sided coverage of the interval.
        """
        import numpy as np

        scores, captions = _clip_scores(images, texts), np.asarray(texts, np.float64)
        if len(references) != len(scores):
            raise ValueError(f"references must have a list for each image: {len(references)} and {len(scores)}")
        rows = zip(scores.tolist(), captions, references, strict=True)
        return self.of_columns({"": np.array([_harmonic(*row) for row in rows], np.float64)}, confidence=confidence)


def _harmonic(score: float, caption: "ArrayLike", references: "ArrayLike") -> float:
    """Return the harmonic mean of a CLIPScore and the highest cosine; NaN where one of them is."""
    import numpy as np

    wanted = np.asarray(references, np.float64)
    cosines = _clip_scores(np.broadcast_to(np.asarray(caption, np.float64), wanted.shape), wanted) / 2.5
    if np.isnan(score) or np.isnan(cosines).all():
        return NAN
    best = float(np.nanmax(cosines))
    return 2 * score * best / (score + best) if score and best else 0.0


def _embedding(text: str) -> Sequence[float] | None:
    try:
        said = parse_json(text)
    except StrictJSONError:
        return None
    vector = said.get("embedding") if isinstance(said, dict) else said
    numbers = isinstance(vector, list) and all(type(number) in (int, float) for number in vector)
    return vector if numbers else None


def _clip_scores(images: "ArrayLike", texts: "ArrayLike") -> "NDArray[np.float64]":
    """Return the score of each pair, [n]; NaN where one of the two has no direction."""
    import numpy as np

    first, second = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"images and texts must have one shape [n, d]: {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("images and texts must be finite")
    # Scaled by the largest entry first, so that no square over- or underflows.
    tops = [np.abs(side).max(axis=1, initial=0.0) for side in (first, second)]
    usable = (tops[0] > 0) & (tops[1] > 0)
    first, second = (side[usable] / top[usable, None] for side, top in zip((first, second), tops, strict=True))
    norms = np.sqrt(np.square(first).sum(axis=1) * np.square(second).sum(axis=1))
    values = np.full(len(usable), np.nan)
    values[usable] = 2.5 * np.clip((first * second).sum(axis=1) / norms, 0.0, 1.0)
    return values
