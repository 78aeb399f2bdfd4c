"""Answers that stand in several rows, as one thing to label: a label is one piece of news, however often it is said.

A question that is asked several times (`--epochs`) may be answered alike each time. Its label holds for all these rows,
but they are not so many labels, and a bound that allows for what was not drawn would allow for as many rows at once. So
each thing stands once, with a value in proportion to its rows: with m of N rows, and M the most that any thing has, its
value is d·m/M, which lies within the bounds of d; the mean over G things is then N/(G·M) of the mean over rows, and is
scaled back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.comparison.columns import Floats, Index
from harness.stats.labelled import ByLabels, by_labels

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What is known of rows that may be labelled, as :func:`harness.stats.labelled.by_labels` takes it."""

    truth: Floats
    drawn: Mask
    differ: Mask
    weights: Floats
    proxy: Floats | None
    clusters: Index


def things_of(places: Index, names: Sequence[str], count: int) -> Index:
    """Return which rows are one thing to label, [rows]; rows that cannot be labelled are each their own.

    >>> things_of(np.array([0, 2, 3]), ["a", "b", "a"], 4).tolist()
    [0, 1, 2, 0]
    """
    kinds: dict[str, int] = {}
    named = dict(zip(places.tolist(), names, strict=True))
    alone = (f"\0{row}" for row in range(count))
    found = [kinds.setdefault(named.get(row, own), len(kinds)) for row, own in enumerate(alone)]
    return np.array(found, np.int64)


def by_things(rows: Rows, things: Index, confidence: float, margin: float | None) -> ByLabels:
    """Return what labels say of rows, each thing being labelled once.

    Args:
        rows: in which a thing has one truth, chance and weight.
        things: which of them are one, [rows].
        confidence: of the interval.
        margin: of a difference; None: the rows are of one run.
    """
    count = len(things)
    _, first, sizes = np.unique(things, return_index=True, return_counts=True)
    most = int(sizes.max(initial=1))
    if most == 1:
        first, shares = np.arange(count), np.ones(count)
    else:
        shares = sizes / most
    scale = most * len(first) / max(1, count)
    proxy = None
    if rows.proxy is not None:
        told = np.nan_to_num(rows.proxy)
        proxy = told if most == 1 else np.bincount(things, told) / sizes * shares
    found = by_labels(
        rows.truth[first] * shares, rows.drawn[first], differ=rows.differ[first], weights=rows.weights[first],
        proxy=proxy, clusters=rows.clusters[first], confidence=confidence,
        margin=None if margin is None else margin / scale,
    )  # fmt: skip
    return found if most == 1 else _of_rows(found, scale, count, margin)


def _of_rows(found: ByLabels, scale: float, count: int, margin: float | None) -> ByLabels:
    """Return what was said of things as said of rows."""
    said, drawn = found.comparison, found.drawn
    ends = ("estimate", "low", "high", "lower_bound", "upper_bound", "standard_error")
    comparison = replace(
        said,
        **{name: getattr(said, name) * scale for name in ends},
        n=count,
        margin=said.margin if margin is None else margin,
    )
    if drawn is not None:
        drawn = replace(drawn, strata=drawn.strata.scaled(scale))
    return replace(found, comparison=comparison, rows=count, drawn=drawn)
