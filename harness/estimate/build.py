"""Words for writing statistics: columns, row-wise operations, forms, and what is made of forms alone."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from harness.estimate.statistic import Node

Called = TypeVar("Called", bound=Callable[..., Any])

ANSWER = "answer"
"""A column that every asked cell has: a code for each answer, the same where only case and white space differ."""


def column(name: str, *cells: str, failed: str | None = None) -> Node:
    """Return a task's column over the rows of some cells; ``failed="exclude"`` leaves out answers that never came."""
    return {"column": name, "at": list(cells)} | ({"failed": failed} if failed else {})


def minus(a: Node, b: Node) -> Node:
    """``a − b``, sample by sample, where both are there."""
    return {"row": "minus", "of": [a, b]}


def times(a: Node, b: Node) -> Node:
    """``a · b``, sample by sample, where both are there."""
    return {"row": "times", "of": [a, b]}


def differs(a: Node, b: Node, *scored: Node) -> Node:
    """1 where answer ``a`` is not answer ``b``, else 0; absent without ``b``, or where a column of ``scored`` is.

    An answer that failed is not the other one: a model that crashes on an image has changed its mind about it.
    """
    return {"row": "differs", "of": [a, b, *scored]}


def equals(a: Node, value: float) -> Node:
    """1 where the column has that value, else 0."""
    return {"row": "equals", "of": [a], "value": value}


def at_least(a: Node, value: float) -> Node:
    """1 where the column is that or more, else 0."""
    return {"row": "at_least", "of": [a], "value": value}


def above(a: Node, value: float) -> Node:
    """1 where the column is more than that, else 0."""
    return {"row": "above", "of": [a], "value": value}


def filled(a: Node, value: float) -> Node:
    """The column with a value where it has none."""
    return {"row": "filled", "of": [a], "value": value}


def only(a: Node, condition: Node) -> Node:
    """``a`` where the condition is 1, absent elsewhere."""
    return {"row": "only", "of": [a, condition]}


def scaled(a: Node, by: float, plus: float = 0.0) -> Node:
    """``by · a + plus``, sample by sample."""
    return {"row": "scaled", "of": [a], "by": by, "plus": plus}


def looked_up(a: Node, values: Sequence[float]) -> Node:
    """``values[a]`` for a column of small whole numbers from 0."""
    return {"row": "looked_up", "of": [a], "values": [float(value) for value in values]}


def grouped(of: Node, how: str, by: Node | None = None, least: int = 1) -> Node:
    """One row for each group of rows that share a unit, or the value of ``by``.

    Args:
        of: the column.
        how: ``mean``, ``min``, ``max``, ``sum``, or ``agree`` (the share of pairs of rows with one value; a negative
            one is like no other).
        by: a column that is the same within a group.
        least: rows without which a group does not count.
    """
    node = {"row": "grouped", "of": [of] if by is None else [of, by], "how": how}
    return node if least == 1 else node | {"least": least}


def mean(of: Node) -> Node:
    """The mean of a column."""
    return {"form": "mean", "of": of}


def total(of: Node) -> Node:
    """The sum of a column."""
    return {"form": "sum", "of": of}


def count(of: Node) -> Node:
    """How many rows of a column are there."""
    return {"form": "count", "of": of}


def constant(value: float) -> Node:
    """A number."""
    return {"form": "constant", "value": float(value)}


def linear(terms: Sequence[tuple[float, Node]], plus: float = 0.0) -> Node:
    """``plus + Σ weight · form``."""
    weights = [float(weight) for weight, _ in terms]
    return {"form": "linear", "weights": weights, "of": [form for _, form in terms], "plus": float(plus)}


def ratio(over: Node, under: Node, empty: float | None = None) -> Node:
    """One form over another; ``empty`` is the value of 0 / 0, anything else over 0 is undefined."""
    return {"form": "ratio", "of": [over, under], "empty": empty}


def product(*of: Node) -> Node:
    """The product of forms."""
    return {"form": "product", "of": list(of)}


def minimum(*of: Node) -> Node:
    """The least of several forms; those that are undefined are passed over."""
    return {"form": "minimum", "of": list(of)}


def maximum(*of: Node) -> Node:
    """The greatest of several forms; those that are undefined are passed over."""
    return {"form": "maximum", "of": list(of)}


def average(of: Sequence[Node]) -> Node:
    """The mean of several forms, each with the same weight."""
    return linear([(1 / len(of), form) for form in of])


def difference(a: Node, b: Node) -> Node:
    """``a − b``."""
    return linear([(1.0, a), (-1.0, b)])


def ratio_of_sums(over: Sequence[tuple[float, Node]], under: Sequence[tuple[float, Node]]) -> Node:
    """``Σ weight · sum`` over ``Σ weight · sum``, of columns."""
    above_line, below = (linear([(weight, total(part)) for weight, part in side]) for side in (over, under))
    return ratio(above_line, below)


def f_beta(hits: Node, found: Node, true: Node, beta: float = 1.0) -> Node:
    """F-beta of counts: ``(1 + β²) hits / (found + β² true)``."""
    squared = beta * beta
    return ratio_of_sums([(1 + squared, hits)], [(1.0, found), (squared, true)])


def bleu(columns: Sequence[Node], smoothing: str = "none") -> Node:
    """Corpus BLEU of sums: words, closest reference length, then matched and possible n-grams of each order."""
    return {"form": "bleu", "of": list(columns), "smoothing": smoothing}


def calibration(confidence: Node, correct: Node, edges: Sequence[float], closed: str = "right", *, worst: bool) -> Node:
    """The expected (or the greatest) calibration error over bins with these edges, closed on one side."""
    name = "calibration_max" if worst else "calibration"
    return {"form": name, "of": [confidence, correct], "edges": [float(edge) for edge in edges], "closed": closed}


def auroc(positives: Node, negatives: Node) -> Node:
    """The chance that a positive scores above a negative; ties count half."""
    return {"form": "auroc", "of": [positives, negatives]}


def aupr(positives: Node, negatives: Node) -> Node:
    """The area under precision by recall, as a step function; tied scores are one threshold."""
    return {"form": "aupr", "of": [positives, negatives]}


def fpr_at(positives: Node, negatives: Node, tpr: float = 0.95) -> Node:
    """The share of negatives at or above the highest threshold that so many positives reach."""
    return {"form": "fpr_at", "of": [positives, negatives], "tpr": tpr}


def detection_error(positives: Node, negatives: Node) -> Node:
    """The least mean of both error rates over all thresholds."""
    return {"form": "detection_error", "of": [positives, negatives]}


def quantile(of: Node, q: float, least: int = 1) -> Node:
    """A quantile of a column, interpolated; undefined from fewer than ``least`` rows."""
    return {"form": "quantile", "of": [of], "q": q, "least": least}


def rogan_gladen(passed: Node, answered: Node, right: Node, wrong: Node) -> Node:
    """The share of answers that are right, from the shares that a judge passes: ``(p − q b) / (a − b)``.

    Args:
        passed: whether the judge passes each answer (or which part of it wins); 0 where none came.
        answered: 1 where an answer came, else 0, over the same rows.
        right: what the judge says of answers that are known to be right.
        wrong: what it says of answers known to be wrong.
    """
    return {"form": "rogan_gladen", "of": [passed, answered, right, wrong]}


def call(target: str, *of: Node, **parameters: Any) -> Node:
    """A form of a plug-in, ``module:attribute``: it is given the columns and weights of their rows.

    The function is called as ``f(columns, weights, **parameters)`` with a list of float64 [n] (NaN where a row does
    not count; objects where the column keeps them) and a list of float64 [b, n], and returns float64 [b].
    """
    return {"form": "call", "target": target, "of": list(of), "parameters": parameters}


def by_count(function: Called) -> Called:
    """Mark the function of :func:`call` as one that only counts rows: two that are alike are as one of both weights.

    Its draws then cost as much as there are distinct rows, not as there are rows. What it returns must be the same to
    the last bit either way, as it is where whole weights are added up before anything is divided.

    >>> @by_count
    ... def share(columns, weights):
    ...     return (weights[0] * (columns[0] == 1)).sum(axis=1) / weights[0].sum(axis=1)
    >>> counts_alone(share), counts_alone(len)
    (True, False)
    """
    function.__dict__["by_count"] = True
    return function


def counts_alone(function: Callable[..., Any]) -> bool:
    """Return whether a function is marked by :func:`by_count`."""
    return bool(getattr(function, "by_count", False))


def stored() -> Node:
    """No form: a number that its task made by itself; it can be looked at, and never tested."""
    return {"form": "stored"}


def retained(clean: Node, others: Sequence[Node]) -> Node:
    """The mean of forms as a share of another."""
    return ratio(average(others), clean)


def area(curves: Sequence[Sequence[Node]], axes: Sequence[Sequence[float]]) -> Node:
    """The area under curves by trapezoids, over the width of their axis; mean over curves: nothing but weights."""
    terms: list[tuple[float, Node]] = []
    for curve, axis in zip(curves, axes, strict=True):
        width = (axis[-1] - axis[0]) * len(curves)
        for i, form in enumerate(curve):
            reach = axis[min(i + 1, len(axis) - 1)] - axis[max(i - 1, 0)]
            terms.append((reach / 2 / width, form))
    return linear(terms)


def slope(curves: Sequence[Sequence[Node]], axes: Sequence[Sequence[float]]) -> Node:
    """The least-squares slope of curves along their axis; mean over curves."""
    terms: list[tuple[float, Node]] = []
    for curve, axis in zip(curves, axes, strict=True):
        middle = sum(axis) / len(axis)
        squares = sum((x - middle) ** 2 for x in axis)
        terms += [((x - middle) / squares / len(curves), form) for x, form in zip(axis, curve, strict=True)]
    return linear(terms)
