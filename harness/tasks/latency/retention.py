"""What is left of accuracy: the same samples on both sides."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from harness.facts import context
from harness.metrics import SampleMetric
from harness.tasks._cells import CellResult
from harness.tasks._observed import Observation
from harness.tasks._pictured import Table
from harness.tasks.latency.columns import Floats, row
from harness.tasks.latency.sides import Answered
from harness.types import Sample, Status

FEWEST: Final = 200
"""Samples below which nothing is said about accuracy."""
_SLICES: Final = 20


def compare_answers(
    sample: Sample, mine: Answered, theirs: Answered, metric: SampleMetric, *, random: bool
) -> Observation:
    """Return what one sample says: whether each side is right, and how near they are."""
    error = mine.error or theirs.error
    if error is not None or mine.text is None or theirs.text is None:
        return Observation(sample.id, row(), Status.ERROR, error or "no answer", cluster=sample.cluster)
    right = [math.nan, math.nan]
    if sample.references and not random:
        right = [_worth(metric, answer.text or "", sample) for answer in (mine, theirs)]
    values = row(
        right=right[0],
        reference_right=right[1],
        same=float(" ".join(mine.text.split()) == " ".join(theirs.text.split())),
        cosine=math.nan if mine.logits is None or theirs.logits is None else cosine(mine.logits, theirs.logits),
        kl_nats=math.nan if mine.logits is None or theirs.logits is None else divergence(theirs.logits, mine.logits),
        random_weights=float(random),
    )
    return Observation(sample.id, values, text=mine.text, cluster=sample.cluster, tags=dict(sample.tags))


def cosine(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the cosine of two vectors of logits; NaN where one is zero or they differ in length.

    >>> cosine(np.float32([1, 0]), np.float32([2, 0]))
    1.0
    """
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length = float(np.linalg.norm(x) * np.linalg.norm(y)) if x.shape == y.shape else 0.0
    return float(x @ y) / length if length > 0 else math.nan


def divergence(reference: NDArray[np.float32], candidate: NDArray[np.float32]) -> float:
    """Return KL(softmax(reference) ‖ softmax(candidate)) in nats; NaN where they differ in length or are not finite.

    >>> divergence(np.float32([1, 2]), np.float32([3, 4]))
    0.0
    """
    if reference.shape != candidate.shape or not (np.isfinite(reference).all() and np.isfinite(candidate).all()):
        return math.nan
    p, q = (np.asarray(x, np.float64) - np.logaddexp.reduce(np.asarray(x, np.float64)) for x in (reference, candidate))
    return max(0.0, float(np.exp(p) @ (p - q)))


def by_slice(result: CellResult, samples: Sequence[Sample]) -> Table | None:
    """Return accuracy and flips by tag; None where samples have no tags."""
    if not result.clusters.size or len(samples) != result.clusters.size:
        return None
    rows: list[tuple[str | float | int | None, ...]] = []
    for key in sorted({key for sample in samples for key in sample.tags}):
        values = np.array([sample.tags.get(key, "") for sample in samples])
        names = sorted(set(values.tolist()))
        if len(names) > _SLICES:
            continue
        for name in names:
            inside = values == name
            columns = [_mean(result.columns[c].worths[inside]) for c in ("reference_right", "right", "same", "cosine")]
            rows.append((f"{key}: {name}", int(inside.sum()), *columns))
    if not rows:
        return None
    titles = ("slice", "n", "accuracy before", "accuracy after", "same answer", "cosine of logits")
    return Table("Accuracy retention by slice", titles, tuple(rows), "exploratory: no gate looks at slices")


def _worth(metric: SampleMetric, text: str, sample: Sample) -> float:
    score = metric.score(text, sample.references, **context(sample))
    return metric.worth(score)


def _mean(values: Floats) -> float | None:
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if kept.size else None
