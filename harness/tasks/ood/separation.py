"""How well scores separate two classes, under many weightings of the samples at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STATISTICS: Final = (
    "auroc",
    "aupr_in",
    "aupr_out",
    "fpr_at_95_tpr",
    "fpr_at_95_tpr_ood_positive",
    "detection_error",
)
"""The positive class of ``aupr_in`` and ``fpr_at_95_tpr`` is in distribution, that of the others out of it."""

_ENOUGH: Final = 0.95
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Separation:
    """Both classes' scores, sorted once, from the highest (most out of distribution) down."""

    order: NDArray[np.int64]
    """Of in-distribution rows, then the others, sorted."""
    starts: NDArray[np.int64]
    """Where each distinct score begins in ``order``."""
    inside: int
    """How many rows are in distribution."""

    @classmethod
    def of(cls, id_scores: Floats, ood_scores: Floats) -> Self:
        """Sort; scores must be free of NaN."""
        scores = np.concatenate([id_scores, ood_scores])
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        return cls(order.astype(np.int64), starts.astype(np.int64), len(id_scores))

    def statistics(self, id_weights: Floats, ood_weights: Floats) -> Mapping[str, Floats]:
        """Return every statistic under each weighting, [b].

        Args:
            id_weights: how often each in-distribution row counts, [b, n].
            ood_weights: the same for the others, [b, m].
        """
        alarmed, false = self.counts(id_weights, ood_weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _statistics(alarmed, false)

    def counts(self, id_weights: Floats, ood_weights: Floats) -> tuple[Floats, Floats]:
        """Return the weight of each class at or above each distinct score, [b, scores]: others, in distribution."""
        out = np.concatenate([np.zeros_like(id_weights), ood_weights], axis=1)[:, self.order]
        within = np.concatenate([id_weights, np.zeros_like(ood_weights)], axis=1)[:, self.order]
        groups = (np.add.reduceat(rows, self.starts, axis=1) for rows in (out, within))
        alarmed, false = (np.cumsum(group, axis=1) for group in groups)
        return alarmed, false


def _statistics(alarmed: Floats, false: Floats) -> dict[str, Floats]:
    positives, negatives = alarmed[:, -1:], false[:, -1:]
    before, false_before = _shifted(alarmed), _shifted(false)
    gained, lost = alarmed - before, false - false_before
    # Accepting from the lowest score up, as in distribution.
    accepted, wrongly = negatives - false_before, positives - before
    rates = (positives - alarmed) / positives + false / negatives
    enough_in = accepted >= _ENOUGH * negatives - _ROUNDING
    last = enough_in.shape[1] - 1 - enough_in[:, ::-1].argmax(axis=1)
    first = (alarmed >= _ENOUGH * positives - _ROUNDING).argmax(axis=1)
    rows = np.arange(len(alarmed))
    return {
        "auroc": (lost * (before + gained / 2)).sum(axis=1) / (positives * negatives)[:, 0],
        "aupr_in": _area(lost / negatives, accepted / (accepted + wrongly)),
        "aupr_out": _area(gained / positives, alarmed / (alarmed + false)),
        "fpr_at_95_tpr": wrongly[rows, last] / positives[:, 0],
        "fpr_at_95_tpr_ood_positive": false[rows, first] / negatives[:, 0],
        "detection_error": np.minimum(rates.min(axis=1), 1.0) / 2,
    }


def _shifted(counts: Floats) -> Floats:
    return np.concatenate([np.zeros_like(counts[:, :1]), counts[:, :-1]], axis=1)


def _area(steps: Floats, precision: Floats) -> Floats:
    return np.asarray(np.where(steps > 0, steps * precision, 0.0).sum(axis=1), np.float64)


def under_draws(separation: Separation, id_weights: Floats, ood_weights: Floats) -> dict[str, Floats]:
    """Return every statistic under all draws [B], some rows at a time."""
    parts = [separation.statistics(a, b) for a, b in _parts(id_weights, ood_weights)]
    return {name: np.concatenate([part[name] for part in parts]) for name in STATISTICS}


def _parts(id_weights: Floats, ood_weights: Floats) -> Iterator[tuple[Floats, Floats]]:
    step = max(1, 2_000_000 // (id_weights.shape[1] + ood_weights.shape[1]))
    for start in range(0, len(id_weights), step):
        yield id_weights[start : start + step], ood_weights[start : start + step]
