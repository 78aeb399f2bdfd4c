"""Answers that a guard has judged, as columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.metrics.guard import TIERS
from harness.tasks._base import CellResult

Floats = NDArray[np.float64]


class Judged:
    """The answers of one cell, those that could not be made left out."""

    def __init__(self, scores: Floats, tiers: Floats, clusters: NDArray[np.int64], skipped: int) -> None:
        self.scores = scores
        self.tiers = tiers
        self.clusters = clusters
        self.skipped = skipped

    @classmethod
    def of(cls, result: CellResult) -> "Judged":
        """Read the columns of a cell."""
        tiers = result.columns["tier"].worths
        there = ~np.isnan(tiers)
        scores = result.columns["guard_score"].worths
        return cls(scores[there], tiers[there], result.clusters[there], int((~there).sum()))

    @classmethod
    def join(cls, parts: Sequence["Judged"]) -> "Judged":
        """Return the answers of several cells together."""
        joined = (np.concatenate([getattr(part, key) for part in parts]) for key in ("scores", "tiers", "clusters"))
        scores, tiers, clusters = joined
        return cls(scores, tiers, clusters, sum(part.skipped for part in parts))

    @property
    def decisions(self) -> list[str]:
        """The tier of each answer, by name."""
        return [TIERS[int(tier)] for tier in self.tiers]

    @property
    def names(self) -> list[str]:
        """The cluster of each answer, as text."""
        return [str(cluster) for cluster in self.clusters]


def defined(scores: Floats) -> Floats:
    """Return scores with 0 where there is none: what cannot be supported is not."""
    return np.where(np.isnan(scores), 0.0, scores)


def squared_error(values: Floats, clusters: NDArray[np.int64]) -> float:
    """Return the cluster-robust variance of a mean."""
    residuals = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=values - values.mean())
    groups = len(residuals)
    return float(groups / max(1, groups - 1) * np.square(residuals).sum() / len(values) ** 2)


def plain(values: Floats) -> tuple[float | None, ...]:
    """Return values with gaps where they are not finite."""
    return tuple(float(value) if np.isfinite(value) else None for value in values)
