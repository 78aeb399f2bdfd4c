"""Windows in time as arrays: overlap, hits, average precision. Seconds, half-open [start, end).

Where a query has fewer windows than the widest row, the rest of its row is NaN. A window whose end does not
lie after its start is empty and overlaps with nothing.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.types import Span

Floats = NDArray[np.float64]

MAP_THRESHOLDS: Final = tuple((50 + 5 * step) / 100 for step in range(10))
_CHUNK: Final = 10_000
"""Queries at a time: the working set stays in the cache."""


def tiou_pairs(spans: ArrayLike, others: ArrayLike) -> Floats:
    """Return the IoU of each row's two windows.

    Args:
        spans: [..., 2] as start, end; NaN where there is none.
        others: the same shape, or one that broadcasts to it.

    Returns:
        [...], 0 to 1; 0 where either window is empty or absent.

    >>> tiou_pairs([[0, 4], [0, 1]], [[2, 6], [1, 2]]).round(4).tolist()
    [0.3333, 0.0]
    """
    a, b = np.asarray(spans, np.float64), np.asarray(others, np.float64)
    with np.errstate(invalid="ignore"):
        shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
        hull = np.maximum(a[..., 1], b[..., 1]) - np.minimum(a[..., 0], b[..., 0])
        there = (shared > 0) & (a[..., 1] > a[..., 0]) & (b[..., 1] > b[..., 0])
    # Windows that overlap have no gap between them, so that the hull is the union.
    return np.asarray(np.divide(shared, hull, out=np.zeros_like(shared), where=there))


def best_tiou(first: ArrayLike, wanted: ArrayLike) -> Floats:
    """Return the IoU of one window a query with the best of its true windows.

    Args:
        first: [n, 2].
        wanted: [n, windows, 2].

    Returns:
        [n]; what ``recall_at_1_iou`` compares with its threshold, and whose mean is ``miou``.
    """
    grid = tiou_pairs(np.asarray(first, np.float64)[:, None, :], wanted)
    return np.asarray(grid.max(axis=1, initial=0.0))


def average_precisions(
    ranked: ArrayLike, wanted: ArrayLike, thresholds: Sequence[float] = MAP_THRESHOLDS, ties: str = "first"
) -> Floats:
    """Return each query's average precision at each threshold, as QVHighlights has it.

    From the best rank down, a predicted window takes the free true window that it overlaps most, if by
    the threshold or more. The area lies under the interpolated precision-recall curve, over all points.

    Args:
        ranked: predicted windows [n, k, 2], the best first, NaN behind the last.
        wanted: true windows [n, g, 2], NaN behind the last; at least one a query.
        thresholds: of the IoU, in (0, 1].
        ties: which of several true windows with equal overlap is taken: the ``first`` or the ``last`` listed.

    Returns:
        [n, thresholds]; 0 for a query without predicted windows.

    Source:
        Lei et al. 2021, "QVHighlights" (arXiv:2107.09609), after ActivityNet's localisation metric.

    >>> average_precisions([[[0, 4], [6, 9]]], [[[6, 9]]], [0.5]).tolist()
    [[0.5]]
    """
    predicted, true = np.asarray(ranked, np.float64), np.asarray(wanted, np.float64)
    if ties == "last":
        true = true[:, ::-1]
    edges = np.asarray(thresholds, np.float64)
    areas = np.empty((len(predicted), len(edges)))
    for start in range(0, len(predicted), _CHUNK):
        part = slice(start, start + _CHUNK)
        areas[part] = _areas(predicted[part], true[part], edges)
    return areas


def _areas(predicted: Floats, true: Floats, edges: Floats) -> Floats:
    overlap = tiou_pairs(predicted[:, :, None, :], true[:, None, :, :])
    positives = (true[..., 1] > true[..., 0]).sum(axis=1)
    hits = _hits_of_one(overlap[:, :, 0], edges) if true.shape[1] == 1 else _hits(overlap, edges)
    found = np.cumsum(hits, axis=0, dtype=np.float64)
    precision = found / np.arange(1, len(found) + 1)[:, None, None]
    ceiling = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    total = np.einsum("ktn,ktn->tn", hits, ceiling)
    areas: Floats = np.divide(total, positives, out=np.full_like(total, np.nan), where=positives > 0)
    return areas.T


def _hits_of_one(overlap: Floats, edges: Floats) -> NDArray[np.bool_]:
    """Say which ranks hit the only true window: the first that reaches the threshold. [k, thresholds, n]."""
    reached = overlap.T[:, None, :] >= edges[None, :, None]
    before = np.logical_or.accumulate(reached, axis=0)
    reached[1:] &= ~before[:-1]
    return reached


def _hits(overlap: Floats, edges: Floats) -> NDArray[np.bool_]:
    """Say which ranks take a true window, the best free one each. [k, thresholds, n]."""
    queries, ranks, windows = overlap.shape
    grid = np.ascontiguousarray(overlap.transpose(1, 2, 0))
    hits = np.zeros((ranks, len(edges), queries), bool)
    for t, edge in enumerate(edges):
        free = np.ones((windows, queries), bool)
        for k in range(ranks):
            best = np.full(queries, -1.0)
            choice = np.zeros(queries, np.int64)
            for g in range(windows):
                better = free[g] & (grid[k, g] >= edge) & (grid[k, g] > best)
                best[better], choice[better] = grid[k, g][better], g
            taken = np.flatnonzero(best >= 0)
            hits[k, t, taken] = True
            free[choice[taken], taken] = False
    return hits


def merged(spans: Sequence[Span]) -> list[Span]:
    """Return the union of windows as windows that don't touch, growing; empty ones are dropped.

    >>> merged([(4, 6), (0, 2), (1, 3), (6, 7), (9, 9)])
    [(0, 3), (4, 7)]
    """
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def length(spans: Sequence[Span]) -> float:
    """Return how many seconds the union of windows covers."""
    return sum(end - start for start, end in merged(spans))


def shared_length(spans: Sequence[Span], others: Sequence[Span]) -> float:
    """Return how many seconds two unions of windows have in common.

    >>> shared_length([(0, 4), (6, 8)], [(3, 7)])
    2
    """
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in merged(spans) for b in merged(others))


def evidence_recall(times: ArrayLike, spans: Sequence[Span]) -> float:
    """Return the share of windows that hold at least one of the times; NaN without windows.

    >>> evidence_recall([1.0, 5.0], [(0, 1), (4, 6)])
    0.5
    """
    shown = np.asarray(times, np.float64)
    if not spans:
        return float("nan")
    return sum(bool(((shown >= start) & (shown < end)).any()) for start, end in spans) / len(spans)
